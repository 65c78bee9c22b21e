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

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    Block = bytes | bytearray | memoryview
    Positions = NDArray[np.intp]

__all__ = [
    "Fitted",
    "Surplus",
    "count_records",
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
