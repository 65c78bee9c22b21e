"""What a run of the tests leaves behind: processes and threads."""

from __future__ import annotations

import os
import secrets
import threading

import psutil

MARK = "TESTED_BY"
"""The variable that every process of a run inherits."""


def mark():
    """Mark this process, and so all that it starts from now on."""
    os.environ[MARK] = secrets.token_hex(8)


def processes():
    """Return the processes of this run that still live, orphans included, but for this one."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == os.environ[MARK] and process.pid != os.getpid():
                process.wait(5)
        except psutil.TimeoutExpired:
            found.append(process)
        except psutil.Error:
            continue
    return found


def describe(process):
    """Return what a process runs."""
    try:
        return f"{process.pid}: {' '.join(process.cmdline())[:300]}"
    except psutil.Error:
        return str(process.pid)


def threads():
    """Return the threads that would keep this process from ending."""
    others = [each for each in threading.enumerate() if each is not threading.main_thread()]
    # Idle executors, of an event loop or of Dask, end with the interpreter.
    idle = ("asyncio_", "ThreadPoolExecutor-")
    return [each.name for each in others if not (each.daemon or each.name.startswith(idle))]
