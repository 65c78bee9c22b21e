"""One contestant in this process: imports first, then the clock; prints a line of JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib import import_module
from pathlib import Path

subject, contestant, archive = sys.argv[1:]
run = import_module(f"subjects.{subject}").CONTESTANTS[contestant](Path(archive))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
told = run()
seconds = time.perf_counter() - start
peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
told = told if isinstance(told, float) else seconds
sys.stdout.write(json.dumps({"seconds": told, "peak": peak}) + "\n")
