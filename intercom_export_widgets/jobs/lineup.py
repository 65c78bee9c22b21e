"""A session's part in the queue: what it puts in, takes up, shows and takes out.

`queue` is the table on disk, `turn` the waiting and `takeup` what other kernels left; this
joins them to a session's exports. The job of an export that this session follows wakes, when
it has ended, the range that waits for it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.arguments import expect
from intercom_export_widgets.errors import UsageError
from intercom_export_widgets.jobs.beginning import begin_backfill
from intercom_export_widgets.jobs.meanwhile import Meanwhile
from intercom_export_widgets.jobs.origin import origin_of, quietly
from intercom_export_widgets.jobs.plan import Plan
from intercom_export_widgets.jobs.progress import Stage, status_word
from intercom_export_widgets.jobs.queue import Queue
from intercom_export_widgets.jobs.slot import find_lost, lost_sentence
from intercom_export_widgets.jobs.submission import under_way
from intercom_export_widgets.jobs.takeup import take_up
from intercom_export_widgets.jobs.ticket import Owner, Slot
from intercom_export_widgets.jobs.turn import Turn
from intercom_export_widgets.jobs.waiters import passed_over, places_of

if TYPE_CHECKING:
    from traitlets import Bunch

    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.backfill import Backfill
    from intercom_export_widgets.jobs.connection import Connection
    from intercom_export_widgets.jobs.handle import Export
    from intercom_export_widgets.jobs.session import ExportSession
    from intercom_export_widgets.jobs.ticket import Ticket
    from intercom_export_widgets.jobs.waiters import Place

__all__ = ["SHOWN", "Lineup"]

SHOWN: Final = 20
"""How many ranges are shown: nobody reads the 1,500 windows of a long backfill."""


class Lineup:
    """What a session does with the queue.

    Parameters
    ----------
    session : ExportSession
        Whose exports are begun.
    """

    def __init__(self, session: ExportSession) -> None:
        self._session = session
        self.owner = Owner(session.name)

    @property
    def backfills(self) -> tuple[Backfill, ...]:
        """The session's backfills, oldest first."""
        found: tuple[Backfill, ...] = self._session.backfills
        return found

    @property
    def queue(self) -> Queue:
        """The queue in the session's ledger."""
        return Queue(self._session.ledger)

    def slot_of(self, connection: Connection, client: IntercomClient) -> Slot:
        """Return the slot of a workspace; the API is asked once for its name."""
        workspace = quietly(connection, client)
        return Slot(connection.address, "" if workspace is None else workspace.id_code)

    # Putting in ----------------------------------------------------------------

    def enqueue(
        self,
        timeframe: Timeframe,
        connection: Connection,
        client: IntercomClient,
        *,
        fresh: bool = False,
    ) -> Export:
        """Put a range into the queue, and return its export; the same range is there once.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        slot = self.slot_of(connection, client)
        there = under_way(self._session, timeframe, connection.address, fresh=fresh, queued=True)
        if there is not None:
            return there
        now = self._session.now()
        row = self._row_of(timeframe, connection)
        ticket = self.queue.add_with_row(slot, self.owner, timeframe, now=now, **row)
        return self._follow(ticket, connection, client, since=None if fresh else 0.0)

    def backfill(
        self,
        timeframe: Timeframe,
        every: str,
        connection: Connection,
        client: IntercomClient,
        *,
        mixed: bool = False,
        row_limit: int | None = None,
        fresh: bool = False,
    ) -> Backfill:
        """Begin a backfill, or go on with one for the same; as `ExportSession.backfill`.

        Raises
        ------
        IntercomExportError
            As there.
        """
        expect(every, str, "every", "'month', 'week', 'day', or a number of days such as '30d'")
        session, word = self._session, every.strip().lower()
        since = session.now() if fresh else 0.0
        plan = Plan(0, self.slot_of(connection, client), timeframe, word, since)
        limit = session.row_limit if row_limit is None else row_limit
        return begin_backfill(session, connection, client, plan, mixed=mixed, row_limit=limit)

    def begin(
        self,
        ticket: Ticket,
        connection: Connection,
        client: IntercomClient,
        *,
        since: float | None = None,
    ) -> Export:
        """Return an export for a range in the queue that is this session's.

        What others submitted since then, Unix seconds, serves as well when its turn comes; by
        default since it was put in.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        session = self._session
        entry = None if ticket.job is None else session.ledger.entry(ticket.job)
        if entry is not None and entry.status == "queued":
            session.ledger.update(entry.number, **origin_of(session.name, connection))
        else:
            row = self._row_of(ticket.timeframe, connection)
            ticket = replace(ticket, job=self.queue.give_row(ticket, **row))
        return self._follow(ticket, connection, client, since=since)

    def _row_of(
        self, timeframe: Timeframe, connection: Connection
    ) -> dict[str, str | float | None]:
        """Return the ledger's row of a range that waits."""
        received_until = timeframe.created_at_before
        return {
            **origin_of(self._session.name, connection),
            "status": "queued",
            "created_at_after": timeframe.created_at_after,
            "created_at_before": timeframe.request_end,
            "received_until": None if timeframe.observed_until is None else received_until,
            "zone": timeframe.zone,
        }

    def _follow(
        self,
        ticket: Ticket,
        connection: Connection,
        client: IntercomClient,
        *,
        since: float | None,
    ) -> Export:
        """Return the export of a range whose row is in the ledger; nothing is read or written."""
        session, timeframe = self._session, ticket.timeframe
        since = ticket.queued_at if since is None else since
        meanwhile = Meanwhile(session.ledger, connection, timeframe, since)
        busy = partial(self._busy, connection)
        turn = Turn(self.queue, ticket.number, self.owner, busy, meanwhile=meanwhile)
        number = ticket.job or 0
        export = session.launcher().begin(connection, client, number, timeframe, turn=turn)
        export.observe(self._call_next, ["progress", "error"])
        session.publish(export)
        return export

    def _busy(self, connection: Connection) -> str:
        """Return what to say if this session follows the job that holds the slot."""
        exports: tuple[Export, ...] = self._session.exports
        for export in exports:
            holds = export.progress.stage is Stage.WAITING and not export.done
            if holds and export.job is not None and export.address == connection.address:
                export.observe(self._call_next, ["progress", "error"])
                return (
                    f"Waiting for job {export.job_identifier} of this notebook to end; "
                    "this range is submitted then."
                )
        return ""

    def _call_next(self, change: Bunch) -> None:
        """Wake what waits, when a job has ended or left the queue."""
        before, after = change.old, change.new
        if change.name == "progress":
            same_stage = getattr(before, "stage", None) is after.stage
            if same_stage or after.stage is Stage.QUEUED:
                return
        exports: tuple[Export, ...] = self._session.exports
        for export in exports:
            if export.progress.stage is Stage.QUEUED and not export.done:
                export.nudge()

    def cancel_holder(self, job_identifier: str, connection: Connection) -> None:
        """Cancel the job that holds the slot; one that has ended is left as it is.

        Raises
        ------
        JobNotFoundError
            If the workspace has no such job.
        IntercomExportError
            If the API refuses, or does not answer.
        """
        session = self._session
        exports: tuple[Export, ...] = session.exports
        for export in exports:
            if export.job_identifier == job_identifier and not export.done:
                export.cancel()
                return
        job = connection.client().cancel(job_identifier)
        entry = session.ledger.find(job_identifier, connection.address)
        if entry is not None:
            session.ledger.settle(entry, status=status_word(job))

    # Taking up -----------------------------------------------------------------

    def take_up(self, connection: Connection | None = None) -> list[Export]:
        """Take up what other kernels left: ranges that wait, and jobs that run.

        Only of the workspace that the token is for; nobody is asked for one.

        Raises
        ------
        IntercomExportError
            If there is no token, or the ledger can't be used.
        """
        return take_up(self._session, connection or self._session.connection)

    # Showing and taking out ----------------------------------------------------

    def places(self, limit: int | None = SHOWN) -> list[Place]:
        """Return what waits at the session's address, in order; `waiting` counts all of it.

        Parameters
        ----------
        limit : int, optional
            The largest number of ranges to return; None for all.

        Raises
        ------
        LedgerError
            If the ledger can't be read.
        """
        address = self._session.connection.address
        return places_of(self.queue.tickets(base_url=address, limit=limit))

    @property
    def waiting(self) -> int:
        """How many ranges wait at the session's address.

        Raises
        ------
        LedgerError
            If the ledger can't be read.
        """
        return self.queue.count(self._session.connection.address)

    def lost(self) -> list[str]:
        """Return a sentence about each submission whose answer was lost, and what it may block.

        Raises
        ------
        LedgerError
            If the ledger can't be read.
        """
        session, now = self._session, self._session.now()
        lost = find_lost(session.ledger, session.connection.address, now)
        return [lost_sentence(entry, now) for entry in lost]

    def passed_over(self, address: str) -> str:
        """Return the sentence about what waits for the slot, or an empty text.

        Raises
        ------
        LedgerError
            If the ledger can't be read.
        """
        return passed_over(*self.queue.owned(address, self._session.now()))

    def remove(self, number: int | None = None) -> int:
        """Take one range out of the queue, or all at the session's address; return how many.

        Parameters
        ----------
        number : int, optional
            As `places` shows it; without it, all.

        Raises
        ------
        UsageError
            If no range of that number waits.
        LedgerError
            If the ledger can't be written.
        """
        if number is None:
            removed = self.queue.clear(self._session.connection.address)
        else:
            removed = int(self.queue.remove(number) is not None)
        if number is not None and not removed:
            ticket = self.queue.ticket(number)
            sent = ticket is not None and ticket.state == "submitting"
            raise UsageError(
                f"Range {number} is being submitted just now."
                if sent
                else f"No range {number} waits in the queue.",
                advice="See what does: %intercom_export queue.",
            )
        exports: tuple[Export, ...] = self._session.exports
        for export in exports:
            if export.progress.stage is Stage.QUEUED and not export.done:
                export.nudge()
        return removed
