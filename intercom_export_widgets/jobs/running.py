"""An export that runs: its story driven on, its state as traits, and waiting.

`Running` drives `jobs.export.run` and hands the state to faces as changes of two traits,
``progress`` and ``error``; `drive` moves it on, and `ending` says how it was cut short.
`handle.Export` adds the data. Nothing is shown from here, and properties never send a request.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self

from traitlets import HasTraits, Instance

from intercom_export_widgets.errors import (
    ExportWarning,
    IntercomExportError,
    JobCanceledError,
    JobLockedError,
    forget_locals,
)
from intercom_export_widgets.jobs.drive import Drive
from intercom_export_widgets.jobs.ending import left_error, settle_end, stage_after
from intercom_export_widgets.jobs.export import run
from intercom_export_widgets.jobs.parting import part_from
from intercom_export_widgets.jobs.progress import Progress, Stage, status_word
from intercom_export_widgets.jobs.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from intercom_export_widgets.errors import WaitInterruptedError
    from intercom_export_widgets.intercom.models import Job
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.ledger import Ledger
    from intercom_export_widgets.jobs.tools import Tools

__all__ = ["Running"]

_KEYS: Final = itertools.count(1)


class Running(HasTraits):
    """One export job and what follows it; see `handle.Export`.

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
    ledger : Ledger
        The ledger that its row is in.
    cautions : tuple of str
        What the user should know about its submission, in sentences.
    key : int
        Tells it from every other export of this process.
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
        ledger: Ledger,
        explain: Callable[[JobLockedError], None] | None = None,
    ) -> None:
        super().__init__(progress=progress)
        self.timeframe = timeframe
        self.number = number
        self.address = address
        self.ledger = ledger
        self.cautions: tuple[str, ...] = ()
        self._unsaid: list[str] = []
        self._warned: set[str] = set()
        self.key = next(_KEYS)
        self._told: Job | None = None
        self._trace: TracebackType | None = None
        self._explain = explain
        self._answered = threading.Event()
        self._finished = threading.Event()
        self._stop = threading.Event()
        # Set by a cancel before there is a job. It ends the wait, not the polls of a job that
        # was accepted meanwhile: that one is canceled at Intercom.
        self._withdrawn = threading.Event()
        self._gone = ""
        self._tools: Tools | None = None
        self._drive = Drive(
            f"intercom-export-{number}",
            stopped=self._interrupts,
            left=self._left,
            failed=self._fail,
            ended=self._end,
        )
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

    # Waiting and stopping ------------------------------------------------------

    def wait(
        self,
        timeout: float | None = None,
        *,
        callback: Callable[[Progress], None] | None = None,
    ) -> Self:
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
        try:
            wait_for(self._finished, self, timeout=timeout, callback=callback)
        finally:
            self.warn_unsaid(stacklevel=2)
        if self.error is not None:
            raise self.error.with_traceback(self._trace)
        return self

    def warn(self, stacklevel: int = 1) -> None:
        """Warn of each of the cautions, once.

        Parameters
        ----------
        stacklevel : int
            As in `warnings.warn`, seen from the caller.
        """
        new = [caution for caution in self.cautions if caution not in self._warned]
        self._warned.update(new)
        self._unsaid.clear()
        for caution in new:
            warnings.warn(caution, ExportWarning, stacklevel=stacklevel + 1)

    def warn_unsaid(self, stacklevel: int = 1) -> None:
        """Warn of what has come up since the last warning, in the thread that waited.

        Parameters
        ----------
        stacklevel : int
            As for `warn`.
        """
        unsaid, self._unsaid = self._unsaid, []
        self._warned.update(unsaid)
        for caution in unsaid:
            warnings.warn(caution, ExportWarning, stacklevel=stacklevel + 1)

    def _say(self, sentence: str) -> None:
        if sentence not in self.cautions:
            self.cautions += (sentence,)

    def _caution(self, sentence: str) -> None:
        if sentence not in self.cautions:
            self._unsaid.append(sentence)
        self._say(sentence)

    def wait_submitted(self) -> Self:
        """Block until the API has answered the submission, and return the export.

        Raises
        ------
        IntercomExportError
            What the API refused it with.
        """
        wait_for(self._answered, self)
        if self.error is not None and self.job is None:
            raise self.error.with_traceback(self._trace)
        return self

    def cancel(self) -> Job | None:
        """Cancel the job at Intercom, or stop the download, and return the newest job.

        A range that waits in the queue is taken out. A job that has ended is left as it is:
        "cancelling a finished job returns it unchanged". If it ended just before, its data
        are fetched all the same. Calling it twice does no harm.

        Raises
        ------
        IntercomExportError
            If the API refuses, or does not answer.
        """
        if self.done or self._tools is None:
            return self.job
        if self.job is None:
            # Also while the submission is in flight: it may be refused, and would wait again.
            self._withdrawn.set()
            self.nudge()
            with contextlib.suppress(JobCanceledError):
                self.wait_submitted()
            if self.done:
                return None
        self.wait_submitted()
        job = self.job
        if job is None or job.status.ended:
            self._stop.set()
            return job
        self._told = self._tools.client.cancel(job.job_identifier)
        self.nudge()
        return self._told

    @property
    def name_of_job(self) -> str:
        """What to call it in a sentence: its job, or the submission before there is one."""
        if self.job_identifier:
            return f"job {self.job_identifier}"
        return "the queued range" if self.progress.stage is Stage.QUEUED else "the submission"

    @property
    def _stage_word(self) -> str:
        if self.progress.stage is Stage.WAITING and self.job is not None:
            return status_word(self.job).replace("_", " ")
        return self.progress.stage.value

    # Its threads ---------------------------------------------------------------

    def begin(self, tools: Tools) -> None:
        """Begin to work, in the caller's context; called once, by the session."""
        tools = replace(
            tools,
            pause=self._drive.pause,
            stopped=self._stopped,
            told=lambda: self._told,
            report=self._report,
            caution=self._caution,
            say=self._say,
            adopt=self._adopt,
            turn=None
            if tools.turn is None
            else replace(tools.turn, canceled=self._withdrawn.is_set),
        )
        self._tools = tools
        part_from(self)
        self._drive.begin(run(tools, timeframe=self.timeframe, job=self.job))

    def nudge(self) -> None:
        """Go on at once: from a rest, or from the next one."""
        self._drive.nudge()

    def _end(self) -> None:
        self._answered.set()
        self._finished.set()

    def wait_left(self, timeout: float) -> bool:
        """Wait for the work to have ended, for some seconds; return whether it has."""
        return self._finished.wait(timeout)

    @property
    def answer_due(self) -> float:
        """Seconds until a submission that is under way must be answered; 0 if none is."""
        tools = self._tools
        if tools is None or self.done or self.progress.stage is not Stage.SUBMITTING:
            return 0.0
        return tools.client.limits.request

    def leave(self, because: str = "") -> None:
        """Stop following the job, which runs on at Intercom.

        A poll or a download that is under way is interrupted; see `leave_all`.

        Parameters
        ----------
        because : str
            Why the job is gone too, if it is.
        """
        self._gone = because
        self._drive.leave()

    def _fail(self, error: Exception) -> None:
        """Say what ended it early, here and in the ledger."""
        tools, job = self._tools, self.job
        if tools is None:
            return
        if isinstance(error, JobLockedError) and self._explain is not None:
            with contextlib.suppress(IntercomExportError):
                self._explain(error)
        forget_locals(error)
        self._trace = error.__traceback__
        stopped = self._stop.is_set() or self._withdrawn.is_set()
        stage = stage_after(error, stopped=stopped)
        if job is not None and stage is not Stage.LEFT:
            stage = settle_end(tools, job, error, stage)
        ended = replace(self.progress, stage=stage, finished_at=tools.now(), next_ask_at=None)
        try:
            with self.hold_trait_notifications():
                self.error = error
                self.progress = ended
        except Exception:
            logging.getLogger(__name__).exception("A face could not show an error.")

    def _report(self, progress: Progress) -> None:
        """Take a progress from the thread; wake whoever waits for the submission."""
        try:
            self.progress = progress
        except Exception:
            # An observer's fault is no reason to end an export.
            logging.getLogger(__name__).exception("A face could not show a progress.")
        if progress.job is not None:
            self._answered.set()

    def _adopt(self, number: int) -> None:
        """Take another row of the ledger: the same range, exported by another notebook."""
        self.number = number
        if self._tools is not None:
            self._tools = replace(self._tools, number=number)

    def _left(self) -> WaitInterruptedError:
        return left_error(self.progress, self.name_of_job, self._gone)

    def _interrupts(self) -> bool:
        """Return whether requests are to end early; a canceled range still leaves the queue."""
        downloading = self.progress.stage is Stage.DOWNLOADING
        return self._drive.leaving or (downloading and self._stop.is_set())

    def _stopped(self) -> bool:
        withdrawn = self._withdrawn.is_set() and self.job is None
        return withdrawn or self._stop.is_set() or self._drive.leaving
