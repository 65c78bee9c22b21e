"""What a file's bytes are, and what group a member's name or header tells.

Used by `archive`. It refuses to know file names' meaning as paths, HTTP headers (which
disagree with the bytes: API.md section 4, "Container") and how anything is inflated.
"""

from __future__ import annotations

import codecs
import csv
import re
from typing import TYPE_CHECKING, Literal

from intercom_export_widgets.data.schema import GROUPS, singular
from intercom_export_widgets.errors import ArchiveDamagedError, ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["group_of", "header_names", "kind_of", "refuse_other_data"]

# "{group}_{YYYYMMDD}-{HHMMSS}.csv" (seen in production), "receipts_YYYYMMDD_hhmmss.csv" (the
# reference), and the numbered parts that a large group may be cut into.
_MEMBER_NAME = re.compile(
    r"(?P<group>.+?)[_-]\d{8}[-_T]?\d{6}Z?(?:[-_.](?:part[-_]?)?\d+)?", re.IGNORECASE
)
_EXTENSIONS = re.compile(r"(?:\.(?:csv|txt|gz|zip))+$", re.IGNORECASE)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def kind_of(start: bytes) -> Literal["zip", "gzip", "csv"]:
    """Return the container that ``start``, the first bytes of a file, begins.

    Raises
    ------
    ArchiveDamagedError
        If there are no bytes.
    ArchiveError
        If they begin a web page, JSON, or something that is no text.
    """
    if not start:
        raise ArchiveDamagedError("The downloaded file is empty.")
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return "zip"
    if b"PK\x03\x04".startswith(start) or start == b"\x1f":
        raise ArchiveDamagedError("The downloaded file ends after its first bytes.")
    if start.startswith(b"\x1f\x8b"):
        return "gzip"
    refuse_other_data(start)
    return "csv"


def refuse_other_data(start: bytes) -> None:
    """Raise `ArchiveError` if ``start``, the first bytes of a member, can't begin a CSV."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ArchiveError("The data is encoded as UTF-16, not as UTF-8.")
    text = start.removeprefix(codecs.BOM_UTF8).lstrip()
    if text.startswith(b"<"):
        raise ArchiveError("The data is a web page or XML, not an export.")
    if text.startswith((b"{", b"[")):
        raise ArchiveError("The data is JSON, not an export.")
    first_line = start.split(b"\n", 1)[0]
    if _CONTROL.search(first_line):
        raise ArchiveError("The data is neither ZIP, gzip nor CSV.")


def header_names(header: bytes) -> list[str]:
    """Return the columns' names as they came from ``header``, the first record.

    Raises
    ------
    ArchiveError
        If the record is no header: a name longer than CSV readers allow.
    """
    text = header.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    try:
        return next(csv.reader([text.rstrip("\r\n")]), [])
    except csv.Error as error:
        raise ArchiveError("The first record of the data is no header.") from error


def group_of(name: str, header: Iterable[str] | None = None) -> str | None:
    """Return the group that a member belongs to.

    Parameters
    ----------
    name : str
        The member's name as it came; a folder before it and its extensions don't count.
    header : iterable of str, optional
        Its columns. Without them, only a name that tells the group gives an answer.

    Returns
    -------
    str or None
        A known group by its name (singular or plural); an unknown one by a name of the
        documented form; else the known group that the columns tell; else the bare name.
        None if the name alone does not tell, and no header is given.
    """
    stem = _EXTENSIONS.sub("", re.split(r"[\\/]", name)[-1])
    match = _MEMBER_NAME.fullmatch(stem)
    told = singular(match["group"] if match else stem)
    if match or told in GROUPS:
        return told
    if header is None:
        return None
    columns = set(header)
    fitting = [g for g in GROUPS.values() if g.signature and columns.issuperset(g.signature)]
    if fitting:
        return max(fitting, key=lambda group: len(group.signature)).name
    return stem or "table"
