"""A backfill to Parquet beside its windows one after the other.

The server prepares a window for about as long as it takes to fetch and convert one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from material import QUICK
from result import Target, ratio
from server import TOKEN
from windowserver import edges

TITLE = "A backfill of four windows to Parquet, beside one after the other"
NEEDS_ARCHIVE = False
WINDOWS = 4
SERVER = Path(__file__).parent.parent / "windowserver.py"
JOB_SECONDS = 1.0 if QUICK else 2.0
BYTES_PER_SECOND = 8_000_000
ROWS = 75_000 if QUICK else 150_000


@contextmanager
def serving(folder):
    """Start a sandbox whose windows are written already; give its address."""
    numbers = (JOB_SECONDS, BYTES_PER_SECOND, ROWS, WINDOWS)
    command = [sys.executable, SERVER, folder, *map(str, numbers)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.communicate("stop\n")


@contextmanager
def session_on(archive):
    from intercom_export_widgets.jobs.session import ExportSession

    with (
        serving(archive.parent) as address,
        tempfile.TemporaryDirectory(dir=archive.parent) as folder,
        ExportSession(
            TOKEN,
            base_url=address,
            folder=Path(folder) / "exports",
            ledger=Path(folder) / "ledger.sqlite",
            poll_interval=0.05,
        ) as session,
    ):
        yield session, Path(folder) / "dataset"


def prepared():
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401 - imported before the clock starts


def one_after_the_other(archive):
    prepared()

    def run():
        with session_on(archive) as (session, place):
            start = time.perf_counter()
            for after, end in edges(WINDOWS):
                export = session.submit(f"{after} {end - 1}").wait()
                export.to_parquet(place / str(after))
            return time.perf_counter() - start

    return run


def backfill(archive):
    prepared()

    def run():
        with session_on(archive) as (session, place):
            last = edges(WINDOWS)[-1][1] - 1
            start = time.perf_counter()
            session.backfill(f"{edges(WINDOWS)[0][0]} {last}", "day").to_parquet(place, mixed=True)
            return time.perf_counter() - start

    return run


CONTESTANTS = {"one after the other": one_after_the_other, "backfill": backfill}

TARGETS = [
    Target("the backfill, of one after the other", 0.75, ratio("backfill", "one after the other"))
]
