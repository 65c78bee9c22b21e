"""The ledger: every export ever submitted from this machine, in one SQLite file.

The API has no call that lists jobs, so an identifier that is lost is lost for good.
Therefore a row is written *before* a submission leaves (without an identifier), and
the identifier is written into it before anything else is done with the job.

Place in the flow: `jobs.session` writes it, faces read `Ledger.entries` or the
DataFrame of `jobs.log`. It knows no network and no notebook, and never holds a token.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import LedgerError
from intercom_export_widgets.intercom.folder import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

__all__ = ["Entry", "Ledger"]

BUSY_SECONDS: Final = 15.0

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS jobs (
    number            INTEGER PRIMARY KEY AUTOINCREMENT,
    session           TEXT    NOT NULL,
    job_identifier    TEXT,
    status            TEXT    NOT NULL,
    created_at_after  INTEGER,
    created_at_before INTEGER,
    zone              TEXT    NOT NULL DEFAULT 'UTC',
    submitted_at      REAL,
    finished_at       REAL,
    expires_at        REAL,
    bytes             INTEGER,
    rows              INTEGER,
    path              TEXT,
    sha256            TEXT,
    workspace         TEXT,
    workspace_id      TEXT,
    timezone          TEXT,
    base_url          TEXT    NOT NULL,
    region            TEXT    NOT NULL DEFAULT '',
    sandbox           INTEGER NOT NULL DEFAULT 0,
    origin            TEXT    NOT NULL DEFAULT '',
    error             TEXT
);
CREATE INDEX IF NOT EXISTS jobs_by_identifier ON jobs (job_identifier);
CREATE INDEX IF NOT EXISTS jobs_by_session ON jobs (session);
"""

QUEUE: Final = """
ALTER TABLE jobs ADD COLUMN notebook TEXT NOT NULL DEFAULT '';
CREATE TABLE IF NOT EXISTS queue (
    number            INTEGER PRIMARY KEY AUTOINCREMENT,
    rank              REAL    NOT NULL,
    state             TEXT    NOT NULL,
    base_url          TEXT    NOT NULL,
    workspace_id      TEXT    NOT NULL,
    created_at_after  INTEGER NOT NULL,
    created_at_before INTEGER NOT NULL,
    observed_until    INTEGER,
    zone              TEXT    NOT NULL,
    queued_at         REAL    NOT NULL,
    origin            TEXT    NOT NULL,
    session           TEXT    NOT NULL,
    expires_at        REAL    NOT NULL,
    next_try_at       REAL,
    note              TEXT    NOT NULL DEFAULT '',
    tries             INTEGER NOT NULL DEFAULT 0,
    failures          INTEGER NOT NULL DEFAULT 0,
    job               INTEGER,
    backfill          INTEGER
);
CREATE TABLE IF NOT EXISTS backfills (
    number            INTEGER PRIMARY KEY AUTOINCREMENT,
    base_url          TEXT    NOT NULL,
    workspace_id      TEXT    NOT NULL,
    created_at_after  INTEGER NOT NULL,
    created_at_before INTEGER NOT NULL,
    observed_until    INTEGER,
    zone              TEXT    NOT NULL,
    every             TEXT    NOT NULL,
    begun_at          REAL    NOT NULL
)
"""

STEPS: Final = (SCHEMA, "ALTER TABLE jobs ADD COLUMN received_until INTEGER", QUEUE)
"""What makes each version of the file out of the one before; the first, out of nothing."""

