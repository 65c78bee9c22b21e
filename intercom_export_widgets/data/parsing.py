"""One block of CSV becomes one batch of typed columns.

Used by `reading`, which runs it on several blocks at once. It refuses to know archives,
threads and pandas. Blocks are pushed to pyarrow as they lie in memory; pyarrow is never given
a Python file to pull from, as an exception in one can hang the process.
"""

from __future__ import annotations

import contextlib
from codecs import BOM_UTF8
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from intercom_export_widgets.data.csv_blocks import Surplus, fit_records
from intercom_export_widgets.data.csv_header import COLUMNS_AT_MOST
from intercom_export_widgets.data.memory import require_memory
from intercom_export_widgets.data.schema import Kind, arrow_type
from intercom_export_widgets.data.timestamps import forms_of, from_integers, from_text
from intercom_export_widgets.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from intercom_export_widgets.data.csv_header import RepeatedHeader
    from intercom_export_widgets.data.schema import Array, Batch, DataType, MemoryPool

__all__ = ["BlockParser", "Field", "Parsed", "Tally"]

_PARSER_MEMORY = 4  # times the size of a block: what parsing it takes, and some room
_NUMERIC = {Kind.TIMESTAMP, Kind.COUNT, Kind.RATE}


@dataclass(frozen=True, slots=True)
class Field:
    """A column to read.

    Attributes
    ----------
    position : int
        Its place in the file, from 0.
    name : str
        What it is called.
    kind : Kind
        What it holds.
    none_marked : bool
        Whether ``-1`` means that there is none.
    guessed : bool
        Whether it is a timestamp only if all of its values are, in one form.
    """

    position: int
    name: str
    kind: Kind
    none_marked: bool = False
    guessed: bool = False


@dataclass(slots=True)
class Tally:
    """What had to be said about a column, in values; the names are those of `Instants`.

    ``forms`` are those of a guessed timestamp, one bit for each.
    """

    refused: int = 0
    zoneless: int = 0
    twice: int = 0
    skipped: int = 0
    forms: int = 0

    @property
    def lossy(self) -> bool:
        """Whether the column has to be read as text."""
        return bool(self.refused) or self.forms.bit_count() > 1

    def add(self, other: Tally) -> None:
        """Count ``other`` in."""
        self.forms |= other.forms
        self.refused += other.refused
        self.zoneless += other.zoneless
        self.twice += other.twice
        self.skipped += other.skipped


@dataclass(slots=True)
class Parsed:
    """A batch and what had to be said about it: by column, short and long rows, bytes, headers."""

    batch: Batch
    tallies: dict[str, Tally] = field(default_factory=dict)
    short: int = 0
    replaced: int = 0
    surplus: Surplus = field(default_factory=Surplus)
    repeated: int = 0


