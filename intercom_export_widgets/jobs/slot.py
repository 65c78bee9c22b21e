"""Who holds the workspace's one slot, as far as this machine knows.

"You can only have one active job per workspace" (Creating an export job), and no call
lists jobs. The ledger proposes the jobs that were begun here and not seen to end; the
API says whether one of them is still active. A job from elsewhere can't be named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import IntercomExportError
from intercom_export_widgets.jobs.progress import duration
from intercom_export_widgets.jobs.reading import timeframe_of

if TYPE_CHECKING:
    from intercom_export_widgets.errors import JobLockedError
    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.intercom.job import Job
    from intercom_export_widgets.jobs.ledger import Entry, Ledger

__all__ = ["find_holder", "name_holder"]

PROPOSED: Final = 5
"""How many unfinished jobs of the ledger are asked about, newest first."""


def find_holder(ledger: Ledger, client: IntercomClient) -> tuple[Entry, Job] | None:
    """Return the job of the ledger that is still active, with its row, if there is one.

    Jobs that turn out to have ended are noted as such.

    Raises
    ------
    LedgerError
        If the ledger can't be read or written.
    """
    proposed = [
        entry
        for entry in reversed(ledger.entries())
        if entry.job_identifier and entry.finished_at is None and entry.base_url == client.base_url
    ]
    for entry in proposed[:PROPOSED]:
        try:
            job = client.refresh(entry.job_identifier or "")
        except IntercomExportError:
            continue
        if not job.status.ended:
            return entry, job
        ledger.update(entry.number, status=job.status_text)
    return None


def name_holder(error: JobLockedError, ledger: Ledger, client: IntercomClient, now: float) -> None:
    """Tell a job lock which job holds the slot, and so what to do, if it is known here.

    Parameters
    ----------
    error : JobLockedError
        Gets ``job_identifier`` and a new ``advice``; left as it is if nothing is known.
    ledger : Ledger
        Proposes jobs.
    client : IntercomClient
        Is asked about them.
    now : float
        Unix seconds.
    """
    found = find_holder(ledger, client)
    if found is None:
        return
    entry, job = found
    identifier = job.job_identifier
    known = timeframe_of(entry)
    what = f" ({known.label})" if known is not None else ""
    age = duration(now - (entry.submitted_at or now))
    error.job_identifier = identifier
    error.advice = (
        f"The slot is held by job {identifier}{what}, which is "
        f"{job.status_text.replace('_', ' ')} and was submitted {age} ago on this machine. "
        f"Follow it: %intercom_export attach {identifier}. "
        f"Or end it: %intercom_export cancel {identifier}."
    )
