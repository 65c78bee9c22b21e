"""One export from beginning to end: `run` holds every stage, in order, on one screen.

::

    submit ──> watch ──> download ──> verify ──> keep

Place in the flow: `jobs.session` calls `run` in a thread of its own and hands in the
tools; `run` hands out `Progress` values. Time, pauses and the network are injected,
so that the same code serves a progress line, a card, a log and a test. It knows no
notebook and shows nothing.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import (
    ArchiveDamagedError,
    IntercomExportError,
    JobCanceledError,
    JobFailedError,
    JobNotFoundError,
    LedgerError,
    ServiceError,
    SubmissionUnknownError,
    ThrottledError,
    WaitTimeoutError,
)
from intercom_export_widgets.intercom.job import JobStatus
from intercom_export_widgets.jobs import files
from intercom_export_widgets.jobs.progress import Progress, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.intercom.job import Job
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.intercom.workspace import Workspace
    from intercom_export_widgets.jobs.ledger import Ledger
    from intercom_export_widgets.jobs.schedule import Schedule

__all__ = ["Tools", "run", "watch"]

NEWBORN_SECONDS: Final = 30.0
"""How long a job that was just created may be unknown to the server that shows it."""


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
    identify : callable
        Returns the workspace, or None if the API does not say.
    now : callable
        Returns Unix seconds.
    pause : callable
        Waits that many seconds, or until it is woken.
    stopped : callable
        Returns whether the user has asked to stop.
    report : callable
        Takes each `Progress`.
    """

    client: IntercomClient
    ledger: Ledger
    number: int
    folder: Path
    schedule: Schedule
    identify: Callable[[], Workspace | None] = lambda: None
    now: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep
    stopped: Callable[[], bool] = lambda: False
    report: Callable[[Progress], None] = lambda _: None


def run(tools: Tools, *, timeframe: Timeframe | None, job: Job | None = None) -> Progress:
    """Bring one export to its end, and return its last progress.

    Parameters
    ----------
    tools : Tools
        What to work with.
    timeframe : Timeframe or None
        The range to submit; None if `job` was created elsewhere.
    job : Job or None
        A job to take up; None to submit a new one.

    Raises
    ------
    IntercomExportError
        Whatever ended the export early, after the ledger has been told.
    """
    entry = tools.ledger.entry(tools.number)
    progress = Progress(
        Stage.SUBMITTING,
        started_at=(entry and entry.submitted_at) or tools.now(),
        job=job,
        sandbox=bool(entry and entry.sandbox),
    )
    if timeframe is not None and job is None:
        progress = _submit(tools, progress, timeframe)
    progress = _await_end(tools, progress)
    if progress.stage is Stage.DOWNLOADING:
        progress = _download(tools, progress, timeframe)
    return _finish(tools, progress)


def watch(
    client: IntercomClient,
    job: Job,
    *,
    schedule: Schedule,
    now: Callable[[], float],
    pause: Callable[[float], None],
    since: float,
    trouble: Callable[[IntercomExportError], None] | None = None,
) -> Iterator[Job]:
    """Yield a job, then each newer snapshot of it until it has ended.

    Parameters
    ----------
    client : IntercomClient
        Asked for each snapshot.
    job : Job
        The snapshot to begin with.
    schedule : Schedule
        How long to pause, and when to give up.
    now, pause : callable
        The clock in Unix seconds, and what waits for a number of seconds.
    since : float
        When the job was submitted, Unix seconds.
    trouble : callable, optional
        Takes an outage that is being waited out.

    Raises
    ------
    WaitTimeoutError
        If the job has not ended within `Schedule.limit`.
    IntercomExportError
        What asking again can't cure: the token, the permission, an unknown job.
    """
    yield job
    while not job.status.ended:
        elapsed = now() - since
        if schedule.is_over(elapsed):
            hours = schedule.limit / 3600
            raise WaitTimeoutError(
                f"Job {job.job_identifier} is still {job.status_text} after {hours:.0f} hours",
                job_identifier=job.job_identifier,
                advice="Intercom fails jobs that run that long: export the range again, "
                "in shorter pieces.",
            )
        pause(schedule.pause(elapsed))
        try:
            newer = client.refresh(job.job_identifier)
        except (ServiceError, ThrottledError, JobNotFoundError) as error:
            if isinstance(error, JobNotFoundError) and elapsed > NEWBORN_SECONDS:
                raise
            if trouble is not None:
                trouble(error)
            continue
        job = newer
        yield job


def _submit(tools: Tools, progress: Progress, timeframe: Timeframe) -> Progress:
    """Submit once, and write the identifier down before anything else happens."""
    tools.report(progress)
    try:
        job = tools.client.submit(timeframe)
    except SubmissionUnknownError as error:
        tools.ledger.update(tools.number, status="unknown", error=str(error))
        raise
    except IntercomExportError:
        tools.ledger.remove(tools.number)
        raise
    note = _remember(tools, job, job_identifier=job.job_identifier, status=job.status_text)
    return replace(progress, job=job, note=note)


