"""Inflates bytes of a file or of a ZIP that is still arriving, in bounded memory, verified.

Sizes that a header claims are compared at the end and never used to reserve memory: a chunk is
never larger than asked. While a ZIP arrives, its directory is not there: a member is read by its
own header and measured. A deflated member says itself where it ends, a stored one by its size.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from io import RawIOBase
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, cast

from intercom_export_widgets.errors import ArchiveDamagedError, ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Entry",
    "Inflater",
    "Rewound",
    "Source",
    "first_bytes",
    "gzip_name",
    "inflate_gzip",
    "inflate_range",
    "read_all",
    "read_range",
    "zip_entries",
]

_FEED = 64 * 1024
_USUAL_RATIO = 3  # of text; compressed bytes are fed so that about one chunk comes out
_GZIP_MAGIC, _DEFLATE = b"\x1f\x8b", 8
_GZIP_FIXED = 10  # bytes of a gzip header that are always there
_GZIP_TRAILER = struct.Struct("<II")
_HAS_CHECKSUM, _HAS_EXTRA, _HAS_NAME, _HAS_COMMENT = 2, 4, 8, 16
_LONGEST_HEADER = 64 * 1024 + 4096


class Source(Protocol):
    """Something that opens the same bytes anew, each time with its own position."""

    def __call__(self) -> BinaryIO:
        """Return the bytes as a binary file positioned at the start."""
        ...


def _cut_short() -> ArchiveDamagedError:
    return ArchiveDamagedError("The archive is cut short.")


class Inflater:
    """One deflate stream: decompresses ``file`` and hands out at most ``size`` bytes.

    After `chunks` is exhausted, ``checksum`` and ``length`` describe what was inflated and
    ``rest`` holds bytes of the file that were read beyond the stream's end.
    """

    def __init__(self, file: BinaryIO, size: int, start: bytes = b"") -> None:
        self.file = file
        self.size = size
        self.feed = max(_FEED, size // _USUAL_RATIO)
        self.rest = start
        self.checksum = 0
        self.length = 0

    def chunks(self, limit: int | None = None) -> Iterator[bytes]:
        """Yield the inflated bytes; read at most ``limit`` compressed ones."""
        from intercom_export_widgets.data.compression import DamagedStream, zlib

        stream = zlib.decompressobj(-15)
        pending = self.rest
        self.rest = b""
        full = False  # the last chunk was cut at its size, so more may come without more input
        while not stream.eof:
            if not pending and not full:
                wanted = self.feed if limit is None else min(self.feed, limit)
                pending = self.file.read(wanted)
                if limit is not None:
                    limit -= len(pending)
                if not pending:
                    raise _cut_short()
            try:
                chunk = stream.decompress(pending, self.size)
            except DamagedStream as error:
                raise ArchiveDamagedError(
                    "The archive is damaged: it can't be inflated."
                ) from error
            pending = stream.unconsumed_tail
            full = len(chunk) == self.size
            if chunk:
                self.checksum = zlib.crc32(chunk, self.checksum)
                self.length += len(chunk)
                yield chunk
        self.rest = stream.unused_data or b""


def _verify(claimed: tuple[int, int], found: tuple[int, int]) -> None:
    """Compare (CRC32, length) as the archive claims them with what was inflated."""
    if claimed != found:
        raise ArchiveDamagedError("The archive is damaged: a checksum does not match its content.")


def inflate_range(
    source: Source, offset: int, compressed: int, claimed: tuple[int, int], size: int
) -> Iterator[bytes]:
    """Yield a deflated ZIP member in chunks of at most ``size`` bytes.

    Parameters
    ----------
    source : Source
        The archive.
    offset, compressed : int
        Where the member's data begins, and its compressed length, in bytes.
    claimed : tuple of int
        Its CRC32 and its length, as the directory says.
    size : int
        The largest chunk, in bytes.

    Raises
    ------
    ArchiveDamagedError
        If the data ends early, can't be inflated, or differs from its checksum.
    """
    with source() as file:
        file.seek(offset)
        inflater = Inflater(file, size)
        yield from inflater.chunks(compressed)
        _verify(claimed, (inflater.checksum, inflater.length))


def read_range(source: Source, offset: int, claimed: tuple[int, int], size: int) -> Iterator[bytes]:
    """Yield a stored (not compressed) ZIP member; as `inflate_range` otherwise."""
    from intercom_export_widgets.data.compression import zlib

    with source() as file:
        file.seek(offset)
        checksum, left = 0, claimed[1]
        while left:
            chunk = file.read(min(size, left))
            if not chunk:
                raise _cut_short()
            checksum = zlib.crc32(chunk, checksum)
            left -= len(chunk)
            yield chunk
        _verify(claimed, (checksum, claimed[1]))


def read_all(source: Source, size: int) -> Iterator[bytes]:
    """Yield a file as it stands, in chunks of at most ``size`` bytes; nothing verifies it."""
    with source() as file:
        while chunk := file.read(size):
            yield chunk


def first_bytes(chunks: Iterator[bytes], size: int) -> bytes:
    """Return the first of ``chunks`` together, as many as make ``size`` bytes if there are."""
    found = b""
    while len(found) < size and (chunk := next(chunks, b"")):
        found += chunk
    return found


def _gzip_header(start: bytes) -> tuple[int, str]:
    """Return the length of the gzip header (RFC 1952) that begins ``start``, and its name."""
    if len(start) < _GZIP_FIXED:
        raise _cut_short()
    magic, method, flags = struct.unpack_from("<2sBB", start)
    if magic != _GZIP_MAGIC or method != _DEFLATE:
        raise ArchiveDamagedError("The archive is damaged: a gzip header is not valid.")
    at, name = _GZIP_FIXED, b""
    if flags & _HAS_EXTRA and len(start) >= at + 2:
        at += 2 + int.from_bytes(start[at : at + 2], "little")
    for flag in (_HAS_NAME, _HAS_COMMENT):
        if flags & flag:
            text, stop, _ = start[at:].partition(b"\0")
            name = text if flag == _HAS_NAME else name
            at += len(text) + (len(stop) or len(start))
    at += 2 if flags & _HAS_CHECKSUM else 0
    if at > len(start):
        raise _cut_short()
    return at, name.decode("latin-1")


def gzip_name(start: bytes) -> str:
    """Return the file name that a gzip's header carries, or nothing."""
    try:
        return _gzip_header(start)[1]
    except ArchiveError:
        return ""


