"""The newest jobs of the ledger, for whoever must not wait: a glance at its file.

It imports no client and no table library, never waits long for a lock, writes nothing,
and takes a ledger that can't be read for an empty one. What must be right asks `ledger`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Recent", "recent_jobs", "waiting_numbers"]

PATIENCE: Final = 0.02
"""Seconds that a lock is waited for."""

JOBS: Final = (
    "SELECT job_identifier, status, created_at_after, "
    "coalesce(received_until, created_at_before), finished_at IS NOT NULL, path IS NOT NULL, "
    "CASE WHEN sandbox THEN base_url ELSE '' END "
    "FROM jobs WHERE job_identifier IS NOT NULL ORDER BY number DESC LIMIT ?"
)
QUEUE: Final = "SELECT number FROM queue ORDER BY rank LIMIT ?"


@dataclass(frozen=True, slots=True)
class Recent:
    """A job of the ledger, as far as a glance tells.

    Attributes
    ----------
    job_identifier, status : str
        As in the ledger.
    first, last : int or None
        The range, Unix seconds, inclusive.
    ended, kept : bool
        Whether its end was seen, and whether its data were written to disk.
    sandbox : str
        The address of the sandbox that it is of; empty if it is of none.
    """

    job_identifier: str
    status: str
    first: int | None
    last: int | None
    ended: bool
    kept: bool
    sandbox: str = ""


def recent_jobs(path: Path | None, limit: int = 50) -> list[Recent]:
    """Return the newest jobs of a ledger that have an identifier, newest first.

    Parameters
    ----------
    path : Path
        The ledger; if it can't be read at once, there are none.
    limit : int
        How many rows are looked at.
    """
    found: dict[str, Recent] = {}
    for row in _rows(path, JOBS, limit):
        identifier, status, first, last, ended, kept, sandbox = row
        if isinstance(identifier, str) and isinstance(status, str) and identifier not in found:
            start, end = (each if isinstance(each, int) else None for each in (first, last))
            found[identifier] = Recent(
                identifier, status, start, end, bool(ended), bool(kept), str(sandbox)
            )
    return list(found.values())


def waiting_numbers(path: Path | None, limit: int = 50) -> list[int]:
    """Return the numbers of the ranges that wait in a ledger's queue, in order."""
    return [row[0] for row in _rows(path, QUEUE, limit) if isinstance(row[0], int)]


def _rows(path: Path | None, statement: str, limit: int) -> list[tuple[object, ...]]:
    if path is None:
        return []
    with contextlib.suppress(sqlite3.Error, OSError, ValueError):
        address = f"{path.absolute().as_uri()}?mode=ro"
        opened = sqlite3.connect(address, timeout=PATIENCE, uri=True)
        with contextlib.closing(opened) as connection:
            return connection.execute(statement, [limit]).fetchall()
    return []
