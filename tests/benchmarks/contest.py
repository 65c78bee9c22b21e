"""One contestant in this process: imports first, then the clock; prints a line of JSON.

A contestant returns nothing, the seconds that it has measured itself, or several values.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib import import_module
from pathlib import Path

subject, contestant, archive, quick = sys.argv[1:]
os.environ["BENCHMARKS_QUICK"] = quick
run = import_module(f"subjects.{subject}").CONTESTANTS[contestant](Path(archive))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
told = run()
seconds = time.perf_counter() - start
peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
values = {"seconds": seconds, "peak": peak}
values |= told if isinstance(told, dict) else {"seconds": told} if isinstance(told, float) else {}
sys.stdout.write(json.dumps(values) + "\n")
