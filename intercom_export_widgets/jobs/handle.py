"""The handle of one export: what a person holds while it runs and when it is done.

An `Export` runs `jobs.export.run` in a daemon thread of its own and hands the state
to faces as changes of two traits, ``progress`` and ``error``. It shows nothing by
itself, and its properties never send a request.
"""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal
from weakref import WeakSet

from traitlets import HasTraits, Instance

from intercom_export_widgets.errors import (
    IntercomExportError,
    JobCanceledError,
    JobLockedError,
    NotReadyError,
    WaitInterruptedError,
    WaitTimeoutError,
)
from intercom_export_widgets.jobs.export import run
from intercom_export_widgets.jobs.progress import Progress, Stage, attach_line, status_word

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    import pandas as pd

    from intercom_export_widgets.data.preview import Preview
    from intercom_export_widgets.data.tables import Tables
    from intercom_export_widgets.intercom.job import Job
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.tools import Tools

__all__ = ["Export"]

_SUBMITTING: Final[WeakSet[Export]] = WeakSet()
PARTING: Final = 10.0
"""Seconds that a process which ends waits for the answer to a submission."""

TICK: Final = 0.1
"""Seconds between two looks of a waiting thread: short enough for Ctrl-C on Windows."""


class Export(HasTraits):
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
    number : int
        Its row in the ledger; 0 if it has none.
    address : str
        The API's address that it was asked of.
    """

    progress = Instance(Progress)
    error = Instance(Exception, allow_none=True)

    def __init__(
        self,
        *,
        progress: Progress,
        timeframe: Timeframe | None,
        number: int,
        address: str,
        opener: Callable[[Export], Tables],
        explain: Callable[[JobLockedError], None] | None = None,
    ) -> None:
        super().__init__(progress=progress)
        self.timeframe = timeframe
        self.number = number
        self.address = address
        self._told: Job | None = None
        self._trace: TracebackType | None = None
        self._opener = opener
        self._explain = explain
        self._tables: Tables | None = None
        self._lock = threading.Lock()
        self._answered = threading.Event()
        self._finished = threading.Event()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._leaving = threading.Event()
        self._thread: threading.Thread | None = None
        self._tools: Tools | None = None
        if progress.stage.ended:
            self._answered.set()
            self._finished.set()

    # What it is ----------------------------------------------------------------

    @property
    def job(self) -> Job | None:
        """The newest snapshot of the job; None until the API has answered."""
        return self.progress.job

    @property
    def job_identifier(self) -> str:
        """Intercom's name for the job; empty until the API has answered."""
        return "" if self.job is None else self.job.job_identifier

    @property
    def done(self) -> bool:
        """Whether the export has ended, well or not."""
        return self._finished.is_set()

    def __repr__(self) -> str:
        """Return the job, its stage, its range and its rows."""
        parts = [repr(self.job_identifier or "not submitted yet"), self.progress.stage.value]
        if self.timeframe is not None:
            parts.append(self.timeframe.label)
        if self.progress.rows:
            parts.append(f"{sum(self.progress.rows.values()):,} rows")
        return f"Export({', '.join(parts)})"

    # Waiting and stopping ------------------------------------------------------

    def wait(
        self,
        timeout: float | None = None,
        *,
        callback: Callable[[Progress], None] | None = None,
    ) -> Export:
        """Block until the export has ended, and return it.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most; without it, as long as it takes.
        callback : callable, optional
            Takes the newest `Progress`, in the waiting thread, about ten times a second
            and once at the end.

        Raises
        ------
        WaitTimeoutError
            If the time has passed; the export runs on.
        WaitInterruptedError
            If the wait was interrupted; the export runs on.
        IntercomExportError
            Whatever ended the export early.
        """
        self._block(self._finished, timeout, callback)
        if self.error is not None:
            raise self.error.with_traceback(self._trace)
        return self

    def wait_submitted(self) -> Export:
        """Block until the API has answered the submission, and return the export.

        Raises
        ------
        IntercomExportError
            What the API refused it with.
        """
        self._block(self._answered, None, None)
        if self.error is not None and self.job is None:
            raise self.error.with_traceback(self._trace)
        return self

    def cancel(self) -> Job | None:
        """Cancel the job at Intercom, or stop the download, and return the newest job.

        A job that has ended is left as it is: "cancelling a finished job returns it
        unchanged". If it ended just before, its data are fetched all the same. Calling it
        twice does no harm.

        Raises
        ------
        IntercomExportError
            If the API refuses, or does not answer.
        """
        if self.done or self._tools is None:
            return self.job
        self.wait_submitted()
        job = self.job
        if job is None or job.status.ended:
            self._stop.set()
            return job
        self._told = self._tools.client.cancel(job.job_identifier)
        self._wake.set()
        return self._told

    def _block(
        self,
        event: threading.Event,
        timeout: float | None,
        callback: Callable[[Progress], None] | None,
    ) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            while not event.wait(TICK):
                if callback is not None:
                    callback(self.progress)
                if deadline is not None and time.monotonic() >= deadline:
                    raise WaitTimeoutError(
                        f"{self._name} has not ended within {timeout:g} seconds",
                        job_identifier=self.job_identifier,
                        advice="It runs on: wait again, or cancel it.",
                    )
            if callback is not None:
                callback(self.progress)
        except KeyboardInterrupt:
            interrupted = self._interrupted()
        else:
            return
        raise interrupted

    def _interrupted(self) -> WaitInterruptedError:
        if not self.job_identifier:
            return WaitInterruptedError(
                "Waiting was interrupted; the submission is still under way",
                advice="Stay in this kernel until its identifier is known: "
                "%intercom_export status.",
            )
        return WaitInterruptedError(
            f"Waiting was interrupted; {self._name} runs on",
            job_identifier=self.job_identifier,
            advice=f"Take it up again: {attach_line(self.job_identifier)}. "
            "Or end it: %intercom_export cancel.",
        )

    @property
    def _name(self) -> str:
        return f"job {self.job_identifier}" if self.job_identifier else "the submission"

    @property
    def _stage_word(self) -> str:
        if self.progress.stage is Stage.WAITING and self.job is not None:
            return status_word(self.job).replace("_", " ")
        return self.progress.stage.value

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
                f"{self._name} is still {self._stage_word}",
                job_identifier=self.job_identifier,
            )
        if self.error is not None:
            raise self.error.with_traceback(self._trace)
        with self._lock:
            if self._tables is None:
                self._tables = self._opener(self)
            return self._tables

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

    # The thread ----------------------------------------------------------------

    def begin(self, tools: Tools) -> None:
        """Run in a daemon thread, in the caller's context; called once, by the session.

        The context matters to ipykernel, which finds there the cell that widget
        updates belong to.
        """
        tools = replace(
            tools,
            pause=self._pause,
            stopped=self._stopped,
            told=lambda: self._told,
            report=self._report,
        )
        self._tools = tools
        _SUBMITTING.add(self)
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run,
            args=(self._work, tools),
            name=f"intercom-export-{self.number}",
            daemon=True,
        )
        self._thread.start()

    def leave(self, timeout: float = 5.0) -> None:
        """Stop following the job, which runs on at Intercom, and wait for the thread's end.

        Parameters
        ----------
        timeout : float
            Seconds to wait at most: a question that is under way is not broken off.
        """
        self._leaving.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def _work(self, tools: Tools) -> None:
        try:
            run(tools, timeframe=self.timeframe, job=self.job)
        except IntercomExportError as error:
            self._fail(tools, error)
        except Exception as error:  # noqa: BLE001 - a fault of ours must reach the waiting thread too
            self._fail(tools, error)
        finally:
            self._answered.set()
            self._finished.set()

    def _fail(self, tools: Tools, error: Exception) -> None:
        if isinstance(error, JobLockedError) and self._explain is not None:
            with contextlib.suppress(IntercomExportError):
                self._explain(error)
        match error:
            case JobCanceledError():
                stage = Stage.CANCELED
            case WaitInterruptedError():
                stage = Stage.LEFT
            case _:
                stage = Stage.FAILED
        self._trace = error.__traceback__
        if self.job is not None and stage is not Stage.LEFT:
            if not self.job.status.ended:
                stage = Stage.LEFT
                self._say_it_runs_on(error)
            self._record(tools, error)
        with self.hold_trait_notifications():
            self.error = error
            self.progress = replace(
                self.progress, stage=stage, finished_at=tools.now(), next_ask_at=None
            )

    def _say_it_runs_on(self, error: Exception) -> None:
        """Add to an error that ended the following, not the job, how to take it up again."""
        if isinstance(error, IntercomExportError):
            again = f"Job {self.job_identifier} runs on; take it up again: "
            error.advice = f"{error.advice} {again}{attach_line(self.job_identifier)}.".strip()

    def _record(self, tools: Tools, error: Exception) -> None:
        try:
            tools.ledger.update(tools.number, job_identifier=self.job_identifier, error=str(error))
        except IntercomExportError as unwritten:
            error.add_note(str(unwritten))

    def _report(self, progress: Progress) -> None:
        """Take a progress from the thread; wake whoever waits for the submission."""
        self.progress = progress
        if progress.job is not None:
            self._answered.set()

    def _pause(self, seconds: float) -> None:
        self._wake.wait(seconds)
        self._wake.clear()
        if self._leaving.is_set():
            raise WaitInterruptedError(
                f"{self._name} is no longer followed from here, and runs on",
                job_identifier=self.job_identifier,
                advice=f"Take it up again: {attach_line(self.job_identifier)}.",
            )

    def _stopped(self) -> bool:
        return self._stop.is_set() or self._leaving.is_set()


def _await_answers() -> None:
    """Let submissions that are under way be answered before the process ends.

    An identifier that comes too late to be written down is lost for good.
    """
    deadline = time.monotonic() + PARTING
    for export in list(_SUBMITTING):
        export._answered.wait(max(0.0, deadline - time.monotonic()))  # noqa: SLF001 - of this module


atexit.register(_await_answers)
