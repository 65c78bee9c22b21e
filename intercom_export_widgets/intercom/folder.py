"""Folders that only their owner may enter: what is exported is other people's data.

It knows no file in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make_private"]

OWNER_ONLY: Final = 0o700


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner only.

    ``Path.mkdir`` gives its mode to the last of them only: under a lax umask the others
    would be open to everybody, and so what lies in them, to be replaced.

    Parameters
    ----------
    folder : Path
        One that is there already is left as it is.

    Raises
    ------
    OSError
        If it can't be made.
    """
    if not folder.is_dir():
        if folder.parent != folder:
            make_private(folder.parent)
        folder.mkdir(mode=OWNER_ONLY, exist_ok=True)
