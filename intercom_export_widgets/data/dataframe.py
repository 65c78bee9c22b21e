"""Builds a pandas DataFrame, with the dtypes of `schema`, from batches of Arrow data.

Timestamps and strings are copied out of each batch into one array per column, where they stay:
memory holds the DataFrame and a few batches. A finished column keeps no more memory than its
values need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from intercom_export_widgets.data.memory import release_memory, release_when_dropped
from intercom_export_widgets.data.schema import GROUPS, arrow_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from pandas.api.extensions import ExtensionArray

    from intercom_export_widgets.data.schema import Array, Batch, DataType, Schema, Table

    Gathering: TypeAlias = "Instants | Strings | Gathered"

__all__ = [
    "ArrowFrame",
    "DtypeBackend",
    "Gathered",
    "Instants",
    "PandasFrame",
    "Strings",
    "assembled",
    "compact",
    "empty_frame",
    "extension_array",
    "instants_array",
    "new_frame",
    "string_dtype",
    "string_index",
]


class _Growing:
    """A numpy array that grows at its end.

    Parameters
    ----------
    dtype : str
        The dtype of its values.
    expected : int
        The number of values to reserve memory for. Memory that is never written to is not
        allocated by the operating system.
    """

    def __init__(self, dtype: str, expected: int) -> None:
        import numpy as np

        self.length = 0
        self._array: NDArray[Any] = np.empty(expected, dtype)

    def more(self, count: int) -> NDArray[Any]:
        """Return the next ``count`` values, to be written."""
        import numpy as np

        start, self.length = self.length, self.length + count
        if self.length > len(self._array):
            larger = np.empty(max(self.length, 2 * len(self._array)), self._array.dtype)
            larger[:start] = self._array[:start]
            self._array = larger
        return self._array[start : self.length]

    def taken(self) -> NDArray[Any]:
        """Return what was written; the memory reserved beyond it is freed."""
        if self.length < len(self._array):
            # Views of this array would keep all that was reserved. `resize` shrinks it in
            # place, without a copy. The views that `more` returned are gone by now.
            self._array.resize(self.length, refcheck=False)
        return self._array


class Instants:
    """A column of timestamp[us, UTC], to be ``datetime64[us, UTC]``.

    Parameters
    ----------
    expected : int
        How many rows to make room for.
    """

    def __init__(self, expected: int) -> None:
        self._values = _Growing("datetime64[us]", expected)

    def add(self, piece: Array) -> None:
        """Add an array."""
        import numpy as np

        rows, missing = len(piece), piece.null_count
        values = self._values.more(rows)
        if missing:
            values[:] = np.datetime64("NaT", "us")
        if missing == rows:
            return
        stop = piece.offset + rows
        found = np.frombuffer(piece.buffers()[1], values.dtype, stop)[piece.offset :]
        if not missing:
            values[:] = found
        elif missing > rows // 2:
            present = np.flatnonzero(_valid(piece))
            values[present] = found[present]
        else:
            np.copyto(values, found, where=_valid(piece))

    def arrow(self) -> Array:
        """Return the column as an Arrow array."""
        import pyarrow as pa

        return pa.array(self._values.taken()).cast(pa.timestamp("us", "UTC"))

    def finish(self, kept: Array | None) -> ExtensionArray:
        """Return pandas' array of all values, or of those that are ``kept``."""
        import numpy as np

        values = self._values.taken()
        return instants_array(values if kept is None else values[np.asarray(kept)])


class Strings:
    """A column of string, to be ``str``; as `Instants` otherwise."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._data: _Growing | None = None
        self._ends = _Growing("int64", expected + 1)
        self._ends.more(1)[0] = 0
        self._valid: list[NDArray[np.bool_]] | None = None
        self._rows = 0

    def add(self, piece: Array) -> None:
        """Add an array."""
        import numpy as np

        rows = len(piece)
        _, offsets, data = piece.buffers()
        ends = np.zeros(rows + 1, np.int32)
        if rows and offsets is not None:
            ends = np.frombuffer(offsets, np.int32, piece.offset + rows + 1)[piece.offset :]
        start, stop = int(ends[0]), int(ends[-1])
        written = self._data_of(stop - start, rows)
        np.add(ends[1:], written.length - start, out=self._ends.more(rows), dtype=np.int64)
        if stop > start:
            written.more(stop - start)[:] = np.frombuffer(data, np.uint8, stop)[start:]
        if piece.null_count and self._valid is None:
            self._valid = [np.ones(self._rows, np.bool_)]
        if self._valid is not None:
            self._valid.append(_valid(piece))
        self._rows += rows

    def _data_of(self, length: int, rows: int) -> _Growing:
        """Return where text goes; the first piece tells how long a value is."""
        if self._data is None:
            self._data = _Growing("uint8", (self._expected * 11 // 10) * length // max(rows, 1))
        return self._data

    def arrow(self) -> Array:
        """Return the column as an Arrow array of large_string."""
        import numpy as np
        import pyarrow as pa

        valid = None
        if self._valid is not None:
            self._valid = [np.concatenate(self._valid)]
            valid = pa.py_buffer(np.packbits(self._valid[0], bitorder="little"))
        ends, data = self._ends.taken(), self._data_of(0, 0).taken()
        buffers = [valid, pa.py_buffer(ends), pa.py_buffer(data)]
        return pa.Array.from_buffers(pa.large_string(), self._rows, buffers)

    def finish(self, kept: Array | None) -> ExtensionArray:
        """Return pandas' array of all values, or of those that are ``kept``."""
        array = self.arrow()
        return extension_array(array if kept is None else array.filter(kept.combine_chunks()))


