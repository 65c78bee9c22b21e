"""How often a page is told: at most every so many seconds, and always of the last state.

A page draws what it is sent, however much that is, and falls behind if told more often
than a few times a second. Time is injected, so that a test need not wait.
"""

from __future__ import annotations

import contextvars
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Pace"]

SHORTEST: Final = 0.3
"""Seconds between two updates of a page: three a second look smooth and cost little."""


def _later(seconds: float, work: Callable[[], None]) -> None:
    """Do something after some seconds, in a thread with the caller's context.

    ipykernel finds there the cell that an update belongs to.
    """
    timer = threading.Timer(seconds, contextvars.copy_context().run, args=(work,))
    timer.daemon = True
    timer.start()


class Pace:
    """Passes requests on, at once or when enough time has passed, several as one.

    Parameters
    ----------
    send : callable
        Sends the newest state; called in the thread that asks, or in one of its own.
    shortest : float
        Seconds between two calls of `send`.
    now : callable, optional
        A clock that only goes forward, in seconds.
    later : callable, optional
        Takes seconds and what to do after them.
    """

    def __init__(
        self,
        send: Callable[[], None],
        shortest: float = SHORTEST,
        *,
        now: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], None] = _later,
    ) -> None:
        self._send = send
        self._shortest = shortest
        self._now = now
        self._later = later
        self._lock = threading.Lock()
        self._sent_at = float("-inf")
        self._waiting = False

    def ask(self) -> None:
        """Send the newest state now, or as soon as it may be sent."""
        with self._lock:
            if self._waiting:
                return
            early = self._sent_at + self._shortest - self._now()
            if early > 0:
                self._waiting = True
            else:
                self._sent_at = self._now()
        if early > 0:
            self._later(early, self._due)
        else:
            self._send()

    def _due(self) -> None:
        with self._lock:
            self._waiting = False
            self._sent_at = self._now()
        self._send()
