"""A backfill's windows whose submission's answer was lost: when they are sent again, what is said.

No call of the API shows whether such a job runs. A job that was created later shows that the
slot was free again; until then all other windows come first, and when no other is left it
is sent with the pauses with which a slot is waited for that is held by nobody knows whom.
Knows no thread; the time is an argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from intercom_export_widgets.jobs.reading import timeframe_of
from intercom_export_widgets.jobs.slot import find_lost
from intercom_export_widgets.jobs.turn import politely

if TYPE_CHECKING:
    from collections.abc import Iterable

    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.ledger import Ledger
    from intercom_export_widgets.jobs.queue import Queue
    from intercom_export_widgets.jobs.ticket import Owner, Ticket

__all__ = ["lost_sentence", "may_run", "repeated", "send_again", "was_repeated"]


def may_run(ledger: Ledger, tickets: Iterable[Ticket], now: float) -> set[int]:
    """Return the numbers of the windows for which a job may run that nobody can name.

    Raises
    ------
    LedgerError
        If the ledger can't be read.
    """
    tickets = list(tickets)
    return {
        ticket.number
        for base_url in {ticket.base_url for ticket in tickets}
        for lost in find_lost(ledger, base_url, now)
        for ticket in tickets
        if ticket.base_url == base_url
        and lost.workspace_id in {None, ticket.workspace_id}
        and timeframe_of(lost) == ticket.timeframe
    }


def send_again(queue: Queue, ticket: Ticket, owner: Owner, now: float, *, unseen: bool) -> Ticket:
    """Let a window wait for its second submission, and return it; it is its last.

    Parameters
    ----------
    queue : Queue
        On disk.
    ticket : Ticket
        The window.
    owner : Owner
        Who submits it.
    now : float
        Unix seconds.
    unseen : bool
        Whether a job for it may still run: it is then sent after all that waits, and not
        within a minute.

    Raises
    ------
    LedgerError
        If the ledger can't be written.
    """
    label, seconds = ticket.timeframe.label, politely(0)
    queue.put_back(
        ticket.number,
        owner,
        now,
        last=unseen,
        failures=max(1, ticket.failures),
        tries=1 if unseen else 0,
        next_try_at=now + seconds if unseen else None,
        note=lost_sentence(ticket.timeframe) if unseen else f"{label} is sent once more.",
    )
    return queue.ticket(ticket.number) or ticket


def was_repeated(ledger: Ledger, ticket: Ticket) -> bool:
    """Return whether a window was sent twice, since the first answer was lost.

    Raises
    ------
    LedgerError
        If the ledger can't be read.
    """
    return any(
        timeframe_of(entry) == ticket.timeframe
        and (entry.submitted_at or 0) >= ticket.queued_at
        and entry.workspace_id in {None, ticket.workspace_id}
        for entry in ledger.entries(status="unknown", base_url=ticket.base_url)
    )


def lost_sentence(window: Timeframe) -> str:
    """Return what is said of a window whose answer was lost, until it has come."""
    return (
        f"{window.label}: the answer to its submission was lost, and Intercom may be exporting it "
        "unseen; it is sent once more when the slot is seen to be free."
    )


def repeated(window: Timeframe) -> str:
    """Return what is said of such a window when its data have come."""
    return (
        f"{window.label} was submitted twice, since the first answer was lost; its data are "
        "those of the second."
    )
