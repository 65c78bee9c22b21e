"""Item 3: download, checksum, inflate, parse and write, all at once."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

from server import TOKEN, serving
from subjects.table import by_polars
from subjects.wire import by_httpx

TITLE = "From a server that sends 20 and 50 MB/s: archive, checksums and Parquet cache on disk"
RATES = {20: 20_000_000, 50: 50_000_000}


def ours(archive, rate):
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401 - imported before the clock starts

    from intercom_export_widgets.jobs.progress import Stage
    from intercom_export_widgets.jobs.session import ExportSession

    def run():
        marks = {}
        with (
            serving(archive, RATES[rate]) as told,
            tempfile.TemporaryDirectory(dir=archive.parent) as folder,
            ExportSession(
                TOKEN,
                base_url=told["address"],
                folder=Path(folder) / "exports",
                ledger=Path(folder) / "ledger.sqlite",
                poll_interval=0.05,
            ) as session,
        ):
            last = told["after"] + told["days"] * 86_400 - 1
            export = session.submit(f"{told['after']} {last}")
            while not export.progress.stage.ended:
                marks.setdefault(export.progress.stage, time.perf_counter())
                time.sleep(0.005)
            end = time.perf_counter()
            if export.error is not None:
                raise export.error
            return end - marks[Stage.DOWNLOADING]

    return run


def from_disk(archive):
    from intercom_export_widgets.data.archive import Archive
    from intercom_export_widgets.data.cache import Cache
    from intercom_export_widgets.data.proof import prove

    def run():
        with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
            place = Path(folder) / "export.zip"
            place.hardlink_to(archive)
            prove(Archive.open(place), Cache(place, "UTC"))

    return run


CONTESTANTS = {"checksums, parsing and Parquet of all tables, from disk": from_disk}
for _rate, _bytes in RATES.items():
    CONTESTANTS |= {
        f"the network alone, {_rate} MB/s": partial(by_httpx, bytes_per_second=_bytes),
        f"download, then polars, {_rate} MB/s": partial(
            by_httpx, bytes_per_second=_bytes, then=by_polars
        ),
        f"ours, {_rate} MB/s": partial(ours, rate=_rate),
    }


def targets(seconds, _peaks):
    disk = next(iter(seconds.values()))
    return [
        (
            f"at {rate} MB/s, of its longest part",
            1.05,
            seconds[f"ours, {rate} MB/s"] / max(disk, seconds[f"the network alone, {rate} MB/s"]),
        )
        for rate in RATES
    ]
