"""Columns of numbers and texts to lines of CSV, a block of rows at a time.

Arrow's string kernels do the work: millions of rows take seconds. Only values that need quotes
get them, as in production files. Arrays are made from buffers, because ``pyarrow.array``
imports pandas, which this package does without.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Stamps", "Texts", "csv_field", "csv_lines", "integers", "texts"]

_MARKS: Final = re.compile(r'[,"\n\r]')

QUARTER: Final = 900
"""Seconds; no zone's offset changes at any other instant than a quarter hour's."""


def csv_field(value: str) -> str:
    """Return a value as a field of CSV (RFC 4180), quoted only if it must be."""
    if _MARKS.search(value):
        return '"' + value.replace('"', '""') + '"'
    return value


def texts(values: Sequence[str]) -> pa.Array:
    """Return an Arrow array of strings, as they are."""
    data = [value.encode() for value in values]
    offsets = np.zeros(len(data) + 1, dtype=np.int32)
    np.cumsum([len(value) for value in data], out=offsets[1:])
    return pa.StringArray.from_buffers(
        len(data), pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(data))
    )


def integers(values: NDArray[np.int64], present: NDArray[np.bool_] | None = None) -> pa.Array:
    """Return an Arrow array of integers, missing where not present."""
    data = pa.py_buffer(np.ascontiguousarray(values, dtype=np.int64))
    valid = None
    if present is not None:
        valid = pa.py_buffer(np.packbits(present, bitorder="little"))
    return pa.Array.from_buffers(pa.int64(), len(values), [valid, data])


class Texts:
    """A dictionary of texts, from which columns are picked by index.

    Parameters
    ----------
    values : sequence of str
        As people write them; they are quoted once, here.
    """

    def __init__(self, values: Sequence[str]) -> None:
        self._array = texts([csv_field(value) for value in values])

    def take(
        self, indices: NDArray[np.int64], present: NDArray[np.bool_] | None = None
    ) -> pa.Array:
        """Return the texts at these indices, missing where not present."""
        return self._array.take(integers(indices, present))


class Stamps:
    """Timestamps in one of the forms that Intercom has used.

    Parameters
    ----------
    form : str
        ``unix``, ``iso``, ``utc``, ``naive`` or ``offset``; see :class:`Switches`.
    zone : str
        The workspace's IANA zone, for the last two.
    """

    def __init__(self, form: str, zone: str) -> None:
        self.form = form
        self._zone = ZoneInfo(zone)

    def column(
        self, seconds: NDArray[np.int64], present: NDArray[np.bool_] | None = None
    ) -> pa.Array:
        """Return Unix seconds as text, missing where not present."""
        if self.form == "unix":
            return pc.cast(integers(seconds, present), pa.string())
        if self.form in ("iso", "utc"):
            text = _clock_text(integers(seconds, present))
            if self.form == "utc":
                return pc.binary_join_element_wise(text, _scalar(" UTC"), _scalar(""))
            text = pc.replace_substring(text, pattern=" ", replacement="T")
            return pc.binary_join_element_wise(text, _scalar("Z"), _scalar(""))
        offsets = self._offsets(seconds)
        local = _clock_text(integers(seconds + offsets, present))
        if self.form == "naive":
            return local
        kinds, which = np.unique(offsets, return_inverse=True)
        suffixes = Texts([_offset_text(int(offset)) for offset in kinds])
        ends = suffixes.take(which.astype(np.int64))
        return pc.binary_join_element_wise(local, ends, _scalar(" "))

    def _offsets(self, seconds: NDArray[np.int64]) -> NDArray[np.int64]:
        quarters, which = np.unique(seconds // QUARTER, return_inverse=True)
        found = [
            datetime.fromtimestamp(int(quarter) * QUARTER, UTC).astimezone(self._zone).utcoffset()
            for quarter in quarters
        ]
        table = [0 if offset is None else int(offset.total_seconds()) for offset in found]
        return np.asarray(table, dtype=np.int64)[which]


@cache
def _scalar(value: str) -> pa.Scalar:
    # pyarrow.scalar imports pandas, as pyarrow.array does.
    return texts([value])[0]


def _clock_text(seconds: pa.Array) -> pa.Array:
    return pc.cast(seconds.view(pa.timestamp("s")), pa.string())


def _offset_text(seconds: int) -> str:
    sign, minutes = ("-" if seconds < 0 else "+"), abs(seconds) // 60
    return f"{sign}{minutes // 60:02}{minutes % 60:02}"


def csv_lines(columns: Sequence[pa.Array | None], rows: int) -> bytes:
    """Return rows of CSV, each ended by a newline.

    Parameters
    ----------
    columns : sequence
        Arrow arrays of strings or integers; None is a column without a value.
    rows : int
        How many rows there are, which an array of the length of each column has.
    """
    if not rows:
        return b""
    parts: list[pa.Array | pa.Scalar] = []
    for column in columns:
        if column is None:
            parts.append(_scalar(""))
        else:
            parts.append(column if pa.types.is_string(column.type) else column.cast(pa.string()))
    options = {"null_handling": "replace", "null_replacement": ""}
    joined = pc.binary_join_element_wise(*parts, _scalar(","), **options)
    ended = pc.binary_join_element_wise(joined, _scalar(""), _scalar("\n"))
    # The array's data buffer is the text: strings lie in it end to end.
    _, offsets, data = ended.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)
    return memoryview(data)[int(ends[ended.offset]) : int(ends[ended.offset + rows])].tobytes()
