"""A table that Arrow's users read by themselves, batch by batch: Polars, DuckDB and others.

`TableHandle` speaks the Arrow PyCapsule protocol. It knows a schema and how to begin a reading;
it knows no archive and no range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from intercom_export_widgets.data.schema import BatchReader, Schema

__all__ = ["TableHandle"]


class TableHandle:
    """One table of an export, as a stream of Arrow record batches.

    Pass it to whatever takes Arrow data by the PyCapsule protocol,
    ``polars.from_arrow(handle)`` or ``duckdb.sql("SELECT … FROM handle")``: it is read again each
    time, in memory that does not grow with the table, and no DataFrame of pandas is made.

    Parameters
    ----------
    group : str
        The table's name.
    begin : callable
        Returns a new ``pyarrow.RecordBatchReader``.

    Notes
    -----
    https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
    """

    def __init__(self, group: str, begin: Callable[[], BatchReader]) -> None:
        self._group = group
        self._begin = begin

    def __repr__(self) -> str:
        """Return the table's name."""
        return f"TableHandle({self._group!r})"

    @property
    def schema(self) -> Schema:
        """The ``pyarrow.Schema``; its metadata has the keys of ``DataFrame.attrs``."""
        return self._begin().schema

    def reader(self) -> BatchReader:
        """Return a new ``pyarrow.RecordBatchReader``, to be read once."""
        return self._begin()

    def __arrow_c_schema__(self) -> object:
        """Return the schema as an Arrow C capsule."""
        capsule: object = self.schema.__arrow_c_schema__()
        return capsule

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return a new stream of the table as an Arrow C capsule."""
        capsule: object = self._begin().__arrow_c_stream__(requested_schema)
        return capsule
