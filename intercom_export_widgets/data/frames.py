"""Arrow tables become pandas DataFrames, with the dtypes of `schema`.

Used by `tables`. It refuses to know where a table came from.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

from intercom_export_widgets.data.arrow import arrow_type
from intercom_export_widgets.data.schema import GROUPS

if TYPE_CHECKING:
    import pandas as pd
    from pandas.api.extensions import ExtensionArray

    from intercom_export_widgets.data.arrow import Array, Table

__all__ = ["DtypeBackend", "empty_frame", "to_frame"]

DtypeBackend = Literal["pandas", "pyarrow"]
_CONVERTERS = 2


def to_frame(table: Table, dtype_backend: DtypeBackend = "pandas") -> pd.DataFrame:
    """Return ``table``, a ``pyarrow.Table`` of this package's types, as a DataFrame.

    Parameters
    ----------
    table : pyarrow.Table
        Given up to the DataFrame: its memory is freed column by column, so don't use it after.
    dtype_backend : {"pandas", "pyarrow"}
        ``"pandas"``: ``str``, ``category`` (its categories sorted), ``datetime64[us, UTC]``,
        ``Int64``, ``Float64``. ``"pyarrow"``: ``ArrowDtype`` of the Arrow type.
    """
    import pandas as pd

    if dtype_backend == "pyarrow":
        arrow_frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
        return arrow_frame
    names, rows, columns = table.column_names, table.num_rows, table.columns
    del table

    def converted(place: int) -> ExtensionArray:
        column, columns[place] = columns[place], None
        return _to_pandas(column)

    with ThreadPoolExecutor(_CONVERTERS, thread_name_prefix="intercom-export-convert") as pool:
        arrays = dict(enumerate(pool.map(converted, range(len(names)))))
    frame = pd.DataFrame(arrays, index=pd.RangeIndex(rows), copy=False)
    frame.columns = pd.Index(names, dtype="str")
    return frame


def _to_pandas(column: Array) -> ExtensionArray:
    """Return one Arrow column as the pandas array of the same meaning."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        return _categorical(column)
    if pa.types.is_timestamp(column.type):
        instants: pd.Series[pd.Timestamp] = column.to_pandas()
        return instants.array
    dtype: Any = pd.StringDtype(na_value=np.nan)
    if pa.types.is_int64(column.type):
        dtype = pd.Int64Dtype()
    elif pa.types.is_float64(column.type):
        dtype = pd.Float64Dtype()
    # By pandas' protocol for extension dtypes: strings are handed over, not made anew, which
    # by way of a Series would cost a second for a million.
    array: ExtensionArray = dtype.__from_arrow__(column)
    return array


def _categorical(column: Array) -> pd.Categorical:
    """Return a dictionary column, its chunks sharing one dictionary, with sorted categories."""
    import numpy as np
    import pandas as pd

    column = column.unify_dictionaries()
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
    categories = pd.Index([values[at] for at in order], dtype="str")
    return pd.Categorical.from_codes(codes, categories=categories, validate=False)


def empty_frame(group: str, dtype_backend: DtypeBackend = "pandas") -> pd.DataFrame:
    """Return a DataFrame of no rows with the known columns of ``group``, rightly typed."""
    import pyarrow as pa

    known = GROUPS[group].columns if group in GROUPS else ()
    schema = pa.schema([(column.name, arrow_type(column.kind)) for column in known])
    return to_frame(schema.empty_table(), dtype_backend)
