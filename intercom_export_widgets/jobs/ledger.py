"""The ledger: every export ever submitted from this machine, in one SQLite file.

The API has no call that lists jobs, so an identifier that is lost is lost for good.
Therefore a row is written *before* the submission (without an identifier), and the
identifier is written into it before anything else is done with the job. If that can't be
written, `unwritten` keeps it, and the next transaction writes it. No token is ever in it.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import LedgerError
from intercom_export_widgets.jobs.entry import COLUMNS, KINDS, Entry
from intercom_export_widgets.jobs.ledgerfile import LedgerFile
from intercom_export_widgets.jobs.unwritten import Change, unwritten_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

__all__ = ["Ledger"]

SHORT_PATIENCE: Final = 1.0
"""Seconds to wait for a lock while the ledger is known to be locked or full."""


class Ledger(LedgerFile):
    """Reads and writes the rows of jobs; safe from any thread and any process.

    Parameters
    ----------
    path : pathlib.Path
        As for `LedgerFile`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._added: dict[int, Entry] = {}

    @contextlib.contextmanager
    def transaction(
        self, *, write: bool = True, patience: float | None = None
    ) -> Iterator[sqlite3.Connection]:
        """Do one transaction; one that writes begins with what could not be written before.

        Parameters
        ----------
        write, patience
            As in `LedgerFile.transaction`.

        Raises
        ------
        LedgerError
            If the file can't be used.
        """
        unwritten, changes = unwritten_of(self.path), dict[int, Change]()
        if patience is None and unwritten.waiting:
            patience = SHORT_PATIENCE
        with super().transaction(write=write, patience=patience) as connection:
            if write:
                changes = unwritten.changes()
                for change in changes.values():
                    _apply(connection, change)
            yield connection
        unwritten.drop(changes)

    def flush(self, patience: float | None = None) -> None:
        """Write what could not be written before.

        Parameters
        ----------
        patience : float, optional
            As in `LedgerFile.transaction`.

        Raises
        ------
        LedgerError
            If it still can't be written.
        """
        with self.transaction(patience=patience):
            pass

    def settle(self, row: Entry, **values: str | float | None) -> LedgerError | None:
        """Change a row whose range may have been submitted; nothing of it is ever lost.

        What can't be written now is kept, and written as soon as the file can be.

        Parameters
        ----------
        row : Entry
            The row as it was before.
        **values
            Columns of `Entry`.

        Returns
        -------
        LedgerError or None
            Why it is not written yet.
        """
        _known(values)
        change = Change(row, values)
        fault = self._settle(change)
        added = self._added.get(row.number)
        if fault is None and added is not None:
            self._added[row.number] = change.applied(added) or added
        return fault

    def discard(self, row: Entry) -> LedgerError | None:
        """Remove the row of a range that was not submitted; as `settle`."""
        return self._settle(Change(row, None))

    def _settle(self, change: Change) -> LedgerError | None:
        unwritten = unwritten_of(self.path)
        known = unwritten.waiting
        try:
            with self.transaction(patience=SHORT_PATIENCE) as connection:
                _apply(connection, change)
        except LedgerError as error:
            unwritten.keep(change, self.flush)
            if known or not error.temporary:
                return error
        else:
            return None
        # Most locks are short. The process may be killed meanwhile: the file is written first.
        try:
            self.flush(patience=math.inf)
        except LedgerError as error:
            return error
        return None

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
        number = _insert(connection, values)
        # Kept here, so that nothing has to be read between this row and its submission.
        statement = f"SELECT {', '.join(COLUMNS)} FROM jobs WHERE number = ?"  # noqa: S608 - the names are those of Entry
        self._added[number] = self._entry(connection.execute(statement, [number]).fetchone())
        return number

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
        first_second: int | None = None,
        unfinished: bool = False,
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
        first_second : int, optional
            Those of ranges that begin with that instant, Unix seconds.
        unfinished : bool
            Only those of jobs that were not seen to end.

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
        asked = {"status": status, "base_url": base_url, "created_at_after": first_second}
        given = {name: value for name, value in asked.items() if value is not None}
        conditions += [f"{name} = ?" for name in given]
        values += given.values()
        if unfinished:
            conditions.append("finished_at IS NULL")

        def wanted(entry: Entry) -> bool:
            return (
                (session is None or entry.session == session or entry.number in numbers)
                and all(getattr(entry, name) == value for name, value in given.items())
                and not (unfinished and entry.finished_at is not None)
            )

        return self._select(" AND ".join(conditions), values, wanted)

    def entry(self, number: int) -> Entry | None:
        """Return the row of that number, if there is one."""
        found = self._select("number = ?", [number], lambda entry: entry.number == number)
        return found[0] if found else None

    def added(self, number: int) -> Entry | None:
        """Return the row as `add` and `settle` wrote it, without reading the file."""
        return self._added.get(number)

    def find(self, job_identifier: str, base_url: str | None = None) -> Entry | None:
        """Return the newest row of that identifier, at that address or any, if there is one."""
        found = [
            entry
            for entry in self._select(
                "job_identifier = ?",
                [job_identifier],
                lambda entry: entry.job_identifier == job_identifier,
            )
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

    def _select(
        self, condition: str, values: list[str | int], wanted: Callable[[Entry], bool]
    ) -> list[Entry]:
        """Return the rows for which a condition holds; `wanted` says the same of an entry.

        It decides for rows that have changed, but could not be written yet.
        """
        if not self.path.exists():
            return []
        changes = unwritten_of(self.path).changes()
        if changes:
            condition = f"({condition}) OR number IN ({', '.join(map(str, changes))})"
        statement = f"SELECT {', '.join(COLUMNS)} FROM jobs WHERE {condition} ORDER BY number"  # noqa: S608 - conditions are literals of this module
        with self.transaction(write=False) as connection:
            entries = [self._entry(row) for row in connection.execute(statement, values)]
        if not changes:
            return entries
        changed = (_changed(entry, changes.get(entry.number)) for entry in entries)
        return [entry for entry in changed if entry is not None and wanted(entry)]

    def _entry(self, row: tuple[object, ...]) -> Entry:
        """Return a row as it was written; a damaged file may give values of any kind."""
        for value, kinds in zip(row, KINDS, strict=True):
            if not isinstance(value, kinds):
                raise sqlite3.DatabaseError("a row has a value that nobody wrote there")
        return Entry(*row)  # type: ignore[arg-type] # checked above


def _changed(entry: Entry, change: Change | None) -> Entry | None:
    """Return an entry as it is after a change; None if that removes it."""
    if change is None or not change.matches(entry):
        return entry
    return change.applied(entry)


def _insert(connection: sqlite3.Connection, values: dict[str, str | float | None]) -> int:
    names = _known(values)
    marks = ", ".join("?" for _ in names)
    statement = f"INSERT INTO jobs ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - names are checked against COLUMNS
    return int(connection.execute(statement, list(values.values())).lastrowid or 0)


def _apply(connection: sqlite3.Connection, change: Change) -> None:
    """Write a change that is due, and what it means for the queue."""
    row, values, identifier = change.row, change.values, change.identifier
    # The number is no proof: numbers begin again in a ledger that is new. See `Change.matches`.
    same = "number = ? AND created_at_after IS ?"
    key: list[str | float | None] = [row.number, row.created_at_after]
    if values is None:
        connection.execute(f"DELETE FROM jobs WHERE {same} AND job_identifier IS NULL", key)  # noqa: S608 - a literal of this function
        return
    if identifier is not None:
        same, key = f"{same} AND ifnull(job_identifier, ?) = ?", [*key, identifier, identifier]
    changes = ", ".join(f"{name} = ?" for name in _known(values))
    statement = f"UPDATE jobs SET {changes} WHERE "  # noqa: S608 - names are checked against COLUMNS
    written = connection.execute(f"{statement}{same}", [*values.values(), *key])
    if written.rowcount == 0 and identifier is not None:
        # The ledger was moved away: the job gets a row in the new one.
        there = [*values.values(), identifier, row.base_url]
        again = connection.execute(f"{statement}job_identifier = ? AND base_url = ?", there)
        if again.rowcount == 0:
            before = {f.name: getattr(row, f.name) for f in fields(row) if f.name != "number"}
            _insert(connection, before | values)
        return
    state = "submitted" if identifier is not None else values.get("status")
    if state in {"submitted", "unknown"}:
        connection.execute(
            "UPDATE queue SET state = ?, note = ?, next_try_at = NULL "
            "WHERE job = ? AND state = 'submitting'",
            [state, values.get("error") or "", row.number],
        )


def _known(values: dict[str, str | float | None]) -> list[str]:
    """Return the column names of `values`, none of which comes from outside."""
    strange = set(values) - set(COLUMNS)
    if strange:
        raise TypeError(f"the ledger has no column {', '.join(sorted(strange))}")
    return list(values)
