"""A group as a stream of typed batches out of the cache: `reading` without the parsing.

Made by `cache`, used by `tables` in place of a `Reading`. Its file is open only while it is
read: Windows does not replace an open one.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from intercom_export_widgets.data.csv_blocks import Surplus
from intercom_export_widgets.data.dataframe import ArrowFrame
from intercom_export_widgets.data.memory import require_memory
from intercom_export_widgets.data.parsing import Tally
from intercom_export_widgets.data.schema import GROUPS, Kind, arrow_type
from intercom_export_widgets.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TypeAlias

    from intercom_export_widgets.data.dataframe import PandasFrame
    from intercom_export_widgets.data.schema import Batch, Schema, Table

    Source: TypeAlias = Any
    ParquetFile: TypeAlias = Any
    Metadata: TypeAlias = Any

__all__ = ["CachedReading", "empty_schema", "no_such_column"]

_MOST_DECODERS: Final = 4


class CachedReading:
    """One reading of a cached group; the names are those of `Reading`, and mean the same.

    Parameters
    ----------
    path : pathlib.Path
        The group's file.
    group : str
        Its name.
    facts : mapping
        What the reading of the archive has found out.
    zone : str
        The zone of timestamps without one.
    columns : sequence of str, optional
        The columns to read, in that order; all by default.

    Raises
    ------
    InputError
        If there is no such column.
    OSError, pyarrow.ArrowException
        If the file can't be read.
    """

    complete = True
    lossy = False

    def __init__(
        self,
        path: Path,
        group: str,
        facts: Mapping[str, Any],
        *,
        zone: str,
        columns: Sequence[str] | None = None,
    ) -> None:
        self._path = path
        self._metadata: Metadata = None
        with self._opened() as (_, file):
            self._metadata, self._schema = file.metadata, file.schema_arrow.remove_metadata()
        self.group = group
        self.zone = zone
        self.whole = columns is None
        there = {name: Kind(kind) for name, kind in facts["kinds"].items()}
        self.kinds = dict(there) if columns is None else {}
        for name in columns or ():
            if name not in there:
                raise no_such_column(group, name, there)
            self.kinds[name] = there[name]
        if not self.kinds and there:
            raise InputError("There are no columns to read.", advice="Name one at least.")
        self.tallies = {
            name: Tally(**tally) for name, tally in facts["tallies"].items() if name in self.kinds
        }
        self.rows: int = facts["rows"]
        self.short: int = facts["short"]
        self.replaced: int = facts["replaced"]
        self.repeated: int = facts["repeated"]
        self.remarks: list[str] = facts["remarks"]
        self.surplus = Surplus(**facts["surplus"])

    @property
    def schema(self) -> Schema:
        """The Arrow schema of every batch."""
        import pyarrow as pa

        if self.whole:
            return self._schema
        return pa.schema([self._schema.field(name) for name in self.kinds])

    @property
    def expected(self) -> int:
        """How many rows there are."""
        return self.rows

    def batches(self) -> Generator[Batch]:
        """Yield the rows as they came; the next row group is decoded meanwhile.

        Raises
        ------
        OSError, pyarrow.ArrowException
            If the file is damaged; what was yielded before is then void.
        """
        names = self.schema.names
        groups = range(self._metadata.num_row_groups)
        with (
            self._opened() as (_, file),
            ThreadPoolExecutor(1, thread_name_prefix="intercom-export-decode") as pool,
        ):
            ahead = [pool.submit(_read_row_group, file, place, names) for place in groups[:1]]
            for place in groups:
                table = ahead.pop().result()
                if place + 1 < len(groups):
                    ahead.append(pool.submit(_read_row_group, file, place + 1, names))
                yield from table.select(names).to_batches()

    def pour(self, frame: PandasFrame | ArrowFrame) -> None:
        """Add every row to a DataFrame in the making of `schema`."""
        if isinstance(frame, ArrowFrame):
            for batch in self.batches():
                frame.add(batch)
            return
        # Each thread decodes some of the columns and puts them where they stay: most of the
        # time goes into memory that is new to the process.
        names = self.schema.names
        workers = max(1, min(_MOST_DECODERS, os.cpu_count() or 1, len(names)))
        parts = [frame.part(names[place::workers]) for place in range(workers)]
        with (
            self._opened() as (source, _),
            ThreadPoolExecutor(workers, thread_name_prefix="intercom-export-decode") as pool,
        ):
            list(pool.map(partial(self._pour_part, source), parts))
        frame.join(parts)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[Source, ParquetFile]]:
        """Give the file's bytes and a reader of them, while they are what they were."""
        from pyarrow import OSFile, parquet

        with OSFile(str(self._path)) as source, parquet.ParquetFile(source) as file:
            if self._metadata is not None and not file.metadata.equals(self._metadata):
                raise OSError(
                    errno.ESTALE, "Another process has replaced the file", str(self._path)
                )
            yield source, file

    def _pour_part(self, source: Source, part: PandasFrame) -> None:
        """Add every row to some of the columns; each thread needs a reader of its own."""
        from pyarrow import parquet

        file = parquet.ParquetFile(source, metadata=self._metadata)
        for place in range(file.num_row_groups):
            table = _read_row_group(file, place, part.names, use_threads=False)
            for batch in table.select(part.names).to_batches():
                part.add(batch)

    def table(self) -> Table:
        """Return the whole group as a ``pyarrow.Table``."""
        frame = ArrowFrame(self.schema)
        self.pour(frame)
        return frame.table()


def _read_row_group(file: ParquetFile, place: int, columns: list[str], **options: bool) -> Table:
    """Return some columns of a row group."""
    require_memory(file.metadata.row_group(place).total_byte_size)
    return file.read_row_group(place, columns=columns, **options)


def no_such_column(group: str, name: str, there: Mapping[str, object]) -> InputError:
    """Return the error for a column that a group does not have."""
    close = difflib.get_close_matches(name, there, 1)
    meant = f"Did you mean {close[0]!r}? " if close else ""
    return InputError(
        f"The table {group} has no column {name!r}.", advice=f"{meant}It has {', '.join(there)}."
    )


def empty_schema(group: str, columns: Sequence[str] | None) -> Schema:
    """Return the schema of a known group that an archive does not have."""
    import pyarrow as pa

    known = {column.name: arrow_type(column.kind) for column in GROUPS[group].columns}
    for name in columns or ():
        if name not in known:
            raise no_such_column(group, name, known)
    return pa.schema([(name, known[name]) for name in (known if columns is None else columns)])
