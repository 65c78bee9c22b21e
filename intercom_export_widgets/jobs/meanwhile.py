"""What others have exported of a range: it need not be exported again.

Looked at before a range is submitted, and again by `turn` when its turn has come. What is whole
on disk is read from there; a job that has ended, and whose data nobody has brought yet, is
followed: `delivery` waits for whoever is fetching them, however long that takes, or fetches them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import ArchiveError, IntercomExportError
from intercom_export_widgets.intercom.models import JobStatus
from intercom_export_widgets.jobs.reading import progress_of_file, progress_without_data
from intercom_export_widgets.jobs.reuse import find_kept, is_same_range

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.intercom.models import Job
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.connection import Connection
    from intercom_export_widgets.jobs.entry import Entry
    from intercom_export_widgets.jobs.ledger import Ledger
    from intercom_export_widgets.jobs.progress import Progress

__all__ = ["Meanwhile"]

PROPOSED: Final = 3
"""How many jobs of the same range are asked about, newest first."""

PATIENCE: Final = 5.0
"""Seconds that one question may take."""

GONE: Final = frozenset({JobStatus.FAILED, JobStatus.CANCELED})


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """The same range, in whoever's hands.

    Attributes
    ----------
    ledger : Ledger
        Knows every export of this machine.
    connection : Connection
        Whose workspace is meant.
    timeframe : Timeframe
        The range that is wanted.
    since : float
        Unix seconds: what was submitted before is not fresh enough; 0 if anything is.
    """

    ledger: Ledger
    connection: Connection
    timeframe: Timeframe
    since: float = 0.0

    def found(self, now: float) -> tuple[Entry, Progress] | None:
        """Return the same range's export that is whole on disk, with its last progress.

        Raises
        ------
        LedgerError
            If the ledger can't be read.
        """
        entry = find_kept(self.ledger, self.connection, self.timeframe, since=self.since)
        if entry is None:
            return None
        if entry.path is None:
            return entry, progress_without_data(entry, now)
        try:
            return entry, progress_of_file(Path(entry.path), entry, verified=True)
        except ArchiveError:
            return None

    def ended(self, client: IntercomClient, now: float) -> tuple[Entry, Job] | None:
        """Return the same range's job that has ended well, but whose data are not on disk yet.

        Somebody may be fetching them just now, or has been killed before. The API is asked
        about it, so that only what can still be fetched is returned.

        Parameters
        ----------
        client : IntercomClient
            Is asked.
        now : float
            Unix seconds.

        Raises
        ------
        LedgerError
            If the ledger can't be read.
        """
        entries = self.ledger.entries(
            base_url=self.connection.address,
            first_second=self.timeframe.created_at_after,
            unfinished=True,
        )
        for entry in [e for e in reversed(entries) if self._may_be(e, now)][:PROPOSED]:
            try:
                job = client.refresh(entry.job_identifier or "", attempts=1, timeout=PATIENCE)
            except IntercomExportError:
                continue
            expired = job.download_expires_at is not None and job.download_expires_at <= now
            if job.status in {JobStatus.COMPLETED, JobStatus.NO_DATA} and not expired:
                return entry, job
        return None

    def _may_be(self, entry: Entry, now: float) -> bool:
        known = self.connection.workspace
        return (
            bool(entry.job_identifier)
            and entry.error is None
            and (entry.expires_at is None or entry.expires_at > now)
            and JobStatus.read(entry.status) not in GONE
            and (entry.submitted_at or 0) >= self.since
            and (known is None or entry.workspace_id in {None, known.id_code})
            and is_same_range(entry, self.connection.address, self.timeframe)
        )
