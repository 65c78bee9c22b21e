"""Batches of Arrow data become a pandas DataFrame, with the dtypes of `schema`, as they come.

Used by `tables`. Every column is written to the place where it stays, so that memory holds the
DataFrame and a few batches, never the same column twice. It refuses to know where batches come
from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from intercom_export_widgets.data.arrow import arrow_type
from intercom_export_widgets.data.columns import Gathered, Instants, Strings, string_index
from intercom_export_widgets.data.memory import release_memory, release_when_dropped
from intercom_export_widgets.data.schema import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from pandas.api.extensions import ExtensionArray

    from intercom_export_widgets.data.arrow import Array, Batch, DataType, Schema, Table

    Gathering = Instants | Strings | Gathered

__all__ = [
    "ArrowFrame",
    "DtypeBackend",
    "PandasFrame",
    "assembled",
    "compact",
    "empty_frame",
    "new_frame",
]

_COMPACTED: Final = 128 * 1024 * 1024
"""The bytes up to which a table of Arrow data is copied out of the parser's memory."""

DtypeBackend = Literal["pandas", "pyarrow"]


def new_frame(
    schema: Schema, dtype_backend: DtypeBackend, expected: int = 0
) -> PandasFrame | ArrowFrame:
    """Return a DataFrame in the making, of no rows yet, with the columns of ``schema``.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of this package's types.
    dtype_backend : {"pandas", "pyarrow"}
        ``"pandas"``: ``str``, ``category`` (its categories sorted), ``datetime64[us, UTC]``,
        ``Int64``, ``Float64``. ``"pyarrow"``: ``ArrowDtype`` of the Arrow type.
    expected : int
        About how many rows there will be: room is made for them, which costs nothing until
        they come.
    """
    return ArrowFrame(schema) if dtype_backend == "pyarrow" else PandasFrame(schema, expected)


class PandasFrame:
    """A DataFrame of pandas' own dtypes in the making.

    Parameters
    ----------
    schema : pyarrow.Schema
        Its columns.
    expected : int
        As in `new_frame`.

    Attributes
    ----------
    rows : int
        How many were added so far.
    """

    def __init__(self, schema: Schema | tuple[()], expected: int = 0) -> None:
        self._columns: dict[str, Gathering] = {f.name: _gathering(f.type, expected) for f in schema}
        self.rows = 0

    def add(self, batch: Batch) -> None:
        """Add the rows of ``batch``, which is not needed after."""
        for column, array in zip(self._columns.values(), batch.columns, strict=True):
            column.add(array)
        self.rows += batch.num_rows

    @property
    def names(self) -> list[str]:
        """Its columns, in order."""
        return list(self._columns)

    def part(self, names: Sequence[str]) -> PandasFrame:
        """Return a frame of some of the columns, whose rows become this one's with `join`."""
        part = PandasFrame(())
        part._columns = {name: self._columns[name] for name in names}
        return part

    def join(self, parts: Sequence[PandasFrame]) -> None:
        """Take over the rows that were added to parts, which together have all columns."""
        self.rows += max((part.rows for part in parts), default=0)

    def column(self, name: str) -> Array:
        """Return a column as it is so far, as a ``pyarrow.ChunkedArray``."""
        import pyarrow as pa

        return pa.chunked_array(self._columns[name].arrow())

    def put(self, name: str, column: Array) -> None:
        """Put a ``pyarrow.ChunkedArray`` of all rows in the place of a column, or behind all."""
        self._columns[name] = _gathering(column.type, self.rows)
        for chunk in column.chunks:
            self._columns[name].add(chunk)

    def drop(self, name: str) -> None:
        """Leave a column out."""
        del self._columns[name]

    def finish(self, kept: Array | None = None) -> pd.DataFrame:
        """Return the DataFrame; what was gathered is given up to it.

        Parameters
        ----------
        kept : pyarrow.ChunkedArray of bool, optional
            Which rows stay; all by default.
        """
        names = list(self._columns)
        arrays = [self._columns.pop(name).finish(kept) for name in names]
        rows = self.rows if kept is None else len(next(iter(arrays), ()))
        size = sum(array.nbytes for array in arrays)
        return _released(assembled(names, arrays, rows), size)


