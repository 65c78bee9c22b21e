"""A file that is written beside its place and gets its name when it is whole: never half a file.

Used by whatever writes files of tables. What a killed process has left of one is removed by the
next that writes the same. It refuses to know what is in them.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.data.memory import is_out_of_memory
from intercom_export_widgets.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        number, name = tempfile.mkstemp(prefix=_beginning(path), suffix=_ENDING, dir=path.parent)
        os.close(number)
        temporary = Path(name)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if is_out_of_memory(error):
            raise
        raise FileError(
            f"{path} can't be written: {error.strerror or error}.",
            advice="Free some space or choose another place.",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _beginning(path: Path) -> str:
    return f".{path.name}."


def _remove_left(path: Path) -> None:
    """Remove what killed processes have left of this file, which may be as large as it."""
    for found in path.parent.iterdir():
        if found.name.startswith(_beginning(path)) and found.name.endswith(_ENDING):
            with contextlib.suppress(OSError):
                if found.lstat().st_mtime < time.time() - _LEFT_AFTER:
                    found.unlink()
