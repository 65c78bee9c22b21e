"""Operations on files that behave the same on every system.

Windows refuses to rename or remove a file while a program has it open or mapped. Symbolic
links in place of our files are never followed.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from typing import TYPE_CHECKING, Final, TypeVar

from intercom_export_widgets.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = [
    "is_reserved",
    "make_private",
    "open_plain",
    "reason_of",
    "refuse_link",
    "refused",
    "remedy_for",
    "remove",
    "replace",
]

Result = TypeVar("Result")

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600

PAUSES: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Seconds between attempts. A virus scanner keeps a new file open for a moment."""

IN_USE: Final = frozenset({5, 32, 33})
"""Windows' codes for access denied, sharing violation and lock violation."""

_PATH_NOT_FOUND: Final = 3
_NAME_TOO_LONG: Final = 206

LONGEST_PATH: Final = 259
"""Characters of the longest path on Windows, unless long paths are enabled there."""

_DEVICES: Final = re.compile(r"(?i)con|prn|aux|nul|com[0-9]|lpt[0-9]")

REMEDIES: Final = {
    errno.ENOSPC: "Free some space or choose another folder",
    errno.EDQUOT: "Free some space or choose another folder",
    errno.EFBIG: "Choose a folder on a drive that can hold larger files",
    errno.EACCES: "Make it writable or choose another folder",
    errno.EPERM: "Make it writable or choose another folder",
    errno.EROFS: "Choose a folder that can be written",
    errno.ELOOP: "Remove the link or choose another folder",
    errno.ENAMETOOLONG: "Choose a folder with a shorter path",
}
"""What to do about an error of the system."""


def replace(source: Path, target: Path) -> None:
    """Rename a file or folder, in place of any file of that name.

    Raises
    ------
    OSError
        If the system refuses; on Windows after about 1.5 s of attempts if it is in use.
    """
    _insist(lambda: os.replace(source, target))  # noqa: PTH105 - os.replace is the atomic rename by name


def remove(path: Path) -> None:
    """Remove a file if it is there.

    Raises
    ------
    OSError
        As for `replace`.
    """
    _insist(lambda: path.unlink(missing_ok=True))


def _insist(action: Callable[[], Result]) -> Result:
    """Repeat an action while another program has the file open."""
    for seconds in PAUSES:
        try:
            return action()
        except OSError as error:
            if not _is_in_use(error):
                raise
        time.sleep(seconds)
    return action()


def _is_in_use(error: OSError) -> bool:
    return getattr(error, "winerror", None) in IN_USE


def _is_too_long(error: OSError) -> bool:
    """Return whether Windows says that a path is too long, or that a long one is not there."""
    code = getattr(error, "winerror", None)
    return code == _NAME_TOO_LONG or (
        code == _PATH_NOT_FOUND and len(str(error.filename)) > LONGEST_PATH
    )


def is_reserved(name: str) -> bool:
    """Return whether Windows takes a name, with any ending, for a device."""
    return _DEVICES.fullmatch(name.partition(".")[0].rstrip()) is not None


def refuse_link(path: str | os.PathLike[str]) -> None:
    """Raise if there is a symbolic link in place of one of our files.

    Raises
    ------
    OSError
        With ``errno.ELOOP``, if it is a link.
    """
    try:
        found = os.lstat(path)
    except OSError:  # opening the path reports what is wrong with it
        return
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))


def open_plain(path: str, flags: int) -> int:
    """Open one of our files; an ``opener`` for `open`. A new file is its owner's only.

    Raises
    ------
    OSError
        If it is a symbolic link or anything else than a file, or if the system refuses.
    """
    refuse_link(path)  # Windows has no O_NOFOLLOW
    number = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), FILE_MODE)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EPERM, "it is no file", path)
    return number


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner only.

    ``Path.mkdir`` gives its mode to the last folder only: under a lax umask the others would
    be open to everybody, who could replace what lies in them.

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
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def reason_of(error: OSError) -> str:
    """Return what the system said, as a clause."""
    if _is_in_use(error):
        return "another program has it open, or it is write-protected"
    if _is_too_long(error):
        return f"its path is longer than Windows' {LONGEST_PATH} characters"
    if error.errno == errno.ELOOP:
        return f"{error.filename} is a symbolic link, which is not followed"
    return error.strerror or str(error) or type(error).__name__


def remedy_for(error: OSError) -> str:
    """Return what to do about what the system said, as an imperative clause."""
    if _is_in_use(error):
        return "Close what uses it (another notebook, a viewer, a virus scanner)"
    if _is_too_long(error):
        return REMEDIES[errno.ENAMETOOLONG]
    return REMEDIES.get(error.errno or 0, "Check the drive or choose another folder")


def refused(path: str | os.PathLike[str], error: OSError, done: str, then: str) -> FileError:
    """Return the error that says what the system refused, and what to do.

    Parameters
    ----------
    path : path
        What can't be written.
    error : OSError
        What the system said.
    done : str
        What can't be done: ``"written"``.
    then : str
        The end of the advice: ``"then try again"``.
    """
    advice = f"{remedy_for(error)}, {then}."
    return FileError(f"{path} can't be {done}: {reason_of(error)}.", advice=advice)