class BlockParser:
    """Parses blocks of one member; safe to share between threads.

    Parameters
    ----------
    fields : sequence of Field
        The columns to read.
    width : int
        How many columns the member has.
    zone : str
        The IANA zone of local times.
    header : RepeatedHeader, optional
        Finds the member's header where it is repeated inside.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        width: int,
        zone: str,
        header: RepeatedHeader | None = None,
    ) -> None:
        self.header = header
        self.fields = tuple(fields)
        self.width = width
        self.zone = zone
        # What the blocks so far have taught. Two threads may learn the same at once, or one
        # forget what the other learnt: that costs time and nothing else.
        self._textual: frozenset[str] = frozenset()  # numeric columns in an unusual form
        self._empty: frozenset[str] | None = None  # columns without any value
        self._missing: dict[DataType, Array] = {}
        self._pool: MemoryPool | None = None

    def use_system_memory(self) -> None:
        """Allocate from the C library instead of Arrow's pool."""
        import pyarrow as pa

        self._pool = pa.system_memory_pool()

    def parse(self, block: bytes | memoryview) -> Parsed:
        """Return ``block``, whole records without the header, as a batch.

        Values that are not of their column's kind become missing and are counted in the
        column's `Tally.refused`: whoever asked must read that column as text, then. Values
        beyond the last column are left out and counted in `Parsed.surplus`.
        """
        # A header inside can't be read as numbers: if there are some, parsing will fail.
        repeated = 0
        if self._is_text():
            block, repeated = self._without_header(block)
        block = _without_mark(block)
        parsed = self._parse(block)
        if parsed is None and not repeated:
            block, repeated = self._without_header(block)
            block = _without_mark(block)
            parsed = self._parse(block) if repeated else None
        if parsed is None:  # outside of the block: pyarrow's error repeats the record
            parsed = self._carefully(bytes(block))
        parsed.repeated = repeated
        found = frozenset(
            f.name
            for f, column in zip(self.fields, parsed.batch.columns, strict=True)
            if column.null_count == len(column) and f.name not in parsed.tallies
        )
        self._empty = found if self._empty is None else self._empty & found
        return parsed

    def _is_text(self) -> bool:
        """Return whether no column is parsed as numbers."""
        return not any(
            f.kind in _NUMERIC and not f.guessed and f.name not in self._textual
            for f in self.fields
        )

    def _without_header(self, block: bytes | memoryview) -> tuple[bytes | memoryview, int]:
        """Return a block without the headers in it, and how many there were."""
        if self.header is None:
            return block, 0
        return self.header.remove(bytes(block))

    def _parse(self, block: bytes | memoryview) -> Parsed | None:
        """Return a block as a batch; None if it has something unusual in it."""
        import pyarrow as pa

        textual, empty = self._textual, self._empty
        if empty:
            try:
                return self._typed(self._read(block, textual, empty), textual)
            except (pa.ArrowInvalid, _UnusualValueError):
                pass  # the first value in a column that was empty so far, or worse
        with contextlib.suppress(pa.ArrowInvalid, _UnusualValueError):
            return self._typed(self._read(block, textual), textual)
        return None

    def _carefully(self, block: bytes) -> Parsed:
        """Parse a block that has something unusual in it."""
        import pyarrow as pa

        replaced = 0
        try:
            block.decode()
        except UnicodeDecodeError:
            text = block.decode("utf-8", "replace")
            replaced = text.count("\ufffd") - block.count("\ufffd".encode())
            block = text.encode()
        fitted = fit_records(block, self.width)
        if fitted.surplus.fields > COLUMNS_AT_MOST:
            count = f"{fitted.surplus.fields:,}"
            raise ArchiveError(f"A record of the data has {count} values: this is no export.")
        numeric = frozenset(f.name for f in self.fields if f.kind in _NUMERIC)
        parsed = None
        with contextlib.suppress(pa.ArrowInvalid):
            parsed = self._typed(self._read(fitted.block, numeric), numeric)
        if parsed is None:
            raise ArchiveError("The data can't be read as CSV.")
        self._textual |= parsed.tallies.keys()
        parsed.short, parsed.surplus, parsed.replaced = fitted.short, fitted.surplus, replaced
        return parsed

    def _read(
        self,
        block: bytes | memoryview,
        textual: frozenset[str],
        empty: frozenset[str] = frozenset(),
    ) -> Mapping[str, Array]:
        """Return the columns of ``block`` by name, of the types that pyarrow parses itself.

        Most columns of a receipt are empty most of the time: that ``empty`` ones are is only
        checked, which takes half the time of parsing them.
        """
        import pyarrow as pa
        from pyarrow import csv

        require_memory(_PARSER_MEMORY * len(block))
        types = {str(f.position): _parsed_type(f, textual, empty) for f in self.fields}
        table = csv.read_csv(
            pa.BufferReader(pa.py_buffer(block)),
            read_options=csv.ReadOptions(
                use_threads=False,
                block_size=len(block) + 1,
                column_names=[str(position) for position in range(self.width)],
            ),
            parse_options=csv.ParseOptions(newlines_in_values=False),
            convert_options=csv.ConvertOptions(
                include_columns=list(types),
                column_types=types,
                null_values=[""],
                strings_can_be_null=True,
                # Of the whole block at once: a tenth of the time that it takes value by value.
                check_utf8=not _is_utf8(block),
            ),
            memory_pool=self._pool,
        )
        return {f.name: _one_chunk(table[str(f.position)]) for f in self.fields}

    def _typed(self, columns: Mapping[str, Array], textual: frozenset[str]) -> Parsed:
        """Return the columns, of which those in ``textual`` are text still, in their types."""
        import pyarrow as pa

        tallies: dict[str, Tally] = {}
        arrays = []
        for f in self.fields:
            array = columns[f.name]
            if array.null_count == len(array):
                array = self._all_missing(arrow_type(f.kind), len(array))
            elif f.guessed:
                array, tallies[f.name] = _guess(array, self.zone)
            elif f.name in textual:
                array, tally = _from_text(array, f.kind, self.zone)
                if tally is not None:
                    tallies[f.name] = tally
            elif f.kind is Kind.TIMESTAMP:
                array = from_integers(array)
                if array is None:
                    raise _UnusualValueError
            elif f.none_marked:
                array = _without_none_marks(array)
            arrays.append(array)
        schema = pa.schema([(f.name, arrow_type(f.kind)) for f in self.fields])
        return Parsed(pa.record_batch(arrays, schema=schema), tallies)

    def _all_missing(self, of_type: DataType, rows: int) -> Array:
        """Return a column without values; all of a type share one piece of memory."""
        import pyarrow as pa

        missing = self._missing.get(of_type)
        if missing is None or len(missing) < rows:
            missing = self._missing[of_type] = pa.nulls(rows * 2, of_type)
        return missing.slice(0, rows)


