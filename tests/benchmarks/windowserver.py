"""A sandbox in a process of its own, whose windows are written before they are asked for."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

from material import DAY, FIRST
from server import TOKEN


def edges(windows):
    """Return the first second of each window of a day, and of the next."""
    return list(pairwise(range(FIRST, FIRST + (windows + 1) * DAY, DAY)))


def main(folder, job_seconds, bytes_per_second, rows, windows):
    from intercom_export_widgets.sandbox import Sandbox
    from intercom_export_widgets.sandbox.archive_writer import write_archive
    from intercom_export_widgets.sandbox.data_generator import Workspace
    from intercom_export_widgets.sandbox.options import Switches
    from intercom_export_widgets.sandbox.state import Written

    switches = Switches(bytes_per_second=int(bytes_per_second))
    workspace = Workspace(1, rows_per_day=int(rows))
    # Made beforehand: what a window takes to be written is not what is measured.
    made = {}
    for after, end in edges(int(windows)):
        path = Path(folder) / f"window-{rows}-{after}.zip"
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
