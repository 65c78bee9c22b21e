"""The Arrow types of a column, and names for pyarrow's own, which ships no type information.

Used by all who handle Arrow data here; it knows `schema` and nothing else.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from intercom_export_widgets.data.schema import Kind

__all__ = [
    "Array",
    "Batch",
    "BatchReader",
    "DataType",
    "Field",
    "MemoryPool",
    "Schema",
    "Table",
    "arrow_type",
]

Array: TypeAlias = Any
"""A ``pyarrow.Array``, or a ``pyarrow.ChunkedArray`` where it is a column of a `Table`."""

Batch: TypeAlias = Any
"""A ``pyarrow.RecordBatch``."""

BatchReader: TypeAlias = Any
"""A ``pyarrow.RecordBatchReader``."""

DataType: TypeAlias = Any
"""A ``pyarrow.DataType``."""

Field: TypeAlias = Any
"""A ``pyarrow.Field``."""

MemoryPool: TypeAlias = Any
"""A ``pyarrow.MemoryPool``."""

Schema: TypeAlias = Any
"""A ``pyarrow.Schema``."""

Table: TypeAlias = Any
"""A ``pyarrow.Table``."""


def arrow_type(kind: Kind) -> DataType:
    """Return the Arrow type of a column of that kind."""
    import pyarrow as pa

    match kind:
        case Kind.TIMESTAMP:
            return pa.timestamp("us", "UTC")
        case Kind.COUNT:
            return pa.int64()
        case Kind.RATE:
            return pa.float64()
        case Kind.CATEGORY:
            return pa.dictionary(pa.int32(), pa.string())
        case Kind.ID | Kind.TEXT:
            return pa.string()