class _UnusualValueError(Exception):
    """A block has a value that the fast way does not know."""


def _without_mark(block: bytes | memoryview) -> bytes | memoryview:
    """Return a block that does not begin with a byte order mark, which is data inside a file.

    pyarrow takes every block for a file and would drop the mark. The blank line before it is no
    record.
    """
    return b"\n" + bytes(block) if block[: len(BOM_UTF8)] == BOM_UTF8 else block


def _is_utf8(block: bytes | memoryview) -> bool:
    """Return whether all of ``block`` is UTF-8, and so every value in it."""
    import numpy as np
    import pyarrow as pa

    ends = pa.py_buffer(np.array([0, len(block)], np.int64))
    whole = pa.Array.from_buffers(pa.large_string(), 1, [None, ends, pa.py_buffer(block)])
    try:
        whole.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _parsed_type(f: Field, textual: frozenset[str], empty: frozenset[str]) -> DataType:
    """Return the type that pyarrow's parser makes of a column."""
    import pyarrow as pa

    if f.name in empty:
        return pa.null()
    if f.name in textual or f.guessed:
        return pa.string()
    return pa.int64() if f.kind is Kind.TIMESTAMP else arrow_type(f.kind)


def _one_chunk(column: Array) -> Array:
    """Return a column as one array; a block is parsed as a whole, so there is nothing to copy."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _without_none_marks(column: Array) -> Array:
    """Return ``column`` with ``-1`` missing, which is how Intercom writes *none*."""
    import pyarrow as pa
    import pyarrow.compute as pc

    marked = pc.equal(column, "-1")
    if not pc.any(marked).as_py():
        return column
    return pc.if_else(marked, pa.scalar(None, column.type), column)


def _from_text(column: Array, kind: Kind, zone: str) -> tuple[Array, Tally | None]:
    """Return a column of text in its kind's type; a tally if it isn't plain numbers."""
    import pyarrow as pa

    try:
        numbers = column.cast(pa.float64() if kind is Kind.RATE else pa.int64())
    except pa.ArrowInvalid:
        numbers = None
    if kind is not Kind.TIMESTAMP:
        return (numbers, None) if numbers is not None else _numbers(column, kind)
    instants = from_integers(numbers) if numbers is not None else None
    if instants is not None:
        return instants, None
    read = from_text(column, zone)
    return read.array, Tally(read.refused, read.zoneless, read.twice, read.skipped)


def _guess(column: Array, zone: str) -> tuple[Array, Tally]:
    """Return a column of text as timestamps, and whether it is one."""
    forms, others = forms_of(column)
    if others:
        return _no_timestamps(column), Tally(others, forms=forms)
    read = from_text(column, zone)
    return read.array, Tally(read.refused, read.zoneless, read.twice, read.skipped, forms)


def _no_timestamps(column: Array) -> Array:
    import pyarrow as pa

    return pa.nulls(len(column), arrow_type(Kind.TIMESTAMP))


def _numbers(column: Array, kind: Kind) -> tuple[Array, Tally]:
    """Return those values of a column of text that are numbers, and how many are not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(column)
    form = r"^[+-]?\d{1,18}$" if kind is Kind.COUNT else r"^[+-]?\d{1,18}(\.\d*)?$"
    good = pc.match_substring_regex(trimmed, form)
    kept = pc.if_else(good, pc.utf8_ltrim(trimmed, "+"), pa.scalar(None, pa.string()))
    refused = len(column) - column.null_count - pc.sum(good, min_count=0).as_py()
    return kept.cast(arrow_type(kind)), Tally(refused)
