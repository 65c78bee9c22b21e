"""The loop that follows a job: a generator of snapshots, and of pauses between them.

The same loop serves a progress line, a card, a log and a test. It knows no ledger, no
file, no thread and no clock that ticks: it asks, hands out what it was told, and says how
long to wait before it asks again. Whoever drives it does the waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import (
    JobNotFoundError,
    RedirectedError,
    ServiceError,
    ThrottledError,
    WaitTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from intercom_export_widgets.errors import IntercomExportError
    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.intercom.models import Job
    from intercom_export_widgets.jobs.schedule import Schedule

__all__ = ["Pause", "watch"]

NEWBORN_SECONDS: Final = 30.0
"""How long a job that was just created may be unknown to the server that shows it."""

GRACE: Final = 3600.0
"""Seconds for which a job is followed at least, however old this machine's clock says it is."""

LONGEST_QUESTION: Final = 600.0
"""Seconds that asking may take, with every attempt and the pauses in between."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A wish to be taken up again later.

    Attributes
    ----------
    seconds : float
        How long to wait.
    """

    seconds: float


def watch(
    client: IntercomClient,
    job: Job,
    *,
    schedule: Schedule,
    now: Callable[[], float],
    since: float,
    told: Callable[[], Job | None] = lambda: None,
    trouble: Callable[[IntercomExportError], None] | None = None,
) -> Iterator[Job | Pause]:
    """Yield a job, then each newer snapshot of it until it has ended, with pauses between.

    Parameters
    ----------
    client : IntercomClient
        Asked for each snapshot.
    job : Job
        The snapshot to begin with.
    schedule : Schedule
        How long to pause, and when to give up.
    now : callable
        The clock, in Unix seconds.
    since : float
        When the job was submitted, Unix seconds.
    told : callable, optional
        Returns a newer snapshot that another call has brought, such as a cancel, or None.
    trouble : callable, optional
        Takes an outage that is being waited out.

    Raises
    ------
    WaitTimeoutError
        If the job has not ended within `Schedule.limit`, as far as it was watched.
    IntercomExportError
        What polling again can't cure: the token, the permission, an unknown job, a redirect.
    """
    yield job
    looked = now()
    elapsed = max(0.0, min(looked - since, schedule.limit - GRACE))
    while not job.status.ended:
        if schedule.is_over(elapsed):
            raise _too_long(job, schedule.limit / 3600)
        pause, newborn = schedule.pause(elapsed), elapsed <= NEWBORN_SECONDS
        yield Pause(pause)
        before, looked = looked, now()
        # A laptop that slept, or a clock that jumped, is no time in which the job was watched.
        elapsed += max(0.0, min(looked - before, pause + LONGEST_QUESTION))
        if (brought := told()) is not None and brought.status.ended:
            yield brought
            return
        try:
            newer = client.refresh(job.job_identifier)
        except (ServiceError, ThrottledError, JobNotFoundError) as error:
            gone = isinstance(error, JobNotFoundError) and not newborn
            if gone or isinstance(error, RedirectedError):
                raise
            if trouble is not None:
                trouble(error)
            continue
        job = job.updated(newer)
        yield job


def _too_long(job: Job, hours: float) -> WaitTimeoutError:
    return WaitTimeoutError(
        f"Job {job.job_identifier} is still {job.status_text} after {hours:.0f} hours",
        job_identifier=job.job_identifier,
        advice="Intercom fails jobs that run that long: export the range again, in shorter pieces.",
    )
