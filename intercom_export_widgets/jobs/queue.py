"""The queue: ranges that wait for a workspace's one slot, on disk, in order.

It is a table of the ledger's file. Each range has an owner, the process that will submit
it, and a lease that the owner renews; a lease whose process has ended, or that was not
renewed, is anybody's. Knows no network, no thread and no clock: the time is an argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from intercom_export_widgets.jobs.ticket import Owner, change, insert, read

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.ledger import Ledger
    from intercom_export_widgets.jobs.ticket import Slot, Ticket

__all__ = ["LEASE", "Queue"]

LEASE: Final = 90.0
"""Seconds for which a range stays its owner's without a sign of life."""

OPEN: Final = ("waiting", "submitting")


class Queue:
    """Reads and writes the queue in a ledger; safe from any thread and any process.

    Parameters
    ----------
    ledger : Ledger
        Whose file holds it.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    # Reading -------------------------------------------------------------------

    def tickets(
        self, slot: Slot | None = None, *, backfill: int | None = None, everything: bool = False
    ) -> list[Ticket]:
        """Return what waits, in order.

        Parameters
        ----------
        slot : Slot, optional
            For this slot only.
        backfill : int, optional
            The windows of this backfill only, also those that don't wait any more.
        everything : bool
            Also what does not wait any more.

        Raises
        ------
        LedgerError
            If the ledger can't be read.
        """
        if not self.ledger.path.exists():
            return []
        with self.ledger.transaction(write=False) as connection:
            found = read(connection)
        return [
            ticket
            for ticket in found
            if (slot is None or ticket.slot == slot)
            and (backfill is None or ticket.backfill == backfill)
            and (everything or backfill is not None or ticket.state in OPEN)
        ]

    def ticket(self, number: int) -> Ticket | None:
        """Return the range of that number, if there is one."""
        return next((t for t in self.tickets(everything=True) if t.number == number), None)

    # Coming and going ----------------------------------------------------------

    def add(
        self,
        slot: Slot,
        owner: Owner,
        ranges: Iterable[Timeframe],
        *,
        now: float,
        backfill: int | None = None,
    ) -> list[Ticket]:
        """Put ranges at the end of the queue, together, and return them.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        with self.ledger.transaction() as connection:
            (last,) = connection.execute("SELECT coalesce(max(rank), 0) FROM queue").fetchone()
            return [
                insert(
                    connection,
                    rank=last + index,
                    **_columns(slot, owner, timeframe, now, backfill),
                )
                for index, timeframe in enumerate(ranges, 1)
            ]

    def replace(self, ticket: Ticket, ranges: list[Timeframe], *, now: float) -> list[Ticket]:
        """Put several ranges in the place of one, and return them.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        owner = Owner(ticket.session, ticket.origin)
        with self.ledger.transaction() as connection:
            (after,) = connection.execute(
                "SELECT coalesce(min(rank), ?) FROM queue WHERE rank > ?",
                [ticket.rank + 1, ticket.rank],
            ).fetchone()
            step = (after - ticket.rank) / (len(ranges) + 1)
            connection.execute("DELETE FROM queue WHERE number = ?", [ticket.number])
            return [
                insert(
                    connection,
                    rank=ticket.rank + step * index,
                    **_columns(ticket.slot, owner, timeframe, now, ticket.backfill),
                )
                for index, timeframe in enumerate(ranges)
            ]

    def remove(self, number: int) -> Ticket | None:
        """Take a range out, unless it is being submitted; return what was taken out.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        with self.ledger.transaction() as connection:
            found = [t for t in read(connection) if t.number == number and t.state == "waiting"]
            if not found:
                return None
            if found[0].backfill is None:
                connection.execute("DELETE FROM queue WHERE number = ?", [number])
            else:
                change(connection, number, {"state": "removed"})
            connection.execute(
                "DELETE FROM jobs WHERE number = ? AND status = 'queued'", [found[0].job]
            )
            return found[0]

    def update(self, number: int, **values: str | float | None) -> None:
        """Change columns of a range.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        with self.ledger.transaction() as connection:
            change(connection, number, values)

    def give_row(self, ticket: Ticket, **values: str | float | None) -> int:
        """Write the ledger's row of a range, and that it is its row, at once; return its number.

        Parameters
        ----------
        ticket : Ticket
            The range.
        **values
            Columns of `jobs.entry.Entry`.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        with self.ledger.transaction() as connection:
            number = self.ledger.insert(connection, **values)
            change(connection, ticket.number, {"job": number})
            return number

    # Whose it is ---------------------------------------------------------------

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
                    "AND origin = ? AND session = ? AND state = 'waiting'",
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

    def place(self, ticket: Ticket, now: float) -> int:
        """Return how many others come first, of those whose owners are there.

        Raises
        ------
        LedgerError
            If the ledger can't be read.
        """
        return _place(self.tickets(ticket.slot), ticket, now)

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
            if _place(others, ticket, now):
                return False
            changes: dict[str, str | float | None] = {
                "state": "submitting",
                "expires_at": now + LEASE,
            }
            change(connection, number, changes)
            return True


def _place(others: list[Ticket], ticket: Ticket, now: float) -> int:
    """Return how many of them come first."""
    return sum(
        (other.rank < ticket.rank or other.state == "submitting")
        and other.number != ticket.number
        and not other.is_orphan(now)
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


def _columns(
    slot: Slot, owner: Owner, timeframe: Timeframe, now: float, backfill: int | None
) -> dict[str, str | float | None]:
    """Return the columns of a range that comes into the queue, but for its rank."""
    return {
        "base_url": slot.base_url,
        "workspace_id": slot.workspace_id,
        "created_at_after": timeframe.created_at_after,
        "created_at_before": timeframe.created_at_before,
        "observed_until": timeframe.observed_until,
        "zone": timeframe.zone,
        "queued_at": now,
        "origin": owner.origin,
        "session": owner.session,
        "expires_at": now + LEASE,
        "backfill": backfill,
    }
