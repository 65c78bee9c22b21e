"""Verifies and parses an archive in one pass: from the disk, or while it arrives.

What is inflated to compare checksums is parsed too, and left in the cache for later reads. A
ZIP's directory comes last, so while it arrives members are read by their own headers; at the
end `Passed.keep` compares them with the directory, and the checksum of all bytes with that of
the file. Until then nothing is trusted. What can't be read while it arrives is read from the
disk.
"""

from __future__ import annotations

import contextlib
import zipfile
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, cast

from intercom_export_widgets.data import decompress, sniff
from intercom_export_widgets.data.archive import (
    MEMBERS_AT_MOST,
    Archive,
    Directory,
    Member,
    crowded,
    is_clutter,
    is_csv,
)
from intercom_export_widgets.data.csv_blocks import cut_blocks, first_record
from intercom_export_widgets.data.decompress import Entry, Rewound, zip_entries
from intercom_export_widgets.data.memory import memory_errors
from intercom_export_widgets.data.parquet import BLOCK
from intercom_export_widgets.data.reading import Reading
from intercom_export_widgets.data.tar import HEADER_SIZE, TarEntry, is_tar, tar_entries
from intercom_export_widgets.errors import ArchiveError, forgetting_locals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from intercom_export_widgets.data.cache import Cache, CacheFile

__all__ = ["LEAST_CACHED", "Passed", "count", "is_worth_keeping", "prove", "prove_group", "take_in"]

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


_CHUNK: Final = 1024 * 1024
_REMEMBERED: Final = 256 * 1024


@dataclass(slots=True)
class Passed:
    """What was seen of an archive in passing; `keep` says whether it holds.

    Attributes
    ----------
    rows : dict
        Rows of each group.
    entries : list of Entry
        The members of a ZIP as they were measured, in order; empty for other files.
    kept : dict
        By group, its file on the way into the cache, and the reading that filled it.
    """

    rows: dict[str, int] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    kept: dict[str, tuple[CacheFile, Reading]] = field(default_factory=dict)

    def keep(self, archive: Archive, cache: Cache) -> dict[str, int]:
        """Fill the cache, for the rest from the file; return the rows of each group.

        Parameters
        ----------
        archive : Archive
            The whole file, whose bytes are those that passed.
        cache : Cache
            Its cache.

        Raises
        ------
        ArchiveError
            If the file's directory says something else than its members.
        """
        listed = self.rows.keys() == archive.groups.keys()
        if not listed or (self.entries and self.entries != _listed(archive.path)):
            raise ArchiveError("The archive's directory differs from its members.")
        for group in archive.groups:
            if group in self.kept:
                file, reading = self.kept[group]
                file.finish(cache.facts(reading))
            elif is_worth_keeping(archive, group):
                prove_group(archive, group, cache)
        return {group: self.rows[group] for group in archive.groups}

    def abandon(self) -> None:
        """Remove what did not get into the cache."""
        for file, _ in self.kept.values():
            file.abandon()


