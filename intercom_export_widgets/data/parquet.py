"""Writes batches to a Parquet file in bounded memory, and gives files one schema.

A row group is encoded in a thread of its own while the next one is parsed. Intercom appends
columns, leaves out empty ones, and a value of another type makes its column text: files of
different windows may differ. Readers of a folder take the first file's schema for all.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO, Final

from intercom_export_widgets import __version__
from intercom_export_widgets.data.aside import aside
from intercom_export_widgets.data.memory import memory_errors, require_memory
from intercom_export_widgets.data.schema import GROUPS, arrow_type
from intercom_export_widgets.disk import is_reserved
from intercom_export_widgets.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from intercom_export_widgets.data.schema import Array, Batch, Field, Schema

__all__ = [
    "BLOCK",
    "ROW_GROUP",
    "ParquetSink",
    "Part",
    "facts_in",
    "facts_of",
    "make_folder",
    "parquet_name",
    "rewrite",
    "united",
    "write_empty",
]

ROW_GROUP: Final = 64 * 1024
"""Rows with which a row group is written: with two of them under way, what bounds memory."""

BLOCK: Final = 2 * 1024 * 1024
"""How long the blocks are, at least, that a file is written from: they bound memory, too."""

_GROUP_BYTES: Final = 32 * 1024 * 1024
_DATED: Final = "received_at"


@dataclass(frozen=True, slots=True)
class Part:
    """What a file says when it is one of several that make a dataset.

    Such a file says nothing for ``DataFrame.attrs``, which would be taken for what the whole
    dataset is.

    Attributes
    ----------
    facts : mapping of str to str
        More metadata.
    observed_until : str
        ISO 8601: the value of a column of that name, in every row; empty for no column.
    """

    facts: Mapping[str, str]
    observed_until: str = ""

    def field(self) -> Field | None:
        """Return the column's field, if there is to be one."""
        import pyarrow as pa

        if not self.observed_until:
            return None
        return pa.field("observed_until", pa.timestamp("us", "UTC"))

    def column(self, rows: int) -> Array:
        """Return the column, of so many rows."""
        import pyarrow as pa

        moment = datetime.fromisoformat(self.observed_until)
        return pa.repeat(pa.scalar(moment, pa.timestamp("us", "UTC")), rows)


class ParquetSink:
    """A Parquet file in the making: zstd, categories as dictionaries, rows as they come.

    Statistics are kept of ``received_at`` alone, for readers that want a part of the time.

    Parameters
    ----------
    path : pathlib.Path
        The file, which is overwritten; see `aside`.
    schema : pyarrow.Schema
        Of every batch.
    part : Part, optional
        What the file says as one of several.
    """

    def __init__(self, path: Path, schema: Schema, part: Part | None = None) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        self._batched = schema
        self._part = part
        more = None if part is None else part.field()
        self._schema = schema = schema if more is None else schema.append(more)
        self._batches: list[Batch] = []
        self._rows = self._bytes = 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="intercom-export-write")
        self._under_way: Future[None] | None = None
        self._writer = parquet.ParquetWriter(
            path,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=[f.name for f in schema if pa.types.is_dictionary(f.type)],
            write_statistics=[_DATED] if _DATED in schema.names else False,
        )

    def add(self, batch: Batch) -> None:
        """Add the rows of a batch, and wait for the row group before the last one."""
        self._batches.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= ROW_GROUP or self._bytes >= _GROUP_BYTES:
            self._flush()

    def finish(self, facts: Mapping[str, str]) -> None:
        """Write the rest, and ``facts`` as the file's metadata.

        Raises
        ------
        OSError
            Here and in `add`, if the disk refuses.
        """
        self._flush()
        self._settle()
        # Arrow looks for metadata in its own schema, which is kept among the file's.
        schema = base64.b64encode(self._schema.with_metadata(facts or None).serialize())
        self._writer.add_key_value_metadata({**facts, "ARROW:schema": schema})
        self._writer.close()
        self._pool.shutdown()

    def abandon(self) -> None:
        """Stop: the file is void. After `finish` there is nothing left to stop."""
        self._pool.shutdown(cancel_futures=True)
        with contextlib.suppress(OSError):
            self._writer.close()

    def _flush(self) -> None:
        batches, rows = self._batches, self._rows
        self._batches, self._rows, self._bytes = [], 0, 0
        self._settle()
        if rows:
            self._under_way = self._pool.submit(self._write, batches)

    def _settle(self) -> None:
        if self._under_way is not None:
            self._under_way.result()
            self._under_way = None

    def _write(self, batches: list[Batch]) -> None:
        import pyarrow as pa

        require_memory(2 * sum(batch.nbytes for batch in batches))
        table = pa.Table.from_batches(batches, self._batched).unify_dictionaries()
        if self._part is not None and self._schema is not self._batched:
            table = table.append_column(self._schema[-1], self._part.column(len(table)))
        self._writer.write_table(table, row_group_size=table.num_rows)


