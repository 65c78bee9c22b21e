"""Submissions whose answer was lost: found when their process is gone, kept, explained.

A row says ``submitting`` from before a submission leaves until its answer is written
down. If the process ends in between, nobody will ever write it: whoever reads the
ledger next notes it as ``unknown``. It is never sent again.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from intercom_export_widgets.jobs.ledger import Entry, Ledger

__all__ = ["LOST", "is_alive", "settle_lost"]

LOST: Final = (
    "The process that submitted it ended before the answer came: Intercom may have begun an "
    "export that the API can't name or list. It is not sent again; until it ends by itself, "
    "it may hold the workspace's one slot."
)
"""What is said about such a submission."""

STARTED_FIELD: Final = 19
"""Where the time of the start stands in ``/proc/PID/stat``, behind the command's bracket."""

SLACK: Final = 2.0
"""Seconds by which the two clocks of a row and of a process may disagree."""


def settle_lost(ledger: Ledger) -> None:
    """Note as ``unknown`` every submission whose process ended before the answer came.

    Raises
    ------
    LedgerError
        If the ledger can't be read or written.
    """
    for entry in ledger.entries():
        if entry.status == "submitting" and not entry.job_identifier and not is_alive(entry):
            ledger.give_up(entry.number, LOST)


def is_alive(entry: Entry) -> bool:
    """Return whether the process that wrote a row may still be running.

    Parameters
    ----------
    entry : Entry
        Its origin is ``machine:process``. A process of another machine, or on Windows,
        can't be asked about and counts as running. One that began after the row was
        written is another one of the same number, as a container's first process is.
    """
    host, _, process = entry.origin.rpartition(":")
    if host != socket.gethostname() or not process.isdigit() or sys.platform == "win32":
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    began = _began_at(int(process))
    return began is None or entry.submitted_at is None or began <= entry.submitted_at + SLACK


def _began_at(process: int) -> float | None:
    """Return when a process began, in Unix seconds, or None where the system does not say."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        ticks = int(status.rpartition(")")[2].split()[STARTED_FIELD])
        awake = float(Path("/proc/uptime").read_text(encoding="utf-8").split()[0])
        return time.time() - awake + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None
