"""What a session follows: its exports, whose workspace they are of, and their log.

Base of `session`, which begins exports; here they are shown to faces, parted from, and
looked up in the ledger.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self

from traitlets import HasTraits, Instance, Tuple, observe

from intercom_export_widgets.data.memory import release_memory
from intercom_export_widgets.errors import LedgerError
from intercom_export_widgets.intercom.models import JobStatus
from intercom_export_widgets.jobs import log as logs
from intercom_export_widgets.jobs.connection import Connection
from intercom_export_widgets.jobs.entry import is_gone
from intercom_export_widgets.jobs.expectation import ROW_LIMIT
from intercom_export_widgets.jobs.launch import Launcher
from intercom_export_widgets.jobs.lost import settle_lost
from intercom_export_widgets.jobs.parting import leave_all
from intercom_export_widgets.jobs.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd
    from traitlets import Bunch

    from intercom_export_widgets.jobs.backfill import Backfill
    from intercom_export_widgets.jobs.entry import Entry
    from intercom_export_widgets.jobs.handle import Export
    from intercom_export_widgets.jobs.ledger import Ledger
    from intercom_export_widgets.jobs.lineup import Lineup

__all__ = ["Following"]

GONE: Final = "Of another sandbox, which has probably stopped, and its jobs with it."


class Following(HasTraits):
    """The exports that are followed; see `session.ExportSession`.

    Parameters
    ----------
    connection : Connection
        Whose workspace.
    folder : pathlib.Path
        Where archives are kept.
    ledger : Ledger
        What remembers jobs.
    poll_interval : float
        Longest time between two questions about a job, in seconds.
    now : callable
        The clock, Unix seconds.
    """

    exports = Tuple(help="the exports of this session, oldest first")
    backfills = Tuple(help="the backfills of this session, oldest first")
    connection = Instance(Connection, help="whose workspace; replaced as a whole")
    lineup: Lineup

    def __init__(
        self,
        connection: Connection,
        *,
        folder: Path,
        ledger: Ledger,
        poll_interval: float,
        now: Callable[[], float],
    ) -> None:
        super().__init__()
        self._connections: list[Connection] = []
        self.name = uuid.uuid4().hex
        self.connection = connection
        self.folder = folder
        self.ledger = ledger
        self.poll_interval = poll_interval
        self.now = now
        self.row_limit = ROW_LIMIT
        self.submitting = threading.RLock()
        self.attaching = threading.Lock()

    @observe("connection")
    def _remember_connection(self, change: Bunch) -> None:
        self._connections.append(change.new)

    def __repr__(self) -> str:
        """Return where it exports from; never the token."""
        where = self.connection.base_url or self.connection.region
        return f"ExportSession({where!r}, {len(self.exports)} exports)"

    def __enter__(self) -> Self:
        """Return the session, to be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the session."""
        self.close()

    def close(self) -> None:
        """Stop following what still runs, and close the connections.

        A submission that is under way is answered first, so that its identifier is known.
        The jobs run on at Intercom; `attach` takes them up again. The tables that exports
        have read are dropped from memory; they are read again if they are asked for.
        """
        exports: tuple[Export, ...] = self.exports
        leave_all([*self.backfills, *exports])
        if all(export.done for export in exports):
            for connection in self._connections:
                connection.close()
        for export in exports:
            export.forget_tables()
        release_memory()

    def abandon(self, address: str, because: str) -> None:
        """Stop following the exports of an address whose jobs are gone with it.

        Parameters
        ----------
        address : str
            The API's address.
        because : str
            One sentence without its full stop, for cards and log.
        """
        exports: tuple[Export, ...] = self.exports
        gone = [export for export in exports if export.address == address and not export.done]
        leave_all(gone, because=because)
        for export in gone:
            with contextlib.suppress(LedgerError):
                self.ledger.update(
                    export.number,
                    status=JobStatus.CANCELED.value,
                    finished_at=self.now(),
                    error=f"{because}.",
                )

    # Looking -------------------------------------------------------------------

    def entries(self, *, everything: bool = False) -> list[Entry]:
        """Return the ledger's rows of this session, or of this machine, oldest first.

        Submissions of processes that ended before the answer came are noted as lost first.
        """
        with contextlib.suppress(LedgerError):  # a ledger that can only be read is read
            settle_lost(self.ledger)
        if everything:
            return self.ledger.entries()
        mine = {export.number for export in self.exports if export.ledger is self.ledger}
        return self.ledger.entries(session=self.name, numbers=mine)

    def log(self, *, everything: bool = False) -> pd.DataFrame:
        """Return the log, one row per job, oldest first; columns as `jobs.log.COLUMNS`.

        Parameters
        ----------
        everything : bool
            Every job that this machine has seen, not only this session's.

        Raises
        ------
        LedgerError
            If it can't be read.
        """
        address = self.connection.address
        entries = self.entries(everything=everything)
        return logs.frame(
            [replace(e, error=e.error or GONE) if is_gone(e, address) else e for e in entries]
        )

    def launcher(self) -> Launcher:
        """Return what exports begin with, as the settings are now."""
        return Launcher(self.ledger, self.folder, Schedule(longest=self.poll_interval), self.now)

    def publish_backfill(self, backfill: Backfill) -> None:
        """Let the faces know of a backfill; one of the same plan that has ended gives way."""
        others = tuple(b for b in self.backfills if b.plan.number != backfill.plan.number)
        try:
            self.backfills = (*others, backfill)
        except Exception:
            logging.getLogger(__name__).exception("A face could not show a backfill.")

    def publish(self, export: Export) -> None:
        """Let the faces know; an ended export of the same job gives way to the new one.

        A face that can't show it is no reason to lose it.
        """
        exports: tuple[Export, ...] = self.exports
        others = tuple(
            other
            for other in exports
            if not (other.done and export.number and other.number == export.number)
        )
        try:
            self.exports = (*others, export)
        except Exception:
            logging.getLogger(__name__).exception("A face could not show an export.")
