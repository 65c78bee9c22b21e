"""One export from beginning to end: `run` holds every stage, in order, on one screen.

::

    (queue) ──> submit ──> watch ──> download ──> verify ──> keep

Place in the flow: `jobs.running` drives `run` and hands in the tools; `run` hands out
`Progress` values, and yields a `Pause` where it wants to be taken up again later, so
that waiting needs no thread. Time and the network are injected, so that the same code
serves a progress line, a card, a log and a test. It knows no notebook and shows nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from intercom_export_widgets.errors import (
    ConnectionFailedError,
    IntercomExportError,
    JobCanceledError,
    JobFailedError,
    JobLockedError,
    JobNotFoundError,
    SubmissionUnknownError,
    ThrottledError,
    WaitInterruptedError,
    WaitTimeoutError,
)
from intercom_export_widgets.intercom.models import JobStatus
from intercom_export_widgets.intercom.retry import ATTEMPTS, LONGEST_HINT, throttle_delay
from intercom_export_widgets.jobs.delivery import deliver, kept_elsewhere
from intercom_export_widgets.jobs.origin import facts_of
from intercom_export_widgets.jobs.progress import Progress, Stage, duration, job_of, status_word
from intercom_export_widgets.jobs.turn import await_turn
from intercom_export_widgets.jobs.warming import warm_up
from intercom_export_widgets.jobs.watch import Pause, watch

if TYPE_CHECKING:
    from collections.abc import Generator

    from intercom_export_widgets.errors import LedgerError
    from intercom_export_widgets.intercom.models import Job
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.tools import Tools

__all__ = ["run"]


def run(
    tools: Tools, *, timeframe: Timeframe | None, job: Job | None = None
) -> Generator[Pause, None, Progress]:
    """Bring one export to its end, and return its last progress.

    It yields a `Pause` where it has to wait.

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
    # What this process has just written needs no reading: the ledger may be locked by now.
    entry = tools.ledger.added(tools.number) or tools.entry()
    tools = replace(tools, row=entry)
    progress = Progress(
        Stage.SUBMITTING if tools.turn is None else Stage.QUEUED,
        started_at=(entry and entry.submitted_at) or tools.now(),
        job=job,
        sandbox=bool(entry and entry.sandbox),
        source=tools.source,
    )
    if timeframe is not None and job is None:
        number, progress = yield from _begin(tools, progress, timeframe)
        if number != tools.number:
            tools = replace(tools, number=number, row=None)
            tools = replace(tools, row=tools.entry())
        if progress.stage.ended:
            return progress
    try:
        progress = yield from _await_end(tools, progress)
    except (JobNotFoundError, WaitTimeoutError):
        # After days asleep the job may be forgotten, and another kernel has its data.
        if kept_elsewhere(tools) is None:
            raise
        name = job_of(progress).job_identifier
        tools.say(f"Another notebook exported this range, as job {name}. Its data are used here.")
        progress = replace(progress, stage=Stage.DOWNLOADING)
    if progress.stage is Stage.DOWNLOADING:
        progress = deliver(tools, progress, timeframe)
    return _finish(tools, progress)


def _begin(
    tools: Tools, progress: Progress, timeframe: Timeframe
) -> Generator[Pause, None, tuple[int, Progress]]:
    """Submit at once, or when the slot is free, as was asked for; return its row's number too."""
    if tools.turn is None:
        return tools.number, (yield from _submit_patiently(tools, progress, timeframe))

    def submit(latest: Progress) -> Progress:
        return _submit(tools, latest, timeframe)

    return (yield from await_turn(tools, tools.turn, progress, submit))


