"""What a file's bytes are, and what group a member's name or header tells.

Used by `archive`. It refuses to know file names' meaning as paths, HTTP headers (which
disagree with the bytes: the 2.17 page has ``Content-Encoding: zip`` beside a ZIP) and how
anything is inflated.
"""

from __future__ import annotations

import codecs
import csv
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from intercom_export_widgets.data.csv_header import COLUMNS_AT_MOST
from intercom_export_widgets.data.schema import GROUPS, singular
from intercom_export_widgets.data.tar import is_tar
from intercom_export_widgets.errors import ArchiveDamagedError, ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from intercom_export_widgets.data.schema import Group

__all__ = [
    "group_of",
    "header_names",
    "is_gzip",
    "kind_of",
    "refuse_other_data",
    "refuse_other_text",
]

# "{group}_{YYYYMMDD}-{HHMMSS}.csv" (seen in production), "receipts_YYYYMMDD_hhmmss.csv" (the
# reference), and the numbered parts that a large group may be cut into.
_MEMBER_NAME = re.compile(
    r"(?P<group>.+?)[_-]\d{8}[-_T]?\d{6}Z?(?:[-_.](?:part[-_]?)?\d+)?", re.IGNORECASE
)
_EXTENSIONS = re.compile(r"(?:\.(?:csv|txt|gz|zip))+$", re.IGNORECASE)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_LONGEST_HEADER = 4 * 1024 * 1024
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_KNOWN = frozenset(column.name for group in GROUPS.values() for column in group.columns)
_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def kind_of(start: bytes) -> Literal["zip", "gzip", "tar", "csv"]:
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
    if start.startswith(_ZIP):
        return "zip"
    if b"PK\x03\x04".startswith(start) or start == b"\x1f":
        raise ArchiveDamagedError("The downloaded file ends after its first bytes.")
    if is_gzip(start):
        return "gzip"
    if is_tar(start):
        return "tar"
    refuse_other_data(start)
    return "csv"


def is_gzip(start: bytes) -> bool:
    """Return whether ``start``, the first bytes of something, begins a gzip."""
    return start.startswith(b"\x1f\x8b")


def refuse_other_data(start: bytes) -> None:
    """Raise `ArchiveError` if ``start``, the first bytes of a member, can't begin a CSV."""
    if is_gzip(start) or start.startswith(_ZIP):
        raise ArchiveError(
            "The file is an archive in an archive, which is not read.",
            advice="Unpack it once, and load what it holds.",
        )
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
        If the record is no header: a name longer than CSV readers allow, more columns than
        any export has, or known columns that something else than commas separates.
    """
    if len(header) > _LONGEST_HEADER:
        raise ArchiveError("The first record of the data is no header: it is too long.")
    text = header.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace").rstrip("\r\n")
    try:
        names = _split(text, ",")
    except csv.Error as error:
        raise ArchiveError("The first record of the data is no header.") from error
    if len(names) > COLUMNS_AT_MOST:
        raise ArchiveError(f"The data has {len(names):,} columns: this is no export.")
    if _KNOWN.isdisjoint(names):
        _refuse_other_delimiters(text)
    return names


def _split(text: str, delimiter: str) -> list[str]:
    return next(csv.reader([text], delimiter=delimiter), [])


def _refuse_other_delimiters(text: str) -> None:
    """Raise `ArchiveError` if a header has known columns by another delimiter than commas."""
    for delimiter, word in _OTHER_DELIMITERS.items():
        with suppress(csv.Error):
            if delimiter in text and not _KNOWN.isdisjoint(_split(text, delimiter)):
                raise ArchiveError(
                    f"The data is separated by {word}, not by commas.",
                    advice="Load the file as Intercom sent it.",
                )


def refuse_other_text(names: list[str]) -> None:
    """Raise `ArchiveError` if ``names``, the columns of a file that is no ZIP, tell no export.

    Any text is a CSV of one column: only that the column is known makes it data.
    """
    if len(names) <= 1 and _KNOWN.isdisjoint(names):
        raise ArchiveError("The data is no export: it is text without any column that is known.")


def group_of(
    name: str, header: Iterable[str] | None = None, *, by_header: bool = False
) -> str | None:
    """Return the group that a member belongs to.

    Parameters
    ----------
    name : str
        The member's name as it came; a folder before it and its extensions don't count.
    header : iterable of str, optional
        Its columns. Without them, only a name that tells the group gives an answer.
    by_header : bool
        Whether the columns count more than the name, as they do where the name is that of a
        file on disk: it ends in the job's identifier, which may look like a date.

    Returns
    -------
    str or None
        A known group by its name (singular or plural); an unknown one by a name of the
        documented form; else the known group that the columns tell; else the bare name.
        None if the name alone does not tell, and no header is given. By header, the known
        group that the columns tell comes first, unless they fit that of the name too.
    """
    stem = _EXTENSIONS.sub("", re.split(r"[\\/]", name)[-1])
    match = _MEMBER_NAME.fullmatch(stem)
    told = singular(match["group"] if match else stem)
    tells = match is not None or told in GROUPS
    if tells and not by_header:
        return told
    if header is None:
        return None
    columns = set(header)
    if by_header and told in GROUPS and _fits(GROUPS[told], columns):
        return told
    fitting = [g for g in GROUPS.values() if g.signature and columns.issuperset(g.signature)]
    if fitting:
        return max(fitting, key=lambda group: len(group.signature)).name
    return told if tells else stem or "table"


def _fits(group: Group, columns: set[str]) -> bool:
    """Return whether ``columns`` may be those of ``group``: its signature, or all it has."""
    needed = group.signature or [column.name for column in group.columns]
    return bool(needed) and columns.issuperset(needed)
