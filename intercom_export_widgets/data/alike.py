"""Parquet files made alike: one schema for all files of a dataset.

Intercom appends columns, leaves out what it has none of, and a value that is not of its
column's kind makes a column text: files of different windows may differ. Readers of a folder
take the first file's schema for all. It refuses to know windows and jobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from intercom_export_widgets.data.parquet import ROW_GROUP, ParquetSink, aside

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from intercom_export_widgets.data.arrow import Batch, Schema

__all__ = ["facts_in", "make_alike"]


def facts_in(path: Path) -> dict[str, str]:
    """Return the metadata of a Parquet file, as text; empty if it is none.

    Arrow's own copy of the schema is left out.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        found = parquet.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowException):
        return {}
    return {
        key.decode(errors="replace"): value.decode(errors="replace")
        for key, value in found.items()
        if key != b"ARROW:schema"
    }


def make_alike(paths: Sequence[Path]) -> tuple[str, ...]:
    """Give files the same columns, with the same types; return those that became text.

    A file that has them is not touched; another is written anew beside its place, a row group
    at a time, and takes its name when it is whole. Columns that a file does not have are
    missing in it; where types differ, the column is text in all.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Parquet files of this package.

    Returns
    -------
    tuple of str
        Columns that are text only because some file has text there.

    Raises
    ------
    FileError
        If the disk refuses.
    """
    from pyarrow import parquet

    schemas = [parquet.read_schema(path).remove_metadata() for path in paths]
    whole, became_text = _united(schemas)
    for path, schema in zip(paths, schemas, strict=True):
        if not schema.equals(whole):
            with aside(path) as temporary:
                _rewrite(path, temporary, whole)
    return became_text


def _united(schemas: Sequence[Schema]) -> tuple[Schema, tuple[str, ...]]:
    """Return the columns of all, in the order in which they come, and those that became text."""
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


def _rewrite(path: Path, temporary: Path, schema: Schema) -> None:
    from pyarrow import parquet

    sink = ParquetSink(temporary, schema)
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(ROW_GROUP):
                sink.add(_fitted(batch, schema))
        sink.finish(facts_in(path))
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
