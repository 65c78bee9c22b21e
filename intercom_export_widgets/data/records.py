r"""Where records of CSV end, found at the speed of numpy.

Between `inflate`, which hands over chunks cut anywhere, and `reading`, which parses blocks of
whole records. It knows quotes, commas and line ends, and refuses to know what columns mean.

The grammar is that of RFC 4180 as Python's csv module and pyarrow read it: a quote opens only
at the start of a field, a doubled quote inside is one quote, anything else is as it stands;
``\n``, ``\r\n`` and ``\r`` end a record outside quotes; lines of nothing are no records.
Every block begins at a record's start, so whether a byte is inside quotes is told by the
number of quotes before it in its own block.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intercom_export_widgets.errors import ArchiveDamagedError, ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    Block = bytes | memoryview
    Positions = NDArray[np.intp]

__all__ = [
    "RECORD_LIMIT",
    "Fitted",
    "Surplus",
    "count_records",
    "cut_blocks",
    "first_record",
    "fit_records",
    "split_first",
]

RECORD_LIMIT = 8 * 1024 * 1024
"""The longest record that is read, in bytes: the bound of memory for any file."""


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


def _quotes(block: bytes) -> Positions:
    """Return the quotes that open and close fields, in turn; a doubled one may count as both.

    Usually these are all quotes. One that stands in the middle of an unquoted field
    (``5" screen``) neither opens nor closes: only if one is found, all are walked through.
    """
    import numpy as np

    if b'"' not in block:
        return np.empty(0, np.intp)
    found = _positions(block, _QUOTE)
    openers = found[0::2]
    if found[0] == 0:
        openers = openers[1:]
    before = np.frombuffer(block, np.uint8)[openers - 1]
    usual = before == _COMMA
    if usual.all() or np.isin(before[~usual], (_LINE_FEED, _RETURN, _QUOTE)).all():
        return found
    return np.array(_walk(block, found.tolist()), np.intp)


def _walk(block: bytes, found: list[int]) -> list[int]:
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


def _last_end(block: bytes) -> int:
    """Return the length of the whole records that ``block`` begins with, 0 if there is none."""
    end = block.rfind(b"\n") + 1
    if not end or b'"' not in block:
        return end
    quotes = _quotes(block)
    before = int(quotes.searchsorted(end))
    while end and before % 2:
        # Inside quotes: the last end is at or before the quote that opened them.
        end = block.rfind(b"\n", 0, int(quotes[before - 1])) + 1
        before = int(quotes.searchsorted(end))
    return end


def cut_blocks(
    chunks: Iterable[bytes], *, record_limit: int = RECORD_LIMIT
) -> Iterator[memoryview]:
    r"""Yield blocks of whole records from ``chunks`` cut anywhere.

    A byte order mark is dropped. Every block ends with ``\n``; one is added to a last record
    that lacks it.

    Parameters
    ----------
    chunks : iterable of bytes
        The CSV as it is inflated.
    record_limit : int
        The longest record that is accepted, in bytes.

    Raises
    ------
    ArchiveDamagedError
        If the data ends inside quotes: its end is missing.
    ArchiveError
        If a record is longer than ``record_limit``.
    """
    carried: list[bytes] = []
    waiting, first = 0, True
    for chunk in chunks:
        carried.append(chunk)
        waiting += len(chunk)
        if b"\n" not in chunk and b'"' not in chunk and waiting <= record_limit:
            continue
        block = b"".join(carried)
        if first and len(block) >= len(codecs.BOM_UTF8):
            block, first = block.removeprefix(codecs.BOM_UTF8), False
        end = _last_end(block)
        if end:
            yield memoryview(block)[:end]
            block = block[end:]
        carried, waiting = [block], len(block)
        if waiting > record_limit:
            raise ArchiveError(
                f"A record is longer than {record_limit:,} bytes: this is no export."
            )
    block = b"".join(carried)
    if first:
        block = block.removeprefix(codecs.BOM_UTF8)
    if len(_quotes(block)) % 2:
        raise ArchiveDamagedError("The data ends inside a quoted field: its end is missing.")
    if block:
        yield memoryview(block + b"\n")


def _ends(block: bytes) -> tuple[Positions, Positions]:
    """Return where the records of ``block`` end (blank lines aside), and its quotes."""
    import numpy as np

    quotes = _quotes(block)
    found = _positions(block, _LINE_FEED)
    if b"\r" in block:
        found = np.sort(np.concatenate([found, _positions(block, _RETURN)]))
    ends = _outside(found, quotes)
    previous = np.concatenate([np.array([-1]), ends[:-1]])
    return ends[ends - previous > 1], quotes


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