def take_in(file: BinaryIO, name: str, cache: Cache, passed: Passed) -> None:
    """Read an archive once, from its first byte to its last, into ``passed``.

    Parameters
    ----------
    file : file
        It is only read, never positioned.
    name : str
        Its name, which may tell the group of a file that is no ZIP.
    cache : Cache
        Of the file, once it is whole.
    passed : Passed
        Where to put what is seen, also if it ends early.

    Raises
    ------
    ArchiveError
        If it is damaged, or can't be read in passing.
    """
    source = Rewound(file)
    start = source.peek(_CHUNK // 16)
    match sniff.kind_of(start):
        case "zip":
            for entry in zip_entries(source):
                passed.entries.append(entry)
                _member(entry, len(passed.entries), cache, passed)
        case "gzip":
            chunks = decompress.inflate_gzip(lambda: cast("BinaryIO", source), _CHUNK)
            inner = decompress.first_bytes(chunks, HEADER_SIZE)
            chunks = chain([inner], chunks)
            if is_tar(inner):
                _tar(chunks, cache, passed)
            else:
                sniff.refuse_other_data(inner)
                _lone(decompress.gzip_name(start) or name, chunks, cache, passed)
        case "tar":
            _tar(decompress.read_all(lambda: cast("BinaryIO", source), _CHUNK), cache, passed)
        case "csv":
            _lone(
                name, decompress.read_all(lambda: cast("BinaryIO", source), _CHUNK), cache, passed
            )
    while source.read(_CHUNK):
        pass


def _tar(chunks: Iterator[bytes], cache: Cache, passed: Passed) -> None:
    """Read a tar through."""
    for number, entry in enumerate(tar_entries(chunks), 1):
        _member(entry, number, cache, passed)


def _member(entry: Entry | TarEntry, number: int, cache: Cache, passed: Passed) -> None:
    """Read the member with that number, from 1, through."""
    if number > MEMBERS_AT_MOST:
        raise crowded()
    if isinstance(entry, TarEntry) and not entry.is_file:
        return
    chunks = _Twice(entry.chunks(_CHUNK))
    if is_clutter(entry.name) or not is_csv(entry.name):
        for _ in chunks(_CHUNK):
            pass
    else:
        group = sniff.group_of(entry.name)
        if group is None:
            header = sniff.header_names(first_record(cut_blocks(chunks(_CHUNK))))
            group = sniff.group_of(entry.name, header) or entry.name
        _take(Member(entry.name, group, None, 0, chunks), cache, passed)


def _lone(name: str, inflated: Iterator[bytes], cache: Cache, passed: Passed) -> None:
    """Read the one member of a file that is no ZIP through."""
    chunks = _Twice(inflated)
    header = sniff.header_names(first_record(cut_blocks(chunks(_CHUNK))))
    sniff.refuse_other_text(header)
    group = sniff.group_of(name, header, by_header=True) or name
    _take(Member(name, group, None, 0, chunks), cache, passed)


def _take(member: Member, cache: Cache, passed: Passed) -> None:
    """Parse a member; keep it unless its group has several, or values need another look."""
    archive = Archive(cache.path, Directory("csv", "", (member,)))
    reading = Reading(archive, member.group, zone=cache.zone, block_size=BLOCK)
    batches = reading.batches()
    # So little is as soon read from the archive: `prove` leaves such groups out, too.
    begun = list(islice(batches, LEAST_CACHED // BLOCK + 1))
    file = None
    if len(begun) * BLOCK > LEAST_CACHED and member.group not in passed.rows:
        file = cache.begin(member.group)
    if file is not None:
        passed.kept[member.group] = file, reading
    for batch in chain(begun, batches):
        if file is not None:
            file.add(batch)
    if file is not None:
        file.seal()
    passed.rows[member.group] = passed.rows.get(member.group, 0) + reading.rows
    if (reading.lossy or file is None) and member.group in passed.kept:
        passed.kept.pop(member.group)[0].abandon()


def _listed(path: Path) -> list[Entry]:
    """Return the members of a ZIP as its directory lists them, in the order of their bytes."""
    with zipfile.ZipFile(path) as opened:
        return [
            Entry(one.orig_filename, one.header_offset, one.CRC, one.compress_size, one.file_size)
            for one in sorted(opened.infolist(), key=lambda one: one.header_offset)
        ]


class _Twice:
    """Chunks that pass once, of which the first may be asked for again, and again.

    Parameters
    ----------
    chunks : iterator of bytes
        The member's.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._first: list[bytes] = []
        self._left = _REMEMBERED
        self._gone = False

    def __call__(self, _size: int) -> Iterator[bytes]:
        """Yield the chunks from the first one on.

        Raises
        ------
        ArchiveError
            If more has passed than is remembered.
        """
        if self._gone:
            raise ArchiveError("What has passed can't be read again.")
        yield from list(self._first)
        for chunk in self._chunks:
            if self._left > 0:
                self._first.append(chunk)
                self._left -= len(chunk)
            else:
                self._first, self._gone = [], True
            yield chunk
