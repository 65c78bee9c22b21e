"""Whose a range in the queue is: its owner, the owner's signs of life, and whose turn it is.

Each range has an owner, the process that will submit it, and a lease that the owner renews;
a range whose process has ended is anybody's. Where the process is on another machine, the
lease decides. Base of `queue`; the time is an argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from intercom_export_widgets.jobs.ticket import change, read

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from intercom_export_widgets.jobs.ledger import Ledger
    from intercom_export_widgets.jobs.ticket import Owner, Slot, Ticket

__all__ = ["LEASE", "OPEN", "Leases", "count_before"]

LEASE: Final = 90.0
"""Seconds for which a range stays its owner's without a sign of life."""

OPEN: Final = ("waiting", "submitting")


class Leases:
    """Gives ranges to owners, one at a time; safe from any thread and any process.

    Parameters
    ----------
    ledger : Ledger
        Whose file holds the queue.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def renew(self, owner: Owner, now: float) -> None:
        """Give a sign of life for all that is this owner's.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        with self.ledger.transaction() as connection:
            connection.execute(
                "UPDATE queue SET expires_at = ? WHERE origin = ? AND session = ? "
                "AND state IN ('waiting', 'submitting')",
                [now + LEASE, owner.origin, owner.session],
            )

    def release(self, owner: Owner, numbers: Iterable[int]) -> None:
        """Let others take up what waits and is this owner's.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        with self.ledger.transaction() as connection:
            for number in numbers:
                connection.execute(
                    "UPDATE queue SET origin = '', session = '' WHERE number = ? "
                    "AND origin = ? AND session = ? "
                    "AND state IN ('waiting', 'submitted', 'unknown')",
                    [number, owner.origin, owner.session],
                )

    def adopt(
        self, slot: Slot, owner: Owner, now: float, *, backfill: int | None = None
    ) -> list[Ticket]:
        """Take up what waits for a slot and is nobody's any more, and return it.

        A range that its owner was submitting when it ended has a job, or may have one: it is
        not submitted again, but ``submitted`` or ``unknown``.

        Parameters
        ----------
        slot : Slot
            What is waited for.
        owner : Owner
            Who takes it up.
        now : float
            Unix seconds.
        backfill : int, optional
            The windows of this backfill; without it, what is no window of any.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        adopted = []
        with self.ledger.transaction() as connection:
            for ticket in read(connection):
                orphan = ticket.is_orphan(now) and ticket.state in OPEN
                if ticket.slot != slot or ticket.backfill != backfill or not orphan:
                    continue
                if ticket.state == "submitting":
                    change(connection, ticket.number, {"state": _settle(connection, ticket, now)})
                    continue
                mine: dict[str, str | float | None] = {
                    "origin": owner.origin,
                    "session": owner.session,
                    "expires_at": now + LEASE,
                }
                change(connection, ticket.number, mine)
                adopted.append(ticket.number)
            return [ticket for ticket in read(connection) if ticket.number in adopted]

    def claim(self, number: int, owner: Owner, now: float) -> bool:
        """Begin to submit a range, if it is this owner's and its turn; return whether it is.

        Whatever the processes do at the same time, one of them is told so.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        with self.ledger.transaction() as connection:
            found = {ticket.number: ticket for ticket in read(connection)}
            ticket = found.get(number)
            if ticket is None or ticket.state != "waiting" or not ticket.belongs_to(owner):
                return False
            others = [t for t in found.values() if t.slot == ticket.slot and t.state in OPEN]
            if count_before(others, ticket, now):
                return False
            changes: dict[str, str | float | None] = {
                "state": "submitting",
                "expires_at": now + LEASE,
            }
            change(connection, number, changes)
            return True


def count_before(others: Sequence[Ticket], ticket: Ticket, now: float) -> int:
    """Return how many of them must be submitted before a range."""
    return sum(
        (other.rank < ticket.rank or other.state == "submitting")
        and other.number != ticket.number
        and other.holds_up(now)
        for other in others
    )


def _settle(connection: sqlite3.Connection, ticket: Ticket, now: float) -> str:
    """Return what became of a range whose owner ended while it was submitting it."""
    row = connection.execute(
        "SELECT job_identifier FROM jobs WHERE number = ?", [ticket.job]
    ).fetchone()
    if row is not None and row[0]:
        return "submitted"
    connection.execute(
        "UPDATE jobs SET status = 'unknown', submitted_at = coalesce(submitted_at, ?), error = ? "
        "WHERE number = ?",
        [now, "The process that submitted it ended before the answer came.", ticket.job],
    )
    return "unknown"
