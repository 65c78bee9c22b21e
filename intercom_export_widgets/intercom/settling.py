"""A growing file is written out by the system, now and then, while nobody waits for it.

Used by `partial`. It knows a descriptor and the time, and nothing of what is in the file.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["INTERVAL", "Settling"]

INTERVAL: Final = 1.0
"""Seconds from one writing out to the next."""


class Settling:
    """Lets the system write a file out as it grows, in a thread that nobody waits for.

    Waiting would cost as much as a download; left to its end, it would hold up whatever is
    written to the same disk then, the ledger above all. Should the machine lose its power
    before, the file is found damaged when it is next read, and fetched again.

    Parameters
    ----------
    number : int
        The descriptor of the file; a duplicate of it is used, so it may be closed meanwhile.
    clock : callable
        Returns seconds that only grow.
    """

    def __init__(self, number: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._number = number
        self._clock = clock
        self._last = clock()
        self._thread: threading.Thread | None = None

    def tell(self) -> None:
        """Say that the file has grown; once in a while that is a reason to write it out."""
        idle = self._thread is None or not self._thread.is_alive()
        if idle and self._clock() - self._last >= INTERVAL:
            self.begin()

    def begin(self) -> None:
        """Write out what there is, even if the program ends meanwhile."""
        self._last = self._clock()
        own = os.dup(self._number)
        self._thread = threading.Thread(target=_settle, args=(own,), name="intercom-export-settle")
        self._thread.start()

    def wait(self) -> None:
        """Wait for what was begun last."""
        if self._thread is not None:
            self._thread.join()


def _settle(own: int) -> None:
    """Write a file out, and close this descriptor of it."""
    try:
        os.fsync(own)
    except OSError as error:
        logging.getLogger(__name__).warning(
            "The disk may not keep what was downloaded: %s.", error.strerror
        )
    finally:
        os.close(own)
