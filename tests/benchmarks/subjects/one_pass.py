"""Download, verify, parse and write in one pass, from servers of two speeds."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

from result import Target
from server import TOKEN, serving
from subjects.client import by_httpx

TITLE = "Download, verify, parse and write in one pass, {rows} rows"
NEEDS_ARCHIVE = True
RATES = {20: 20_000_000, 50: 50_000_000}
LIMITS = {20: 1.1, 50: 1.25}


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
    from intercom_export_widgets.data.ingest import prove

    def run():
        with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
            place = Path(folder) / "export.zip"
            place.hardlink_to(archive)
            prove(Archive.open(place), Cache(place, "UTC"))

    return run


DISK = "verify, parse and write all tables, from disk"
CONTESTANTS = {DISK: from_disk}
for _rate, _bytes in RATES.items():
    CONTESTANTS |= {
        f"the network alone, {_rate} MB/s": partial(by_httpx, bytes_per_second=_bytes),
        f"ours, {_rate} MB/s": partial(ours, rate=_rate),
    }


def of_longest_part(rate):
    """Return what compares our time with the longest part of it."""

    def compare(measured):
        parts = (DISK, f"the network alone, {rate} MB/s")
        longest = max(measured[part]["seconds"] for part in parts)
        return measured[f"ours, {rate} MB/s"]["seconds"] / longest

    return compare


TARGETS = [
    Target(f"at {rate} MB/s, of its longest part", limit, of_longest_part(rate))
    for rate, limit in LIMITS.items()
]
