"""What there is to say about one export, in words: the same for widgets and for text.

`describe` turns an `Export` into a `Card` of plain strings and numbers. The form sends
it to the page, `text` writes it as HTML and as a line. Nothing is escaped here: that is
for whoever makes HTML.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.data.chart_data import SANDBOX
from intercom_export_widgets.intercom.models import JobStatus
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.notebook.lines import export_code, follow_code
from intercom_export_widgets.notebook.translation import in_python

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.handle import Export
    from intercom_export_widgets.jobs.progress import Progress

__all__ = ["SANDBOX", "Card", "describe", "size"]

STEPS: Final = ("pending", "in progress", "completed", "downloaded", "read")


@dataclass(frozen=True, slots=True)
class Card:
    """One export in words.

    Attributes
    ----------
    number : int
        Names the card on the page.
    title : str
        The range, or the file.
    identifier : str
        Intercom's name for the job; empty until it has one.
    status : str
        One or two words.
    tone : str
        ``running``, ``good``, ``bad`` or ``calm``.
    steps : list of [str, str]
        Each step's name and its state: ``done``, ``now``, ``ahead`` or ``failed``.
    detail : str
        One sentence: what goes on, or what there is.
    problem : str
        One sentence: what went wrong, and what to do next.
    rows : list of [str, int]
        Each table and its rows.
    code : str
        The line that gives the data.
    follow : str
        The line that follows the job to its end, while it runs.
    path : str
        Where the archive lies.
    started_at, next_ask_at, finished_at, expires_at : float or None
        Unix seconds.
    received, expected : int, int or None
        Bytes downloaded, and how many there are.
    can_cancel : bool
        Whether there is something to cancel.
    source : str
        Where the token came from, while the export runs.
    queued : bool
        Whether it waits for the slot; ``next_ask_at`` is then when it is tried next.
    label : str
        `SANDBOX` if the data are synthetic, else empty.
    """

    number: int
    title: str
    identifier: str
    status: str
    tone: str
    steps: list[list[str]]
    detail: str = ""
    problem: str = ""
    rows: list[list[str | int]] = field(default_factory=list)
    code: str = ""
    follow: str = ""
    path: str = ""
    started_at: float = 0.0
    next_ask_at: float | None = None
    finished_at: float | None = None
    expires_at: float | None = None
    received: int = 0
    expected: int | None = None
    can_cancel: bool = False
    source: str = ""
    queued: bool = False
    label: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the card as values that JSON has."""
        return asdict(self)


def describe(export: Export, *, by_magic: bool = True) -> Card:
    """Return what there is to say about an export now.

    Parameters
    ----------
    export : Export
        Whichever.
    by_magic : bool
        Whether its lines are the magic's; else they are Python, with ``session``.
    """
    progress = export.progress
    job = progress.job
    timeframe = export.timeframe
    path = progress.path
    return Card(
        number=export.key,
        title=timeframe.label if timeframe is not None else (path.name if path else "job"),
        identifier=export.job_identifier,
        status=_status(progress),
        tone=_tone(progress),
        steps=_steps(progress),
        detail=" ".join(
            part
            for part in (
                _detail(progress, observed=_is_observed(timeframe)),
                _kept(progress, "--fresh" if by_magic else "fresh=True"),
                *export.cautions,
            )
            if part
        ),
        problem=_problem(export) if by_magic else in_python(_problem(export)),
        queued=progress.stage is Stage.QUEUED,
        rows=[[name, count] for name, count in progress.rows.items()],
        code=export_code(export, by_magic=by_magic),
        follow=_follow(export, by_magic=by_magic),
        path="" if path is None else str(path),
        started_at=progress.started_at,
        next_ask_at=progress.next_ask_at,
        finished_at=progress.finished_at,
        expires_at=None if job is None else job.download_expires_at,
        received=progress.received,
        expected=progress.expected,
        can_cancel=not progress.stage.ended,
        source=progress.source if not progress.stage.ended and not progress.sandbox else "",
        label=SANDBOX if progress.sandbox else "",
    )


