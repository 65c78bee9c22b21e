"""A tar that is read as a stream, from its first byte to its last.

tarfile's `TarInfo` reads the headers. Its `TarFile` is not used: it reads extended headers whole,
however long they claim to be.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import ArchiveDamagedError, ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HEADER_SIZE", "TarEntry", "is_tar", "tar_entries"]

_LONGEST_HEADER: Final = 64 * 1024
"""The longest extended header that is read, in bytes; a name takes a few hundred."""
_LONGEST_NAME: Final = 4096
HEADER_SIZE: Final = tarfile.BLOCKSIZE
"""The bytes of a header, and of the blocks that data is padded to."""
_SPARSE: Final = "The archive has a sparse file, which is not read."


def is_tar(start: bytes) -> bool:
    """Return whether ``start``, the first bytes of something, begins a tar.

    Zeros alone begin a tar of no members.
    """
    try:
        return not any(start[:HEADER_SIZE]) or bool(_header(start[:HEADER_SIZE]))
    except tarfile.HeaderError:
        return False


def _header(block: bytes) -> tarfile.TarInfo:
    return tarfile.TarInfo.frombuf(block, "utf-8", "replace")


@dataclass(slots=True)
class TarEntry:
    """A member of a tar.

    Attributes
    ----------
    name : str
        Its name as it came; it is never used as a path.
    size : int
        Its length in bytes.
    is_file, is_folder : bool
        What it is; if neither, it is a link or a device. Only a file has data.
    """

    name: str
    size: int
    is_file: bool
    is_folder: bool
    _stream: _Stream = field(repr=False)
    _left: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin before the first byte."""
        self._left = self.size

    def chunks(self, size: int) -> Iterator[bytes]:
        """Yield what was not read yet of its bytes, in chunks of at most ``size`` bytes.

        Raises
        ------
        ArchiveDamagedError
            If the data ends early.
        """
        while self._left:
            chunk = self._stream.some(min(size, self._left))
            self._left -= len(chunk)
            yield chunk


def tar_entries(chunks: Iterator[bytes]) -> Iterator[TarEntry]:
    """Yield the members of a tar as they come; each can be read until the next is asked for.

    All of ``chunks`` are read, so whatever verifies them does.

    Parameters
    ----------
    chunks : iterator of bytes
        The tar, cut anywhere.

    Raises
    ------
    ArchiveDamagedError
        If it ends early, or a header is not valid.
    ArchiveError
        If a header is longer than any that is needed, or a file is sparse.
    """
    stream = _Stream(chunks)
    told: dict[str, str] = {}  # by the extended headers before a member
    # A block of zeros marks the end; some tars lack it.
    while any(block := stream.up_to(HEADER_SIZE)):
        try:
            info = _header(block)
        except tarfile.HeaderError as error:
            raise _damaged() from error
        if info.size < 0:
            raise _damaged()
        if info.type in {tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME}:
            told |= _extended(info.type, stream.padded(info.size))
        elif info.type in {tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK}:
            stream.padded(info.size)
        else:
            yield from _member(info, told, stream)
            told = {}
    stream.check_rest()


def _member(info: tarfile.TarInfo, told: dict[str, str], stream: _Stream) -> Iterator[TarEntry]:
    """Yield a member, then pass over what was not read of it."""
    name, size = told.get("path", info.name), int(told.get("size", info.size))
    if info.type == tarfile.GNUTYPE_SPARSE:
        raise ArchiveError(_SPARSE)
    if len(name) > _LONGEST_NAME:
        raise ArchiveError("The archive has a member with a longer name than any export has.")
    # The size of a link or a folder is not that of data behind its header.
    size = size if info.isreg() else 0
    entry = TarEntry(name, size, info.isreg(), info.isdir(), stream)
    yield entry
    for _ in entry.chunks(_LONGEST_HEADER):
        pass
    stream.exactly(-size % HEADER_SIZE)


def _extended(kind: bytes, data: bytes) -> dict[str, str]:
    """Return the name and the size that an extended header gives the member behind it."""
    if kind == tarfile.GNUTYPE_LONGNAME:
        return {"path": data.split(b"\0", 1)[0].decode("utf-8", "replace")}
    told = {}
    while data.strip(b"\0"):
        # Records of POSIX pax: "length key=value\n"; the length is that of the whole record.
        digits = data.split(b" ", 1)[0]
        length = int(digits) if digits.isdigit() and len(digits) < len("100000") else 0
        key, equals, value = data[len(digits) + 1 : max(0, length - 1)].partition(b"=")
        if not equals or data[length - 1 : length] != b"\n":
            raise _damaged()
        if key.startswith(b"GNU.sparse"):
            raise ArchiveError(_SPARSE)
        if key in {b"path", b"size"}:
            told[key.decode()] = value.decode("utf-8", "replace")
        data = data[length:]
    if not told.get("size", "0").isdecimal() or len(told.get("size", "")) > len(str(1 << 63)):
        raise _damaged()
    return told


def _damaged() -> ArchiveDamagedError:
    return ArchiveDamagedError("The archive is damaged: a tar header is not valid.")


class _Stream:
    """Chunks as a stream of bytes that is read once."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def some(self, size: int) -> bytes:
        """Return at most ``size`` bytes, and at least one.

        Raises
        ------
        ArchiveDamagedError
            If there are none.
        """
        if not self._fill():
            raise ArchiveDamagedError("The archive is cut short.")
        found, self._rest = self._rest[:size], self._rest[size:]
        return bytes(found)

    def exactly(self, size: int) -> bytes:
        """Return the next ``size`` bytes, or raise `ArchiveDamagedError`."""
        pieces = []
        while size:
            pieces.append(self.some(size))
            size -= len(pieces[-1])
        return b"".join(pieces)

    def up_to(self, size: int) -> bytes:
        """Return the next ``size`` bytes, or none at the end."""
        return self.exactly(size) if self._fill() else b""

    def padded(self, size: int) -> bytes:
        """Return ``size`` bytes of an extended header; pass over what fills their last block."""
        if size > _LONGEST_HEADER:
            raise ArchiveError("The archive has a longer header than any export has.")
        found = self.exactly(size)
        self.exactly(-size % HEADER_SIZE)
        return found

    def check_rest(self) -> None:
        """Read to the end, where zeros fill the last record; anything else would be lost."""
        while self._fill():
            if self._rest.tobytes().strip(b"\0"):
                raise ArchiveDamagedError("The archive is damaged: there is data after its end.")
            self._rest = memoryview(b"")

    def _fill(self) -> bool:
        """Return whether there are more bytes."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._rest = memoryview(chunk)
        return True
