"""From a completed job to a verified file on disk.

The file is downloaded under a name of its own, proven whole, and only then kept; what
arrives damaged is set aside and fetched once more. If another notebook of this machine
is downloading the same job, its file is waited for, not fetched twice.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import ArchiveDamagedError, FileBusyError
from intercom_export_widgets.jobs.files import Place
from intercom_export_widgets.jobs.progress import Stage, job_of

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.files import Kept
    from intercom_export_widgets.jobs.progress import Progress
    from intercom_export_widgets.jobs.tools import Tools

__all__ = ["deliver"]

BUSY_SECONDS: Final = 1.0
"""Between two looks at a file that another notebook is downloading."""


def deliver(tools: Tools, progress: Progress, timeframe: Timeframe | None) -> Progress:
    """Fetch a completed job's data, prove it whole, keep it, and write down where.

    Parameters
    ----------
    tools : Tools
        What to work with.
    progress : Progress
        Of an export whose job has completed.
    timeframe : Timeframe or None
        The range, for the file's name.

    Raises
    ------
    ArchiveDamagedError
        If the file arrives damaged a second time.
    IntercomExportError
        As `IntercomClient.download` and `files.Place` say.
    """
    job = job_of(progress)
    place = Place(tools.folder, job.job_identifier, timeframe, tools.number)
    try:
        kept = _fetch_or_share(tools, progress, place)
    except ArchiveDamagedError as error:
        place.set_aside()
        note = f"{error.message} (downloading it again)"
        kept = _fetch_or_share(tools, replace(progress, note=note), place)
    note = tools.remember(
        job,
        path=str(kept.path),
        bytes=kept.size,
        rows=sum(kept.rows.values()),
        sha256=kept.sha256,
    )
    return replace(
        progress, stage=Stage.DONE, path=kept.path, rows=kept.rows, received=kept.size, note=note
    )


def _fetch_or_share(tools: Tools, progress: Progress, place: Place) -> Kept:
    """Fetch the file, or wait for another notebook that is fetching it."""
    while True:
        entry = tools.ledger.entry(tools.number)
        if entry is not None and entry.path and Path(entry.path).exists():
            tools.report(replace(progress, stage=Stage.READING))
            return place.adopt(Path(entry.path))
        try:
            return _fetch(tools, progress, place)
        except FileBusyError:
            note = "Another notebook is downloading it; its file will be used."
            tools.report(replace(progress, note=note))
            tools.pause(BUSY_SECONDS)


def _fetch(tools: Tools, progress: Progress, place: Place) -> Kept:
    """Download unless the whole file is there already, and verify it."""

    def received(so_far: int, total: int | None) -> None:
        tools.report(replace(progress, received=so_far, expected=total))

    tools.report(progress)
    if not place.arrived.exists():
        place.prepare()
        tools.client.download(
            job_of(progress), place.arrived, progress=received, stop=tools.stopped
        )
    tools.report(replace(progress, stage=Stage.READING))
    return place.keep()
