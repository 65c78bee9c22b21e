"""A backfill to Parquet against its windows one after the other, on a server that takes time."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

TITLE = "Four windows to Parquet, each prepared for as long as it takes to fetch and convert"
WINDOWS = 4
FIRST = 1_527_811_200
LENGTH = 86_400
TOKEN = "dG9rOmJlbmNobWFya3M"  # noqa: S105 - the sandbox's own
JOB_SECONDS = 2.0
BYTES_PER_SECOND = 8_000_000
ROWS = 150_000


@contextmanager
def serving(folder, job_seconds, bytes_per_second):
    """Start a sandbox whose windows are written already; give its address."""
    command = [sys.executable, __file__, str(folder), str(job_seconds), str(bytes_per_second)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.communicate("stop\n")


def edges():
    return list(pairwise(range(FIRST, FIRST + (WINDOWS + 1) * LENGTH, LENGTH)))


@contextmanager
def session_on(archive, job_seconds, bytes_per_second=BYTES_PER_SECOND):
    from intercom_export_widgets.jobs.session import ExportSession

    with (
        serving(archive.parent, job_seconds, bytes_per_second) as address,
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


def one_after_the_other(archive, job_seconds):
    prepared()

    def run():
        with session_on(archive, job_seconds) as (session, place):
            start = time.perf_counter()
            for after, end in edges():
                export = session.submit(f"{after} {end - 1}").wait()
                export.to_parquet(place / str(after))
            return time.perf_counter() - start

    return run


def backfill(archive):
    prepared()

    def run():
        with session_on(archive, JOB_SECONDS) as (session, place):
            last = edges()[-1][1] - 1
            start = time.perf_counter()
            session.backfill(f"{FIRST} {last}", "day").to_parquet(place, mixed=True)
            return time.perf_counter() - start

    return run


def server_alone(_):
    def run():
        return WINDOWS * JOB_SECONDS

    return run


CONTESTANTS = {
    "the server's work alone, four jobs": server_alone,
    "fetching and converting alone (jobs take no time)": partial(
        one_after_the_other, job_seconds=0.0
    ),
    "one after the other": partial(one_after_the_other, job_seconds=JOB_SECONDS),
    "backfill": backfill,
}


def targets(seconds, _peaks):
    server, rest, sequential, ours = seconds.values()
    one = rest / WINDOWS
    return [
        ("the backfill, of the longer of the two", 1.5, ours / max(server, rest)),
        ("the same, less the last window, which nothing overlaps", 1.1,
         (ours - min(one, JOB_SECONDS)) / max(server, rest)),
        ("the backfill, of one after the other", 0.75, ours / sequential),
    ]  # fmt: skip


def main(folder, job_seconds, bytes_per_second):
    from intercom_export_widgets.sandbox import Sandbox
    from intercom_export_widgets.sandbox.archive import write_archive
    from intercom_export_widgets.sandbox.jobs import Written
    from intercom_export_widgets.sandbox.switches import Switches
    from intercom_export_widgets.sandbox.workspace import Workspace

    switches = Switches(bytes_per_second=int(bytes_per_second))
    workspace = Workspace(1, rows_per_day=ROWS)
    # Made beforehand: what a window takes to be written is not what is measured.
    made = {}
    for after, end in edges():
        path = Path(folder) / f"window-{after}.zip"
        if not path.exists():
            write_archive(
                Path(folder), path.stem, workspace,
                after=after, before=end - 1, until=end - 1, switches=Switches(),
            )  # fmt: skip
        size = path.stat().st_size
        made[after] = Written(path, {"receipt": 1}, size, size // 2)
    with Sandbox(token=TOKEN, job_seconds=float(job_seconds), switches=switches) as sandbox:
        sandbox._book._write = lambda job: made[job.after]
        sys.stdout.write(f"{sandbox.base_url}\n")
        sys.stdout.flush()
        sys.stdin.readline()


if __name__ == "__main__":
    main(*sys.argv[1:])