VERSION: Final = len(STEPS)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the ledger: what is known here of one job.

    Attributes
    ----------
    number : int
        Counts up from 1, in the order of submission.
    session : str
        The session that submitted it or took it up.
    job_identifier : str or None
        Intercom's name for it; None until the answer came, or if it was lost.
    status : str
        The API's word, or ``submitting`` before the answer, or ``unknown`` if the
        answer was lost, or ``queued`` while the range waits for the slot.
    created_at_after, created_at_before : int or None
        The range that was requested, Unix seconds, inclusive; None for a job taken up
        from elsewhere.
    received_until : int or None
        The last second of the range whose messages are kept, if it ends before the
        requested one, which then says until when opens and clicks are counted.
    zone : str
        The IANA time zone in which the range was meant.
    submitted_at, finished_at, expires_at : float or None
        Unix seconds.
    bytes : int or None
        Size of the downloaded archive.
    rows : int or None
        Rows of all tables in it.
    path : str or None
        Where the archive lies.
    sha256 : str or None
        The archive's checksum, hexadecimal.
    workspace, workspace_id : str or None
        The workspace's name and its ``id_code``.
    timezone : str or None
        The workspace's IANA time zone, in which timestamps without a zone are meant.
    base_url, region : str
        The host that was asked.
    sandbox : int
        1 if the data are synthetic.
    origin : str
        The machine and the process that submitted it.
    error : str or None
        What went wrong, in one sentence.
    notebook : str
        The notebook that submitted it, as far as Jupyter said; else empty.
    """

    number: int
    session: str
    job_identifier: str | None
    status: str
    created_at_after: int | None
    created_at_before: int | None
    zone: str
    submitted_at: float | None
    finished_at: float | None
    expires_at: float | None
    bytes: int | None
    rows: int | None
    path: str | None
    sha256: str | None
    workspace: str | None
    workspace_id: str | None
    timezone: str | None
    base_url: str
    region: str
    sandbox: int
    origin: str
    error: str | None
    received_until: int | None
    notebook: str


COLUMNS: Final = tuple(field.name for field in fields(Entry))
_KINDS: Final = {"int": (int,), "float": (int, float), "str": (str,), "None": (type(None),)}
KINDS: Final = tuple(
    tuple(kind for word in str(field.type).split(" | ") for kind in _KINDS[word])
    for field in fields(Entry)
)
"""The types that each column may have, by the annotations of `Entry`."""


class Ledger:
    """Reads and writes one ledger file; safe from any thread and any process.

    Parameters
    ----------
    path : pathlib.Path
        The SQLite file. It is created, readable by its owner only, when first written.

    Notes
    -----
    Every operation opens the file, does one transaction and closes it: there is no
    connection to be lost in a fork, a thread or an interrupt. The plain rollback
    journal is used, since write-ahead logging fails on network drives.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        """Return the class and the file."""
        return f"Ledger({str(self.path)!r})"

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
        with self._transaction() as connection:
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
        with self._transaction() as connection:
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
        with self._transaction() as connection:
            connection.execute(statement, [error, number])

    def remove(self, number: int) -> None:
        """Take a row away: a submission that was refused made no job."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM jobs WHERE number = ?", [number])

    def entries(self, *, session: str | None = None) -> list[Entry]:
        """Return the rows of one session, or of all, oldest first.

        A ledger that does not exist yet has none.

        Raises
        ------
        LedgerError
            If the file can't be read.
        """
        if session is None:
            return self._select("ORDER BY number", [])
        return self._select("WHERE session = ? ORDER BY number", [session])

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

    def transaction(self, *, write: bool = True) -> AbstractContextManager[sqlite3.Connection]:
        """Return one transaction on the file, for what else is kept in it.

        Parameters
        ----------
        write : bool
            Whether something will be written: the lock is then taken at the beginning.

        Raises
        ------
        LedgerError
            If the file can't be used.
        """
        return self._transaction(write=write)

    def _select(self, condition: str, values: list[str | int]) -> list[Entry]:
        if not self.path.exists():
            return []
        statement = f"SELECT {', '.join(COLUMNS)} FROM jobs {condition}"  # noqa: S608 - conditions are literals of this module
        with self._transaction(write=False) as connection:
            return [self._entry(row) for row in connection.execute(statement, values)]

    def _entry(self, row: tuple[object, ...]) -> Entry:
        """Return a row as it was written; a damaged file may give values of any kind."""
        for value, kinds in zip(row, KINDS, strict=True):
            if not isinstance(value, kinds):
                raise sqlite3.DatabaseError("a row has a value that nobody wrote there")
        return Entry(*row)  # type: ignore[arg-type] # checked above

    @contextlib.contextmanager
    def _transaction(self, *, write: bool = True) -> Iterator[sqlite3.Connection]:
        """Open, begin, commit or roll back, and close; translate what goes wrong.

        To write, the lock is taken at the beginning: a transaction that reads first and
        writes later is refused at once when another has done the same.
        """
        try:
            if write:
                self._create()
            with contextlib.closing(
                sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            ) as connection:
                version = self._version(connection)
                old = version < VERSION
                connection.execute("BEGIN IMMEDIATE" if write or old else "BEGIN")
                self._migrate(connection)
                yield connection
                connection.execute("COMMIT")
        except (sqlite3.Error, OSError, UnicodeError) as error:
            raise LedgerError(
                f"The ledger {self.path} can't be used: {error}",
                advice="Nothing is submitted without it. Free or repair that place, or name "
                'another file: %config IntercomExport.ledger = "/path/ledger.sqlite".',
            ) from error

    def _create(self) -> None:
        """Make the folder and the file, both for their owner's eyes only."""
        if self.path.exists():
            return
        make_private(self.path.parent)
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))

    def _version(self, connection: sqlite3.Connection) -> int:
        """Return the version of the file's tables; 0 if it has none yet."""
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise LedgerError(
                f"The ledger {self.path} was written by a newer version of this package",
                advice="Update the package (pip install -U intercom-export-widgets), or name "
                'another file: %config IntercomExport.ledger = "/path/ledger.sqlite".',
            )
        return int(version)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        """Bring the tables to this version, unless another process has just done so."""
        version = self._version(connection)
        if version == VERSION:
            return
        for step in STEPS[version:]:
            for statement in step.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _known(values: dict[str, str | float | None]) -> list[str]:
    """Return the column names of `values`, none of which comes from outside."""
    strange = set(values) - set(COLUMNS)
    if strange:
        raise TypeError(f"the ledger has no column {', '.join(sorted(strange))}")
    return list(values)