class ArrowFrame:
    """A DataFrame of ``ArrowDtype`` in the making; as `PandasFrame` otherwise."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._batches: list[Batch] = []
        self._whole: Table | None = None

    def add(self, batch: Batch) -> None:
        """Add the rows of ``batch``."""
        self._batches.append(batch)

    def column(self, name: str) -> Array:
        """Return a column as it is so far, as a ``pyarrow.ChunkedArray``."""
        return self.table()[name]

    def put(self, name: str, column: Array) -> None:
        """Put a ``pyarrow.ChunkedArray`` of all rows in the place of a column, or behind all."""
        table = self.table()
        place = table.schema.get_field_index(name)
        if place < 0:
            self._whole = table.append_column(name, column)
        else:
            self._whole = table.set_column(place, name, column)

    def drop(self, name: str) -> None:
        """Leave a column out."""
        self._whole = self.table().drop_columns([name])

    def table(self) -> Table:
        """Return the rows as a ``pyarrow.Table``; none are added after."""
        import pyarrow as pa

        if self._whole is None:
            self._whole = pa.Table.from_batches(self._batches, self._schema).unify_dictionaries()
            self._batches = []
        return self._whole

    def finish(self, kept: Array | None = None) -> pd.DataFrame:
        """Return the DataFrame of all rows, or of those that are ``kept``."""
        import pandas as pd

        table, self._whole = self.table(), None
        if kept is not None:
            table = table.filter(kept)
        # The variable is rebound, so that the parser's memory is free when it is released.
        table = compact(table)
        return _released(table.to_pandas(types_mapper=pd.ArrowDtype), table.nbytes)


def compact(table: Table) -> Table:
    """Return a table in memory of its own, unless it is large.

    The memory of parsed blocks comes from Arrow's pool, which keeps large segments for each
    parser thread as long as any value in them is used.
    """
    import pyarrow as pa

    if table.nbytes > _COMPACTED:
        return table
    pool = pa.system_memory_pool()
    columns = [
        # An array alone is not copied by `concat_arrays`, so an empty one is added.
        pa.concat_arrays([*column.chunks, column.chunk(0)[:0]], memory_pool=pool)
        if column.num_chunks
        else column
        for column in table.columns
    ]
    return pa.table(columns, schema=table.schema)


def _released(frame: pd.DataFrame, size: int) -> pd.DataFrame:
    """Return ``frame``, of so many bytes, after the memory that making it took was given back."""
    release_memory()
    release_when_dropped(frame, size)
    return frame


def assembled(names: list[str], arrays: Iterable[ExtensionArray], rows: int) -> pd.DataFrame:
    """Return the DataFrame of those columns, none of which is copied."""
    import pandas as pd

    index = pd.RangeIndex(rows)
    frame = pd.DataFrame(dict(enumerate(arrays)), index=index, copy=False)
    frame.columns = string_index(names)
    return frame


def _gathering(of_type: DataType, expected: int) -> Gathering:
    """Return where a column of that type is gathered."""
    import pyarrow as pa

    if pa.types.is_timestamp(of_type):
        return Instants(expected)
    return Strings(expected) if pa.types.is_string(of_type) else Gathered(of_type)


def empty_frame(group: str, dtype_backend: DtypeBackend = "pandas") -> pd.DataFrame:
    """Return a DataFrame of no rows with the known columns of ``group``, rightly typed."""
    import pyarrow as pa

    known = GROUPS[group].columns if group in GROUPS else ()
    schema: Any = pa.schema([(column.name, arrow_type(column.kind)) for column in known])
    return new_frame(schema, dtype_backend).finish()
