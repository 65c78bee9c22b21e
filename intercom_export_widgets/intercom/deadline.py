"""When a request must have ended, whether it was interrupted, and the limits of both.

The deadline of a request and the interruption of an export are per thread: the HTTP library
runs a request in the thread that sends it, and passes no value of ours through to the socket.
From Python 3.12 on, no thread can be started once the interpreter shuts down, which begins
before the functions of `atexit` run.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, fields
from math import isfinite
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.arguments import expect
from intercom_export_widgets.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "TICK",
    "Deadline",
    "Limits",
    "applied",
    "current",
    "interruptible",
    "is_shutdown",
    "never",
    "start_thread",
    "stop_of_thread",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of requests and downloads, the same for every call of a client.

    Attributes
    ----------
    request : float
        Seconds for one request as a whole: connecting, sending, headers and body. For a
        download, until its first byte.
    connect : float
        Seconds to connect, TLS handshake included, within ``request``.
    stall : float
        Seconds over which the speed of a download is measured.
    slowest : float
        Bytes per second. A download that is slower for ``stall`` seconds has stalled: it is
        interrupted and resumed, up to five times.
    free : int
        Bytes that a download of more than 16 MB leaves free on its disk.
    largest : int
        Bytes at which a download is taken for endless. An `ExportSession` uses 100 times the
        largest export in its ledger, if that is more.

    Raises
    ------
    InputError
        If a limit is not a positive number.
    """

    request: float = 90.0
    connect: float = 10.0
    stall: float = 60.0
    slowest: float = 1000.0
    free: int = 1_000_000_000
    largest: int = 10_000_000_000

    def __post_init__(self) -> None:
        """Check the values."""
        for field in fields(self):
            value = getattr(self, field.name)
            expect(value, (int, float), field.name, "a number above 0")
            if not (isfinite(value) and value > 0):
                raise InputError(f"{field.name} can't be {value}.", advice="Pass a number above 0.")


def is_shutdown(error: BaseException) -> bool:
    """Return whether an error says that the interpreter shuts down and starts no thread."""
    return isinstance(error, RuntimeError) and "interpreter shutdown" in str(error)


def start_thread(target: Callable[..., object], *args: object, name: str) -> bool:
    """Start a daemon thread; return False if the interpreter shuts down and starts none.

    Raises
    ------
    RuntimeError
        If the system has no more threads to give.
    """
    thread = threading.Thread(target=target, args=args, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        if is_shutdown(error):
            return False
        raise
    return True


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