def _remember(tools: Tools, job: Job, **values: str | float | None) -> str:
    """Write to the ledger; if that fails, return the sentence that says so.

    A full disk must not end an export whose job exists: it is then shown, and the
    identifier with it, since there is no other way to find the job again.
    """
    try:
        tools.ledger.update(tools.number, **values)
    except LedgerError as error:
        return f"Note down the identifier {job.job_identifier}: {error.message}."
    return ""


def _await_end(tools: Tools, progress: Progress) -> Progress:
    """Watch the job until it has data or none; raise if it failed or was canceled."""
    latest = replace(progress, stage=Stage.WAITING)

    def show(**changes: object) -> None:
        nonlocal latest
        latest = replace(latest, **changes)  # type: ignore[arg-type] # each caller names fields of its type
        tools.report(latest)

    def pause(seconds: float) -> None:
        show(next_ask_at=tools.now() + seconds)
        tools.pause(seconds)

    show()
    show(sandbox=_note_workspace(tools) or latest.sandbox)
    snapshots = watch(
        tools.client,
        _job_of(progress),
        schedule=tools.schedule,
        now=tools.now,
        pause=pause,
        since=progress.started_at,
        trouble=lambda error: show(note=f"{error.message} (asking again)"),
    )
    for job in snapshots:
        note = latest.note
        if job is not latest.job:
            expires = job.download_expires_at
            note = _remember(tools, job, status=job.status_text, expires_at=expires)
        show(job=job, next_ask_at=None, note=note)
    return _judge(tools, latest)


def _job_of(progress: Progress) -> Job:
    if progress.job is None:
        raise TypeError("this stage of an export needs a job")
    return progress.job


def _note_workspace(tools: Tools) -> bool:
    """Write down whose job it is, and return whether it is the sandbox.

    The API may not say; an export needs no name to go on.
    """
    workspace = tools.identify()
    if workspace is None:
        return False
    with contextlib.suppress(LedgerError):
        tools.ledger.update(
            tools.number,
            workspace=workspace.name,
            workspace_id=workspace.id_code,
            sandbox=int(workspace.sandbox),
        )
    return workspace.sandbox


def _judge(tools: Tools, progress: Progress) -> Progress:
    """Turn the job's end into the export's next stage, or into its error."""
    job = _job_of(progress)
    match job.status:
        case JobStatus.COMPLETED:
            return replace(progress, stage=Stage.DOWNLOADING)
        case JobStatus.NO_DATA:
            return replace(progress, stage=Stage.NO_DATA)
        case JobStatus.CANCELED:
            error: IntercomExportError = JobCanceledError(
                f"Job {job.job_identifier} was canceled", job_identifier=job.job_identifier
            )
        case _:
            error = JobFailedError(
                f"Intercom could not finish job {job.job_identifier} (status {job.status_text})",
                job_identifier=job.job_identifier,
            )
    _remember(tools, job, finished_at=tools.now())
    raise error


def _download(tools: Tools, progress: Progress, timeframe: Timeframe | None) -> Progress:
    """Fetch the data, prove it whole, and keep it; a damaged file is fetched once more."""
    job = _job_of(progress)
    place = files.Place(tools.folder, job.job_identifier, timeframe, tools.number)
    try:
        kept = _fetch(tools, progress, place)
    except ArchiveDamagedError as error:
        place.set_aside()
        note = f"{error.message} (downloading it again)"
        kept = _fetch(tools, replace(progress, note=note), place)
    note = _remember(
        tools,
        job,
        path=str(kept.path),
        bytes=kept.size,
        rows=sum(kept.rows.values()),
        sha256=kept.sha256,
    )
    return replace(
        progress, stage=Stage.DONE, path=kept.path, rows=kept.rows, received=kept.size, note=note
    )


def _fetch(tools: Tools, progress: Progress, place: files.Place) -> files.Kept:
    """Download unless the whole file is there already, and verify it."""

    def received(so_far: int, total: int | None) -> None:
        tools.report(replace(progress, received=so_far, expected=total))

    tools.report(progress)
    if not place.arrived.exists():
        place.prepare()
        tools.client.download(
            _job_of(progress), place.arrived, progress=received, stop=tools.stopped
        )
    size = place.arrived.stat().st_size
    tools.report(replace(progress, stage=Stage.READING, received=size, expected=size))
    return place.keep()


def _finish(tools: Tools, progress: Progress) -> Progress:
    """Say that the export has ended well, in the ledger and to the faces."""
    finished = tools.now()
    if progress.job is not None:
        _remember(tools, progress.job, finished_at=finished, error=None)
    progress = replace(progress, finished_at=finished)
    tools.report(progress)
    return progress