def inflate_gzip(source: Source, size: int) -> Iterator[bytes]:
    """Yield a gzip, all its members one after the other, in chunks of at most ``size`` bytes.

    Zeros after the last member are padding; anything else there is damage.

    Raises
    ------
    ArchiveDamagedError
        If it ends early, can't be inflated, or differs from a checksum.
    """
    with source() as file:
        start = file.read(_LONGEST_HEADER)
        while start:
            inflater = Inflater(file, size, start[_gzip_header(start)[0] :])
            yield from inflater.chunks()
            trailer = inflater.rest + file.read(_LONGEST_HEADER)
            if len(trailer) < _GZIP_TRAILER.size:
                raise _cut_short()
            checksum, length = _GZIP_TRAILER.unpack_from(trailer)
            _verify((checksum, length), (inflater.checksum, inflater.length & 0xFFFFFFFF))
            start = trailer[_GZIP_TRAILER.size :]
            if not start.strip(b"\0"):
                start = _after_padding(file)


def _after_padding(file: BinaryIO) -> bytes:
    """Return what follows the zeros at the file's position, nothing at its end."""
    while padding := file.read(_FEED):
        if found := padding.lstrip(b"\0"):
            return found
    return b""


_HEADER: Final = struct.Struct("<4sHHHIIIIHH")
_LOCAL, _ENDS = b"PK\x03\x04", (b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06")
_ENCRYPTED, _STREAMED, _UTF_8 = 0x1, 0x8, 0x800
_STORED, _DEFLATED, _FAR = 0, 8, 0xFFFFFFFF
# CRC32, packed and unpacked length behind the data: with a signature or without, far or near.
_DESCRIPTORS: Final = tuple(
    (mark, struct.Struct(form)) for mark in (b"PK\x07\x08", b"") for form in ("<III", "<IQQ")
)


class Rewound(RawIOBase):
    """A file that is read once, in which one may look ahead and give back."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._pending = b""
        self.position = 0

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes; none at the end."""
        if not self._pending:
            found = self._file.read(size)
        else:
            found, self._pending = self._pending[:size], self._pending[size:]
        self.position += len(found)
        return found

    def back(self, rest: bytes) -> None:
        """Take back the last bytes that were read."""
        self._pending = rest + self._pending
        self.position -= len(rest)

    def exactly(self, size: int) -> bytes:
        """Return the next ``size`` bytes.

        Raises
        ------
        ArchiveDamagedError
            If there are fewer.
        """
        found = self.peek(size)
        if len(found) < size:
            raise ArchiveDamagedError("The archive is cut short.")
        return self.read(size)

    def peek(self, size: int) -> bytes:
        """Return the next bytes, ``size`` of them unless the file ends, and stay before them."""
        pieces, missing = [], size
        while missing and (piece := self.read(missing)):
            pieces.append(piece)
            missing -= len(piece)
        found = b"".join(pieces)
        self.back(found)
        return found


@dataclass(slots=True)
class Entry:
    """A member of a ZIP: its name and place, and what is measured while it passes."""

    name: str
    offset: int
    checksum: int = 0
    compressed: int = 0
    size: int = 0
    method: int = field(default=_DEFLATED, compare=False)
    flags: int = field(default=0, compare=False)
    source: Rewound | None = field(default=None, compare=False, repr=False)

    def chunks(self, size: int) -> Iterator[bytes]:
        """Yield its bytes, inflated and verified, in chunks of at most ``size``.

        Raises
        ------
        ArchiveError
            If it is damaged, or does not tell where it ends.
        """
        from intercom_export_widgets.data.compression import zlib

        source = cast("Rewound", self.source)
        begin = source.position
        claimed = self.checksum, self.size
        if self.method == _DEFLATED:
            inflater = Inflater(cast("BinaryIO", source), size)
            yield from inflater.chunks()
            source.back(inflater.rest)
            self.checksum, self.size = inflater.checksum, inflater.length
        else:
            left, self.checksum = self.size, 0
            while left:
                chunk = source.exactly(min(size, left))
                self.checksum = zlib.crc32(chunk, self.checksum)
                left -= len(chunk)
                yield chunk
        self.compressed = source.position - begin
        if self.flags & _STREAMED:
            self._skip_descriptor(source)
        elif claimed[0] != self.checksum:
            raise ArchiveDamagedError("The archive is damaged: a checksum does not match.")

    def _skip_descriptor(self, source: Rewound) -> None:
        """Read what follows the data, in the one of four forms that agrees with it."""
        found = source.peek(32)
        for mark, form in _DESCRIPTORS:
            end = len(mark) + form.size
            if not found.startswith(mark) or found[end : end + 2] != b"PK":
                continue
            if form.unpack_from(found, len(mark)) == (self.checksum, self.compressed, self.size):
                source.read(end)
                return
        raise ArchiveDamagedError("The archive is damaged: a checksum does not match.")


def zip_entries(source: Rewound) -> Iterator[Entry]:
    """Yield the members of a ZIP as they pass; each must be read through before the next.

    Raises
    ------
    ArchiveError
        If one can't be read in passing, or something else stands between them.
    """
    while not source.peek(4).startswith(_ENDS):
        offset = source.position
        fields = _HEADER.unpack(source.exactly(_HEADER.size))
        mark, _, flags, method, _, checksum, packed, size, name, extra = fields
        if mark != _LOCAL:
            raise ArchiveDamagedError("The ZIP is damaged between its members.")
        passable = method == _DEFLATED or (
            method == _STORED and not flags & _STREAMED and packed == size != _FAR
        )
        if flags & _ENCRYPTED or not passable:
            raise ArchiveError("A member of the ZIP can't be read before its directory.")
        text = source.exactly(name).decode("utf-8" if flags & _UTF_8 else "cp437", "replace")
        source.exactly(extra)
        yield Entry(text, offset, checksum, 0, size, method, flags, source)
