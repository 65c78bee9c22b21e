"""Who holds the workspace's one slot, as far as this machine knows.

"You can only have one active job per workspace" (Creating an export job), and no call
lists jobs. The ledger proposes the jobs that were begun here and not seen to end; the
API says whether one of them is still active. A job from elsewhere can't be named.
"""

from __future__ import annotations

import contextlib
import shlex
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import IntercomExportError, LedgerError
from intercom_export_widgets.intercom.models import JobStatus
from intercom_export_widgets.jobs.lost import settle_lost
from intercom_export_widgets.jobs.origin import place_of
from intercom_export_widgets.jobs.progress import attach_line, duration, status_word
from intercom_export_widgets.jobs.reading import timeframe_of

if TYPE_CHECKING:
    from intercom_export_widgets.errors import JobLockedError
    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.intercom.models import Job
    from intercom_export_widgets.jobs.entry import Entry
    from intercom_export_widgets.jobs.ledger import Ledger

__all__ = [
    "ELSEWHERE",
    "find_holder",
    "find_lost",
    "holder_sentence",
    "lost_sentence",
    "name_holder",
]

ELSEWHERE: Final = (
    "No job that was begun on this machine holds the slot: it comes from elsewhere (Intercom's "
    "web page, a colleague, a submission whose response was lost), and the API can't list it."
)

WAIT_FOR_IT: Final = "Wait, then export: the same line with --when-free."

PROPOSED: Final = 3
"""How many unfinished jobs of the ledger are asked about, newest first."""

PATIENCE: Final = 5.0
"""Seconds that one question may take: naming the holder must not hold anybody up."""

MEMORY: Final = 25 * 3600.0
"""Seconds for which a submission whose answer was lost may hold the slot."""


def find_holder(
    ledger: Ledger, client: IntercomClient, now: float | None = None
) -> tuple[Entry, Job] | None:
    """Return the job of the ledger that is still active, with its row, if there is one.

    Jobs that turn out to have ended are noted as such.

    Parameters
    ----------
    ledger : Ledger
        Proposes jobs.
    client : IntercomClient
        Is asked about them.
    now : float, optional
        Unix seconds: jobs that are older than any job gets are not asked about.

    Raises
    ------
    LedgerError
        If the ledger can't be read or written.
    """
    proposed = [
        entry
        for entry in reversed(ledger.entries(base_url=client.base_url, unfinished=True))
        if entry.job_identifier
        and not JobStatus.read(entry.status).ended
        and (now is None or now - (entry.submitted_at or now) < MEMORY)
    ]
    for entry in proposed[:PROPOSED]:
        try:
            job = client.refresh(entry.job_identifier or "", attempts=1, timeout=PATIENCE)
        except IntercomExportError:
            continue
        if not job.status.ended:
            return entry, job
        ledger.update(entry.number, status=status_word(job))
    return None


def find_lost(ledger: Ledger, base_url: str, now: float) -> list[Entry]:
    """Return the submissions whose answers were lost and that may still hold a slot.

    A row that says ``submitting`` although its process has ended is such a one. A job of the
    same workspace that was created later shows that the slot was free again.

    Raises
    ------
    LedgerError
        If the ledger can't be read or written.
    """
    with contextlib.suppress(LedgerError):  # a ledger that can only be read is read
        settle_lost(ledger)
    if not ledger.entries(base_url=base_url, status="unknown"):
        return []
    lost: list[Entry] = []
    entries = ledger.entries(base_url=base_url)
    for entry in sorted(entries, key=lambda entry: entry.submitted_at or 0):
        if entry.job_identifier:
            created = entry.submitted_at or 0
            lost = [
                each
                for each in lost
                if (each.submitted_at or 0) >= created
                or (each.workspace_id or entry.workspace_id) != entry.workspace_id
            ]
        young = now - (entry.submitted_at or 0) < MEMORY
        if entry.status == "unknown" and not entry.job_identifier and young:
            lost.append(entry)
    return lost


def lost_sentence(entry: Entry, now: float) -> str:
    """Return the sentence about a submission whose response was lost.

    Parameters
    ----------
    entry : Entry
        Its row.
    now : float
        Unix seconds.
    """
    return (
        f"Intercom's response to the submission{_what(entry)} of {_age(entry, now)} ago was lost: "
        "Intercom may have started an export that the API can neither name nor list. It is not "
        "sent again by itself. Until it ends, it may hold the workspace's one slot."
    )


def name_holder(error: JobLockedError, ledger: Ledger, client: IntercomClient, now: float) -> None:
    """Tell a job lock which job holds the slot, and so what to do, if it is known here.

    Parameters
    ----------
    error : JobLockedError
        Gets ``job_identifier``, ``held`` and a new ``advice``; left as it is if nothing is
        known.
    ledger : Ledger
        Proposes jobs.
    client : IntercomClient
        Is asked about them.
    now : float
        Unix seconds.
    """
    found = find_holder(ledger, client, now)
    if found is not None:
        entry, job = found
        error.job_identifier = job.job_identifier
        error.held = holder_sentence(entry, job, now)
        named = shlex.quote(job.job_identifier)
        error.advice = (
            f"{error.held} {WAIT_FOR_IT} Follow it: {attach_line(job.job_identifier)}. "
            f"Cancel it, then export: the same line with --cancel-holder {named}."
        )
        return
    error.held = ELSEWHERE
    lost = find_lost(ledger, client.base_url, now)
    if lost:
        newest = lost[-1]
        error.held = (
            f"Probably it is the submission{_what(newest)} of {_age(newest, now)} ago, whose "
            "response was lost: the API can neither name nor list it, and it ends by itself."
        )
    error.advice = f"{error.held} {WAIT_FOR_IT}"


def holder_sentence(entry: Entry, job: Job, now: float) -> str:
    """Return the sentence about the job that holds the slot.

    Parameters
    ----------
    entry : Entry
        Its row.
    job : Job
        As the API has just said.
    now : float
        Unix seconds.
    """
    word = status_word(job).replace("_", " ")
    where = place_of(entry.origin, entry.notebook)
    return (
        f"The slot is held by job {job.job_identifier}{_what(entry)}, which is {word} and "
        f"was submitted {_age(entry, now)} ago {where}."
    )


def _what(entry: Entry) -> str:
    known = timeframe_of(entry)
    return f" for {known.label}" if known is not None else ""


def _age(entry: Entry, now: float) -> str:
    return duration(now - (entry.submitted_at or now))
