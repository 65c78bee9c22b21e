"""The first rows of an export, for a look: personal data masked unless asked for.

Reads one small block of the archive, however large it is. Used by faces; it refuses to
know how a preview is drawn.
"""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.data.memory import memory_errors
from intercom_export_widgets.data.reading import Reading
from intercom_export_widgets.errors import forgetting_locals

if TYPE_CHECKING:
    from intercom_export_widgets.data.archive import Archive

__all__ = ["MASKED", "PREVIEWED", "Preview", "mask", "preview"]

PREVIEWED: Final = (
    "received_at",
    "content_type",
    "content_title",
    "name",
    "email",
    "first_open",
    "first_click",
)
"""The columns of ``receipt`` that a preview shows, of those that there are."""

MASKED: Final = frozenset({"name", "email"})
"""The columns that hold personal data."""

BLOCK: Final = 1 << 16
LONGEST: Final = 60


@dataclass(frozen=True, slots=True)
class Preview:
    """The first rows as text.

    Attributes
    ----------
    heads : tuple of str
        The columns' names.
    rows : tuple of tuple of str
        The cells; an empty one is missing. Instants are UTC, to the minute.
    masked : bool
        Whether names and e-mail addresses are masked.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    masked: bool


@forgetting_locals()
@memory_errors("read the first rows")
def preview(archive: Archive, *, zone: str = "UTC", rows: int = 5, masked: bool = True) -> Preview:
    """Return the first deliveries of an archive as text.

    Parameters
    ----------
    archive : Archive
        The downloaded file.
    zone : str
        The IANA zone of timestamps that name none; empty if unknown, then they are UTC.
    rows : int
        How many rows at most.
    masked : bool
        Mask names and e-mail addresses.

    Raises
    ------
    ArchiveError
        If the data are damaged.
    """
    if "receipt" not in archive.groups:
        return Preview((), (), masked)
    there = Reading(archive, "receipt", block_size=BLOCK).kinds
    names = tuple(name for name in PREVIEWED if name in there)
    if not names:
        return Preview((), (), masked)
    found, refused = _first_rows(archive, zone, names, rows)
    if refused:  # values that are not of their kind came as missing: show their text
        found, _ = _first_rows(archive, zone, names, rows, as_text=refused)
    cells = tuple(tuple(_cell(name, row[name], masked=masked) for name in names) for row in found)
    return Preview(names, cells, masked)


def _first_rows(
    archive: Archive,
    zone: str,
    names: tuple[str, ...],
    rows: int,
    as_text: frozenset[str] = frozenset(),
) -> tuple[list[dict[str, object]], frozenset[str]]:
    """Return the first rows, and the columns whose values are not all of their kind."""
    reading = Reading(
        archive, "receipt", zone=zone, columns=names, as_text=as_text, block_size=BLOCK
    )
    found: list[dict[str, object]] = []
    with closing(reading.batches()) as batches:
        for batch in batches:
            found += batch.slice(0, rows - len(found)).to_pylist()
            if len(found) >= rows:
                break
    return found, frozenset(reading.refused)


def mask(text: str) -> str:
    """Return a name or an e-mail address of which only the first letters are left.

    Examples
    --------
    >>> mask("ada.lovelace@example.org"), mask("Ada Lovelace")
    ('a•••@e•••', 'A••• L•••')
    """
    return re.sub(r"[^\s@]+", lambda word: f"{word[0][0]}•••", text)


def _cell(name: str, value: object, *, masked: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    text = " ".join(str(value).split())
    if masked and name in MASKED:
        text = mask(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
