"""The windows of a backfill: begin each, judge its result, split it.

What is on disk already is read from there. A window whose job failed is exported once
more. A window whose submission got no response is never sent again from here: a job for it
may exist. A window that promises more rows than Intercom returns is split first.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import (
    AccessError,
    DownloadExpiredError,
    InputError,
    IntercomExportError,
    JobNotFoundError,
    RedirectedError,
    RequestRefusedError,
    StorageError,
    SubmissionUnknownError,
)
from intercom_export_widgets.intercom.models import JobStatus
from intercom_export_widgets.jobs.expectation import cut_off, expected_rows, indivisible, parts_of
from intercom_export_widgets.jobs.lifesign import LifeSign
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.jobs.reuse import find_kept
from intercom_export_widgets.jobs.roll import Roll
from intercom_export_widgets.jobs.shelf import final_export, taken_from_disk

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.connection import Connection
    from intercom_export_widgets.jobs.entry import Entry
    from intercom_export_widgets.jobs.handle import Export
    from intercom_export_widgets.jobs.plan import Plan
    from intercom_export_widgets.jobs.session import ExportSession
    from intercom_export_widgets.jobs.ticket import Ticket

__all__ = ["Course"]

FATAL: Final = (AccessError, StorageError, RequestRefusedError, RedirectedError, InputError)
"""What no other window would escape: the backfill stops, and can go on later."""

READY: Final = frozenset({"done", "submitted", "waiting"})
"""Windows that can be begun: those on disk, those that have a job, those that need one."""


class Course(Roll):
    """The windows of one backfill, and their exports.

    Parameters
    ----------
    session : ExportSession
        Whose exports are begun.
    connection, client : Connection, IntercomClient
        Whose workspace, and what asks it.
    plan : Plan
        The backfill.
    row_limit : int
        Rows that Intercom returns at most.
    """

    def __init__(
        self,
        session: ExportSession,
        connection: Connection,
        client: IntercomClient,
        plan: Plan,
        *,
        row_limit: int,
    ) -> None:
        super().__init__(session, plan)
        self._connection = connection
        self._client = client
        self._row_limit = row_limit
        self._judged: set[int] = set()
        self._stopped = False
        self._sign = LifeSign(self._queue, self._owner, plan.number, session.now)
        self._say(*(lost_window(t.timeframe) for t in self._tickets if t.state == "unknown"))

    # Beginning -----------------------------------------------------------------

    def begin_next(self) -> Export | None:
        """Return the export of the next window, from disk or begun; None if none is left.

        Raises
        ------
        IntercomExportError
            If it can't be begun.
        """
        while not self._stopped:
            ready = (t for t in self._refresh() if t.state in READY)
            ticket = next((t for t in ready if t.number not in self._exports), None)
            if ticket is None:
                return None
            export = self._begin(ticket)
            if export is not None:
                self._exports[ticket.number] = export
                return export
        return None

    def _begin(self, ticket: Ticket) -> Export | None:
        """Return a window's export; None if its state has changed instead."""
        lineup, entry = self._session.lineup, self._entry_of(ticket)
        if ticket.state == "submitted" and entry is not None and entry.job_identifier:
            name = entry.job_identifier
            return self._session.attach(name, connection=self._connection, ask=False)
        if ticket.state in {"done", "submitted"}:
            found = None if entry is None else final_export(self._session, entry)
            if found is None:
                self._set(ticket.number, state="waiting", job=None)
            return found
        known = self._known(ticket.timeframe)
        if known is not None:
            return known
        if self._split(ticket):
            return None
        since = self._plan.fresh_since
        return lineup.begin(ticket, self._connection, self._client, since=since)

    def _entry_of(self, ticket: Ticket) -> Entry | None:
        return None if ticket.job is None else self._session.ledger.entry(ticket.job)

    def _known(self, timeframe: Timeframe) -> Export | None:
        """Return a window that some export has brought already, whole and final."""
        entry = find_kept(
            self._session.ledger, self._connection, timeframe, since=self._plan.fresh_since
        )
        return None if entry is None else taken_from_disk(self._session, entry)

    # Judging -------------------------------------------------------------------

    def unjudged(self) -> list[Export]:
        """Return the exports that have ended since the last look."""
        return [e for e in self.exports if e.done and e.key not in self._judged]

    def judge(self, export: Export) -> None:
        """Take note of how a window's export has ended.

        Raises
        ------
        IntercomExportError
            If it ended with what no other window would escape.
        """
        number = next(number for number, found in self._exports.items() if found is export)
        ticket = next(ticket for ticket in self._refresh() if ticket.number == number)
        if export.error is None:
            self._judge_good(ticket, export)
        elif export.progress.stage is Stage.LEFT:
            self._stopped = True
            raise export.error
        elif isinstance(export.error, FATAL):
            if export.job is None:
                self._set(number, state="waiting", job=None)
            del self._exports[number]
            self._stopped = True
            raise export.error
        elif export.progress.stage is Stage.CANCELED:
            self._say(f"{ticket.timeframe.label} was canceled and is left out.")
            self._set(number, state="stopped" if self._stopped else "failed", job=None)
        else:
            self._judge_failed(ticket, export, export.error)
        self._say(*export.cautions)
        # Last: if the ledger could not be used, it is judged again.
        self._judged.add(export.key)

    def _judge_good(self, ticket: Ticket, export: Export) -> None:
        rows = max(export.progress.rows.values(), default=0)
        parts = parts_of(ticket.timeframe, 2 * rows, rows) if rows == self._row_limit else ()
        if len(parts) > 1:
            self._say(
                f"{ticket.timeframe.label} came with exactly {rows:,} rows, the most that Intercom "
                "returns: it is exported again in 2 parts."
            )
            self._queue.replace(ticket, list(parts), now=self._session.now())
            del self._exports[ticket.number]
            self._refresh()
            return
        said = [cut_off(ticket.timeframe, rows)] if rows == self._row_limit else []
        self._say(*said)
        note = " ".join(said)
        self._set(ticket.number, state="done", job=export.number, failures=0, note=note)

    def _judge_failed(self, ticket: Ticket, export: Export, error: Exception) -> None:
        """Export a window whose job failed once more, then go on with the others."""
        label = ticket.timeframe.label
        ours = not isinstance(error, IntercomExportError)  # a bug: it may have been sent
        if isinstance(error, SubmissionUnknownError) or (ours and export.job is None):
            said = lost_window(ticket.timeframe)
            self._say(said)
            self._set(ticket.number, state="unknown", job=export.number, note=said)
            return
        # A job that the API does not know (HTTP 404) may be running all the same.
        if ticket.failures or isinstance(error, JobNotFoundError):
            often = " twice" if ticket.failures else ""
            self._say(f"{label} failed{often} and is left out: {error}")
            self._set(ticket.number, state="failed", failures=ticket.failures + 1)
            return
        self._say(f"{label} failed and is exported once more: {error}")
        completed = export.job is not None and export.job.status is JobStatus.COMPLETED
        fetched = completed and not isinstance(error, DownloadExpiredError)
        state = "submitted" if fetched else "waiting"
        self._set(
            ticket.number, state=state, failures=1, tries=0, job=export.number if fetched else None
        )
        del self._exports[ticket.number]

    # Splitting -----------------------------------------------------------------

    def _split(self, ticket: Ticket) -> bool:
        """Put parts in the place of a window that promises too many rows; return whether so."""
        window = ticket.timeframe
        expected = expected_rows(self._session.ledger, self._plan.slot, window)
        parts = parts_of(window, expected, self._row_limit)
        if len(parts) == 1:
            if said := indivisible(window, expected, self._row_limit):
                self.notes.append(said)
            return False
        self._queue.replace(ticket, list(parts), now=self._session.now())
        self._refresh()
        self.notes.append(
            f"{window.label} was split into {len(parts)} ranges: about {expected:,.0f} rows are "
            f"expected, and Intercom returns {self._row_limit:,} at most."
        )
        return True

    # Stopping ------------------------------------------------------------------

    @property
    def stopped(self) -> bool:
        """Whether no more windows are begun here."""
        return self._stopped

    def pause(self) -> None:
        """Begin no more windows here; another kernel may go on with them."""
        self._stopped = True

    def stop(self) -> None:
        """Begin no more windows; those that wait are kept for a later call."""
        self._stopped = True
        for ticket in self._refresh():
            if ticket.state == "waiting" and ticket.number not in self._exports:
                self._queue.update(ticket.number, state="stopped")
        self._refresh()

    def close(self) -> None:
        """Let others take up what still waits."""
        self._sign.stop()
        with contextlib.suppress(IntercomExportError):
            self._queue.release(self._owner, [ticket.number for ticket in self._tickets])
            self._refresh()


def lost_window(window: Timeframe) -> str:
    """Return the sentence about a window whose submission got no response."""
    return (
        f"{window.label} is missing: Intercom's response to its submission was lost, and an export "
        "that the API can't list may be running. The window is not sent again by itself; the same "
        "line tries it once more when the slot is free."
    )
