"""What others have exported while a range waited in the queue: it need not be exported again.

Looked at by `turn` when a range is the next to be submitted. The ledger tells it, and the
disk; the API is asked only whose workspace it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import ArchiveError
from intercom_export_widgets.intercom.job import JobStatus
from intercom_export_widgets.jobs.origin import is_alive, place_of
from intercom_export_widgets.jobs.reading import progress_of_file, progress_without_data
from intercom_export_widgets.jobs.reuse import find_kept, is_same_range

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.connection import Connection
    from intercom_export_widgets.jobs.entry import Entry
    from intercom_export_widgets.jobs.ledger import Ledger
    from intercom_export_widgets.jobs.progress import Progress

__all__ = ["PATIENCE", "Meanwhile"]

PATIENCE: Final = 900.0
"""Seconds that another notebook's download is waited for at most: it may have been given up."""


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
        The range that waits.
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
            return entry, progress_of_file(Path(entry.path), entry)
        except ArchiveError:
            return None

    def coming(self, waited: float) -> str:
        """Return who is fetching the data of the same range just now, in a sentence, if anybody.

        Parameters
        ----------
        waited : float
            Seconds for which that was waited for already.

        Raises
        ------
        LedgerError
            If the ledger can't be read.
        """
        if waited >= PATIENCE:
            return ""
        for entry in reversed(self.ledger.entries(base_url=self.connection.address)):
            if self._is_coming(entry):
                where = place_of(entry.origin, entry.notebook)
                return (
                    f"Job {entry.job_identifier} has exported the same range; its data are being "
                    f"fetched {where}, and are read from disk then."
                )
        return ""

    def _is_coming(self, entry: Entry) -> bool:
        return (
            is_same_range(entry, self.connection.address, self.timeframe)
            and (entry.submitted_at or 0) >= self.since
            and JobStatus.read(entry.status) in {JobStatus.COMPLETED, JobStatus.NO_DATA}
            and entry.finished_at is None
            and entry.error is None
            and is_alive(entry.origin, entry.submitted_at)
        )
