"""From a completed job to a verified file on disk.

The file is downloaded under a name of its own, proven whole while it arrives, and only then
kept; what
arrives damaged is set aside and fetched once more. If another notebook of this machine
is downloading the same job, its file is waited for, not fetched twice.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.data.cache import Cache
from intercom_export_widgets.errors import ArchiveError, FileBusyError, LedgerError
from intercom_export_widgets.jobs.arrival import Arrival
from intercom_export_widgets.jobs.files import Place, set_aside
from intercom_export_widgets.jobs.progress import Stage, job_of

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.models import Job
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.files import Kept, Proven
    from intercom_export_widgets.jobs.progress import Progress
    from intercom_export_widgets.jobs.tools import Tools

__all__ = ["deliver", "kept_elsewhere"]

MANY_TIMES: Final = 100
"""A body without a length that is so many times the largest export seen is taken for endless."""

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
    ArchiveError
        If the file arrives damaged, or as no export, a second time.
    IntercomExportError
        As `IntercomClient.download` and `files.Place` say.
    """
    job = job_of(progress)
    entry = tools.entry()
    zone = (entry and entry.timezone) or ""
    place = Place(tools.folder, job.job_identifier, timeframe, tools.number, zone)
    place.prepare()
    try:
        kept = _fetch_or_share(tools, progress, place)
    except ArchiveError as error:
        note = f"{error.message} (downloading it again)"
        kept = _fetch_or_share(tools, replace(progress, note=note), place)
    note = _write_down(tools, job, kept)
    return replace(
        progress, stage=Stage.DONE, path=kept.path, rows=kept.rows, received=kept.size, note=note
    )


def _write_down(tools: Tools, job: Job, kept: Kept) -> str:
    """Write to the ledger where the file is; if that fails, return the sentence that says so."""
    return tools.remember(
        job,
        path=str(kept.path),
        bytes=kept.size,
        rows=sum(kept.rows.values()),
        sha256=kept.sha256,
    )


def _fetch_or_share(tools: Tools, progress: Progress, place: Place) -> Kept:
    """Fetch the file, or wait for another notebook that is fetching it."""
    while True:
        there = kept_elsewhere(tools)
        if there is not None:
            tools.report(replace(progress, stage=Stage.READING))
            return _adopt(place, there)
        try:
            return _fetch(tools, progress, place)
        except FileBusyError:
            if tools.stopped():
                raise
            note = "Another notebook is downloading it; its file will be used."
            tools.report(replace(progress, note=note))
            tools.pause(BUSY_SECONDS)


def kept_elsewhere(tools: Tools) -> Path | None:
    """Return the file that the ledger names for this job, if it is there."""
    entry = tools.entry()
    path = Path(entry.path) if entry is not None and entry.path else None
    return path if path is not None and path.exists() else None


def _fetch(tools: Tools, progress: Progress, place: Place) -> Kept:
    """Download unless the whole file is there already, and verify it."""
    tools.report(progress)
    proven = None if place.arrived.exists() else _download(tools, progress, place)
    tools.report(replace(progress, stage=Stage.READING))
    try:
        return place.keep(partial(_write_down, tools, job_of(progress)), proven)
    except ArchiveError:
        if place.arrived.exists():
            set_aside(place.arrived)
        raise


def _largest_seen(tools: Tools) -> int:
    """Return the bytes of the largest export in the ledger; 0 if it can't be read now."""
    try:
        return max((entry.bytes or 0 for entry in tools.ledger.entries()), default=0)
    except LedgerError:  # the export goes on to its data without its ledger
        return 0


def _download(tools: Tools, progress: Progress, place: Place) -> Proven | None:
    """Download, and prove it meanwhile; return None if that is still to be done."""
    arrival = Arrival(place.arrived, Cache(place.arrived, place.zone))
    latest = progress

    def received(so_far: int, total: int | None) -> None:
        nonlocal latest
        arrival.tell(so_far)
        # What was said of an attempt stands until the next one gets further.
        note = progress.note if so_far > latest.received else latest.note
        latest = replace(latest, received=so_far, expected=total, note=note)
        tools.report(latest)

    def trouble(said: str) -> None:
        nonlocal latest
        latest = replace(latest, note=said)
        tools.report(latest)

    try:
        whole = tools.client.download(
            job_of(progress),
            place.arrived,
            progress=received,
            trouble=trouble,
            stop=tools.stopped,
            largest=MANY_TIMES * _largest_seen(tools),
        )
        tools.report(replace(progress, stage=Stage.READING))
        return arrival.finish(whole.sha256)
    finally:
        arrival.stop()


def _adopt(place: Place, path: Path) -> Kept:
    """Verify a file that is there; a damaged one is set aside, so that it is fetched anew."""
    try:
        return place.adopt(path)
    except ArchiveError:
        set_aside(path)
        raise
