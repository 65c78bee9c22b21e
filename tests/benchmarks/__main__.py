"""Ours and each peer, in fresh processes, in turn: medians, ratios and peak memory.

``python tests/benchmarks`` runs every subject; ``--subjects table parquet`` some, ``--rows``
other sizes. A subject is a file in ``subjects/``: contestants, and what must hold of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from material import archive_of, machine

HERE = Path(__file__).parent


def main():
    options = argparse.ArgumentParser(prog="python tests/benchmarks", description=__doc__)
    known = sorted(path.stem for path in (HERE / "subjects").glob("[a-z]*.py"))
    options.add_argument("--subjects", nargs="+", choices=known, default=known)
    options.add_argument("--rows", type=int, default=2_000_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--folder", type=Path, help="where data is kept for the next time")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="intercom-benchmarks-") as temporary:
        folder = asked.folder or Path(temporary)
        archive = archive_of(folder, asked.rows)
        said("intercom-export-widgets, " + machine())
        for name in asked.subjects:
            subject = import_module(f"subjects.{name}")
            report(subject, rounds(name, subject, archive, asked.rounds))


def rounds(name, subject, archive, count):
    """Return what each contestant measured, round after round, each time in a new process."""
    found = {contestant: [] for contestant in subject.CONTESTANTS}
    for _ in range(count):
        for contestant, runs in found.items():
            runs.append(measured(name, contestant, archive))
    return found


def measured(name, contestant, archive):
    """Run one contestant in a process of its own."""
    command = [sys.executable, HERE / "contest.py", name, contestant, archive]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}, {contestant}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def report(subject, found):
    """Print a subject's table, and its targets beside what was reached."""
    seconds = {
        name: statistics.median(one["seconds"] for one in runs) for name, runs in found.items()
    }
    peaks = {name: statistics.median(one["peak"] for one in runs) for name, runs in found.items()}
    floor = next(iter(seconds.values()))
    said(f"\n{subject.TITLE}\n")
    said("| | seconds | ratio to the first | peak MB beyond imports |")
    said("| --- | --- | --- | --- |")
    for name in found:
        said(f"| {name} | {seconds[name]:.2f} | {seconds[name] / floor:.1f} | {peaks[name]:.0f} |")
    said("\n| target | limit | measured |")
    said("| --- | --- | --- |")
    for sentence, limit, value in subject.targets(seconds, peaks):
        mark = "" if value <= limit else " (missed)"
        said(f"| {sentence} | {limit:.2f} | {value:.2f}{mark} |")


def said(line):
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


main()
