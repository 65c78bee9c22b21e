"""What a downloaded file lists: its CSVs, their groups, and how the bytes of each are had.

Used by `archive`. It reads directories and first bytes, judges by bytes alone, and refuses to
know records and types.
"""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Literal, cast

from intercom_export_widgets.data import inflate, sniff
from intercom_export_widgets.data.blocks import cut_blocks
from intercom_export_widgets.data.records import first_record
from intercom_export_widgets.data.tar import HEADER_SIZE, is_tar, tar_entries
from intercom_export_widgets.errors import ArchiveDamagedError, ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Chunks = Callable[[int], Iterator[bytes]]

__all__ = [
    "MEMBERS_AT_MOST",
    "Directory",
    "Member",
    "crowded",
    "group_name",
    "is_clutter",
    "is_csv",
    "read_directory",
]

MEMBERS_AT_MOST: Final = 2_000
"""Members that an archive may have; an export has some thirty groups, each of few members."""

_SNIFFED = 64 * 1024
_CHUNK = 1024 * 1024
_LARGEST_DIRECTORY = 1024 * 1024  # bytes: over ten thousand members of usual names
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED, _UTF_8 = 0x1, 0x800

# Whatever zipfile meets in a directory made of nonsense.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True, slots=True)
class Member:
    """One CSV of an archive.

    Attributes
    ----------
    name : str
        Its name as it came, for showing; it is never used as a path.
    group : str
        The group that it belongs to, singular.
    size : int or None
        Its length in bytes as the archive claims it; None where none does (gzip).
    compressed : int
        Its length in the archive, in bytes.
    chunks : callable
        Yields its verified bytes in chunks of at most so many bytes, cut anywhere.
    """

    name: str
    group: str
    size: int | None
    compressed: int
    chunks: Chunks = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Directory:
    """What a file is, the suffix that names it, its CSVs, and the names of what is no CSV."""

    kind: Literal["zip", "gzip", "tar", "csv", "folder"]
    suffix: str
    members: tuple[Member, ...]
    ignored: tuple[str, ...] = ()


def read_directory(source: inflate.Source, name: str) -> Directory:
    """Return what ``source``, a file called ``name``, lists.

    Raises
    ------
    ArchiveDamagedError
        If it is empty, cut short, or its directory is damaged.
    ArchiveError
        If it is no export, or an archive in an archive.
    """
    with source() as file:
        start = file.read(_SNIFFED)
        size = file.seek(0, 2)
    kind = sniff.kind_of(start)
    if kind == "zip":
        members, ignored = _zip_members(source)
        return Directory("zip", ".zip", members, ignored)
    if kind == "gzip":
        return _gzip_directory(source, inflate.gzip_name(start) or name, size)
    chunks = partial(inflate.read_all, source)
    if kind == "tar":
        return _tar_directory(chunks, size, ".tar")
    return Directory("csv", ".csv", (_lone_member(name, size, size, chunks),))


def _lone_member(name: str, size: int | None, compressed: int, chunks: Chunks) -> Member:
    """Return the one member of a file that is no ZIP; its header tells its group."""
    header = sniff.header_names(first_record(cut_blocks(chunks(_SNIFFED))))
    sniff.refuse_other_text(header)
    group = sniff.group_of(name, header, by_header=True) or name
    return Member(name, group, size, compressed, chunks)


def group_name(name: str, chunks: Chunks) -> str:
    """Return a member's group; its header is read only if its name does not tell it."""
    group = sniff.group_of(name)
    if group is None:
        header = sniff.header_names(first_record(cut_blocks(chunks(_SNIFFED))))
        group = sniff.group_of(name, header) or name
    return group


def _gzip_directory(source: inflate.Source, name: str, compressed: int) -> Directory:
    """Return the directory of a gzip: one CSV, or what a tar lists."""
    chunks = partial(inflate.inflate_gzip, source)
    inner = inflate.first_bytes(chunks(_SNIFFED), HEADER_SIZE)
    if not inner:
        raise ArchiveDamagedError("The downloaded file holds nothing.")
    if is_tar(inner):
        return _tar_directory(chunks, compressed, ".tar.gz")
    sniff.refuse_other_data(inner)
    return Directory("gzip", ".csv.gz", (_lone_member(name, None, compressed, chunks),))


def _tar_directory(chunks: Chunks, compressed: int, suffix: str) -> Directory:
    """Return the directory of a tar, which has none: all of it is read, and so verified."""
    found: list[tuple[int, str, str, int]] = []
    ignored: list[str] = []
    total = 0
    for place, entry in enumerate(tar_entries(chunks(_CHUNK))):
        total += entry.size
        if place >= MEMBERS_AT_MOST:
            raise crowded()
        if entry.is_file and is_csv(entry.name) and not is_clutter(entry.name):
            found.append((place, entry.name, group_name(entry.name, entry.chunks), entry.size))
        elif not (is_clutter(entry.name) or entry.is_folder):
            ignored.append(entry.name)
    if ignored and not found:
        raise _no_csv(ignored)
    members = [
        Member(
            name,
            group,
            size,
            size * compressed // max(1, total),
            partial(_tar_chunks, chunks, place),
        )
        for place, name, group, size in found
    ]
    return Directory("tar", suffix, tuple(members), tuple(ignored))


