"""What a backfill has: its windows, and their data as one, in memory or on disk.

Base of `backfill`, which moves the windows on; `gallery` is what there is to look at.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from traitlets import Float, HasTraits, Instance, Tuple

from intercom_export_widgets.errors import NotReadyError
from intercom_export_widgets.jobs.address import is_remote
from intercom_export_widgets.jobs.conversion import Workers
from intercom_export_widgets.jobs.dataset import Dataset, warn_of_missing
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.jobs.store import store_of
from intercom_export_widgets.jobs.windowfiles import WindowFiles
from intercom_export_widgets.jobs.written import Files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.conversion import Client
    from intercom_export_widgets.jobs.course import Course
    from intercom_export_widgets.jobs.lazy import DaskFrame
    from intercom_export_widgets.jobs.plan import Plan

__all__ = ["Windowed"]


class Windowed(HasTraits):
    """The windows of a backfill; see `backfill.Backfill`.

    Parameters
    ----------
    plan, course, mixed
        As in `backfill.Backfill`.
    """

    exports = Tuple(help="the exports that have begun, in the order of the windows")
    count = Tuple(help="how many windows are on disk, and how many there are")
    notes = Tuple(help="what must be said, in sentences")
    error = Instance(Exception, allow_none=True)
    finished_at = Float(None, allow_none=True, help="when the work ended, Unix seconds")

    def __init__(self, plan: Plan, course: Course, *, mixed: bool = False) -> None:
        super().__init__(count=course.count)
        self.plan = plan
        self.mixed = mixed
        self._course = course
        self._finished = threading.Event()

    def wait(
        self, timeout: float | None = None, *, callback: Callable[[Self], None] | None = None
    ) -> Self:
        """Block until it has ended, and return it."""
        raise NotImplementedError

    @property
    def timeframe(self) -> Timeframe:
        """The whole range."""
        return self.plan.timeframe

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._finished.is_set()

    @property
    def missing(self) -> tuple[Timeframe, ...]:
        """The windows whose data are not there; `notes` says why.

        The next identical call tries them again, also those whose submission got no response.
        """
        return self._course.missing

    @property
    def tables(self) -> Dataset:
        """Every table of all windows by its name, read when asked for.

        Raises
        ------
        NotReadyError
            If it has not ended yet.
        IntercomExportError
            What ended it early.
        """
        if not self.done:
            raise NotReadyError(
                f"The backfill of {self.timeframe.label} is still running",
                advice="Wait for it first: backfill.wait().",
            )
        if self.error is not None:
            raise self.error
        ended = [e for e in self.exports if e.progress.stage in {Stage.DONE, Stage.NO_DATA}]
        missing = [window.label for window in self.missing]
        tables = [export.tables for export in ended]
        return Dataset(tables, missing=missing, notes=self.notes, mixed=self.mixed)

    @property
    def receipts(self) -> pd.DataFrame:
        """The deliveries of all windows: the table ``receipt``.

        Raises
        ------
        InputError, NotReadyError, IntercomExportError
            As for `tables` and `Dataset.read`.
        """
        return self.tables["receipt"]

    def read(
        self,
        table: str = "receipt",
        *,
        columns: Sequence[str] | None = None,
        dtype_backend: Literal["pandas", "pyarrow"] = "pandas",
        trim: bool = True,
        mixed: bool | None = None,
    ) -> pd.DataFrame:
        """Return a table of all windows; as `Dataset.read`.

        Raises
        ------
        InputError, NotReadyError, IntercomExportError
            As for `tables` and `Dataset.read`.
        """
        return self.tables.read(
            table, columns=columns, dtype_backend=dtype_backend, trim=trim, mixed=mixed
        )

    def to_parquet(
        self,
        path: str | Path,
        *,
        mixed: bool | None = None,
        trim: bool = True,
        storage_options: Mapping[str, Any] | None = None,
        client: Client | None = None,
    ) -> tuple[Path, ...] | tuple[str, ...]:
        """Write each window as Parquet as soon as it is there, and return the files at the end.

        It blocks until the backfill has ended. Interrupted and called again, in this kernel
        or another, it writes what is not there yet.

        Parameters
        ----------
        path : str or pathlib.Path
            A folder: in it a folder for each table, in that a file for each window, all with
            the same columns and types; ``pandas.read_parquet(f"{path}/receipt")`` reads a
            table. Each file's metadata says its job, range, observed-until and the package's
            version, and each appears when it is whole. Also an address that fsspec knows,
            ``s3://bucket/folder``.
        mixed : bool, optional
            As in `read`; the column ``observed_until`` is then in the files.
        trim : bool
            As in `read`.
        storage_options : mapping, optional
            What the store's library takes, as in pandas.
        client : distributed.Client, optional
            A Dask cluster whose workers convert the windows in parallel. They must reach the
            archives and `path`; neither the token nor anything of this kernel goes to them,
            but `storage_options` do.

        Returns
        -------
        tuple of pathlib.Path, or of str
            The files, those of a table together, in the order of the windows; in a store,
            their addresses.

        Raises
        ------
        InputError
            If the windows can't be compared, and `mixed` was not said.
        FileError
            If the folder holds something else, or the disk or the store refuses.
        PackageMissingError
            If the package for that store is not installed.
        WaitInterruptedError
            If it was interrupted; the backfill runs on.
        IntercomExportError
            What ended the backfill early.
        """
        allowed = self.mixed if mixed is None else mixed
        store = store_of(path, storage_options)
        files = WindowFiles(store, self.plan.name, allowed, trim, Workers(client))
        addresses = tuple(store.address(name) for name in self._write(files))
        return Files(addresses) if is_remote(path) else Files(map(Path, addresses))

    def _write(self, files: WindowFiles) -> tuple[str, ...]:
        """Write what is there while the rest comes, and make it alike at the end."""
        files.check(self._course.windows)
        written: set[int] = set()

        def write_what_is_there(_: object) -> None:
            for window, export in self._course.ready:
                if export.key not in written:
                    files.write(window, export.tables)
                    written.add(export.key)

        self.wait(callback=write_what_is_there)
        warn_of_missing([window.label for window in self.missing])
        return files.finish()

    def dask(
        self,
        table: str = "receipt",
        path: str | Path | None = None,
        *,
        mixed: bool | None = None,
        storage_options: Mapping[str, Any] | None = None,
        client: Client | None = None,
        **options: Any,  # noqa: ANN401 - Dask's, each of its own type
    ) -> DaskFrame:
        """Return a table of all windows as a ``dask.dataframe.DataFrame``.

        What is not there yet is written first, as `to_parquet` does.

        Parameters
        ----------
        table : str
            Its name, as in ``tables``.
        path : str or pathlib.Path, optional
            As for `to_parquet`; by default a folder beside the archives.
        mixed, storage_options, client
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
        TableNotFoundError
            If no window has such a table.
        InputError, FileError, WaitInterruptedError, IntercomExportError
            As for `to_parquet`.
        """
        from intercom_export_widgets.jobs.lazy import import_dask, open_dask

        import_dask()
        if path is None:
            path = self._course.folder / f"backfill_{self.plan.number}.tables"
        self.to_parquet(path, mixed=mixed, storage_options=storage_options, client=client)
        return open_dask(path, table, storage_options=storage_options, **options)
