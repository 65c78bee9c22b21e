"""What a disk, a lock or another program has against the ledger's file, in a sentence each.

SQLite says what happened by a code (https://sqlite.org/rescode.html). Network drives are
where most of them come from: "some network filesystems have broken or missing locks"
(https://sqlite.org/faq.html#q5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from intercom_export_widgets.disk import reason_of
from intercom_export_widgets.errors import LedgerError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ANOTHER_FILE", "unusable"]

ANOTHER_FILE: Final = 'name another file: %config IntercomExport.ledger = "/path/ledger.sqlite".'

NOTHING: Final = "Nothing is submitted without it."
LOCAL: Final = f"On a network drive, {ANOTHER_FILE.replace('another file', 'one on a local disk')}"

FAULTS: Final = {
    "SQLITE_BUSY": (
        "is kept locked by another program",
        f"Close what uses it (a backup, a database viewer, a notebook that hangs). {LOCAL}",
    ),
    "SQLITE_PROTOCOL": ("lies where files can't be locked, as on some network drives", LOCAL),
    "SQLITE_IOERR_LOCK": ("lies where files can't be locked, as on some network drives", LOCAL),
    "SQLITE_NOLFS": ("lies on a drive that can't hold it", LOCAL),
    "SQLITE_READONLY": (
        "can be read, but not written",
        f"Make the file and its folder writable, or {ANOTHER_FILE}",
    ),
    "SQLITE_IOERR": (
        "could not be read or written: its disk failed, or a network drive went away",
        f"Look whether the drive is there. {LOCAL}",
    ),
    "SQLITE_FULL": ("can't grow: its disk is full", f"Free some space, or {ANOTHER_FILE}"),
    "SQLITE_CORRUPT": (
        "is damaged",
        f"Move it away to begin a new one (archives load by their path), or {ANOTHER_FILE}",
    ),
    "SQLITE_NOTADB": (
        "is no ledger, or a damaged one",
        f"Move it away to begin a new one, or {ANOTHER_FILE}",
    ),
    "SQLITE_CANTOPEN": (
        "can't be opened or made",
        f"Free or repair that place, or {ANOTHER_FILE}",
    ),
}
"""What each code means for the file, and what to do; a code's beginning stands for its kinds."""

TEMPORARY: Final = (
    "SQLITE_BUSY",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_LOCKED",
    "SQLITE_PROTOCOL",
)
"""Codes that waiting may cure."""

NO_LOCKS: Final = ("_LOCK", "_RDLOCK", "_UNLOCK", "_CHECKRESERVEDLOCK")
"""Kinds of ``SQLITE_IOERR`` that are about locks."""


def unusable(path: Path, error: Exception) -> LedgerError:
    """Return the error that says why the ledger can't be used, and what to do.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    error : Exception
        What SQLite or the system said.
    """
    said = reason_of(error) if isinstance(error, OSError) else error
    code = str(getattr(error, "sqlite_errorname", ""))
    if code.startswith("SQLITE_IOERR") and code.endswith(NO_LOCKS):
        code = "SQLITE_IOERR_LOCK"
    known = next((name for name in sorted(FAULTS, reverse=True) if code.startswith(name)), "")
    if not known:
        return LedgerError(
            f"The ledger {path} can't be used: {said}",
            advice=f"{NOTHING} Free or repair that place, or {ANOTHER_FILE}",
        )
    what, advice = FAULTS[known]
    fault = LedgerError(f"The ledger {path} {what} ({error})", advice=f"{NOTHING} {advice}")
    fault.temporary = code.startswith(TEMPORARY)
    return fault