class Gathered:
    """A column of another type, its pieces kept as they are: categories and numbers."""

    def __init__(self, of_type: DataType) -> None:
        self._type = of_type
        self._pieces: list[Array] = []

    def add(self, piece: Array) -> None:
        """Add an array."""
        self._pieces.append(piece)

    def arrow(self) -> Array:
        """Return the column as an Arrow array."""
        import pyarrow as pa

        return pa.chunked_array(self._pieces, self._type).unify_dictionaries().combine_chunks()

    def finish(self, kept: Array | None) -> ExtensionArray:
        """Return pandas' array of all values, or of those that are ``kept``."""
        import pyarrow as pa

        column = pa.chunked_array(self._pieces, self._type)
        if kept is not None:
            column = column.filter(kept)
        if pa.types.is_dictionary(column.type):
            return _categorical(column.unify_dictionaries())
        return extension_array(column)


def _valid(piece: Array) -> NDArray[np.bool_]:
    """Return which values of an array are not missing."""
    import numpy as np

    if not piece.null_count:
        return np.ones(len(piece), np.bool_)
    bits = np.frombuffer(piece.buffers()[0], np.uint8)
    stop = piece.offset + len(piece)
    found = np.unpackbits(bits, count=stop, bitorder="little")[piece.offset :]
    return found.view(np.bool_)


def instants_array(values: NDArray[Any]) -> ExtensionArray:
    """Return microseconds since 1970, of 8 bytes each, as pandas' array; not copied."""
    import pandas as pd

    # As integers they are instants already; as local times they would be copied.
    utc = pd.DatetimeTZDtype("us", "UTC")
    array: ExtensionArray = pd.array(values.view("int64"), dtype=utc, copy=False)
    return array


def string_dtype() -> Any:  # noqa: ANN401 - the stubs know pandas 3's alone
    """Return pandas' ``str``: Arrow's strings, NaN for a missing one.

    pandas 2.2 calls the same dtype ``string``, with the storage ``pyarrow_numpy``.
    """
    import numpy as np
    import pandas as pd

    try:
        return pd.StringDtype(na_value=np.nan)
    except TypeError:  # pandas 2.2 has no na_value
        storage: Any = "pyarrow_numpy"
        return pd.StringDtype(storage)


def string_index(values: Sequence[str]) -> pd.Index[str]:
    """Return an index of strings; pandas 2 would make one of objects by itself."""
    import pandas as pd

    index: pd.Index[str] = pd.Index(values, dtype=string_dtype())
    return index


def extension_array(column: Array) -> ExtensionArray:
    """Return an Arrow column of strings or numbers as the pandas array of the same meaning."""
    import pandas as pd
    import pyarrow as pa

    dtype: Any = string_dtype()
    if pa.types.is_int64(column.type):
        dtype = pd.Int64Dtype()
    elif pa.types.is_float64(column.type):
        dtype = pd.Float64Dtype()
    # By pandas' protocol for extension dtypes: strings are handed over, not made anew.
    array: ExtensionArray = dtype.__from_arrow__(column)
    return array


def _categorical(column: Array) -> pd.Categorical:
    """Return a dictionary column, its chunks sharing one dictionary, with sorted categories."""
    import numpy as np
    import pandas as pd

    codes = np.full(len(column), -1, np.int32)
    values: list[str] = column.chunk(0).dictionary.to_pylist() if column.num_chunks else []
    order = sorted(range(len(values)), key=values.__getitem__)
    rank = np.empty(len(values), np.int32)
    rank[order] = np.arange(len(values), dtype=np.int32)
    start = 0
    for chunk in column.chunks:
        indices = chunk.indices
        found = rank[indices.fill_null(0).to_numpy()] if len(values) else codes[:0]
        if len(values):
            present = np.asarray(indices.is_valid())
            codes[start : start + len(chunk)] = np.where(present, found, -1)
        start += len(chunk)
    categories: pd.Index[Any] = string_index([values[at] for at in order])
    return pd.Categorical.from_codes(codes, categories=categories, validate=False)


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
