"""Parquet files made alike: one schema for all files of a dataset.

Intercom appends columns, leaves out what it has none of, and a value that is not of its
column's kind makes a column text: files of different windows may differ. Readers of a folder
take the first file's schema for all. It refuses to know windows and jobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from intercom_export_widgets.data.aside import aside
from intercom_export_widgets.data.memory import memory_errors
from intercom_export_widgets.data.parquet import ROW_GROUP, ParquetSink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from intercom_export_widgets.data.arrow import Batch, Schema

__all__ = ["facts_in", "rewrite", "united"]


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
