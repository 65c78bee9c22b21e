"""What a backfill has: its windows, and their data as one, in memory or on disk.

Base of `backfill`, which moves the windows on.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from traitlets import HasTraits, Instance, Tuple

from intercom_export_widgets.errors import NotReadyError
from intercom_export_widgets.jobs.dataset import Dataset, warn_of_missing
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.jobs.windowfiles import WindowFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.course import Course
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
    notes = Tuple(help="what must be said, in sentences")
    error = Instance(Exception, allow_none=True)

    def __init__(self, plan: Plan, course: Course, *, mixed: bool = False) -> None:
        super().__init__()
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
    def count(self) -> tuple[int, int]:
        """How many windows are on disk, and how many there are."""
        return self._course.count

    @property
    def missing(self) -> tuple[Timeframe, ...]:
        """The windows whose data are not there."""
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
        return Dataset([e.tables for e in ended], missing=missing, mixed=self.mixed)

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
        self, path: str | Path, *, mixed: bool | None = None, trim: bool = True
    ) -> tuple[Path, ...]:
        """Write each window as Parquet as soon as it is there, and return the files at the end.

        It blocks until the backfill has ended. Interrupted and called again, in this kernel
        or another, it writes what is not there yet.

        Parameters
        ----------
        path : str or pathlib.Path
            A folder: in it a folder for each table, in that a file for each window, all with
            the same columns and types; ``pandas.read_parquet(f"{path}/receipt")`` reads a
            table. Each file's metadata says its job, range, observed-until and the package's
            version, and each appears when it is whole.
        mixed : bool, optional
            As in `read`; the column ``observed_until`` is then in the files.
        trim : bool
            As in `read`.

        Raises
        ------
        InputError
            If the windows can't be compared, and `mixed` was not said.
        FileError
            If the folder holds something else, or the disk refuses.
        WaitInterruptedError
            If it was interrupted; the backfill runs on.
        IntercomExportError
            What ended the backfill early.
        """
        allowed = self.mixed if mixed is None else mixed
        files = WindowFiles(Path(path), self.plan.name, allowed, trim)
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
