r"""Splits chunks of CSV into blocks of whole records, at the speed of numpy.

`decompress` gives chunks cut anywhere; `reading` parses blocks. The grammar is that of RFC 4180
as Python's csv module and pyarrow read it: a quote opens only at the start of a field, a
doubled quote inside is one quote, anything else is as it stands; ``\n``, ``\r\n`` and ``\r``
end a record outside quotes; empty lines are no records. Every block begins at a record's start,
so whether a byte is inside quotes follows from the number of quotes before it in its own
block. The memory of blocks is used again.
"""

from __future__ import annotations

import codecs
import re
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intercom_export_widgets.errors import ArchiveDamagedError, ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    Block = bytes | bytearray | memoryview
    Positions = NDArray[np.intp]

__all__ = [
    "RECORD_LIMIT",
    "Fitted",
    "Surplus",
    "count_records",
    "cut_blocks",
    "first_record",
    "fit_records",
    "quotes_of",
    "records_that_begin",
    "split_first",
]


@dataclass(slots=True)
class Surplus:
    """Records with values beyond the header's last column.

    Attributes
    ----------
    records : int
        How many there are.
    first : int
        Which one is the first: from 0 in a block, from 1 in a table.
    fields : int
        How many fields the longest has, empty ones at its end not counted.
    """

    records: int = 0
    first: int = 0
    fields: int = 0


@dataclass(frozen=True, slots=True)
class Fitted:
    """Records of one width: the bytes, how many were short, and which ones were cut."""

    block: bytes
    short: int
    surplus: Surplus


_QUOTE, _COMMA, _LINE_FEED, _RETURN = b'",\n\r'


def _positions(block: bytes, byte: int) -> Positions:
    """Return where ``byte`` stands in ``block``."""
    import numpy as np

    return np.flatnonzero(np.frombuffer(block, np.uint8) == byte)


def _sparse_positions(block: Block, byte: int) -> Positions:
    """Return where ``byte`` stands in ``block``, sooner than `_positions` if it is rare.

    Eight places at a time are passed over that do not have it.
    """
    import numpy as np

    found = np.zeros((len(block) + 7) // 8 * 8, np.bool_)
    np.equal(np.frombuffer(block, np.uint8), byte, out=found[: len(block)])
    words = found.view(np.uint64)
    where = np.flatnonzero(words != 0)
    inside = np.flatnonzero(words[where].view(np.bool_))
    positions: Positions = where[inside >> 3] * 8 + (inside & 7)
    return positions


def quotes_of(block: Block) -> Positions:
    """Return the quotes that open and close fields, in turn; a doubled one may count as both.

    Usually these are all quotes. One that stands in the middle of an unquoted field
    (``5" screen``) neither opens nor closes: only if one is found, all are walked through.
    """
    import numpy as np

    found = _sparse_positions(block, _QUOTE)
    if not len(found):
        return found
    openers = found[0::2]
    if found[0] == 0:
        openers = openers[1:]
    before = np.frombuffer(block, np.uint8)[openers - 1]
    usual = before == _COMMA
    if usual.all() or np.isin(before[~usual], (_LINE_FEED, _RETURN, _QUOTE)).all():
        return found
    return np.array(_walk(block, found.tolist()), np.intp)


def _walk(block: Block, found: list[int]) -> list[int]:
    """Return the quotes of ``found`` that open and close fields, one after the other."""
    structural: list[int] = []
    index = 0
    while index < len(found):
        at = found[index]
        if len(structural) % 2 == 0:
            if at == 0 or block[at - 1] in b",\n\r":
                structural.append(at)
        elif index + 1 < len(found) and found[index + 1] == at + 1:
            index += 1
        else:
            structural.append(at)
        index += 1
    return structural


def _outside(positions: Positions, quotes: Positions) -> Positions:
    """Return those of ``positions`` that are not inside quotes."""
    import numpy as np

    if not len(quotes):
        return positions
    outside: Positions = positions[np.searchsorted(quotes, positions) % 2 == 0]
    return outside


def _ends(block: bytes) -> tuple[Positions, Positions]:
    """Return where the records of ``block`` end (blank lines aside), and its quotes."""
    import numpy as np

    quotes = quotes_of(block)
    found = _positions(block, _LINE_FEED)
    if b"\r" in block:
        found = np.sort(np.concatenate([found, _positions(block, _RETURN)]))
    ends = _outside(found, quotes)
    previous = np.concatenate([np.array([-1]), ends[:-1]])
    return ends[ends - previous > 1], quotes


def records_that_begin(block: bytes, name: bytes) -> list[tuple[int, int]]:
    """Return where the records whose first field is ``name`` begin and end.

    A byte order mark, and quotes around the name, may be there.
    """
    ends, quotes = _ends(block)
    form = rb'(?:(?<=[\r\n])|\A)(?:\xef\xbb\xbf)?("?)%s\1(?=[,\r\n])' % re.escape(name)
    found = []
    for match in re.finditer(form, block):
        start = match.start()
        if quotes.searchsorted(start) % 2 == 0:
            found.append((start, int(ends[ends.searchsorted(start)]) + 1))
    return found


def split_first(block: Block) -> tuple[bytes, bytes]:
    """Return the first record of ``block`` with its line end, and what follows it.

    Blank lines before it belong to neither. Without a record, both are empty.
    """
    block = bytes(block)
    ends, _ = _ends(block)
    if not len(ends):
        return b"", b""
    end = int(ends[0]) + 1
    # Of CRLF the first byte ends the record; the second is a blank line that nobody counts.
    return block[:end].lstrip(b"\r\n"), block[end:]


def first_record(blocks: Iterable[Block]) -> bytes:
    """Return the first record in ``blocks``; reads no more of them than it needs."""
    return next((first for first, _ in map(split_first, blocks) if first), b"")


def count_records(block: Block) -> int:
    """Return the number of records in ``block``, which ends with a line end."""
    return len(_ends(bytes(block))[0])


def fit_records(block: bytes, width: int) -> Fitted:
    """Return ``block`` with every record of exactly ``width`` fields.

    Fields that are missing at the end of a record are empty; fields too many are cut, and
    are surplus unless they are empty.

    Parameters
    ----------
    block : bytes
        Whole records.
    width : int
        The number of columns.
    """
    import numpy as np

    ends, quotes = _ends(block)
    commas = _outside(_positions(block, _COMMA), quotes)
    fields = np.diff(np.searchsorted(commas, ends), prepend=0) + 1
    pieces: list[bytes] = []
    surplus = Surplus()
    start = short = 0
    for index in np.flatnonzero(fields != width).tolist():
        end, missing = int(ends[index]), width - int(fields[index])
        if missing > 0:
            pieces += [block[start:end], b"," * missing]
            short += 1
        else:
            first = int(np.searchsorted(commas, end)) + missing
            kept = int(commas[first])
            pieces.append(block[start:kept])
            begun = int(ends[index - 1]) if index else 0
            if not block[begun:kept].strip(b"\r\n"):
                pieces.append(b'""')  # a record of one empty field is no blank line
            # A comma that ends a record stands outside quotes: it separates.
            last = kept + len(block[kept:end].rstrip(b","))
            if last > kept:
                length = width + int(np.searchsorted(commas, last)) - first
                surplus.first = surplus.first if surplus.records else index
                surplus.fields = max(surplus.fields, length)
                surplus.records += 1
        start = end
    pieces.append(block[start:])
    return Fitted(b"".join(pieces), short, surplus)


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