def size(count: int) -> str:
    """Return a number of bytes in words, in decimal units: ``12.3 MB``."""
    if count < 1000:  # noqa: PLR2004 - below the first unit
        return f"{count} bytes"
    amount = float(count)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 1000:  # noqa: PLR2004 - the next unit begins there
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} TB"


def _problem(export: Export) -> str:
    if export.error is not None:
        return str(export.error)
    return "" if export.progress.stage is Stage.QUEUED else export.progress.note


def _status(progress: Progress) -> str:
    job = progress.job
    if progress.stage is Stage.WAITING and job is not None:
        return job.status_text.replace("_", " ")
    words = {Stage.DONE: "ready", Stage.NO_DATA: "no data", Stage.LEFT: "not followed"}
    return words.get(progress.stage, progress.stage.value)


def _tone(progress: Progress) -> str:
    match progress.stage:
        case Stage.DONE:
            return "good"
        case Stage.FAILED:
            return "bad"
        case Stage.NO_DATA | Stage.CANCELED | Stage.LEFT:
            return "calm"
        case _:
            return "running"


def _steps(progress: Progress) -> list[list[str]]:
    """Return each step with its state."""
    reached = _reached(progress)
    stage = progress.stage
    if stage is Stage.DONE:
        return [[name, "done"] for name in STEPS]
    now = "failed" if stage in {Stage.FAILED, Stage.CANCELED, Stage.LEFT} else "now"
    if stage is Stage.NO_DATA:
        now = "done"
    states = ["done" if i < reached else now if i == reached else "ahead" for i in range(5)]
    return [list(pair) for pair in zip(STEPS, states, strict=True)]


def _reached(progress: Progress) -> int:
    """Return the index of the step that the export is at."""
    job = progress.job
    if progress.stage is Stage.NO_DATA:
        return 2
    if progress.stage is Stage.READING:
        return 4
    if progress.stage is Stage.DOWNLOADING or (
        job is not None and job.status is JobStatus.COMPLETED
    ):
        return 3
    return 0 if job is None or job.status is JobStatus.PENDING else 1


def _is_observed(timeframe: Timeframe | None) -> bool:
    """Return whether the archive holds deliveries that the tables leave out."""
    return timeframe is not None and timeframe.request_end != timeframe.created_at_before


def _detail(progress: Progress, *, observed: bool = False) -> str:
    match progress.stage:
        case Stage.QUEUED:
            return progress.note or "Waiting for the workspace's one slot."
        case Stage.DOWNLOADING:
            return f"Downloading: {_share(progress)}."
        case Stage.DONE:
            rows = sum(progress.rows.values())
            receipts = progress.rows.get("receipt", 0)
            which = " in the archive, later ones included" if observed else ""
            return (
                f"{_count(receipts, 'delivery', 'deliveries')}{which}; "
                f"{_count(rows, 'row', 'rows')} in "
                f"{_count(len(progress.rows), 'table', 'tables')}, {size(progress.received)}."
            )
        case stage:
            return _DETAILS[stage]


def _kept(progress: Progress, anew: str) -> str:
    """Return that the data were on disk already, if so, and what exports them anew."""
    if progress.kept_since is None or progress.stage is not Stage.DONE:
        return ""
    day = datetime.fromtimestamp(progress.kept_since, UTC)
    return f"Read from disk, exported {day:%Y-%m-%d %H:%M} UTC; {anew} exports it anew."


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _share(progress: Progress) -> str:
    """Return how much has come: in bytes, and in per cent if the whole is known."""
    if not progress.expected:
        return size(progress.received)
    share = 100 * progress.received / progress.expected
    return f"{size(progress.received)} of {size(progress.expected)} ({share:.0f} %)"


_DETAILS: Final = {
    Stage.SUBMITTING: "Sending the submission.",
    Stage.WAITING: "Intercom is preparing the data; large exports can take hours.",
    Stage.READING: "Checking the archive.",
    Stage.NO_DATA: "Intercom has no messages that were sent in this range.",
    Stage.FAILED: "",
    Stage.CANCELED: "",
    Stage.LEFT: "",
}


def _follow(export: Export, *, by_magic: bool) -> str:
    if export.progress.stage.ended or not export.job_identifier:
        return ""
    return follow_code(export.job_identifier, by_magic=by_magic)