def check_folder(path: Path) -> Path:
    """Return a path that is that of a folder, or of nothing yet.

    Raises
    ------
    FileError
        If it is a file, or can't be the path of anything.
    """
    try:
        taken = path.exists() and not path.is_dir()
    except OSError as error:
        raise FileError(
            f"There can't be a folder {str(path)[:60]!r}: {error.strerror or error}.",
            advice="Choose another name.",
        ) from error
    if taken:
        raise FileError(
            f"{path} is a file, and a folder is wanted.",
            advice="Name a folder, or a file that ends in .parquet.",
        )
    return path


def make_folder(path: Path) -> None:
    """Make the folder of a file that is to be written.

    Raises
    ------
    FileError
        If it can't be made.
    """
    try:
        check_folder(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"The folder {path} can't be made: {error.strerror or error}.",
            advice="Choose another place.",
        ) from error


def parquet_name(group: str) -> str:
    """Return the name of a group's file in a folder; whatever the group is called, a name."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", group)[:80]
    return f"{name}_.parquet" if is_reserved(name) else f"{name}.parquet"


def facts_of(attrs: Mapping[str, object], part: Part | None = None) -> dict[str, str]:
    """Return a file's metadata: every attribute, the package's version, and all for pandas.

    Of a part, what it says instead of the last.
    """
    facts = {key: value if isinstance(value, str) else str(value) for key, value in attrs.items()}
    if part is not None:
        return {**facts, "package_version": __version__, **part.facts}
    # Where pandas looks for what it puts into ``DataFrame.attrs``.
    return {**facts, "package_version": __version__, "PANDAS_ATTRS": json.dumps(attrs)}


def write_empty(group: str, path: Path, facts: Mapping[str, str], part: Part | None = None) -> None:
    """Write a file of no rows with the known columns of ``group``.

    Raises
    ------
    FileError
        If the disk refuses.
    """
    import pyarrow as pa

    known = GROUPS[group].columns if group in GROUPS else ()
    with aside(path) as temporary:
        schema = pa.schema([(column.name, arrow_type(column.kind)) for column in known])
        ParquetSink(temporary, schema, part).finish(facts)


def facts_in(source: Path | BinaryIO) -> dict[str, str]:
    """Return the metadata of a Parquet file, as text; empty if it is none.

    Arrow's own copy of the schema is left out.

    Parameters
    ----------
    source : pathlib.Path or binary file
        The file.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        found = parquet.read_metadata(source).metadata or {}
    except (OSError, pa.ArrowException):
        return {}
    return {
        key.decode(errors="replace"): value.decode(errors="replace")
        for key, value in found.items()
        if key != b"ARROW:schema"
    }


def united(schemas: Sequence[Schema]) -> tuple[Schema, tuple[str, ...]]:
    """Return the columns of all, in the order in which they come, and those that became text.

    Where types differ, the column is text.
    """
    import pyarrow as pa

    fields: dict[str, object] = {}
    became_text: dict[str, None] = {}
    for schema in schemas:
        for field in schema:
            if fields.setdefault(field.name, field.type) != field.type:
                fields[field.name] = pa.string()
                became_text[field.name] = None
    # What marks every row of a window stays behind the columns that Intercom has.
    last = {"observed_until": fields.pop("observed_until")} if "observed_until" in fields else {}
    return pa.schema(list((fields | last).items())), tuple(became_text)


@memory_errors("rewrite the Parquet file")
def rewrite(opened: Callable[[], BinaryIO], path: Path, schema: Schema) -> None:
    """Rewrite a Parquet file with the columns of a schema, a row group at a time.

    Parameters
    ----------
    opened : callable
        Opens the file as it is. It is closed before it is replaced: Windows needs that.
    path : pathlib.Path
        Where the new one appears when it is whole.
    schema : pyarrow.Schema
        Columns that the file does not have are missing; of others the type changes.

    Raises
    ------
    FileError
        If the disk refuses.
    """
    from pyarrow import parquet

    with aside(path) as temporary:
        sink = ParquetSink(temporary, schema)
        try:
            with opened() as source:
                for batch in parquet.ParquetFile(source).iter_batches(ROW_GROUP):
                    sink.add(_fitted(batch, schema))
                sink.finish(facts_in(source))
        finally:
            sink.abandon()


def _fitted(batch: Batch, schema: Schema) -> Batch:
    """Return the rows with the columns of a schema."""
    import pyarrow as pa

    names = set(batch.schema.names)
    columns = [
        batch.column(field.name).cast(field.type)
        if field.name in names
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.record_batch(columns, schema=schema)
