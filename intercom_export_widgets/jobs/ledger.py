"""The ledger: every export ever submitted from this machine, in one SQLite file.

The API has no call that lists jobs, so an identifier that is lost is lost for good.
Therefore a row is written *before* a submission leaves (without an identifier), and
the identifier is written into it before anything else is done with the job.

Place in the flow: `jobs.session` writes it, faces read `Ledger.entries` or the
DataFrame of `jobs.log`. It knows no network and no notebook, and never holds a token.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from intercom_export_widgets.errors import LedgerError
from intercom_export_widgets.jobs.entry import COLUMNS, KINDS, Entry
from intercom_export_widgets.jobs.ledgerfile import LedgerFile

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Ledger"]


class Ledger(LedgerFile):
    """Reads and writes the rows of jobs; safe from any thread and any process.

    Parameters
    ----------
    path : pathlib.Path
        As for `LedgerFile`.
    """

    def add(self, **values: str | float | None) -> int:
        """Write a new row and return its number.

        Parameters
        ----------
        **values
            Columns of `Entry`; ``session``, ``status`` and ``base_url`` are required.

        Raises
        ------
        LedgerError
            If the file can't be written. Nothing must be submitted then.
        """
        with self.transaction() as connection:
            return self.insert(connection, **values)

    def insert(self, connection: sqlite3.Connection, **values: str | float | None) -> int:
        """Write a new row within a transaction and return its number; as `add`."""
        names = _known(values)
        marks = ", ".join("?" for _ in names)
        statement = f"INSERT INTO jobs ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - names are checked against COLUMNS
        cursor = connection.execute(statement, [values[name] for name in names])
        return int(cursor.lastrowid or 0)

    def update(self, number: int, **values: str | float | None) -> None:
        """Change columns of a row.

        Raises
        ------
        LedgerError
            If the file can't be written, or has no such row any more.
        """
        names = _known(values)
        changes = ", ".join(f"{name} = ?" for name in names)
        statement = f"UPDATE jobs SET {changes} WHERE number = ?"  # noqa: S608 - names are checked against COLUMNS
        with self.transaction() as connection:
            changed = connection.execute(statement, [*(values[name] for name in names), number])
        if changed.rowcount != 1:
            raise LedgerError(
                f"The ledger {self.path} has lost the row of this job",
                advice="Was the file deleted or replaced? Note the job's identifier down.",
            )

    def give_up(self, number: int, error: str) -> None:
        """Note a submission as ``unknown``, unless its answer has been written down since.

        Raises
        ------
        LedgerError
            If the file can't be written.
        """
        statement = (
            "UPDATE jobs SET status = 'unknown', error = ? "
            "WHERE number = ? AND status = 'submitting' AND job_identifier IS NULL"
        )
        with self.transaction() as connection:
            connection.execute(statement, [error, number])

    def drop_unsent(self, number: int) -> None:
        """Remove a row that says ``queued`` but waits in no queue: nothing was submitted for it.

        Raises
        ------
        LedgerError
            If the file can't be written.
        """
        statement = (
            "DELETE FROM jobs WHERE number = ? AND status = 'queued' "
            "AND number NOT IN (SELECT job FROM queue WHERE job IS NOT NULL)"
        )
        with self.transaction() as connection:
            connection.execute(statement, [number])

    def remove(self, number: int) -> None:
        """Take a row away: a submission that was refused made no job."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM jobs WHERE number = ?", [number])

    def entries(
        self,
        *,
        session: str | None = None,
        numbers: Collection[int] = (),
        status: str | None = None,
        base_url: str | None = None,
    ) -> list[Entry]:
        """Return the rows that are asked for, or all, oldest first.

        The file is asked, not the rows: beside a busy cell each one that is read waits for the
        interpreter. A ledger that does not exist yet has none.

        Parameters
        ----------
        session : str, optional
            The session's.
        numbers : collection of int
            Beside the session's, also the rows of these numbers.
        status : str, optional
            Those whose status was last written so.
        base_url : str, optional
            Those of that address.

        Raises
        ------
        LedgerError
            If the file can't be read.
        """
        conditions, values = ["1"], list[str | int]()
        if session is not None:
            marks = ", ".join("?" * len(numbers))
            conditions.append(f"(session = ? OR number IN ({marks}))")
            values += [session, *numbers]
        for column, value in (("status", status), ("base_url", base_url)):
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(value)
        return self._select(f"WHERE {' AND '.join(conditions)} ORDER BY number", values)

    def entry(self, number: int) -> Entry | None:
        """Return the row of that number, if there is one."""
        found = self._select("WHERE number = ?", [number])
        return found[0] if found else None

    def find(self, job_identifier: str, base_url: str | None = None) -> Entry | None:
        """Return the newest row of that identifier, at that address or any, if there is one."""
        found = [
            entry
            for entry in self._select("WHERE job_identifier = ? ORDER BY number", [job_identifier])
            if base_url in {None, entry.base_url}
        ]
        return found[-1] if found else None

    def find_path(self, path: Path) -> Entry | None:
        """Return the newest row whose archive is that file, if there is one."""
        wanted = path.resolve()
        for entry in reversed(self.entries()):
            if entry.path and Path(entry.path).resolve() == wanted:
                return entry
        return None

    def _select(self, condition: str, values: list[str | int]) -> list[Entry]:
        if not self.path.exists():
            return []
        statement = f"SELECT {', '.join(COLUMNS)} FROM jobs {condition}"  # noqa: S608 - conditions are literals of this module
        with self.transaction(write=False) as connection:
            return [self._entry(row) for row in connection.execute(statement, values)]

    def _entry(self, row: tuple[object, ...]) -> Entry:
        """Return a row as it was written; a damaged file may give values of any kind."""
        for value, kinds in zip(row, KINDS, strict=True):
            if not isinstance(value, kinds):
                raise sqlite3.DatabaseError("a row has a value that nobody wrote there")
        return Entry(*row)  # type: ignore[arg-type] # checked above


def _known(values: dict[str, str | float | None]) -> list[str]:
    """Return the column names of `values`, none of which comes from outside."""
    strange = set(values) - set(COLUMNS)
    if strange:
        raise TypeError(f"the ledger has no column {', '.join(sorted(strange))}")
    return list(values)
