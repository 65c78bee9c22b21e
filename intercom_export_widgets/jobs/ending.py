"""How an export ended early: its last stage, its error's advice, its row in the ledger.

An error that ends the polling does not end the job: the advice says how to resume it. Only
where the API does not know the job (HTTP 404) nothing is left to resume.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from intercom_export_widgets.errors import (
    DownloadExpiredError,
    IntercomExportError,
    JobCanceledError,
    JobNotFoundError,
    WaitInterruptedError,
)
from intercom_export_widgets.intercom.models import JobStatus
from intercom_export_widgets.jobs.progress import Stage, attach_line

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.models import Job
    from intercom_export_widgets.jobs.progress import Progress
    from intercom_export_widgets.jobs.tools import Tools

__all__ = ["left_error", "settle_end", "stage_after"]


def stage_after(error: Exception, *, stopped: bool) -> Stage:
    """Return the stage that an error ends in.

    Parameters
    ----------
    error : Exception
        What ended the export.
    stopped : bool
        Whether the user had asked for it.
    """
    match error:
        case JobCanceledError():
            return Stage.CANCELED
        case WaitInterruptedError():
            return Stage.CANCELED if stopped else Stage.LEFT
        case _:
            return Stage.FAILED


def settle_end(tools: Tools, job: Job, error: Exception, stage: Stage) -> Stage:
    """Write an error down, add to it how to go on, and return the stage that remains.

    Parameters
    ----------
    tools : Tools
        What the export worked with.
    job : Job
        Its job, which may run on.
    error : Exception
        What ended the following; its ``advice`` gets the line that takes the job up.
    stage : Stage
        As `stage_after` says.
    """
    if isinstance(error, JobNotFoundError):
        error.advice = f"{error.advice} Run the same line again to export the range once more."
    elif not job.status.ended:
        stage = Stage.LEFT
        _say_it_can_be_taken_up(error, job, "runs on; take it up again")
    elif job.status is JobStatus.COMPLETED:
        _say_it_can_be_taken_up(error, job, "has its data; fetch them again")
    unwritten = tools.remember(job, error=str(error))
    if unwritten and isinstance(error, IntercomExportError):
        error.advice = f"{error.advice} {unwritten}".strip()
    return stage


def _say_it_can_be_taken_up(error: Exception, job: Job, how: str) -> None:
    line = attach_line(job.job_identifier)
    if isinstance(error, DownloadExpiredError) or not isinstance(error, IntercomExportError):
        return
    if line not in error.advice:
        error.advice = f"{error.advice} Job {job.job_identifier} {how}: {line}.".strip()


def left_error(progress: Progress, name: str, because: str) -> WaitInterruptedError:
    """Return the error of an export that is no longer followed from here.

    Parameters
    ----------
    progress : Progress
        Where it stands.
    name : str
        What to call it in a sentence.
    because : str
        Why its job is gone too; empty if it runs on.
    """
    identifier = "" if progress.job is None else progress.job.job_identifier
    if progress.stage is Stage.QUEUED:
        return WaitInterruptedError(
            "The range waits in the queue, but no longer from here",
            advice="Take it up again: %intercom_export status.",
        )
    if because:
        return WaitInterruptedError(
            because,
            job_identifier=identifier,
            advice="Export the range again where you need it.",
        )
    return WaitInterruptedError(
        f"{name[0].upper()}{name[1:]} is no longer followed from here, and runs on",
        job_identifier=identifier,
        advice=f"Take it up again: {attach_line(identifier)}.",
    )
