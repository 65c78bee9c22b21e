"""Leaves exports that are under way: at a session's end, and at the process's.

The jobs run on at Intercom. A poll or a download is interrupted; a submission is waited for,
since its answer alone names the job.
"""

from __future__ import annotations

import atexit
import logging
import time
from typing import TYPE_CHECKING, Final, Protocol
from weakref import WeakSet

from intercom_export_widgets.jobs.unwritten import write_all

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["leave_all", "part_from"]


class Leavable(Protocol):
    """What can be under way, and be left: an export, or a backfill of many."""

    @property
    def done(self) -> bool:
        """Whether it has ended."""

    @property
    def answer_due(self) -> float:
        """Seconds until a submission that is under way must be answered; 0 if none is."""

    def leave(self, because: str = "") -> None:
        """Stop following; `because` says why its jobs are gone too, if they are."""

    def wait_left(self, timeout: float) -> bool:
        """Wait for the work to have ended, for some seconds; return whether it has."""


_UNDER_WAY: Final[WeakSet[Leavable]] = WeakSet()

PARTING: Final = 15.0
"""Seconds that a process which ends waits for what can't be interrupted: a file that is read."""

QUICK: Final = 1.0
"""Seconds after which a submission that is waited for is announced."""


def part_from(export: Leavable) -> None:
    """Part from this export too when the process ends."""
    _UNDER_WAY.add(export)


def leave_all(exports: Iterable[Leavable], patience: float = PARTING, *, because: str = "") -> None:
    """Stop following these exports, and wait for their threads.

    Polls and downloads end within a second. A submission is waited for as long as its answer
    may come (`Limits.request`), which a warning in the log says: its identifier, once lost,
    is lost for good.

    Parameters
    ----------
    exports : iterable of Leavable
        Ended ones take no time.
    patience : float
        Seconds to wait at most for whatever is no submission.
    because : str
        Why their jobs are gone too, if they are; without it, they run on at Intercom.
    """
    leaving = [export for export in exports if not export.done]
    begun = time.monotonic()
    for export in leaving:
        export.leave(because)
    _wait(leaving, begun + min(QUICK, patience))
    due = max((export.answer_due for export in leaving), default=0.0)
    if due:
        logging.getLogger(__name__).warning(
            "Waiting up to %.0f s for Intercom's response to a submission, so that the "
            "identifier of its job is not lost.",
            due,
        )
    submitting = [export for export in leaving if export.answer_due]
    _wait(submitting, begun + due + QUICK)
    _wait(leaving, begun + patience)


def _wait(exports: list[Leavable], until: float) -> None:
    for export in exports:
        export.wait_left(max(0.0, until - time.monotonic()))


def _part() -> None:
    """Leave what is under way when the process ends.

    A thread that is still reading when the interpreter is taken down can crash it.
    """
    try:
        leave_all(_UNDER_WAY)
    finally:  # the wait can be interrupted
        write_all()


atexit.register(_part)
