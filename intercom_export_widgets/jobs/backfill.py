"""A backfill: one long range in windows, each exported as soon as the slot is free.

While Intercom prepares the next window, the last one is downloaded and read. It has no
thread of its own: each change of a window's export moves it on. What it is to do is on
disk, as a `plan` and its windows in the queue, so that any kernel goes on with it.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final, Self

from intercom_export_widgets.errors import InputError, IntercomExportError, LedgerError
from intercom_export_widgets.intercom.deadline import interruptible, start_thread
from intercom_export_widgets.jobs.alarm import ALARM
from intercom_export_widgets.jobs.dataset import warn_of_missing
from intercom_export_widgets.jobs.gallery import Gallery
from intercom_export_widgets.jobs.parting import part_from
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.jobs.turn import LEDGER_PAUSE, LEDGER_TRIES
from intercom_export_widgets.jobs.waiting import wait_for_backfill
from intercom_export_widgets.jobs.windowed import Windowed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from traitlets import Bunch

    from intercom_export_widgets.data.tables import Tables
    from intercom_export_widgets.jobs.course import Course
    from intercom_export_widgets.jobs.handle import Export
    from intercom_export_widgets.jobs.plan import Plan

__all__ = ["Backfill"]

IN_THE_SLOT: Final = frozenset({Stage.QUEUED, Stage.SUBMITTING, Stage.WAITING})


def _comes_first(export: Export) -> bool:
    """Return whether an export has the slot, or is just ending and not judged yet."""
    stage = export.progress.stage
    return not export.done and (stage in IN_THE_SLOT or stage.ended)


class Backfill(Gallery, Windowed):
    """A long range that is exported window by window.

    Made by `jobs.session.ExportSession.backfill`; not to be constructed by hand.

    Parameters
    ----------
    plan : Plan
        What is to be done.
    course : Course
        The windows, and how each is begun and judged.
    mixed : bool
        Whether windows that count opens and clicks until different moments may be put
        together.

    Attributes
    ----------
    exports : tuple of Export
        A trait: the windows' exports that have begun, in the order of the windows.
    notes : tuple of str
        A trait: what must be said, in sentences: failed windows, ranges that were split.
    error : Exception or None
        A trait: what ended the backfill early.
    count : tuple of int
        A trait: how many windows are on disk, and how many there are.
    finished_at : float or None
        A trait: when the work ended, Unix seconds.
    begun_at : float
        When this kernel began to work on it, Unix seconds.
    """

    def __init__(self, plan: Plan, course: Course, *, mixed: bool = False) -> None:
        super().__init__(plan, course, mixed=mixed)
        self.begun_at = course.now()
        self._lock = threading.RLock()
        self._moving = False
        self._leaving = False
        self._refusals = 0

    def __repr__(self) -> str:
        """Return the range, the windows and how many are done."""
        done, all_ = self.count
        return f"Backfill({self.plan.name}, {done} of {all_} done)"

    # Waiting and stopping ------------------------------------------------------

    def wait(
        self,
        timeout: float | None = None,
        *,
        callback: Callable[[Backfill], None] | None = None,
    ) -> Self:
        """Block until it has ended, and return it.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.
        callback : callable, optional
            Takes the backfill, about ten times a second and once at the end.

        Raises
        ------
        WaitTimeoutError
            If the time has passed; it runs on.
        WaitInterruptedError
            If the wait was interrupted; it runs on.
        IntercomExportError
            What ended it early.
        """
        try:
            wait_for_backfill(self._finished, self, timeout=timeout, callback=callback)
        finally:
            for export in self._course.exports:
                export.warn_unsaid(stacklevel=2)
        if self.error is not None:
            raise self.error
        return self

    def cancel(self) -> None:
        """Stop: cancel the running job, and submit no more; what is on disk stays.

        The same line, or the same call, goes on with it later.

        Raises
        ------
        IntercomExportError
            If the API refuses, or does not answer.
        """
        with self._lock:
            self._course.stop()
            running = [e for e in self.exports if not e.done]
        for export in running:
            export.cancel()
        self.move()

    # Moving on -----------------------------------------------------------------

    def begin(self) -> None:
        """Begin to work, in a thread that ends with the first window's submission."""
        part_from(self)
        start_thread(self.move, name="intercom-export-backfill")

    def leave(self, because: str = "") -> None:
        """Begin no more windows, and stop following those that run; see `leave_all`."""
        self._leaving = True  # before the lock, which is held while a request is under way
        with self._lock:
            self._course.pause()
            running = [e for e in self._course.exports if not e.done]
        for export in running:
            export.leave(because)
        self.move()

    @property
    def answer_due(self) -> float:
        """Always 0: each window is left as an export of its own."""
        return 0.0

    def wait_left(self, timeout: float) -> bool:
        """Wait for the work to have ended, for some seconds; return whether it has."""
        until = time.monotonic() + timeout
        # While the interpreter shuts down, no thread can look again when an export has ended.
        for export in [each for each in self._course.exports if not each.done]:
            export.wait_left(max(0.0, until - time.monotonic()))
        self.move()
        return self._finished.wait(max(0.0, until - time.monotonic()))

    def move(self) -> None:
        """Do what can be done now: judge what has ended, begin what comes next."""
        with self._lock:
            if self.done or self._moving:
                return
            self._moving = True
            try:
                with interruptible(lambda: self._leaving):
                    while self._step():
                        pass
                self._refusals = 0
            except LedgerError as error:
                self._try_later(error)
            except IntercomExportError as error:
                self._end(error)
            except Exception as error:
                logging.getLogger(__name__).exception("A backfill could not go on.")
                self._end(error)
            finally:
                self._moving = False

    def _try_later(self, error: LedgerError) -> None:
        """Go on when the ledger, locked or full, can be used again; end after some attempts."""
        self._refusals += 1
        if not error.temporary or self._course.stopped or self._refusals > LEDGER_TRIES:
            self._end(error)
            return
        self.notes = (*self._course.notes, f"{error.message}. No window is submitted until then.")
        ALARM.after(LEDGER_PAUSE, threading.Thread(target=self.move, daemon=True).start)

    def _step(self) -> bool:
        """Judge one export or begin one; return whether there may be more to do."""
        course = self._course
        for export in course.unjudged():
            course.judge(export)
            self._show()
            return True
        if any(_comes_first(export) for export in course.exports):
            return False
        begun = course.begin_next()
        self._show()
        if begun is not None:
            begun.observe(self._on_change, ["progress", "error"])
            return True
        if not all(export.done for export in course.exports):
            return False
        if course.unjudged():
            return True
        self._end(None)
        return False

    def _on_change(self, change: Bunch) -> None:
        """Move on when a window's job has left the slot, or its export has ended."""
        old = change.old if isinstance(change.old, Exception) else getattr(change.old, "stage", 0)
        new = change.new if isinstance(change.new, Exception) else getattr(change.new, "stage", 1)
        if old != new and new not in IN_THE_SLOT:
            # The export ends after its last word: look again when it has.
            export: Export = change.owner
            start_thread(self._look_again, export, name="intercom-export-backfill")

    def _look_again(self, export: Export) -> None:
        self.move()
        if export.progress.stage.ended:
            export.wait_left(60)
            self.move()

    def _show(self) -> None:
        self.exports = self._course.exports
        self.count = self._course.count
        self.notes = tuple(self._course.notes)

    def _end(self, error: Exception | None) -> None:
        self._course.close()
        self._show()
        with self.hold_trait_notifications():  # an observer finds it done
            self.error = error
            self.finished_at = self._course.now()
            self._finished.set()

    # What there is to look at -----------------------------------------------------

    def _parts(self) -> Sequence[Tables]:
        """Return the tables of each window that is there, after saying which are not."""
        dataset = self.tables
        if not dataset.parts:
            raise InputError("No window has any data", advice="The same line exports them again.")
        warn_of_missing(dataset.missing)
        return dataset.parts

    def _counts(self) -> Sequence[Mapping[str, int]]:
        return [export.progress.rows for export in self.exports]
