"""What a reading has to say aloud, in sentences.

Used by `tables`. It refuses to know how they are shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from intercom_export_widgets.data.parsing import Tally
    from intercom_export_widgets.data.reading import Reading

__all__ = ["counted", "reading_notes"]

_ROWS_AT_MOST = 10_000_000


def counted(number: int, noun: str) -> str:
    """Return ``number`` and ``noun``, in the plural where it needs one."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def reading_notes(reading: Reading) -> list[str]:
    """Return what must be said about a finished reading, the weightiest first."""
    notes = [
        note
        for column, tally in reading.tallies.items()
        for note in _column_notes(f"{reading.group}.{column}", tally, reading.zone)
    ]
    if reading.short:
        rows = counted(reading.short, "row")
        notes.append(f"{reading.group}: {rows} had too few fields; what lacked is missing.")
    if reading.replaced:
        found = counted(reading.replaced, "sequence")
        notes.append(f"{reading.group}: {found} of bytes that are no UTF-8 became U+FFFD.")
    if reading.rows == _ROWS_AT_MOST:
        # "At most the first 10 million rows are returned, without a word" (API.md section 2).
        notes.append(
            f"{reading.group} has exactly 10,000,000 rows, the most that Intercom returns: "
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
        yield f"{column} has {times} without a zone, read as {zone}."
    if tally.twice:
        times = counted(tally.twice, "local time")
        yield f"{column} has {times} that occur twice when clocks go back; the earlier was taken."
    if tally.skipped:
        times = counted(tally.skipped, "local time")
        yield f"{column} has {times} that clocks skip; moved forward by as much."
