"""A DataFrame as the pieces of memory that it is made of, and back, without copying any.

Used by `snapshot`, which keeps the pieces in a file. Only the dtypes that `frames` makes are
known; a frame with any other is not taken apart. It refuses to know files, archives and ranges.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from intercom_export_widgets.data.columns import extension_array, instants_array, string_index
from intercom_export_widgets.data.frames import assembled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    import pandas as pd
    from pandas.api.extensions import ExtensionArray

    from intercom_export_widgets.data.arrow import Array

    Piece: TypeAlias = memoryview

__all__ = ["Column", "checksums", "put_together", "taken_apart"]

_INSTANTS: Final = "datetime64[us, UTC]"
_CATEGORY: Final = "category"
_NOTHING: Final = memoryview(b"")


@dataclass(slots=True)
class Column:
    """One column: its name, its kind, the dtype of its codes and categories, and its pieces.

    Attributes
    ----------
    name : str
        What it is called.
    kind : str
        A pandas dtype, or the Arrow type that the pieces are buffers of.
    codes : str
        The numpy dtype of a category's codes.
    categories : list of str
        A category's, in order.
    pieces : list of memoryview or None
        Of bytes, in the order of Arrow's columnar format; None for a bitmap that is not there.
    """

    name: str
    kind: str
    codes: str = ""
    categories: list[str] = field(default_factory=list)
    pieces: list[Piece | None] = field(default_factory=list)


def taken_apart(frame: pd.DataFrame) -> list[Column]:
    """Return the columns of a frame, their pieces being its own memory.

    Raises
    ------
    TypeError
        If it has a column of a dtype that `frames` does not make, or that is not in one piece.
    """
    return [_column(name, frame.iloc[:, place].array) for place, name in enumerate(frame.columns)]


def _column(name: str, array: ExtensionArray) -> Column:
    import pandas as pd

    known: Any = array
    if str(array.dtype) == _INSTANTS:
        return Column(name, _INSTANTS, pieces=[_bytes_of(known.asi8)])
    if isinstance(array, pd.Categorical):
        pieces: list[Piece | None] = [_bytes_of(array.codes)]
        return Column(name, _CATEGORY, array.codes.dtype.str, list(array.categories), pieces)
    if not hasattr(known, "__arrow_array__"):
        raise TypeError(array.dtype)
    values = _whole(known.__arrow_array__())
    return Column(
        name,
        str(values.type),
        pieces=[None if buffer is None else _bytes_of(buffer) for buffer in values.buffers()],
    )


def _whole(values: Array) -> Array:
    """Return Arrow data as one array of a known type that begins where its buffers do."""
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        values = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
    if values.offset or str(values.type) not in {"large_string", "int64", "double"}:
        raise TypeError(values.type)
    return values


def _bytes_of(memory: Any) -> Piece:  # noqa: ANN401 - whatever has a buffer
    view = memoryview(memory)
    return view.cast("B") if view.nbytes else _NOTHING


def put_together(columns: Sequence[Column], rows: int) -> pd.DataFrame:
    """Return a frame whose memory is the columns' pieces; it may be written to if they may.

    Parameters
    ----------
    columns : sequence of Column
        Its columns, in order.
    rows : int
        How many it has.

    Raises
    ------
    ValueError
        If the pieces can't be those of such columns.
    """
    names = [column.name for column in columns]
    return assembled(names, [_array(column, rows) for column in columns], rows)


def _array(column: Column, rows: int) -> ExtensionArray:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    if column.kind == _INSTANTS:
        return instants_array(np.frombuffer(column.pieces[0] or b"", np.int64, rows))
    if column.kind == _CATEGORY:
        codes = np.frombuffer(column.pieces[0] or b"", column.codes, rows)
        if rows and not (codes.min() >= -1 and codes.max() < len(column.categories)):
            raise ValueError(column.name)
        categories = string_index(column.categories)
        return pd.Categorical.from_codes(codes, categories=categories, validate=False)
    of_type = {"large_string": pa.large_string(), "int64": pa.int64(), "double": pa.float64()}
    buffers = [None if piece is None else pa.py_buffer(piece) for piece in column.pieces]
    values = pa.Array.from_buffers(of_type[column.kind], rows, buffers)
    values.validate()
    if column.kind == "large_string":
        ends = np.frombuffer(column.pieces[1] or b"", np.int64)
        if not (ends[:-1] <= ends[1:]).all():
            raise ValueError(column.name)
    return extension_array(values)


def checksums(columns: Sequence[Column]) -> list[list[int]]:
    """Return the CRC32 of every piece."""
    from intercom_export_widgets.data.compression import zlib

    return [[zlib.crc32(piece or b"") for piece in column.pieces] for column in columns]
