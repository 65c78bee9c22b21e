"""The ledger's file: SQLite, its tables from version to version, one transaction at a time.

`ledger`, `queue` and `plan` keep their rows in it. It knows no row, and says in a sentence
what a disk, a lock or another program has against it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.disk import make_private, open_plain, refuse_link
from intercom_export_widgets.errors import LedgerError
from intercom_export_widgets.intercom.deadline import TICK, stop_of_thread
from intercom_export_widgets.jobs.ledgerfault import ANOTHER_FILE, unusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["LedgerFile"]

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

INDEXES: Final = """
CREATE INDEX IF NOT EXISTS queue_by_slot ON queue (state, base_url, workspace_id, rank);
CREATE INDEX IF NOT EXISTS queue_by_backfill ON queue (backfill, rank);
CREATE INDEX IF NOT EXISTS jobs_by_range ON jobs (base_url, created_at_after)
"""

STEPS: Final = (
    SCHEMA,
    "ALTER TABLE jobs ADD COLUMN received_until INTEGER",
    QUEUE,
    "ALTER TABLE backfills ADD COLUMN fresh INTEGER NOT NULL DEFAULT 0",
    INDEXES,
)
"""What makes each version of the file out of the one before; the first, out of nothing."""

VERSION: Final = len(STEPS)


class LedgerFile:
    """One ledger file; safe from any thread and any process.

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
        return f"{type(self).__name__}({str(self.path)!r})"

    @contextlib.contextmanager
    def transaction(
        self, *, write: bool = True, patience: float | None = None
    ) -> Iterator[sqlite3.Connection]:
        """Open, begin, commit or roll back, and close: one transaction on the file.

        Parameters
        ----------
        write : bool
            Whether something will be written: the lock is then taken at the beginning. A
            transaction that reads first and writes later is refused at once when another
            has done the same.
        patience : float, optional
            Seconds to wait for a lock, 15 at most. An export that is left waits no longer.

        Raises
        ------
        LedgerError
            If the file can't be used.
        """
        try:
            refuse_link(self.path)
            if write:
                self._create()
            seconds = BUSY_SECONDS if patience is None else min(patience, BUSY_SECONDS)
            with contextlib.closing(
                sqlite3.connect(self.path, timeout=min(TICK, seconds), isolation_level=None)
            ) as connection:
                self._begin(connection, write=write, seconds=seconds)
                self._migrate(connection)
                yield connection
                connection.execute("COMMIT")
        except (sqlite3.Error, OSError, UnicodeError) as error:
            raise unusable(self.path, error) from error

    def _begin(self, connection: sqlite3.Connection, *, write: bool, seconds: float) -> None:
        """Begin a transaction, after waiting for a lock of another program.

        SQLite's own wait can't be interrupted, so it is repeated.
        """
        stopped, until = stop_of_thread(), time.monotonic() + seconds
        while True:
            try:
                old = self._version(connection) < VERSION
                connection.execute("BEGIN IMMEDIATE" if write or old else "BEGIN")
            except sqlite3.OperationalError as error:
                locked = error.sqlite_errorname.startswith("SQLITE_BUSY")
                if not locked or stopped() or time.monotonic() >= until:
                    raise
            else:
                break
        connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")

    def _create(self) -> None:
        """Make the folder and the file, both for their owner only."""
        if self.path.exists():
            return
        make_private(self.path.parent)
        os.close(open_plain(str(self.path), os.O_CREAT | os.O_RDWR))

    def _version(self, connection: sqlite3.Connection) -> int:
        """Return the version of the file's tables; 0 if it has none yet."""
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise LedgerError(
                f"The ledger {self.path} was written by a newer version of this package",
                advice="Update the package (pip install -U intercom-export-widgets), or "
                f"{ANOTHER_FILE}",
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
