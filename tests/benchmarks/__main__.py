"""Measure this package beside its peers, each in fresh processes, against fixed targets.

``python tests/benchmarks`` measures everything in full, ``--quick`` smaller data within five
minutes on an idle machine of two cores. A subject is a file in ``subjects/``: contestants that
take turns, round after round, and targets that are judged in each round by itself.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from calibration import busy_line, calibrate
from material import archive_of, machine, room_for
from result import HEADS, judge, report

HERE = Path(__file__).parent
MILLION = 1_000_000
ORDER = ("table", "parquet", "one_pass", "start", "client", "backfill", "queueing")


def main():
    options = argparse.ArgumentParser(prog="python tests/benchmarks", description=__doc__)
    options.add_argument("--subjects", nargs="+", choices=ORDER, default=ORDER)
    options.add_argument("--quick", action="store_true", help="less data")
    options.add_argument("--rounds", type=int, default=3, help="how often each contestant runs")
    options.add_argument("--folder", type=Path, help="where data is kept for the next time")
    asked = options.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="intercom-benchmarks-") as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        say("intercom-export-widgets, " + machine())
        say(f"\n{asked.rounds} rounds; medians (smallest to largest)." + QUICK * asked.quick)
        lines = [HEADS]
        for name in asked.subjects:
            for rows in sizes_of(name, quick=asked.quick):
                lines += measure(name, rows, folder, asked.rounds, quick=asked.quick)
    say("\n## Targets\n\n" + "\n".join(lines))
    say(f"\nAll of it took {time.monotonic() - began:.0f} s.")


QUICK = (
    " Quick: 0.5 million rows where a full run has 2 million, Parquet at 2 million rows only "
    "(a full run also has 8 and 20 million), shorter jobs in the backfill."
)


def sizes_of(name, *, quick):
    """Return for how many rows a subject is measured."""
    if name == "parquet":
        return [2 * MILLION] if quick else [2 * MILLION, 8 * MILLION, 20 * MILLION]
    return [MILLION // 2] if quick else [2 * MILLION]


def measure(name, rows, folder, rounds, *, quick):
    """Measure a subject for so many rows, print what was found, and return its targets' lines."""
    subject = import_module(f"subjects.{name}")
    title = subject.TITLE.format(rows=f"{rows / MILLION:g} million")
    say(f"\n## {title}\n")
    lacking = room_for(folder, rows)
    if lacking:
        say(f"Not measured: {lacking}")
        return []
    archive = archive_of(folder, rows) if subject.NEEDS_ARCHIVE else folder / "none"
    loops = [calibrate()]
    found = []
    for _ in range(rounds):
        found.append({each: run(name, each, archive, quick=quick) for each in subject.CONTESTANTS})
        loops.append(calibrate())
    say(report(subject, found))
    say(f"\n{busy_line(loops)}")
    return judge(subject, title, found)


def run(name, contestant, archive, *, quick):
    """Run one contestant in a process of its own, and return what it measured."""
    command = [sys.executable, HERE / "contest.py", name, contestant, archive, str(int(quick))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}, {contestant}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def say(line):
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


main()
