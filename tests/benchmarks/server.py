"""A sandbox in a process of its own, so that it takes no time from a contestant's."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from material import DAYS, FIRST

TOKEN = "dG9rOmJlbmNobWFya3M"  # noqa: S105 - the sandbox's own


@contextmanager
def serving(archive, bytes_per_second=0):
    """Start a sandbox that sends ``archive`` at that rate; give its address."""
    command = [sys.executable, __file__, str(archive), str(bytes_per_second)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.communicate("stop\n")


def main(archive, bytes_per_second):
    from intercom_export_widgets.sandbox import Sandbox
    from intercom_export_widgets.sandbox.options import Switches
    from intercom_export_widgets.sandbox.state import Written

    switches = Switches(bytes_per_second=int(bytes_per_second))
    size = Path(archive).stat().st_size
    beside = Path(archive).parent
    with (
        TemporaryDirectory(dir=beside) as folder,
        Sandbox(token=TOKEN, job_seconds=0.0, switches=switches) as sandbox,
    ):
        # Made beforehand: what a job takes to be written is not what is measured.
        def written(job):
            path = Path(folder) / job.identifier
            path.hardlink_to(archive)
            return Written(path, {"receipt": 1}, size, size // 2)

        sandbox._book._write = written
        told = {"address": sandbox.base_url, "after": FIRST, "days": DAYS}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        sys.stdin.readline()


if __name__ == "__main__":
    main(*sys.argv[1:])
