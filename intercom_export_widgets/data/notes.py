"""What a reading has to say aloud, in sentences, and the warning that says it.

Used by `tables`. It refuses to know how they are shown.
"""

from __future__ import annotations

import inspect
import warnings
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.data.schema import is_guess
from intercom_export_widgets.data.timestamps import known_zone
from intercom_export_widgets.data.window import MARGIN_HOURS
from intercom_export_widgets.errors import ExportWarning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from intercom_export_widgets.data.cached import CachedReading
    from intercom_export_widgets.data.parsing import Tally
    from intercom_export_widgets.data.reading import Reading

__all__ = ["counted", "reading_notes", "trimming_notes", "warn"]

ROWS_AT_MOST: Final = 10_000_000
"""Rows that Intercom returns at most, without a word: "the first 10 million" (reference 2.5)."""
_PACKAGE: Final = __name__.partition(".")[0]


def warn(note: str) -> None:
    """Issue ``note`` as an `ExportWarning` that points at the line outside this package."""
    warnings.warn(note, ExportWarning, stacklevel=_outer_level(inspect.currentframe()))


def _outer_level(frame: FrameType | None) -> int:
    """Return how many frames up, counted from 1 at ``frame``, the package was called."""
    level = 1
    while frame is not None and _is_ours(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    return level


def _is_ours(module: str) -> bool:
    """Return whether a frame is the package's, or of what its methods are wrapped in."""
    return module in {"collections.abc", "contextlib"} or module.partition(".")[0] == _PACKAGE


def counted(number: int, noun: str) -> str:
    """Return ``number`` and ``noun``, in the plural where it needs one."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def reading_notes(reading: Reading | CachedReading, rows_at_most: int = ROWS_AT_MOST) -> list[str]:
    """Return what must be said about a finished reading, the weightiest first.

    Parameters
    ----------
    reading : Reading or CachedReading
        Read to its end.
    rows_at_most : int
        A table of exactly so many rows was probably cut off.
    """
    notes = [*reading.remarks]
    if reading.repeated:
        records = counted(reading.repeated, "time")
        notes.append(
            f"{reading.group}: the header is repeated {records} inside the data; these records "
            "are no rows."
        )
    notes += [
        note
        for column in reading.kinds
        if column in reading.tallies
        and not (reading.tallies[column].lossy and is_guess(reading.group, column))
        for note in _column_notes(
            f"{reading.group}.{column}", reading.tallies[column], reading.zone
        )
    ]
    if reading.short:
        rows = counted(reading.short, "row")
        notes.append(f"{reading.group}: {rows} had too few fields; what lacked is missing.")
    if reading.surplus.records:
        rows = counted(reading.surplus.records, "row")
        kept = "stand in columns called by their place" if reading.whole else "are left out"
        notes.append(
            f"{reading.group}: {rows} had more values than the header has columns, the first "
            f"is row {reading.surplus.first:,}; these values {kept}."
        )
    if reading.replaced:
        found = counted(reading.replaced, "sequence")
        notes.append(f"{reading.group}: {found} of bytes that are no UTF-8 became U+FFFD.")
    if reading.rows == rows_at_most:
        notes.append(
            f"{reading.group} has exactly {rows_at_most:,} rows, the most that Intercom returns: "
            "rows are probably missing. Export shorter ranges."
        )
    return notes


def _column_notes(column: str, tally: Tally, zone: str) -> Iterator[str]:
    """Yield what must be said about one column."""
    if tally.refused:
        values = counted(tally.refused, "value")
        yield f"{column} has {values} of another kind than expected; the column is kept as text."
        return
    if tally.zoneless:
        times = counted(tally.zoneless, "timestamp")
        yield f"{column} has {times} without a zone, read as {_read_as(zone)}."
    if tally.twice:
        times = counted(tally.twice, "local time")
        yield f"{column} has {times} that occur twice when clocks go back; the earlier was taken."
    if tally.skipped:
        times = counted(tally.skipped, "local time")
        yield f"{column} has {times} that clocks skip; moved forward by as much."


def _read_as(zone: str) -> str:
    """Return the zone that local times were read in, and why if it was not the one given."""
    if known_zone(zone):
        return zone
    why = f"{zone!r} is no IANA time zone" if zone else "the workspace's zone is not known"
    return f"UTC because {why}"


def trimming_notes(group: str, trimmed: int, rows: int, *, widened: bool) -> Iterator[str]:
    """Yield what must be said about leaving out ``trimmed`` of ``rows`` rows.

    Parameters
    ----------
    group : str
        The table's.
    trimmed, rows : int
        How many were left out, of how many.
    widened : bool
        Whether the range was widened, because the zone of received_at is not known.
    """
    if trimmed:
        why = "lie outside" if group == "receipt" else "belong to receipts outside"
        yield (
            f"{trimmed:,} of {counted(rows, 'row')} of {group} {why} the range asked for "
            "and were left out."
        )
    if widened:
        yield (
            "received_at is local time of a zone that is not known, so the range asked for was "
            f"widened by {MARGIN_HOURS} hours on both sides: rows from just outside it may be here."
        )
