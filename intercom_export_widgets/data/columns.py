"""One column of a DataFrame while it is built from pieces of Arrow data.

Used by `frames`. Timestamps and strings are copied out of the pieces into one array for each
column, so the memory of a parsed block can be reused at once. The finished column keeps no
more memory than its values need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from pandas.api.extensions import ExtensionArray

    from intercom_export_widgets.data.arrow import Array, DataType

__all__ = [
    "Gathered",
    "Instants",
    "Strings",
    "extension_array",
    "instants_array",
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