def _submit_patiently(
    tools: Tools, progress: Progress, timeframe: Timeframe
) -> Generator[Pause, None, Progress]:
    """Submit; if the API throttles the request, wait as it says and send it again."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return _submit(tools, progress, timeframe)
        except ThrottledError as error:
            # Without a message it may be the job lock, which no short wait cures.
            unclear = error.may_be_lock and error.reset_at is None
            if unclear or attempt == ATTEMPTS:
                _forget(tools, error)
                raise
            throttled = error
        try:
            yield from _wait_out(tools, progress, throttled, attempt)
        except IntercomExportError as error:
            _forget(tools, error)
            raise


def _wait_out(
    tools: Tools, progress: Progress, error: ThrottledError, attempt: int
) -> Generator[Pause, None, None]:
    """Wait until a throttled submission may be sent again; its row says that nothing was sent."""
    now = tools.now()
    until = now + throttle_delay(error, attempt, now)
    note = f"{error.message}. Nothing was submitted; it is sent again in {duration(until - now)}."
    tools.settle(status="queued", submitted_at=None)
    tools.report(replace(progress, note=note, next_ask_at=until))
    try:
        # A clock that is set back must not make the wait longer.
        while 0 < (left := until - tools.now()) <= LONGEST_HINT:
            yield Pause(left)
            if tools.stopped():
                raise JobCanceledError(
                    "The export was canceled before it was submitted",
                    advice="Nothing was exported.",
                )
    except WaitInterruptedError as interrupted:
        raise WaitInterruptedError(
            "Nothing was submitted: the API still limited requests when the session was closed",
            advice="Run the same line again.",
        ) from interrupted
    tools.ledger.update(tools.number, status="submitting", submitted_at=tools.now())


def _submit(tools: Tools, progress: Progress, timeframe: Timeframe) -> Progress:
    """Submit once, and write the identifier to the ledger before anything else happens."""
    tools.report(progress)
    try:
        job = tools.client.submit(timeframe)
    except SubmissionUnknownError as error:
        _add_advice(error, tools.settle(status="unknown", error=str(error)))
        raise
    except ThrottledError:
        raise
    except (JobLockedError, ConnectionFailedError) as error:
        if tools.turn is None:
            _forget(tools, error)
        raise
    except IntercomExportError as error:
        _forget(tools, error)
        raise
    note = tools.remember(job, status=status_word(job))
    return replace(progress, job=job, note=note)


def _forget(tools: Tools, error: IntercomExportError) -> None:
    """Remove the row: a submission that was refused made no job."""
    _add_advice(error, tools.discard())


def _add_advice(error: IntercomExportError, fault: LedgerError | None) -> None:
    """Mention a fault of the ledger beside an error that matters more."""
    if fault is not None:
        error.advice = f"{error.advice} {fault.message}.".strip()


def _await_end(tools: Tools, progress: Progress) -> Generator[Pause, None, Progress]:
    """Watch the job until it has data or none; raise if it failed or was canceled."""
    latest = replace(progress, stage=Stage.WAITING)

    def show(**changes: object) -> None:
        nonlocal latest
        latest = replace(latest, **changes)  # type: ignore[arg-type] # each caller names fields of its type
        tools.report(latest)

    show()
    show(sandbox=_note_workspace(tools) or latest.sandbox)
    steps = watch(
        tools.client,
        job_of(progress),
        schedule=tools.schedule,
        now=tools.now,
        since=progress.started_at,
        told=tools.told,
        trouble=lambda error: show(note=f"{error.message} (asking again)"),
    )
    for step in steps:
        if isinstance(step, Pause):
            warm_up()
            show(next_ask_at=tools.now() + step.seconds)
            yield step
            continue
        note = latest.note
        if step is not latest.job:
            expires = step.download_expires_at
            note = tools.remember(step, status=status_word(step), expires_at=expires)
        show(job=step, next_ask_at=None, note=note)
    return _judge(tools, latest)


def _note_workspace(tools: Tools) -> bool:
    """Write down whose job it is, and return whether it is the sandbox.

    The API may not say; an export needs no name to go on.
    """
    workspace = tools.identify()
    if workspace is None:
        return False
    tools.settle(**facts_of(workspace))
    return workspace.sandbox


def _judge(tools: Tools, progress: Progress) -> Progress:
    """Turn the job's end into the export's next stage, or into its error."""
    job = job_of(progress)
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
    tools.remember(job, finished_at=tools.now())
    raise error


def _finish(tools: Tools, progress: Progress) -> Progress:
    """Write and report that the export has ended well."""
    finished = tools.now()
    if progress.job is not None:
        tools.remember(progress.job, finished_at=finished, error=None)
    progress = replace(progress, finished_at=finished, note="")
    tools.report(progress)
    return progress
