"""How far a download is, told now and then.

It counts what `partial` holds, and knows no connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from intercom_export_widgets.intercom.partial import Partial

    Progress = Callable[[int, int | None], None]

__all__ = ["Meter"]

PROGRESS_BYTES: Final = 256 * 1024
PROGRESS_SECONDS: Final = 0.1


class Meter:
    """Tell how far a download is, at most every 256 KB or 0.1 s.

    Parameters
    ----------
    progress : callable or None
        Called with the bytes so far and the bytes in all, or None.
    now : callable
        Returns the current time in seconds.
    """

    def __init__(self, progress: Progress | None, now: Callable[[], float]) -> None:
        self._progress = progress
        self._now = now
        self._told: tuple[int, float] | None = None

    def tell(self, partial: Partial, *, always: bool = False) -> None:
        """Tell it, if it is time to, or in any case at the end."""
        if self._progress is None:
            return
        size, when = partial.size, self._now()
        if self._told is not None and not always:
            near = abs(size - self._told[0]) < PROGRESS_BYTES
            if near and 0 <= when - self._told[1] < PROGRESS_SECONDS:
                return
        self._told = size, when
        self._progress(size, partial.total)
