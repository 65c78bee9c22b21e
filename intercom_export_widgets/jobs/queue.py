"""The queue: ranges that wait for a workspace's one slot, on disk, in order.

It is a table of the ledger's file. Whose each range is, `lease` says. Knows no network, no
thread and no clock: the time is an argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from intercom_export_widgets.jobs.lease import LEASE, OPEN, Leases, count_before
from intercom_export_widgets.jobs.ticket import Owner, change, insert, read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.ticket import Slot, Ticket

__all__ = ["Queue"]


class Queue(Leases):
    """Reads and writes the queue in a ledger; safe from any thread and any process.

    Parameters
    ----------
    ledger : Ledger
        Whose file holds it.
    """

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
        """Return the range of that number, if there is one.

        Raises
        ------
        LedgerError
            If the ledger can't be read.
        """
        return next((t for t in self.tickets(everything=True) if t.number == number), None)

    def place(self, ticket: Ticket, now: float) -> int:
        """Return how many others come first, of those whose owners are there.

        Raises
        ------
        LedgerError
            If the ledger can't be read.
        """
        return count_before(self.tickets(ticket.slot), ticket, now)

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

    def put_back(
        self, number: int, owner: Owner, now: float, *, last: bool, **values: str | float | None
    ) -> None:
        """Let a range wait again, as this owner's, in its place or behind all others.

        Parameters
        ----------
        number : int
            The range.
        owner : Owner
            Whose it is from now on.
        now : float
            Unix seconds.
        last : bool
            Whether it is put at the end.
        **values
            Other columns of `Ticket`.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        mine: dict[str, str | float | None] = {
            "state": "waiting",
            "origin": owner.origin,
            "session": owner.session,
            "expires_at": now + LEASE,
        }
        with self.ledger.transaction() as connection:
            if last:
                (end,) = connection.execute("SELECT max(rank) FROM queue").fetchone()
                mine["rank"] = end + 1
            change(connection, number, mine | values)

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