def _tar_chunks(chunks: Chunks, place: int, size: int) -> Iterator[bytes]:
    """Yield a member of a tar; the rest is read too, so that the gzip's checksum is verified."""
    for number, entry in enumerate(tar_entries(chunks(_CHUNK))):
        if number == place:
            yield from entry.chunks(size)


class _Bounded:
    """A file of which no more than a directory's worth is read at once.

    zipfile reads a directory whole, as long as the file says that it is, and makes an object
    of each of its entries: a few megabytes of them would fill the memory.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.close = file.seek, file.tell, lambda: None

    def read(self, size: int = -1) -> bytes:
        """Return as many bytes as were asked for.

        Raises
        ------
        ArchiveError
            If they are too many.
        """
        found = self._file.read(
            _LARGEST_DIRECTORY + 1 if size < 0 else min(size, _LARGEST_DIRECTORY + 1)
        )
        if len(found) > _LARGEST_DIRECTORY:
            raise crowded()
        return found


def _zip_members(source: inflate.Source) -> tuple[tuple[Member, ...], tuple[str, ...]]:
    """Return the CSVs of a ZIP's directory, and the names of what else it lists."""
    try:
        with source() as file, zipfile.ZipFile(cast("BinaryIO", _Bounded(file))) as archive:
            entries = archive.infolist()
            if len(entries) > MEMBERS_AT_MOST:
                raise crowded()
            _refuse_overlaps(entries)
            for entry in entries:
                _data_offset(file, entry)
    except _ZIP_ERRORS as error:
        raise ArchiveDamagedError("The ZIP is cut short, or its directory is damaged.") from error
    files = [entry for entry in entries if not is_clutter(entry.filename)]
    data = [entry for entry in files if is_csv(entry.filename)]
    ignored = tuple(entry.filename for entry in files if not is_csv(entry.filename))
    if files and not data:
        raise _no_csv(ignored)
    return tuple(_zip_member(source, entry) for entry in data), ignored


def crowded() -> ArchiveError:
    """Return the error of an archive with more than `MEMBERS_AT_MOST` members."""
    return ArchiveError("The archive lists more members than any export has.")


def _no_csv(ignored: Sequence[str]) -> ArchiveError:
    return ArchiveError(f"The archive holds no CSV, only {', '.join(ignored[:3])}.")


def is_clutter(name: str) -> bool:
    """Return whether a member is a folder, or what a Mac adds to every ZIP."""
    return name.startswith("__MACOSX/") or name.endswith(("/", ".DS_Store"))


def is_csv(name: str) -> bool:
    """Return whether a member is data: a CSV (or its gzip) by its suffix, or without any."""
    plain = name.replace("\\", "/").lower().removesuffix(".gz")
    return Path(plain).suffix in {".csv", ""}


def _refuse_overlaps(entries: list[zipfile.ZipInfo]) -> None:
    """Raise if two members share bytes, as only archives made to overwhelm a reader do."""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise ArchiveDamagedError("The ZIP is damaged: its members overlap.")
        end = entry.header_offset + entry.compress_size


def _zip_member(source: inflate.Source, entry: zipfile.ZipInfo) -> Member:
    chunks = partial(_zip_chunks, source, entry)
    name = entry.filename
    return Member(name, group_name(name, chunks), entry.file_size, entry.compress_size, chunks)


def _data_offset(file: BinaryIO, entry: zipfile.ZipInfo) -> int:
    """Return where a member's data begins: behind its local header, whose name is compared.

    A name is in no checksum, and a group whose name is damaged would be missing in silence.
    """
    file.seek(entry.header_offset)
    header = file.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
        raise ArchiveDamagedError("The ZIP is damaged: a member is not where its directory says.")
    _, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    encoding = "utf-8" if entry.flag_bits & _UTF_8 else "cp437"
    if file.read(name_length).decode(encoding, "replace") != entry.orig_filename:
        raise ArchiveDamagedError("The ZIP is damaged: a member has two names.")
    offset: int = entry.header_offset + _LOCAL_HEADER.size + name_length + extra_length
    return offset


def _zip_chunks(source: inflate.Source, entry: zipfile.ZipInfo, size: int) -> Iterator[bytes]:
    """Yield a ZIP's member as it was put into it."""
    if entry.flag_bits & _ENCRYPTED:
        raise ArchiveError(f"The member {entry.filename} is encrypted.")
    with source() as file:
        offset = _data_offset(file, entry)
    claimed = (entry.CRC, entry.file_size)
    if entry.compress_type == zipfile.ZIP_DEFLATED:
        return inflate.inflate_range(source, offset, entry.compress_size, claimed, size)
    if entry.compress_type == zipfile.ZIP_STORED:
        return inflate.read_range(source, offset, claimed, size)
    raise ArchiveError(f"The member {entry.filename} is compressed by an unknown method.")
