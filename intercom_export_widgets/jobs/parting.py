"""Parting from exports that are under way: at a session's end, and at the process's.

The jobs run on at Intercom. What must not be lost is an identifier that is just being
given, so a submission is answered before anything is closed.
"""

from __future__ import annotations

import atexit
import time
from typing import TYPE_CHECKING, Final, Protocol
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["leave_all", "part_from"]


class Leavable(Protocol):
    """What can be under way, and be left: an export, or a backfill of many."""

    @property
    def done(self) -> bool:
        """Whether it has ended."""

    def leave(self, because: str = "") -> None:
        """Stop following; `because` says why its jobs are gone too, if they are."""

    def wait_left(self, timeout: float) -> bool:
        """Wait for the work to have ended, for some seconds; return whether it has."""


_UNDER_WAY: Final[WeakSet[Leavable]] = WeakSet()

PARTING: Final = 15.0
"""Seconds that a process which ends waits for what is under way."""


def part_from(export: Leavable) -> None:
    """Part from this export too when the process ends."""
    _UNDER_WAY.add(export)


def leave_all(exports: Iterable[Leavable], patience: float = PARTING, *, because: str = "") -> None:
    """Stop following these exports, and wait for their threads, all within one deadline.

    A submission that is under way is answered first: an identifier that comes too late to
    be written down is lost for good.

    Parameters
    ----------
    exports : iterable of Leavable
        Ended ones take no time.
    patience : float
        Seconds to wait at most.
    because : str
        Why their jobs are gone too, if they are; without it, they run on at Intercom.
    """
    leaving = [export for export in exports if not export.done]
    deadline = time.monotonic() + patience
    for export in leaving:
        export.leave(because)
    for export in leaving:
        export.wait_left(max(0.0, deadline - time.monotonic()))


def _part() -> None:
    """Part from what is under way when the process ends.

    A thread that is still reading when the interpreter is taken down can crash it.
    """
    leave_all(_UNDER_WAY)


atexit.register(_part)
