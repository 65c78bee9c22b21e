"""Writes a file under a temporary name beside its place and renames it when it is whole.

What a killed process has left is removed by the next one that writes the same file.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from typing import TYPE_CHECKING, Final

from intercom_export_widgets import disk
from intercom_export_widgets.data.memory import is_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["aside"]

_ENDING: Final = ".part"
_LEFT_AFTER: Final = 3600
"""Seconds for which nothing was added to a file that nobody writes any more."""


@contextlib.contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Give a new file beside ``path``, only its owner's, that takes its name if all goes well.

    Raises
    ------
    FileError
        If the disk refuses.
    """
    temporary = None
    try:
        _remove_left(path)
        temporary = path.with_name(f"{_beginning(path)}{secrets.token_hex(4)}{_ENDING}")
        # Not by tempfile: on Windows it tries 10,000 names where it may not write.
        os.close(disk.open_plain(str(temporary), os.O_CREAT | os.O_EXCL | os.O_RDWR))
        yield temporary
        disk.replace(temporary, path)
    except OSError as error:
        if is_out_of_memory(error):
            raise
        raise disk.refused(path, error, "written", "then try again") from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                disk.remove(temporary)


def _beginning(path: Path) -> str:
    return f".{path.name}."


def _remove_left(path: Path) -> None:
    """Remove what killed processes have left of this file, which may be as large as it."""
    for found in path.parent.iterdir():
        if found.name.startswith(_beginning(path)) and found.name.endswith(_ENDING):
            with contextlib.suppress(OSError):
                if found.lstat().st_mtime < time.time() - _LEFT_AFTER:
                    found.unlink()
