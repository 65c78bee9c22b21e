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
    from intercom_export_widgets.intercom.job import Job
    from intercom_export_widgets.intercom.workspace import Workspace
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
    adopt : callable
        Takes the number of another row of the ledger, which is the export's from then on.
    """

    client: IntercomClient
    ledger: Ledger
    number: int
    folder: Path
    schedule: Schedule
    source: str = ""
    identify: Callable[[], Workspace | None] = lambda: None
    now: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep
    stopped: Callable[[], bool] = lambda: False
    told: Callable[[], Job | None] = lambda: None
    turn: Turn | None = None
    report: Callable[[Progress], None] = lambda _: None
    adopt: Callable[[int], None] = lambda _: None

    def remember(self, job: Job, **values: str | float | None) -> str:
        """Write to the ledger; if that fails, return the sentence that says so.

        A full disk must not end an export whose job exists: it is then shown, and the
        identifier with it, since there is no other way to find the job again.

        Parameters
        ----------
        job : Job
            Whose row it is.
        **values
            Columns of `jobs.entry.Entry`.
        """
        # The identifier is repeated each time: it may have failed to be written before.
        try:
            self.ledger.update(self.number, job_identifier=job.job_identifier, **values)
        except LedgerError as error:
            return f"Note down the identifier {job.job_identifier}: {error.message}."
        return ""
