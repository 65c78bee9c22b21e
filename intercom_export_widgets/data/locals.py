"""A ZIP read from its first byte on: the members' own headers, and what follows their data.

Used by `passing`, before the directory has come. What a header claims of sizes is not believed
but measured; only where a member ends must be known, which a deflated one tells itself and a
stored one by its size. It refuses to know groups and columns.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from io import RawIOBase
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from intercom_export_widgets.data.inflate import Inflater
from intercom_export_widgets.errors import ArchiveDamagedError, ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Entry", "Rewound", "zip_entries"]

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
