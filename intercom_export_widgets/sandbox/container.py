"""Members and the file that holds them: ZIP, gzip, or neither.

Every group is compressed as it comes, in a spool of its own, so that all of them grow side
by side in bounded memory; the archive is then put together by copying. Written by hand
because zipfile can't take what is compressed already. Knows bytes only.
"""

from __future__ import annotations

import gzip
import shutil
import struct
import tarfile
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, BinaryIO, Final

try:
    from isal import isal_zlib as zlib
except ImportError:  # no wheel for Windows on ARM or Pyodide
    import zlib  # type: ignore[no-redef] # the same interface

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["DEFLATED", "STORED", "Member", "write_gzip", "write_plain", "write_tar_gz", "write_zip"]

FAR: Final = 0xFFFFFFFF
"""A size or offset of 4 GiB: from here on ZIP64 (APPNOTE 4.5.3)."""

DEFLATED: Final = 8
STORED: Final = 0
STREAMED: Final = 0x0008
"""The flag that sizes follow the data (APPNOTE 4.4.4, bit 3)."""

UTF8: Final = 0x0800
MOMENT: Final = struct.pack("<HH", 0, 33)
"""1980-01-01, ZIP's first day: an archive of the same rows has the same bytes."""


SPOOLED: Final = 1 << 16
"""How many bytes of a member are kept in memory; more of them go to a file."""


class Member:
    """A file in the making.

    Parameters
    ----------
    folder : Path
        Where its compressed bytes go once they are many.
    name : str
        Its name in the archive.
    method : int
        8 to deflate, 0 to store.
    """

    def __init__(self, folder: Path, name: str, method: int = DEFLATED) -> None:
        self.name = name
        self.method = method
        self.crc = 0
        self.size = 0
        self.compressed = 0
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - see `discard`
            SPOOLED, dir=str(folder)
        )
        self._deflate = zlib.compressobj(1, zlib.DEFLATED, -15)

    def write(self, data: bytes) -> None:
        """Add bytes."""
        self.crc = zlib.crc32(data, self.crc)
        self.size += len(data)
        packed = self._deflate.compress(data) if self.method else data
        self.compressed += self._file.write(packed)

    def finish(self) -> None:
        """Write what is left."""
        if self.method:
            self.compressed += self._file.write(self._deflate.flush())

    def open(self) -> IO[bytes]:
        """Return the compressed bytes, from the first on."""
        self._file.seek(0)
        return self._file

    def copy_to(self, target: BinaryIO) -> None:
        """Copy the compressed bytes."""
        shutil.copyfileobj(self.open(), target, 1 << 20)

    def discard(self) -> None:
        """Let go of the bytes."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class Entry:
    """A member with its place in the ZIP."""

    member: Member
    offset: int
    flags: int
    far: int

    @property
    def large(self) -> bool:
        """Whether its sizes need ZIP64."""
        return max(self.member.size, self.member.compressed) >= self.far


def write_zip(
    path: Path, members: Sequence[Member], *, streamed: bool = False, far: int = FAR
) -> dict[str, int]:
    """Write a ZIP.

    Parameters
    ----------
    path : Path
        The file to write.
    members : sequence of Member
        Finished ones.
    streamed : bool
        Whether sizes follow the data, in data descriptors, as from a server that
        compresses while it sends.
    far : int
        The size or offset from which on ZIP64 is used.

    Returns
    -------
    dict
        The offset of each member's data, by name.
    """
    starts: dict[str, int] = {}
    entries: list[Entry] = []
    with path.open("wb") as file:
        for member in members:
            flags = UTF8 | (STREAMED if streamed else 0)
            entry = Entry(member, file.tell(), flags, far)
            file.write(_local_header(entry))
            starts[member.name] = file.tell()
            member.copy_to(file)
            if streamed:
                file.write(_descriptor(entry))
            entries.append(entry)
        directory = b"".join(_central_header(entry) for entry in entries)
        offset = file.tell()
        file.write(directory + _end(len(entries), len(directory), offset, far))
    return starts


def write_gzip(path: Path, member: Member) -> int:
    """Write a member as gzip, with its name; return the offset of its data."""
    head = b"\x1f\x8b\x08\x08\0\0\0\0\x04\xff" + member.name.encode("latin-1") + b"\0"
    with path.open("wb") as file:
        file.write(head)
        member.copy_to(file)
        file.write(struct.pack("<II", member.crc, member.size & FAR))
    return len(head)


def write_plain(path: Path, member: Member) -> int:
    """Write a stored member as it is."""
    with path.open("wb") as file:
        member.copy_to(file)
    return 0


def write_tar_gz(path: Path, members: Sequence[Member]) -> None:
    """Write stored members as a tar in a gzip."""
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        for member in members:
            info = tarfile.TarInfo(member.name)
            info.size = member.size
            tar.addfile(info, member.open())


def _local_header(entry: Entry) -> bytes:
    member, name = entry.member, entry.member.name.encode()
    crc, packed, size, extra = member.crc, member.compressed, member.size, b""
    if entry.flags & STREAMED:
        crc = packed = size = 0
        if entry.large:
            packed = size = FAR
            extra = struct.pack("<HHQQ", 1, 16, 0, 0)
    elif entry.large:
        extra = struct.pack("<HHQQ", 1, 16, size, packed)
        packed = size = FAR
    version = 45 if extra else 20
    return (
        struct.pack("<IHHH", 0x04034B50, version, entry.flags, member.method)
        + MOMENT
        + struct.pack("<IIIHH", crc, packed, size, len(name), len(extra))
        + name
        + extra
    )


def _descriptor(entry: Entry) -> bytes:
    member = entry.member
    sizes = "<IIQQ" if entry.large else "<IIII"
    return struct.pack(sizes, 0x08074B50, member.crc, member.compressed, member.size)


def _central_header(entry: Entry) -> bytes:
    member, name = entry.member, entry.member.name.encode()
    packed, size, offset = member.compressed, member.size, entry.offset
    values = b""
    if entry.large:
        values += struct.pack("<QQ", size, packed)
        packed = size = FAR
    if offset >= entry.far:
        values += struct.pack("<Q", offset)
        offset = FAR
    extra = struct.pack("<HH", 1, len(values)) + values if values else b""
    version = 45 if extra else 20
    return (
        struct.pack("<IHHHH", 0x02014B50, version, version, entry.flags, member.method)
        + MOMENT
        + struct.pack(
            "<IIIHHHHHII", member.crc, packed, size, len(name), len(extra), 0, 0, 0, 0, offset
        )
        + name
        + extra
    )


def _end(count: int, size: int, offset: int, far: int) -> bytes:
    large = b""
    near = offset
    if offset >= far:
        fields = (0x06064B50, 44, 45, 45, 0, 0, count, count, size, offset)
        large = struct.pack("<IQHHIIQQQQ", *fields)
        large += struct.pack("<IIQI", 0x07064B50, 0, offset + size, 1)
        near = FAR
    return large + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, size, near, 0)
