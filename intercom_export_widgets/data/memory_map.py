"""A table that was read, kept in a file that the next kernel maps instead of reading.

For the one table that an analyst reads again and again: decoding a million receipts and
allocating their memory takes a second, mapping them nothing. It is the largest file of all, some
five times the archive, and is only written where that is little of the free space. Only the
dtypes that `dataframe` makes are mapped.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import shutil
import sys
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from intercom_export_widgets.data.aside import aside
from intercom_export_widgets.data.dataframe import (
    assembled,
    extension_array,
    instants_array,
    string_index,
)
from intercom_export_widgets.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from io import FileIO
    from pathlib import Path
    from typing import TypeAlias

    import pandas as pd
    from pandas.api.extensions import ExtensionArray

    from intercom_export_widgets.data.schema import Array

    Piece: TypeAlias = memoryview

__all__ = ["Column", "Kept", "Snapshot", "checksums", "put_together", "taken_apart"]

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
        If it has a column of a dtype that `dataframe` does not make, or that is not in one piece.
    """
    return [
        _column_spec(name, frame.iloc[:, place].array) for place, name in enumerate(frame.columns)
    ]


def _column_spec(name: str, array: ExtensionArray) -> Column:
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


LEAST: Final = 16 * 1024 * 1024
"""Bytes of a frame that is worth a file: Parquet gives back a smaller one as soon."""
SHARE: Final = 10
"""A file is written if so many of its size would fit into what is free."""
_LINE: Final = 64  # where a piece begins, so that whatever lies there is aligned
_SUM: Final = hashlib.sha256().digest_size
_LENGTH: Final = 8
_REMOTE: Final = ("nfs", "cifs", "smb", "fuse", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs")
"""What is mapped from a drive that goes away takes the process along."""


class Kept(NamedTuple):
    """A table that was kept, and what was to be said of it."""

    frame: pd.DataFrame
    said: Any


class Snapshot:
    """One table on the disk as it lies in memory.

    Parameters
    ----------
    path : pathlib.Path
        The file: the frame's pieces of memory, what they are as JSON, its SHA-256, its length.
    key : mapping
        What the table depends on; a file of another key is ignored. Plain values.
    """

    def __init__(self, path: Path, key: Mapping[str, object]) -> None:
        import pandas as pd

        self._path = path
        told = {**key, "pandas": pd.__version__, "byteorder": sys.byteorder}
        self._key = json.loads(json.dumps(told))

    def read(self) -> Kept | None:
        """Return the table; None if it was not kept, or not of this key, or is damaged.

        It lies in the file, of which a page is read when it is first used, and which is never
        written to: a change of the table is this process's own. Windows does not replace or
        remove the file while the table is there.
        """
        with contextlib.suppress(OSError, ValueError, KeyError, IndexError, TypeError):
            with self._path.open("rb") as file:
                memory = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
            facts = _facts(memory)
            if facts["key"] != self._key:
                return None
            parts = [_column(memory, told) for told in facts["columns"]]
            if checksums(parts) == [told["checksums"] for told in facts["columns"]]:
                return Kept(put_together(parts, facts["rows"]), facts["said"])
        return None

    def keep(self, frame: pd.DataFrame, said: object) -> Thread | None:
        """Write a table, in a thread, where it is worth it and there is room; else do nothing.

        Parameters
        ----------
        frame : pandas.DataFrame
            It may be changed as soon as this returns: what is written is checked against
            checksums taken before, and dropped if it differs.
        said : object
            What must be said of it when it is read. Plain values.

        Returns
        -------
        threading.Thread or None
            What writes it, started; the process ends after it has.
        """
        try:
            columns = taken_apart(frame)
        except TypeError:
            return None
        size = sum(len(piece or b"") for column in columns for piece in column.pieces)
        if size < LEAST or not _has_room(self._path.parent, size):
            return None
        facts = {"key": self._key, "rows": len(frame), "said": said}
        # pandas copies what is changed while another frame shows it.
        shown = frame.copy(deep=False)
        arguments = (columns, checksums(columns), facts, shown)
        writer = Thread(target=self._write, args=arguments, name="intercom-export-keep")
        writer.start()
        return writer

    def _write(
        self,
        columns: list[Column],
        sums: list[list[int]],
        facts: dict[str, Any],
        _shown: pd.DataFrame,
    ) -> None:
        """Write the file, and give it its name if what it holds was not changed meanwhile."""
        with contextlib.suppress(OSError, FileError), aside(self._path) as temporary:
            with temporary.open("wb", buffering=0) as file:
                facts["columns"] = [
                    {
                        "name": column.name,
                        "kind": column.kind,
                        "codes": column.codes,
                        "categories": column.categories,
                        "checksums": of_column,
                        "places": [_place(file, piece) for piece in column.pieces],
                    }
                    for column, of_column in zip(columns, sums, strict=True)
                ]
                text = json.dumps(facts).encode()
                seal = hashlib.sha256(text).digest() + len(text).to_bytes(_LENGTH, "little")
                _write_whole(file, memoryview(text + seal))
            if Snapshot(temporary, self._key).read() is None:
                raise FileError(f"{self._path} is not what was to be written.")


def _facts(memory: memoryview) -> dict[str, Any]:
    """Return what the end of a file says of it.

    Raises
    ------
    ValueError
        If it is not what was written.
    """
    end = len(memory) - _LENGTH
    start = end - _SUM - int.from_bytes(memory[max(0, end) :], "little")
    text = bytes(memory[max(0, start) : max(0, end - _SUM)])
    if hashlib.sha256(text).digest() != memory[max(0, end - _SUM) : max(0, end)]:
        raise ValueError(len(memory))
    facts: dict[str, Any] = json.loads(text)
    return facts


def _column(memory: memoryview, told: Mapping[str, Any]) -> Column:
    """Return a column, its pieces lying in the file."""
    pieces = [None if place is None else memory[place[0] : place[1]] for place in told["places"]]
    return Column(told["name"], told["kind"], told["codes"], told["categories"], pieces)


def _place(file: FileIO, piece: memoryview | None) -> tuple[int, int] | None:
    """Write a piece and return where it begins and ends."""
    if piece is None:
        return None
    start = file.seek(-(-file.tell() // _LINE) * _LINE)
    _write_whole(file, piece)
    return start, start + len(piece)


def _write_whole(file: FileIO, piece: memoryview) -> None:
    """Write all of a piece: a system takes no more than 2 GB at once."""
    while piece:
        piece = piece[file.write(piece) :]


def _has_room(folder: Path, size: int) -> bool:
    """Return whether a file of that size is little of what is free, on a drive that stays."""
    try:
        return shutil.disk_usage(folder).free >= SHARE * size and not _is_remote(folder.resolve())
    except OSError:
        return False


def _is_remote(folder: Path) -> bool:
    """Return whether a folder is known to lie on another machine's drive."""
    import psutil

    kinds = {part.mountpoint: part for part in psutil.disk_partitions(all=True)}
    drive = next(filter(None, map(kinds.get, map(str, (folder, *folder.parents)))), None)
    if drive is None:
        return folder.drive.startswith("\\\\")  # Windows' \\server\share, which no drive lists
    return drive.fstype.startswith(_REMOTE) or "remote" in drive.opts.split(",")
