"""How a backfill begins, or goes on: its plan and windows are on disk before it does.

A plan for the same range that was written down before is taken up, unless another
notebook is at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import UsageError
from intercom_export_widgets.intercom.windows import split
from intercom_export_widgets.jobs.backfill import Backfill
from intercom_export_widgets.jobs.course import Course
from intercom_export_widgets.jobs.plan import add_plan, find_plan

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.jobs.connection import Connection
    from intercom_export_widgets.jobs.plan import Plan
    from intercom_export_widgets.jobs.session import ExportSession

__all__ = ["begin_backfill", "go_on"]

RETRIED: Final = frozenset({"failed", "stopped", "removed", "unknown"})
"""Windows that the user's next identical call tries again."""


def begin_backfill(
    session: ExportSession,
    connection: Connection,
    client: IntercomClient,
    plan: Plan,
    *,
    mixed: bool,
    row_limit: int,
) -> Backfill:
    """Return a backfill that runs: a new one, or one for the same that goes on.

    Parameters
    ----------
    session : ExportSession
        Whose exports are begun.
    connection, client : Connection, IntercomClient
        Whose workspace, and what asks it.
    plan : Plan
        What is to be done.
    mixed, row_limit
        As in `Backfill` and `Course`.

    Raises
    ------
    TimeframeError
        If the windows' length is none.
    UsageError
        If another notebook is at it.
    LedgerError
        If the ledger can't be used.
    """
    windows = split(plan.timeframe, plan.every)
    known = find_plan(session.ledger, plan)
    if plan.fresh_since and not any(
        b.plan == known and not b.done for b in session.lineup.backfills
    ):
        known = None
    plan = known or add_plan(session.ledger, plan, session.now())
    lineup = session.lineup
    if not lineup.queue.tickets(backfill=plan.number):
        lineup.queue.add(plan.slot, lineup.owner, windows, now=session.now(), backfill=plan.number)
    return go_on(session, connection, client, plan, mixed=mixed, row_limit=row_limit, again=True)


def go_on(
    session: ExportSession,
    connection: Connection,
    client: IntercomClient,
    plan: Plan,
    *,
    mixed: bool = False,
    row_limit: int,
    again: bool = False,
) -> Backfill:
    """Return a backfill that goes on with what its plan has left.

    Parameters
    ----------
    session, connection, client, plan, mixed, row_limit
        As in `begin_backfill`.
    again : bool
        Whether windows that failed, were removed, or were reported as lost are tried again.
        Only the user's own call does so. A window whose loss is found by this call is
        reported first.

    Raises
    ------
    UsageError
        If another notebook is at it.
    LedgerError
        If the ledger can't be used.
    """
    lineup, now = session.lineup, session.now()
    for running in lineup.backfills:
        if running.plan == plan and not running.done:
            return running
    retried = {
        ticket.number
        for ticket in lineup.queue.tickets(backfill=plan.number)
        if again and ticket.state in RETRIED
    }
    lineup.queue.adopt(plan.slot, lineup.owner, now, backfill=plan.number)
    for ticket in lineup.queue.tickets(backfill=plan.number):
        theirs = ticket.state in {"waiting", "submitting"} and not ticket.belongs_to(lineup.owner)
        if theirs:
            raise UsageError(
                f"Another notebook is exporting {plan.timeframe.label} every {plan.every}.",
                advice="See how far it is: %intercom_export queue. Close it to go on here.",
            )
        if ticket.number in retried:
            lineup.queue.update(
                ticket.number,
                state="waiting",
                failures=0,
                tries=0,
                next_try_at=None,
                note="",
                job=None,
                origin=lineup.owner.origin,
                session=lineup.owner.session,
            )
    course = Course(session, connection, client, plan, row_limit=row_limit)
    backfill = Backfill(plan, course, mixed=mixed)
    session.publish_backfill(backfill)
    backfill.begin()
    return backfill
