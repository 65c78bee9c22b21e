"""An archive proven whole, and parsed on the way: one pass over its bytes does both.

The first reader of every archive, called by `jobs`: what it inflates to compare checksums it
parses too, and leaves in the cache for the readings that follow. It refuses to know DataFrames
and ranges.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from intercom_export_widgets.data.memory import memory_errors
from intercom_export_widgets.data.parquet import BLOCK
from intercom_export_widgets.data.reading import Reading
from intercom_export_widgets.errors import forgetting_locals

if TYPE_CHECKING:
    from intercom_export_widgets.data.archive import Archive
    from intercom_export_widgets.data.cache import Cache

__all__ = ["LEAST_CACHED", "count", "is_worth_keeping", "prove", "prove_group"]

LEAST_CACHED = 4 * 1024 * 1024
"""A group of fewer bytes, inflated, is as soon read from the archive."""


@forgetting_locals()
@memory_errors("verify the archive")
def prove(
    archive: Archive, cache: Cache | None = None, least: int = LEAST_CACHED
) -> dict[str, int]:
    """Inflate everything once, check every checksum, fill the cache, count rows.

    Parameters
    ----------
    archive : Archive
        The downloaded file.
    cache : Cache, optional
        Where tables are kept; what can't be kept is no matter. Without it, nothing is.
    least : int
        The fewest inflated bytes of a group that is kept.

    Returns
    -------
    dict
        Rows are records without the header; newlines inside quotes don't count, nor do blank
        lines.

    Raises
    ------
    ArchiveError
        If the data is damaged, or is no CSV.
    """
    return {group: prove_group(archive, group, cache, least) for group in archive.groups}


@memory_errors("count the rows")
def count(archive: Archive, cache: Cache, least: int = LEAST_CACHED) -> dict[str, int]:
    """Count rows of an archive that is known to be whole: what the cache has is not read again.

    Parameters and errors are those of `prove`.

    Parameters
    ----------
    archive, cache, least
        As in `prove`.

    Returns
    -------
    dict
        As of `prove`.
    """
    rows = {}
    for group in archive.groups:
        kept = cache.reading(group)
        rows[group] = prove_group(archive, group, cache, least) if kept is None else kept.rows
    return rows


def prove_group(
    archive: Archive, group: str, cache: Cache | None, least: int = LEAST_CACHED
) -> int:
    """Prove one group, as `prove` does all of them; return its rows."""
    place = cache if is_worth_keeping(archive, group, least) else None
    reading = Reading(archive, group, zone="" if cache is None else cache.zone, block_size=BLOCK)
    _read_through(reading, reading, place)
    corrected = reading.corrected() if place is not None else None
    if corrected is not None:
        _read_through(corrected, reading, place)
    return reading.rows


def is_worth_keeping(archive: Archive, group: str, least: int = LEAST_CACHED) -> bool:
    """Return whether a group is large enough that parsing it again would take time."""
    size = sum(member.size or 4 * member.compressed for member in archive.groups[group])
    return size >= least


def _read_through(reading: Reading, first: Reading, cache: Cache | None) -> None:
    """Read to the end, and keep it unless values were lost that must be read once more."""
    file = None if cache is None else cache.begin(reading.group)
    try:
        for batch in reading.batches():
            if file is not None:
                file.add(batch)
        if file is not None and cache is not None and not reading.lossy:
            with contextlib.suppress(OSError):
                file.finish(cache.facts(first))
    finally:
        if file is not None:
            file.abandon()
