"""Batches of Arrow data become a pandas DataFrame, with the dtypes of `schema`, as they come.

Used by `tables`. Every column is written to the place where it stays, so that memory holds the
DataFrame and a few batches, never the same column twice. It refuses to know where batches come
from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from intercom_export_widgets.data.arrow import arrow_type
from intercom_export_widgets.data.columns import Gathered, Instants, Strings, string_index
from intercom_export_widgets.data.schema import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from pandas.api.extensions import ExtensionArray

    from intercom_export_widgets.data.arrow import Array, Batch, DataType, Schema, Table

    Gathering = Instants | Strings | Gathered

__all__ = ["ArrowFrame", "DtypeBackend", "PandasFrame", "assembled", "empty_frame", "new_frame"]

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
        return assembled(names, arrays, rows)


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
        frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
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
