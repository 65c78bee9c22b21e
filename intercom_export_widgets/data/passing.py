"""An archive proven and parsed while it arrives: its members one by one, each seen once.

Called by `jobs` with a file that grows. A ZIP's directory comes last, so members are told by
their own headers and measured; at the end, `Passed.keep` compares them with the directory, and
the checksum of all bytes with that of the file. Until then nothing is believed. What can't be
read in passing raises, and the file is proven from the disk. It refuses to know networks.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, cast

from intercom_export_widgets.data import inflate, sniff
from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.blocks import cut_blocks
from intercom_export_widgets.data.directory import (
    MEMBERS_AT_MOST,
    Directory,
    Member,
    crowded,
    is_clutter,
    is_csv,
)
from intercom_export_widgets.data.locals import Entry, Rewound, zip_entries
from intercom_export_widgets.data.parquet import BLOCK
from intercom_export_widgets.data.proof import LEAST_CACHED, is_worth_keeping, prove_group
from intercom_export_widgets.data.reading import Reading
from intercom_export_widgets.data.records import first_record
from intercom_export_widgets.data.tar import HEADER_SIZE, TarEntry, is_tar, tar_entries
from intercom_export_widgets.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from intercom_export_widgets.data.cache import Cache, CacheFile

__all__ = ["Passed", "take_in"]

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
            chunks = inflate.inflate_gzip(lambda: cast("BinaryIO", source), _CHUNK)
            inner = inflate.first_bytes(chunks, HEADER_SIZE)
            chunks = chain([inner], chunks)
            if is_tar(inner):
                _tar(chunks, cache, passed)
            else:
                sniff.refuse_other_data(inner)
                _lone(inflate.gzip_name(start) or name, chunks, cache, passed)
        case "tar":
            _tar(inflate.read_all(lambda: cast("BinaryIO", source), _CHUNK), cache, passed)
        case "csv":
            _lone(name, inflate.read_all(lambda: cast("BinaryIO", source), _CHUNK), cache, passed)
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
