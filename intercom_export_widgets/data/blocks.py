"""Chunks cut anywhere become blocks of whole records, in memory that is used again and again.

Between `inflate`, which hands over chunks, and `reading`, which parses blocks. What a record is
`records` knows; this module refuses to know fields.
"""

from __future__ import annotations

import codecs
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from intercom_export_widgets.data.records import quotes_of
from intercom_export_widgets.errors import ArchiveDamagedError, ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["RECORD_LIMIT", "cut_blocks"]

RECORD_LIMIT = 8 * 1024 * 1024
"""The longest record that is read, in bytes: the bound of memory for any file."""

_BUFFERS_AT_MOST = 16


def _last_end(block: bytes | bytearray, length: int) -> int:
    """Return the length of the whole records that begin the first ``length`` bytes of a block."""
    end = block.rfind(b"\n", 0, length) + 1
    if not end:
        return 0
    quotes = quotes_of(memoryview(block)[:length])
    before = int(quotes.searchsorted(end))
    while end and before % 2:
        # Inside quotes: the last end is at or before the quote that opened them.
        end = block.rfind(b"\n", 0, int(quotes[before - 1])) + 1
        before = int(quotes.searchsorted(end))
    return end


class _Buffers:
    """Memory for blocks, used again when nobody looks at it any more.

    Memory that is new to the process costs as much as inflating into it. A bytearray knows
    whether a view of it is held, and then refuses to be resized: so none is ever overwritten
    under somebody's eyes.
    """

    def __init__(self) -> None:
        self._lent: deque[bytearray] = deque(maxlen=_BUFFERS_AT_MOST)

    def take(self, size: int) -> bytearray:
        """Return a buffer of at least ``size`` bytes that nobody looks at."""
        for buffer in self._lent:
            with suppress(BufferError):
                buffer.append(buffer.pop())
                self._lent.remove(buffer)
                return buffer if len(buffer) >= size else bytearray(size)
        return bytearray(size)

    def lend(self, buffer: bytearray, end: int) -> memoryview:
        """Return a view of the first ``end`` bytes of a buffer."""
        self._lent.append(buffer)
        return memoryview(buffer)[:end]


def cut_blocks(
    chunks: Iterable[bytes], size: int = 1, *, record_limit: int = RECORD_LIMIT
) -> Iterator[memoryview]:
    r"""Yield blocks of whole records from ``chunks`` cut anywhere.

    A byte order mark is dropped. Every block ends with ``\n``; one is added to a last record
    that lacks it. The memory of a block is used again once no view of it is held.

    Parameters
    ----------
    chunks : iterable of bytes
        The CSV as it is inflated.
    size : int
        How many bytes are gathered, at least, before a block is cut from them.
    record_limit : int
        The longest record that is accepted, in bytes.

    Raises
    ------
    ArchiveDamagedError
        If the data ends inside quotes: its end is missing.
    ArchiveError
        If a record is longer than ``record_limit``.
    """
    buffers = _Buffers()
    block, length, wanted = bytearray(), 0, size
    for chunk in _without_mark(chunks):
        if length + len(chunk) > len(block):
            block = block[:length] + bytes(length + 2 * len(chunk))
        block[length : length + len(chunk)] = chunk
        length += len(chunk)
        if length < wanted:
            continue
        end = _last_end(block, length)
        if length - end > record_limit:
            raise ArchiveError(
                f"A record is longer than {record_limit:,} bytes: this is no export."
            )
        if not end:
            wanted = min(2 * length, record_limit + 1)
            continue
        rest = block[end:length]
        following = buffers.take(max(len(block), len(rest)))
        following[: len(rest)] = rest
        yield buffers.lend(block, end)
        block, length, wanted = following, len(rest), size
    yield from _last_block(block[:length])


def _without_mark(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield ``chunks`` without the byte order mark that may begin them."""
    start: bytes | None = b""
    for chunk in chunks:
        if start is None:
            yield chunk
            continue
        start += chunk
        if len(start) >= len(codecs.BOM_UTF8):
            yield start.removeprefix(codecs.BOM_UTF8)
            start = None
    if start:
        yield start.removeprefix(codecs.BOM_UTF8)


def _last_block(rest: bytearray) -> Iterator[memoryview]:
    """Yield what is left at the end as blocks; refuse it if it ends inside quotes."""
    quotes = quotes_of(rest)
    if len(quotes) % 2:
        raise ArchiveDamagedError("The data ends inside a quoted field: its end is missing.")
    if rest:
        yield memoryview(rest if rest.endswith(b"\n") else rest + b"\n")
