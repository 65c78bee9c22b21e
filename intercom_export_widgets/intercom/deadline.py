"""When a request must have ended, and whether it has been interrupted.

`backend` looks here while it waits for the network. The deadline of a request and the
interruption of an export are per thread: the HTTP library runs a request in the thread that
sends it, and passes no value of ours through to the socket.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["TICK", "Deadline", "applied", "current", "interruptible", "never", "stop_of_thread"]

TICK: Final = 0.2
"""Seconds between two looks at whether a request that waits has been interrupted."""


def never() -> bool:
    """Return False: for a request that is not to be interrupted."""
    return False


class Deadline:
    """When a request must have ended.

    Parameters
    ----------
    clock : callable
        Returns seconds that never go back.
    seconds : float
        How long from now on.
    stopped : callable, optional
        Returns whether to end the request before that; by default as `interruptible` says.

    Attributes
    ----------
    seconds : float
        As given.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        seconds: float,
        stopped: Callable[[], bool] | None = None,
    ) -> None:
        self.seconds = seconds
        self._clock = clock
        self._stopped = stopped or stop_of_thread()
        self.renew()

    def renew(self) -> None:
        """Restart the count."""
        self._end = self._clock() + self.seconds

    @property
    def left(self) -> float:
        """Seconds that are left; 0 if it is too late."""
        return max(0.0, self._end - self._clock())

    @property
    def passed(self) -> bool:
        """Whether it is too late."""
        return self.left <= 0

    @property
    def reason(self) -> str:
        """Why the request must end now; empty if it may go on."""
        if self._stopped():
            return "it was stopped"
        return f"it took longer than {self.seconds:g} s" if self.passed else ""


class _Here(threading.local):
    """What holds for the requests of one thread."""

    deadline: Deadline | None = None
    stopped: Callable[[], bool] = staticmethod(never)


_HERE: Final = _Here()


def current() -> Deadline | None:
    """Return the deadline of the request that this thread is sending, if it has one."""
    return _HERE.deadline


def stop_of_thread() -> Callable[[], bool]:
    """Return what says whether this thread's requests are to end early; see `interruptible`."""
    return _HERE.stopped


@contextlib.contextmanager
def applied(deadline: Deadline) -> Iterator[None]:
    """Apply a deadline to whatever this thread sends or receives in the block."""
    before = _HERE.deadline
    _HERE.deadline = deadline
    try:
        yield
    finally:
        _HERE.deadline = before


@contextlib.contextmanager
def interruptible(stopped: Callable[[], bool]) -> Iterator[None]:
    """Let the requests of this thread, and pauses between them, end early in the block.

    A submission is not interrupted: its answer names the job.

    Parameters
    ----------
    stopped : callable
        Returns whether to end them.
    """
    before = _HERE.stopped
    _HERE.stopped = stopped
    try:
        yield
    finally:
        _HERE.stopped = before
