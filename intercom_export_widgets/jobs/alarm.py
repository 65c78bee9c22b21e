"""One clock for all that waits: what is due is called back, from a single thread.

A job is asked about every few seconds for up to hours. However many jobs are watched,
their waiting costs one thread, which sleeps until the next of them is due.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ALARM", "Alarm", "Call"]

IDLE: Final = 5.0
"""Seconds after which a clock that nobody waits on ends its thread."""


class Call:
    """Something that is called back once.

    Parameters
    ----------
    work : callable
        What to do; it must not take long, since all others wait meanwhile.
    """

    __slots__ = ("done", "work")

    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work
        self.done = False


class Alarm:
    """Calls work back after some seconds; safe from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, Call]] = []
        self._order = itertools.count()
        self._thread: threading.Thread | None = None

    def after(self, seconds: float, work: Callable[[], None]) -> Call:
        """Call `work` after so many seconds, and return what `hurry` takes."""
        call = Call(work)
        self._add(seconds, call)
        return call

    def hurry(self, call: Call) -> None:
        """Make a call now, unless it has been made."""
        self._add(0.0, call)

    def _add(self, seconds: float, call: Call) -> None:
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), call))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="intercom-export-alarm", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while (call := self._next()) is not None:
            try:
                call.work()
            except Exception:
                logging.getLogger(__name__).exception("Something that was due could not be done.")

    def _next(self) -> Call | None:
        """Wait for the next call that is due; return None when there has been none for long."""
        with self._changed:
            while True:
                if not self._due:
                    if not self._changed.wait(IDLE) and not self._due:
                        self._thread = None
                        return None
                    continue
                early = self._due[0][0] - time.monotonic()
                if early > 0:
                    self._changed.wait(early)
                    continue
                _, _, call = heapq.heappop(self._due)
                if not call.done:
                    call.done = True
                    return call


ALARM: Final = Alarm()
"""The clock of this process."""
