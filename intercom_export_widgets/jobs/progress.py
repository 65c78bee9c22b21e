"""Where an export stands: the value that the story hands to every face.

A `Progress` is a frozen snapshot. It says what is so; how it is put into words or
drawn is for the faces.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.intercom.models import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from intercom_export_widgets.intercom.models import Job

__all__ = ["Progress", "Stage", "attach_line", "duration", "job_of", "status_word"]


class Stage(StrEnum):
    """Where an export stands; the last five are ends.

    ``LEFT`` is an export that is no longer followed from here, while its job may run on.
    """

    QUEUED = "queued"
    SUBMITTING = "submitting"
    WAITING = "waiting"
    DOWNLOADING = "downloading"
    READING = "reading"
    DONE = "done"
    NO_DATA = "no_data"
    FAILED = "failed"
    CANCELED = "canceled"
    LEFT = "left"

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self in _ENDS


_ENDS: Final = frozenset({Stage.DONE, Stage.NO_DATA, Stage.FAILED, Stage.CANCELED, Stage.LEFT})


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot of one export, for whoever shows it.

    Attributes
    ----------
    stage : Stage
        Where the export stands.
    started_at : float
        When it was submitted or taken up, Unix seconds.
    job : Job or None
        The newest snapshot of the job; None until the API has answered.
    next_ask_at : float or None
        When the API is asked next, or a queued range is tried next, Unix seconds.
    received, expected : int, int or None
        Bytes downloaded, and how many there are if the server said so.
    rows : mapping of str to int
        Rows of each table, once the archive has been verified.
    path : pathlib.Path or None
        Where the archive lies.
    finished_at : float or None
        When the export ended, Unix seconds.
    note : str
        One sentence about something that went wrong and is being dealt with, or, while
        the export is queued, about what it waits for.
    sandbox : bool
        Whether the data are synthetic.
    source : str
        Where the token came from; empty if none was needed.
    kept_since : float or None
        When the data were exported, Unix seconds, if they were on disk already and
        nothing was submitted.
    """

    stage: Stage
    started_at: float
    job: Job | None = None
    next_ask_at: float | None = None
    received: int = 0
    expected: int | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    path: Path | None = None
    finished_at: float | None = None
    note: str = ""
    sandbox: bool = False
    source: str = ""
    kept_since: float | None = None

    def __repr__(self) -> str:
        """Return the stage, and in a few words what there is; its attributes have all."""
        job = "" if self.job is None else f"job {self.job.job_identifier}"
        came = f"{self.received:,} bytes" if self.received else ""
        rows = f"{sum(self.rows.values()):,} rows" if self.rows else ""
        parts = (self.stage.value, job, came, rows, self.note)
        return f"Progress({', '.join(part for part in parts if part)})"


def status_word(job: Job) -> str:
    """Return the documented word for a job's status, or an unknown one as it came."""
    return job.status_text if job.status is JobStatus.UNKNOWN else job.status.value


def attach_line(job_identifier: str) -> str:
    """Return the line that takes a job up again, ready to paste."""
    return f"%intercom_export attach {shlex.quote(job_identifier)}"


def job_of(progress: Progress) -> Job:
    """Return the job of an export that has one; asking earlier is a mistake of ours."""
    if progress.job is None:
        raise TypeError("this stage of an export needs a job")
    return progress.job


def duration(seconds: float) -> str:
    """Return a time span in words: ``8 s``, ``3 min``, ``2 h 5 min``."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
