"""How much a download may bring: what its disk can hold, and no body without an end."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import FileError, UnreadableAnswerError

if TYPE_CHECKING:
    from pathlib import Path

    from intercom_export_widgets.intercom.limits import Limits
    from intercom_export_widgets.intercom.partial import Partial

__all__ = ["Room"]

SMALL: Final = 16_000_000
"""Bytes that a download may bring on any disk, and between two looks at the disk."""


class Room:
    """Checks the size of a download while it grows.

    Parameters
    ----------
    folder : Path
        Where it is written.
    limits : Limits
        ``free`` and ``largest`` are used.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._next_look = SMALL

    def begin(self, partial: Partial) -> None:
        """Check whether a body whose length is known fits on the disk.

        Raises
        ------
        FileError
            If it does not; nothing of it has been read.
        """
        self._next_look = partial.size + SMALL
        if partial.total is not None and partial.total > SMALL:
            self._check_disk(partial, partial.total - partial.size)

    def check(self, partial: Partial) -> None:
        """Check what has been written.

        Raises
        ------
        FileError
            If the disk is nearly full.
        UnreadableAnswerError
            If the body seems to have no end: its length was not told, and it is larger than
            any export. It is removed.
        """
        largest = self._limits.largest
        if partial.total is None and partial.size > largest:
            partial.restart("", None)
            raise UnreadableAnswerError(
                f"The download was stopped after {_size(largest)}: its length is not known, and "
                "no export is expected to be that large",
                advice="What came was removed. Check base_url and a proxy, if you use one. "
                "A larger limit: ExportSession(limits=Limits(largest=...)).",
            )
        if partial.size >= self._next_look:
            self._next_look = partial.size + SMALL
            self._check_disk(partial, 0)

    def _check_disk(self, partial: Partial, more: int) -> None:
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError:  # a file system that does not tell
            return
        if free - more >= self._limits.free:
            return
        kept = "what has been downloaded is kept"
        if not partial.validator:  # it can't be resumed
            partial.restart("", None)
            kept = "it begins from the start then"
        raise FileError(
            f"The download would leave less than {_size(self._limits.free)} free on the disk of "
            f"{self._folder}",
            advice=f"Free some space or choose another folder, then load it again; {kept}.",
        )


def _size(count: int) -> str:
    """Return a number of bytes in words, in decimal units."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"
