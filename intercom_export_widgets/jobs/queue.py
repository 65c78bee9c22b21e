"""The queue: the ranges that wait for a workspace's one slot, in order.

It is a table of the ledger's file. Ranges that are finished are removed a day later; the
windows of a backfill stay, since the backfill continues from them. The time is an argument.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.jobs.lease import LEASE, WAITS, Leases, count_before, read_groups
from intercom_export_widgets.jobs.ticket import OPEN, Owner, change, find, insert, is_orphan, read

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable

    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.ticket import Slot, Ticket

__all__ = ["Queue"]

Value = str | float | None

KEPT: Final = 25 * 3600.0
"""Seconds for which a finished range is kept: a kernel that was frozen finds there its job."""


class Queue(Leases):
    """Reads and writes the queue in a ledger; safe from any thread and any process.

    Parameters
    ----------
    ledger : Ledger
        Whose file holds it.
    """

    # Reading -------------------------------------------------------------------

    def tickets(
        self,
        slot: Slot | None = None,
        *,
        base_url: str | None = None,
        backfill: int | None = None,
        states: Collection[str] = OPEN,
        limit: int | None = None,
    ) -> list[Ticket]:
        """Return the ranges that wait, in order.

        Parameters
        ----------
        slot : Slot, optional
            For this slot only.
        base_url : str, optional
            At this address only.
        backfill : int, optional
            All windows of this backfill instead, whatever their state.
        states : collection of str
            The states that are wanted.
        limit : int, optional
            The largest number of ranges to return.

        Raises
        ------
        LedgerError
            If the ledger can't be read.
        """
        if not self.ledger.path.exists():
            return []
        condition = f"state IN ({', '.join('?' * len(states))})"
        values: list[str | float | None] = [*states]
        if backfill is not None:
            condition, values = "backfill = ?", [backfill]
        if slot is not None:
            condition += " AND base_url = ? AND workspace_id = ?"
            values += [slot.base_url, slot.workspace_id]
        elif base_url is not None:
            condition += " AND base_url = ?"
            values.append(base_url)
        with self.ledger.transaction(write=False) as connection:
            return read(connection, condition, values, limit=limit)

    def count(self, base_url: str) -> int:
        """Return how many ranges wait at an address.

        Raises
        ------
        LedgerError
            If the ledger can't be read.
        """
        if not self.ledger.path.exists():
            return 0
        statement = f"SELECT count(*) FROM queue WHERE {WAITS} AND base_url = ?"  # noqa: S608 - WAITS is a literal
        with self.ledger.transaction(write=False) as connection:
            (count,) = connection.execute(statement, [base_url]).fetchone()
        return int(count)

    def owned(self, base_url: str, now: float) -> tuple[int, Ticket | None]:
        """Return how many ranges at an address have owners that are there, and the first.

        Raises
        ------
        LedgerError
            If the ledger can't be read.
        """
        if not self.ledger.path.exists():
            return 0, None
        with self.ledger.transaction(write=False) as connection:
            condition = f"{WAITS} AND base_url = ?"
            groups = read_groups(connection, condition, [base_url])
            owned = [
                group for group in groups if not is_orphan(group.origin, group.expires_at, now)
            ]
            first = find(connection, owned[0].number) if owned else None
            return sum(group.size for group in owned), first

    def ticket(self, number: int) -> Ticket | None:
        """Return the range of that number, if it is in the queue.

        Raises
        ------
        LedgerError
            If the ledger can't be read.
        """
        if not self.ledger.path.exists():
            return None
        with self.ledger.transaction(write=False) as connection:
            return find(connection, number)

    def place(self, ticket: Ticket, now: float) -> int:
        """Return how many ranges come before one, of those whose owners are there.

        Raises
        ------
        LedgerError
            If the ledger can't be read.
        """
        with self.ledger.transaction(write=False) as connection:
            return count_before(connection, ticket, now)

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

        Ranges that were finished more than `KEPT` seconds ago are removed.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        with self.ledger.transaction() as connection:
            columns = [_columns(slot, owner, each, now, backfill) for each in ranges]
            return _append(connection, columns, now)

    def add_with_row(
        self, slot: Slot, owner: Owner, timeframe: Timeframe, *, now: float, **row: Value
    ) -> Ticket:
        """Put a range at the end of the queue together with its row of the ledger, or neither.

        Parameters
        ----------
        slot, owner, timeframe, now
            As in `add`.
        **row
            Columns of `jobs.entry.Entry`.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        with self.ledger.transaction() as connection:
            (ticket,) = _append(connection, [_columns(slot, owner, timeframe, now, None)], now)
            return replace(ticket, job=self._insert_row(connection, ticket, row))

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
                "SELECT coalesce(min(rank), ?) FROM queue "  # noqa: S608 - WAITS is a literal
                f"WHERE rank > ? AND ({WAITS} OR backfill = ?)",
                [ticket.rank + 1, ticket.rank, ticket.backfill],
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
            ticket = find(connection, number)
            if ticket is None or ticket.state != "waiting":
                return None
            _take_out(connection, ticket)
            return ticket

    def clear(self, base_url: str) -> int:
        """Take out every range that waits at an address; return how many those were.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        with self.ledger.transaction() as connection:
            found = read(connection, "state = 'waiting' AND base_url = ?", [base_url])
            for ticket in found:
                _take_out(connection, ticket)
            return len(found)

    def update(self, number: int, **values: str | float | None) -> None:
        """Change columns of a range.

        Raises
        ------
        LedgerError
            If the ledger can't be written.
        """
        with self.ledger.transaction() as connection:
            change(connection, number, values)

    def give_row(self, ticket: Ticket, **values: Value) -> int:
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
            return self._insert_row(connection, ticket, values)

    def _insert_row(
        self, connection: sqlite3.Connection, ticket: Ticket, row: dict[str, Value]
    ) -> int:
        number = self.ledger.insert(connection, **row)
        change(connection, ticket.number, {"job": number})
        return number


def _append(
    connection: sqlite3.Connection, ranges: list[dict[str, Value]], now: float
) -> list[Ticket]:
    """Write ranges at the end of the queue, after removing what was finished long ago."""
    connection.execute(
        f"DELETE FROM queue WHERE backfill IS NULL AND NOT ({WAITS}) AND expires_at < ?",  # noqa: S608 - WAITS is a literal
        [now - KEPT],
    )
    (last,) = connection.execute(
        f"SELECT coalesce(max(rank), 0) FROM queue WHERE {WAITS}"  # noqa: S608 - WAITS is a literal
    ).fetchone()
    return [insert(connection, rank=last + n, **each) for n, each in enumerate(ranges, 1)]


def _take_out(connection: sqlite3.Connection, ticket: Ticket) -> None:
    """Take a range out of the queue; a backfill keeps its window, to submit it another time."""
    if ticket.backfill is None:
        connection.execute("DELETE FROM queue WHERE number = ?", [ticket.number])
    else:
        change(connection, ticket.number, {"state": "removed"})
    connection.execute("DELETE FROM jobs WHERE number = ? AND status = 'queued'", [ticket.job])


def _columns(
    slot: Slot, owner: Owner, timeframe: Timeframe, now: float, backfill: int | None
) -> dict[str, Value]:
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
