"""A fixed loop on every core, which says how busy the machine is with other things.

A core that is ours alone gives a loop as much CPU time as passes on the clock.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

TURNS = 4_000_000


def cores():
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def calibrate():
    """Run the loop on every core at once; return its mean seconds, and the share of CPU time."""
    command = [sys.executable, __file__]
    loops = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(cores())]
    told = [tuple(map(float, loop.communicate()[0].split())) for loop in loops]
    passed, used = (sum(values) for values in zip(*told, strict=True))
    return passed / len(loops), used / passed


def busy_line(loops):
    """Return how busy the machine was around the rounds, in a sentence."""
    seconds, shares = zip(*loops, strict=True)
    verdict = "idle" if min(shares) > 0.9 else "busy: trust ratios only, and repeat it"
    return (
        f"Calibration loop before and after each round: {min(seconds):.2f} to {max(seconds):.2f} s "
        f"on {cores()} cores, with {min(shares):.0%} to {max(shares):.0%} of their time "
        f"({verdict})."
    )


def main():
    """Run the loop; print the seconds that passed and the CPU seconds that were used."""
    start, used = time.perf_counter(), time.process_time()
    total = 0
    for turn in range(TURNS):
        total += turn & 7
    sys.stdout.write(f"{time.perf_counter() - start} {time.process_time() - used}\n")


if __name__ == "__main__":
    main()
