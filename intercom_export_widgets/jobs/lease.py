"""Leases: which process owns a range of the queue, and whose turn it is.

The owner of a range submits it, and renews its lease. A range whose process has ended can be
adopted by another. Where the process is on another machine, the lease decides. Base of
`queue`; the time is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.jobs.ticket import OPEN, change, find, holds_up, is_orphan, read

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from intercom_export_widgets.jobs.ledger import Ledger
    from intercom_export_widgets.jobs.ticket import Owner, Slot, Ticket

__all__ = ["LEASE", "OPEN", "WAITS", "Leases", "count_before", "read_groups"]

LEASE: Final = 90.0
"""Seconds for which a range stays its owner's without a sign of life."""

WAITS: Final = f"state IN {OPEN!r}"
"""The ranges that still wait for a slot, as SQL; the index `queue_by_slot` begins with it."""

OF_SLOT: Final = f"{WAITS} AND base_url = ? AND workspace_id = ?"
"""Those of one slot."""


class Leases:
    """Gives ranges to owners, one at a time; safe from any thread and any process.

    Parameters
    ----------
    ledger : Ledger
        Whose file holds the queue.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def renew(
        self, owner: Owner, now: float, *, number: int | None = None, backfill: int | None = None
    ) -> None:
        """Renew the leases of this owner.

        Parameters
        ----------
        owner : Owner
            Whose.
        now : float
            Unix seconds.
        number, backfill : int, optional
            Renew only this range, or only the windows of this backfill.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        condition, values = f"{WAITS} AND origin = ? AND session = ?", list[str | int]()
        for name, value in (("number", number), ("backfill", backfill)):
            if value is not None:
                condition += f" AND {name} = ?"
                values.append(value)
        with self.ledger.transaction() as connection:
            connection.execute(
                f"UPDATE queue SET expires_at = ? WHERE {condition}",  # noqa: S608 - literals of this function
                [now + LEASE, owner.origin, owner.session, *values],
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
        with self.ledger.transaction() as connection:
            values = [slot.base_url, slot.workspace_id, backfill]
            found = read(connection, f"{OF_SLOT} AND backfill IS ?", values)
            leases = {(ticket.origin, ticket.expires_at) for ticket in found}
            gone = {lease for lease in leases if is_orphan(*lease, now)}
            orphans = [t for t in found if (t.origin, t.expires_at) in gone]
            for ticket in orphans:
                if ticket.state == "submitting":
                    state = _settle(connection, ticket, now)
                    change(connection, ticket.number, {"state": state})
            return [
                _given(connection, ticket, owner, now)
                for ticket in orphans
                if ticket.state == "waiting"
            ]

    def claim(self, number: int, owner: Owner, now: float) -> bool:
        """Begin to submit a range, if it is this owner's and its turn; return whether it is.

        Whatever the processes do at the same time, one of them is told so.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        with self.ledger.transaction() as connection:
            ticket = find(connection, number)
            if ticket is None or ticket.state != "waiting" or not ticket.belongs_to(owner):
                return False
            if count_before(connection, ticket, now):
                return False
            changes: dict[str, str | float | None] = {
                "state": "submitting",
                "expires_at": now + LEASE,
            }
            change(connection, number, changes)
            return True


def count_before(connection: sqlite3.Connection, ticket: Ticket, now: float) -> int:
    """Return how many ranges must be submitted before one."""
    condition = f"{OF_SLOT} AND (rank < ? OR state = 'submitting') AND number <> ?"
    values: list[str | float] = [ticket.base_url, ticket.workspace_id, ticket.rank, ticket.number]
    groups = read_groups(connection, condition, values)
    return sum(g.size for g in groups if holds_up(g.state, g.origin, g.expires_at, now))


@dataclass(frozen=True, slots=True)
class Group:
    """Ranges of one state with the same lease: how many, and the first of them."""

    origin: str
    expires_at: float
    state: str
    size: int
    rank: float
    number: int


def read_groups(
    connection: sqlite3.Connection, condition: str, values: Sequence[str | float]
) -> list[Group]:
    """Return ranges by lease, the first in the queue first: so an owner is looked for once."""
    # With min(), SQLite takes the other columns from the row of the minimum (its documentation
    # of SELECT, section 2.5).
    statement = (
        "SELECT origin, expires_at, state, count(*), min(rank), number FROM queue "  # noqa: S608 - conditions are literals of this package
        f"WHERE {condition} GROUP BY origin, expires_at, state ORDER BY min(rank)"
    )
    return [Group(*row) for row in connection.execute(statement, values)]


def _given(connection: sqlite3.Connection, ticket: Ticket, owner: Owner, now: float) -> Ticket:
    """Make a range an owner's, and return it."""
    expires_at = now + LEASE
    change(
        connection,
        ticket.number,
        {"origin": owner.origin, "session": owner.session, "expires_at": expires_at},
    )
    return replace(ticket, origin=owner.origin, session=owner.session, expires_at=expires_at)


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
