"""Where an export stands: the value that the story hands to every face.

A `Progress` is a frozen snapshot. It says what is so; how it is put into words or
drawn is for the faces.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from intercom_export_widgets.intercom.job import Job

__all__ = ["Progress", "Stage"]


class Stage(StrEnum):
    """Where an export stands; the last five are ends."""

    SUBMITTING = "submitting"
    WAITING = "waiting"
    DOWNLOADING = "downloading"
    READING = "reading"
    DONE = "done"
    NO_DATA = "no_data"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self in _ENDS


_ENDS: Final = frozenset({Stage.DONE, Stage.NO_DATA, Stage.FAILED, Stage.CANCELED})


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
        When the API is asked next, Unix seconds.
    received, expected : int, int or None
        Bytes downloaded, and how many there are if the server said so.
    rows : mapping of str to int
        Rows of each table, once the archive has been verified.
    path : pathlib.Path or None
        Where the archive lies.
    finished_at : float or None
        When the export ended, Unix seconds.
    note : str
        One sentence about something that went wrong and is being dealt with.
    sandbox : bool
        Whether the data are synthetic.
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
