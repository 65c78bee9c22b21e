"""A downloaded file or a folder of unpacked CSVs: its members, tables and blocks.

It is opened by its bytes, not by its name, and a member's name is never used as a path. Some
browsers unpack every archive that they download: a folder is read like the archive.
"""

from __future__ import annotations

import filecmp
import struct
import zipfile
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Literal, cast

from intercom_export_widgets.data import decompress, sniff
from intercom_export_widgets.data.csv_blocks import cut_blocks, first_record
from intercom_export_widgets.data.memory import memory_errors
from intercom_export_widgets.data.tar import HEADER_SIZE, is_tar, tar_entries
from intercom_export_widgets.errors import (
    ArchiveDamagedError,
    ArchiveError,
    FileError,
    forgetting_locals,
    without_tokens,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Chunks = Callable[[int], Iterator[bytes]]

__all__ = [
    "BLOCK_SIZE",
    "MEMBERS_AT_MOST",
    "Archive",
    "Directory",
    "Member",
    "crowded",
    "csv_files",
    "group_name",
    "is_clutter",
    "is_csv",
    "read_directory",
    "read_folder",
    "size_of",
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


def read_directory(source: decompress.Source, name: str) -> Directory:
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
        return _gzip_directory(source, decompress.gzip_name(start) or name, size)
    chunks = partial(decompress.read_all, source)
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


def _gzip_directory(source: decompress.Source, name: str, compressed: int) -> Directory:
    """Return the directory of a gzip: one CSV, or what a tar lists."""
    chunks = partial(decompress.inflate_gzip, source)
    inner = decompress.first_bytes(chunks(_SNIFFED), HEADER_SIZE)
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


def _zip_members(source: decompress.Source) -> tuple[tuple[Member, ...], tuple[str, ...]]:
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


def _zip_member(source: decompress.Source, entry: zipfile.ZipInfo) -> Member:
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


def _zip_chunks(source: decompress.Source, entry: zipfile.ZipInfo, size: int) -> Iterator[bytes]:
    """Yield a ZIP's member as it was put into it."""
    if entry.flag_bits & _ENCRYPTED:
        raise ArchiveError(f"The member {entry.filename} is encrypted.")
    with source() as file:
        offset = _data_offset(file, entry)
    claimed = (entry.CRC, entry.file_size)
    if entry.compress_type == zipfile.ZIP_DEFLATED:
        return decompress.inflate_range(source, offset, entry.compress_size, claimed, size)
    if entry.compress_type == zipfile.ZIP_STORED:
        return decompress.read_range(source, offset, claimed, size)
    raise ArchiveError(f"The member {entry.filename} is compressed by an unknown method.")


def read_folder(path: Path) -> Directory:
    """Return the CSVs of a folder as the members of an archive.

    Raises
    ------
    ArchiveError
        If it has too many, or one of them twice.
    FileError
        If it has none.
    OSError
        If it can't be read.
    """
    files = csv_files(path)
    if not files:
        raise FileError(
            f"The folder {path} holds no CSV.",
            advice="Name the folder of the unpacked CSVs, or the archive itself.",
        )
    members = [_member(file) for file in files]
    for place, member in enumerate(members):
        for other in range(place):
            # A browser that unpacks an archive again names the copies "receipt_… (1).csv".
            alike = (member.group, member.size) == (members[other].group, members[other].size)
            if alike and member.size and filecmp.cmp(files[place], files[other], shallow=False):
                raise ArchiveError(
                    f"The files {files[other].name} and {files[place].name} are the same: their "
                    "rows would come twice.",
                    advice="Remove one of them.",
                )
    return Directory("folder", "", tuple(members))


def _member(file: Path) -> Member:
    def source() -> BinaryIO:
        return file.open("rb")

    with source() as opened:
        packed = sniff.is_gzip(opened.read(2))
    chunks = partial(decompress.inflate_gzip if packed else decompress.read_all, source)
    size = file.stat().st_size
    return Member(file.name, group_name(file.name, chunks), None if packed else size, size, chunks)


def csv_files(path: Path) -> list[Path]:
    """Return the CSVs of a folder by name; those of its only subfolder if it has none itself.

    Links are not followed. Whatever else is there is no part of the archive.
    """
    files, folders = _listed(path)
    if not files and len(folders) == 1:
        files, _ = _listed(folders[0])
    return files


def _listed(path: Path) -> tuple[list[Path], list[Path]]:
    """Return the CSVs of a folder, and its subfolders."""
    files, folders = [], []
    for each in path.iterdir():
        if each.is_symlink() or each.name.startswith(".") or is_clutter(f"{each.name}/x"):
            continue
        if each.is_dir():
            folders.append(each)
        elif each.is_file() and each.name.lower().endswith((".csv", ".csv.gz")):
            files.append(each)
        if len(files) > MEMBERS_AT_MOST:
            raise crowded()
    return sorted(files), folders


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of the CSVs of a folder.

    Raises
    ------
    OSError
        If they can't be read.
    """
    files = csv_files(path) if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


BLOCK_SIZE = 4 * 1024 * 1024
"""How long a block is at least, in bytes, unless its member ends before."""

_CHUNK_SIZE = 1024 * 1024
_HEADER_SIZE = 64 * 1024


class Archive:
    """A downloaded export: ZIP or tar of CSVs, gzip, or plain CSV, by its bytes alone.

    A folder of CSVs that were unpacked is one too.

    Attributes
    ----------
    path : Path
        The file, or the folder.
    kind : {"zip", "gzip", "tar", "csv", "folder"}
        What it is; a gzip of a tar is a ``"tar"``.
    suffix : str
        The suffix that names it rightly: ``".zip"``, ``".csv.gz"``, ``".tar.gz"``, ``".tar"``
        or ``".csv"``; empty for a folder.
    members : tuple of Member
        Its CSVs, in order.
    ignored : tuple of str
        The names of members that are no CSV (a README, say): they are not read.
    """

    def __init__(self, path: Path, directory: Directory) -> None:
        self.path = path
        self.kind: Literal["zip", "gzip", "tar", "csv", "folder"] = directory.kind
        self.suffix = directory.suffix
        self.members = directory.members
        self.ignored = directory.ignored

    @classmethod
    @forgetting_locals()
    @memory_errors("open the archive")
    def open(cls, path: Path) -> Archive:
        """Return the archive at ``path``; only its directory and its first bytes are read.

        A tar is the exception: it has no directory, so all of it is read, and a gzip of it
        verified.

        Raises
        ------
        ArchiveDamagedError
            If the file is empty, cut short, or its directory is damaged.
        ArchiveError
            If it is something else (a web page, JSON), or holds files but no CSV.
        FileError
            If it can't be read, or is a folder without a CSV.
        OutOfMemoryError
            If there is not enough memory.
        """
        try:
            if path.is_dir():
                return cls(path, read_folder(path))
            return cls(path, read_directory(lambda: path.open("rb"), path.name))
        except OSError as error:
            raise _unreadable(path, error) from error

    def __repr__(self) -> str:
        """Return what it is and which groups it holds."""
        groups = without_tokens(", ".join(self.groups))
        return f"<Archive {self.path.name}: {self.kind}, {groups or 'empty'}>"

    @cached_property
    def groups(self) -> dict[str, tuple[Member, ...]]:
        """The members of each group, in order; a group may be cut into several."""
        groups: dict[str, list[Member]] = {}
        for member in self.members:
            groups.setdefault(member.group, []).append(member)
        return {group: tuple(members) for group, members in groups.items()}

    def blocks(self, member: Member, size: int = BLOCK_SIZE) -> Iterator[memoryview]:
        r"""Yield ``member`` inflated, in blocks of whole records, the header in the first.

        Each block ends with ``\n``; a byte order mark is dropped. Its checksum and length are
        compared after the last block, so the data is verified when the iterator ends.

        Parameters
        ----------
        member : Member
            One of ``members``.
        size : int
            How long a block is at least, in bytes; it is as long as its records need.

        Raises
        ------
        ArchiveDamagedError
            If the data ends early, can't be inflated, differs from its checksum, or ends
            inside quotes.
        ArchiveError
            If it is no CSV, is encrypted, or has a record beyond all measure.
        """
        try:
            yield from cut_blocks(_only_data(member.chunks(min(size, _CHUNK_SIZE))), size)
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def header(self, member: Member) -> list[str]:
        """Return the names of the columns of ``member`` as they came; reads its first record.

        Raises
        ------
        ArchiveError
            As `blocks`, or if it is separated by something else than commas.
        """
        return sniff.header_names(first_record(self.blocks(member, _HEADER_SIZE)))


def _only_data(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield ``chunks`` unless the first one is a web page, JSON or no text."""
    for index, chunk in enumerate(chunks):
        if index == 0:
            sniff.refuse_other_data(chunk)
        yield chunk


def _unreadable(path: Path, error: OSError) -> FileError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return FileError(
            f"The file {path.name} is no longer in {path.parent}.",
            advice="Put it back, or export the range again: it is fetched anew.",
        )
    return FileError(
        f"The file {path.name} can't be read: {error.strerror or error}.",
        advice="See to its permissions and its disk, then try again.",
    )
