"""The handle of one export: what a person holds while it runs and when it is done.

An `Export` is a `Running` export and, once it is done, its data and what there is to look at.
Its properties never send a request, and tables are read when they are first asked for.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Literal

from intercom_export_widgets.data.archive import size_of
from intercom_export_widgets.errors import NotReadyError
from intercom_export_widgets.jobs.gallery import Gallery
from intercom_export_widgets.jobs.running import Running

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from intercom_export_widgets.data.preview import Preview
    from intercom_export_widgets.data.schema import BatchReader
    from intercom_export_widgets.data.tables import Tables
    from intercom_export_widgets.errors import JobLockedError
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.connection import Connection
    from intercom_export_widgets.jobs.lazy import DaskFrame
    from intercom_export_widgets.jobs.ledger import Ledger
    from intercom_export_widgets.jobs.progress import Progress

__all__ = ["Export", "is_usable"]


class Export(Gallery, Running):
    """One export job and, once it is done, its data.

    Made by `jobs.session.ExportSession`; not to be constructed by hand.

    Attributes
    ----------
    progress : Progress
        A trait: observe it to follow the export. It changes in the export's thread.
    error : Exception or None
        A trait: what ended the export early.
    timeframe : Timeframe or None
        The range; None if the job was created elsewhere.
    """

    def __init__(
        self,
        *,
        progress: Progress,
        timeframe: Timeframe | None,
        number: int,
        address: str,
        ledger: Ledger,
        opener: Callable[[Export], Tables],
        explain: Callable[[JobLockedError], None] | None = None,
    ) -> None:
        super().__init__(
            progress=progress,
            timeframe=timeframe,
            number=number,
            address=address,
            ledger=ledger,
            explain=explain,
        )
        self._opener = opener
        self._tables: Tables | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Return the job, its stage, its range and its rows."""
        parts = [repr(self.job_identifier or "not submitted yet"), self.progress.stage.value]
        if self.timeframe is not None:
            parts.append(self.timeframe.label)
        if self.progress.rows:
            parts.append(f"{sum(self.progress.rows.values()):,} rows")
        return f"Export({', '.join(parts)})"

    # Its data ------------------------------------------------------------------

    @property
    def receipts(self) -> pd.DataFrame:
        """The deliveries, one row each: the table ``receipt``, empty if there are none.

        Raises
        ------
        NotReadyError
            If the export has not ended yet.
        IntercomExportError
            What ended the export early.
        """
        return self.tables["receipt"]

    @property
    def tables(self) -> Tables:
        """Every table of the export by its name, read when first asked for.

        Raises
        ------
        NotReadyError
            If the export has not ended yet.
        IntercomExportError
            What ended the export early.
        """
        if not self.progress.stage.ended:
            raise NotReadyError(
                f"{self.name_of_job[0].upper()}{self.name_of_job[1:]} is still {self._stage_word}",
                job_identifier=self.job_identifier,
            )
        if self.error is not None:
            raise self.error.with_traceback(self._trace)
        with self._lock:
            if self._tables is None:
                self._tables = self._opener(self)
            return self._tables

    def forget_tables(self) -> None:
        """Drop the tables that were read; each is read again when it is next asked for."""
        with self._lock:
            if self._tables is not None:
                self._tables.forget()

    def read(
        self,
        table: str = "receipt",
        *,
        columns: Sequence[str] | None = None,
        dtype_backend: Literal["pandas", "pyarrow"] = "pandas",
        trim: bool = True,
    ) -> pd.DataFrame:
        """Return one table as a typed DataFrame.

        Parameters
        ----------
        table : str
            Its name, as in ``tables``.
        columns : sequence of str, optional
            Only these columns, in this order.
        dtype_backend : {"pandas", "pyarrow"}
            Pandas' own dtypes, or Arrow's.
        trim : bool
            Leave out rows outside the range asked for (a server may round to days).

        Raises
        ------
        TableNotFoundError
            If the export has no such table.
        NotReadyError, IntercomExportError
            As for `tables`.
        """
        return self.tables.read(table, columns=columns, dtype_backend=dtype_backend, trim=trim)

    def arrow(
        self, table: str = "receipt", *, columns: Sequence[str] | None = None, trim: bool = True
    ) -> BatchReader:
        """Return one table as a stream of Arrow record batches, in bounded memory.

        Parameters
        ----------
        table : str
            Its name, as in ``tables``.
        columns : sequence of str, optional
            Only these columns, in this order.
        trim : bool
            Leave out rows outside the range asked for, as `read` does.

        Returns
        -------
        pyarrow.RecordBatchReader
            To be read once; ``tables.handle(table)`` is read again each time. Both speak the
            Arrow PyCapsule protocol, so that Polars, DuckDB and others take them as they are.
            The schema's metadata has the keys of ``DataFrame.attrs``.

        Raises
        ------
        TableNotFoundError
            If the export has no such table.
        NotReadyError, IntercomExportError
            As for `tables`.
        """
        return self.tables.handle(table, columns=columns, trim=trim).reader()

    def to_parquet(
        self,
        path: str | Path,
        table: str | None = None,
        *,
        trim: bool = True,
        storage_options: Mapping[str, Any] | None = None,
    ) -> tuple[Path, ...] | tuple[str, ...]:
        """Write one table, or all of them, as Parquet files, in bounded memory.

        Parameters
        ----------
        path : str or pathlib.Path
            A file that ends in ``.parquet``, for one table; else a folder, in which each table
            is a file of its own. What is there is replaced, once the new file is whole. Also
            an address that fsspec knows, ``s3://bucket/folder``: a file is made on this
            machine and sent as one object.
        table : str, optional
            Its name, as in ``tables``; by default ``receipt`` in a file, all in a folder.
        trim : bool
            Leave out rows outside the range asked for, as `read` does.
        storage_options : mapping, optional
            What the store's library takes, as in pandas; its credentials are found where it
            looks for them.

        Returns
        -------
        tuple of pathlib.Path, or of str
            The files that were written; in a store, their addresses.

        Raises
        ------
        TableNotFoundError
            If the export has no such table.
        FileError
            If the disk or the store refuses.
        PackageMissingError
            If the package for that store is not installed.
        NotReadyError, IntercomExportError
            As for `tables`.
        """
        from intercom_export_widgets.jobs.shipment import write_tables

        return write_tables(self.tables, path, table, trim=trim, options=storage_options)

    def dask(
        self,
        table: str = "receipt",
        path: str | Path | None = None,
        *,
        storage_options: Mapping[str, Any] | None = None,
        **options: Any,  # noqa: ANN401 - Dask's, each of its own type
    ) -> DaskFrame:
        """Return a table as a ``dask.dataframe.DataFrame``, read from a Parquet file.

        The file is written if it is not there yet, or is of another export.

        Parameters
        ----------
        table : str
            Its name, as in ``tables``.
        path : str or pathlib.Path, optional
            As for `to_parquet`; by default a folder beside the archive.
        storage_options : mapping, optional
            As for `to_parquet`.
        **options
            ``columns``, ``filters`` and the like, as for `jobs.lazy.open_dask`.

        Returns
        -------
        dask.dataframe.DataFrame
            With the dtypes of `read`, and no ``attrs``; as `jobs.lazy.open_dask` says.

        Raises
        ------
        PackageMissingError
            If Dask, or the package for that store, is not installed.
        TableNotFoundError, FileError, NotReadyError, IntercomExportError
            As for `to_parquet`.
        """
        from intercom_export_widgets.jobs.lazy import import_dask, open_dask
        from intercom_export_widgets.jobs.shipment import ensure_written

        import_dask()
        tables = self.tables
        if path is None:
            archive = self.progress.path or self.ledger.path.with_name(f"no_data_{self.number}")
            path = archive.with_name(f"{archive.name}.tables")
        ensure_written(tables, path, table, storage_options)
        return open_dask(path, table, storage_options=storage_options, **options)

    def preview(self, rows: int = 5, *, masked: bool = True) -> Preview:
        """Return the first deliveries as text, names and addresses masked unless asked for.

        Raises
        ------
        NotReadyError, IntercomExportError
            As for `tables`.
        """
        from intercom_export_widgets.data.preview import Preview, preview

        tables = self.tables
        if tables.archive is None:
            return Preview((), (), masked)
        return preview(tables.archive, zone=tables.zone, rows=rows, masked=masked)

    def _parts(self) -> tuple[Tables, ...]:
        return (self.tables,)

    def _counts(self) -> tuple[Mapping[str, int], ...]:
        return (self.progress.rows,)


def is_usable(export: Export, connection: Connection | None) -> bool:
    """Return whether a handle still serves: unharmed, its file there and as it was.

    Parameters
    ----------
    export : Export
        A handle of this session.
    connection : Connection or None
        The workspace that is meant; None if any will do.
    """
    here = connection is None or export.address == connection.address
    path = export.progress.path
    whole = path is None or (path.exists() and size_of(path) == export.progress.received)
    return here and export.error is None and whole
