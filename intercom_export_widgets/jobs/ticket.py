"""The values of the queue, and the SQL that reads and writes their rows.

Base of `lease` and `queue`. It has no clock: the time is an argument.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.jobs.origin import here, is_alive

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

__all__ = [
    "OPEN",
    "Owner",
    "Slot",
    "Ticket",
    "change",
    "find",
    "holds_up",
    "insert",
    "is_orphan",
    "read",
]

OPEN: Final = ("waiting", "submitting")
"""States of ranges that still wait for the slot. A range with another state is finished."""


@dataclass(frozen=True, slots=True)
class Slot:
    """What is waited for: the one active job of one workspace.

    Attributes
    ----------
    base_url : str
        The API's address.
    workspace_id : str
        The workspace's ``id_code``; empty if the API does not say.
    """

    base_url: str
    workspace_id: str


@dataclass(frozen=True, slots=True)
class Owner:
    """Who submits: one session in one process.

    Attributes
    ----------
    session : str
        The session's name.
    origin : str
        As `origin.here` returns it.
    """

    session: str
    origin: str = ""

    def __post_init__(self) -> None:
        """Take this process unless another is named."""
        if not self.origin:
            object.__setattr__(self, "origin", here())


@dataclass(frozen=True, slots=True)
class Ticket:
    """One range in the queue.

    Attributes
    ----------
    number : int
        Its name; it is never given twice.
    rank : float
        The lower, the earlier.
    state : str
        ``waiting``, ``submitting``, ``submitted``, ``failed``, or ``unknown`` if the answer
        to its submission was lost; a backfill's window may be ``done``, ``stopped`` or
        ``removed`` too.
    base_url, workspace_id : str
        Whose slot it waits for.
    created_at_after, created_at_before : int
        The range, Unix seconds, inclusive.
    observed_until : int or None
        As `Timeframe.observed_until`.
    zone : str
        The range's IANA time zone.
    queued_at : float
        Unix seconds.
    origin, session : str
        Its owner.
    expires_at : float
        Until when it stays the owner's without a sign of life, Unix seconds.
    next_try_at : float or None
        When it will be submitted at the earliest, if the slot was found taken by a job
        that can't be followed; Unix seconds.
    note : str
        What it waits for, in one sentence.
    tries : int
        How often the slot was found taken so.
    failures : int
        How many jobs for it have failed.
    job : int or None
        Its row of the ledger.
    backfill : int or None
        The backfill that it is a window of.
    """

    number: int
    rank: float
    state: str
    base_url: str
    workspace_id: str
    created_at_after: int
    created_at_before: int
    observed_until: int | None
    zone: str
    queued_at: float
    origin: str
    session: str
    expires_at: float
    next_try_at: float | None
    note: str
    tries: int
    failures: int
    job: int | None
    backfill: int | None

    @property
    def timeframe(self) -> Timeframe:
        """The range."""
        return Timeframe(
            self.created_at_after, self.created_at_before, self.zone, self.observed_until
        )

    @property
    def slot(self) -> Slot:
        """What it waits for."""
        return Slot(self.base_url, self.workspace_id)

    def belongs_to(self, owner: Owner) -> bool:
        """Return whether it is this owner's, whether or not the lease has run out."""
        return (self.origin, self.session) == (owner.origin, owner.session)

    def is_orphan(self, now: float) -> bool:
        """Return whether its owner is gone, so that another may take it."""
        return is_orphan(self.origin, self.expires_at, now)

    def holds_up(self, now: float) -> bool:
        """Return whether those behind must wait for it."""
        return holds_up(self.state, self.origin, self.expires_at, now)


COLUMNS: Final = tuple(field.name for field in fields(Ticket))
COLUMN_LIST: Final = ", ".join(COLUMNS)
ORDER: Final = "ORDER BY rank, number"


def is_orphan(origin: str, expires_at: float, now: float) -> bool:
    """Return whether the owner of a range is gone, so that another may take it.

    A process of this machine can be looked up; elsewhere the lease decides, by the clock.
    """
    if not origin or not is_alive(origin):
        return True
    return not _can_be_asked(origin) and expires_at < now


def holds_up(state: str, origin: str, expires_at: float, now: float) -> bool:
    """Return whether others must wait for a range: not if it waits and its owner sleeps."""
    asleep = state == "waiting" and expires_at < now
    return not asleep and not is_orphan(origin, expires_at, now)


def _can_be_asked(origin: str) -> bool:
    """Return whether `is_alive` can tell of that process."""
    return origin.startswith(f"{socket.gethostname()}:")


def read(
    connection: sqlite3.Connection,
    condition: str,
    values: Sequence[str | float | None],
    *,
    limit: int | None = None,
) -> list[Ticket]:
    """Return the ranges that meet a condition, in order, at most `limit` of them.

    Parameters
    ----------
    connection : sqlite3.Connection
        Within a transaction of the ledger.
    condition : str
        SQL for ``WHERE``, without values.
    values : sequence
        A value for each ``?`` in it.
    limit : int, optional
        The largest number of ranges to return.
    """
    statement = f"SELECT {COLUMN_LIST} FROM queue WHERE {condition} {ORDER} LIMIT ?"  # noqa: S608 - conditions are literals of this package
    rows = connection.execute(statement, [*values, -1 if limit is None else limit])
    return [Ticket(*row) for row in rows]


def find(connection: sqlite3.Connection, number: int) -> Ticket | None:
    """Return the range of that number, if it is in the queue."""
    found = read(connection, "number = ?", [number])
    return found[0] if found else None


def change(
    connection: sqlite3.Connection, number: int, values: dict[str, str | float | None]
) -> None:
    """Change columns of a range."""
    strange = set(values) - set(COLUMNS)
    if strange:
        raise TypeError(f"the queue has no column {', '.join(sorted(strange))}")
    changes = ", ".join(f"{name} = ?" for name in values)
    statement = f"UPDATE queue SET {changes} WHERE number = ?"  # noqa: S608 - names are checked against COLUMNS
    connection.execute(statement, [*values.values(), number])


def insert(connection: sqlite3.Connection, **values: str | float | None) -> Ticket:
    """Write a range that waits, and return it; its rank, owner, slot and range are given."""
    statement = (
        f"INSERT INTO queue (state, {', '.join(values)}) "  # noqa: S608 - the names are those of `queue`
        f"VALUES ('waiting', {', '.join('?' for _ in values)}) RETURNING {COLUMN_LIST}"
    )
    return Ticket(*connection.execute(statement, list(values.values())).fetchone())
