"""Taking up what other kernels left: ranges that wait, jobs that run, backfills half done.

Whoever looks at the queue or the form after a restart comes here; `lineup` hands it out.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import IntercomExportError, UsageError
from intercom_export_widgets.intercom.models import JobStatus
from intercom_export_widgets.jobs.beginning import go_on
from intercom_export_widgets.jobs.lease import OPEN
from intercom_export_widgets.jobs.origin import is_alive
from intercom_export_widgets.jobs.plan import plan_of

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.jobs.connection import Connection
    from intercom_export_widgets.jobs.entry import Entry
    from intercom_export_widgets.jobs.handle import Export
    from intercom_export_widgets.jobs.session import ExportSession
    from intercom_export_widgets.jobs.ticket import Slot, Ticket

__all__ = ["take_up"]

RECENT: Final = 25 * 3600.0
"""Seconds for which a job that was left may still run or be fetched without being asked."""

TAKEN_UP: Final = 5
"""How many jobs that their kernels left are taken up at once, newest first."""

_GONE: Final = frozenset({JobStatus.FAILED, JobStatus.CANCELED, JobStatus.NO_DATA})


def take_up(session: ExportSession, connection: Connection) -> list[Export]:
    """Take up what other kernels left, and return what was taken up.

    Parameters
    ----------
    session : ExportSession
        Who takes up.
    connection : Connection
        Whose workspace; only what is of that one is taken up.

    Raises
    ------
    IntercomExportError
        If there is no token, or the ledger can't be used.
    """
    lineup = session.lineup
    client = connection.client()
    slot = lineup.slot_of(connection, client)
    taken = []
    for entry in _left(session, slot):
        with contextlib.suppress(IntercomExportError):
            taken.append(
                session.attach(entry.job_identifier or "", connection=connection, ask=False)
            )
    for ticket in lineup.queue.adopt(slot, lineup.owner, session.now()):
        taken += [lineup.begin(ticket, connection, client)]
    _take_up_backfills(session, slot, connection, client)
    return taken


def _take_up_backfills(
    session: ExportSession, slot: Slot, connection: Connection, client: IntercomClient
) -> None:
    """Go on with the backfills that are nobody's any more."""
    now = session.now()
    orphans = {
        ticket.backfill
        for ticket in session.lineup.queue.tickets(slot, states=(*OPEN, "submitted", "unknown"))
        if (ticket.state in OPEN and ticket.is_orphan(now)) or _is_left(ticket)
    }
    for number in sorted(number for number in orphans if number is not None):
        plan = plan_of(session.ledger, number)
        if plan is not None:
            with contextlib.suppress(UsageError):
                go_on(session, connection, client, plan, row_limit=session.row_limit)


def _is_left(ticket: Ticket) -> bool:
    """Return whether a window has a job, and its kernel is gone; such a lease has no end."""
    gone = not ticket.origin or not is_alive(ticket.origin)
    return ticket.state == "submitted" and gone


def _left(session: ExportSession, slot: Slot) -> list[Entry]:
    """Return the jobs that run, or could be fetched, and that nobody follows."""
    now = session.now()
    mine = {export.job_identifier for export in session.exports}
    found = [
        entry
        for entry in session.ledger.entries()
        if entry.job_identifier
        and entry.job_identifier not in mine
        and entry.finished_at is None
        and not entry.path
        and entry.base_url == slot.base_url
        and entry.workspace_id in {None, slot.workspace_id}
        and now - (entry.submitted_at or 0) < RECENT
        and (entry.expires_at is None or entry.expires_at > now)
        and JobStatus.read(entry.status) not in _GONE
        and not is_alive(entry.origin, entry.submitted_at)
    ]
    return found[-TAKEN_UP:]
