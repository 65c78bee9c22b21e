"""What an export works with: everything that touches the world, in one value.

The session makes it, the handle puts its own pause and report in, `export` and
`delivery` use it. A test replaces what it likes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intercom_export_widgets.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.intercom.models import Job, Workspace
    from intercom_export_widgets.jobs.entry import Entry
    from intercom_export_widgets.jobs.ledger import Ledger
    from intercom_export_widgets.jobs.progress import Progress
    from intercom_export_widgets.jobs.schedule import Schedule
    from intercom_export_widgets.jobs.turn import Turn

__all__ = ["Tools"]


@dataclass(frozen=True)
class Tools:
    """What an export works with; everything that touches the world, in one value.

    Attributes
    ----------
    client : IntercomClient
        Speaks to the API.
    ledger : Ledger
        Remembers the job.
    number : int
        The export's row in the ledger.
    row : Entry or None
        That row as it was before the submission, to write it whole if it is gone.
    folder : pathlib.Path
        Where archives are kept.
    schedule : Schedule
        When to ask again.
    source : str
        Where the token came from.
    identify : callable
        Returns the workspace, or None if the API does not say.
    now : callable
        Returns Unix seconds.
    pause : callable
        Waits that many seconds, or until it is woken.
    stopped : callable
        Returns whether the user has asked to stop.
    told : callable
        Returns a newer snapshot that another call has brought, such as a cancel, or None.
    turn : Turn or None
        The place in the queue, for a range that waits for the slot.
    report : callable
        Takes each `Progress`.
    caution : callable
        Takes a sentence that the user must be warned with, once.
    say : callable
        Takes a sentence that the user should see.
    adopt : callable
        Takes the number of another row of the ledger, which is the export's from then on.
    """

    client: IntercomClient
    ledger: Ledger
    number: int
    folder: Path
    schedule: Schedule
    source: str = ""
    row: Entry | None = None
    identify: Callable[[], Workspace | None] = lambda: None
    now: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep
    stopped: Callable[[], bool] = lambda: False
    told: Callable[[], Job | None] = lambda: None
    turn: Turn | None = None
    report: Callable[[Progress], None] = lambda _: None
    caution: Callable[[str], None] = lambda _: None
    say: Callable[[str], None] = lambda _: None
    adopt: Callable[[int], None] = lambda _: None

    def entry(self) -> Entry | None:
        """Return the export's row; as it was last known, if the ledger can't be read now."""
        try:
            return self.ledger.entry(self.number)
        except LedgerError:
            return self.row

    def remember(self, job: Job, **values: str | float | None) -> str:
        """Write to the row of a job; return a sentence if that is not possible now, else ``""``.

        The export goes on without the ledger. What can't be written is kept and written as
        soon as possible; a warning names an identifier that is not in the ledger yet, once.

        Parameters
        ----------
        job : Job
            Whose row it is.
        **values
            Columns of `jobs.entry.Entry`.
        """
        fault = self.settle(job_identifier=job.job_identifier, **values)
        if fault is None:
            return ""
        row = self.ledger.added(self.number) or self.row
        if row is not None and row.job_identifier:
            return f"{fault.message}. What became of job {row.job_identifier} is kept until then."
        self.caution(
            "The ledger could not be written when Intercom accepted the export as job "
            f"{job.job_identifier}. The identifier is kept, and written as soon as possible. "
            f"Note it down: {job.job_identifier}."
        )
        return f"{fault.message}. The identifier {job.job_identifier} is kept until then."

    def settle(self, **values: str | float | None) -> LedgerError | None:
        """Change the export's row, now or as soon as the ledger can be written.

        Parameters
        ----------
        **values
            Columns of `jobs.entry.Entry`.

        Returns
        -------
        LedgerError or None
            Why it is not written yet.
        """
        if self.row is not None:
            return self.ledger.settle(self.row, **values)
        try:
            self.ledger.update(self.number, **values)
        except LedgerError as error:
            return error
        return None

    def discard(self) -> LedgerError | None:
        """Remove the export's row, since nothing was submitted; as `settle`."""
        if self.row is not None:
            return self.ledger.discard(self.row)
        try:
            self.ledger.remove(self.number)
        except LedgerError as error:
            return error
        return None
