"""From an export that has ended to its tables: what they are told of their origin.

Every DataFrame carries in ``attrs`` what a reader must know to interpret it; `ATTRS`
is the one place that says which, and the README's table is checked against it.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.data.archive import Archive, size_of
from intercom_export_widgets.data.cache import Cache
from intercom_export_widgets.data.ingest import count, prove
from intercom_export_widgets.data.tables import Tables
from intercom_export_widgets.errors import LedgerError
from intercom_export_widgets.intercom.models import Job, JobStatus
from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.jobs.files import check_plain, checksum
from intercom_export_widgets.jobs.origin import facts_of
from intercom_export_widgets.jobs.progress import Progress, Stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from intercom_export_widgets.intercom.models import Workspace
    from intercom_export_widgets.jobs.entry import Entry
    from intercom_export_widgets.jobs.handle import Export

__all__ = ["ATTRS", "open_export", "progress_of_file", "timeframe_of"]

ATTRS: Final = {
    "job_identifier": "Intercom's name for the job, text",
    "workspace": "the workspace's name, text; empty if the API did not say",
    "workspace_id": "the workspace's `id_code`, text",
    "received_from": "first instant of the range asked for, ISO 8601 in UTC; empty if unknown",
    "received_until": "last second of the range asked for, ISO 8601 in UTC; empty if unknown",
    "observed_until": (
        "until when opens, clicks and the like are counted, ISO 8601 in UTC: Intercom counts "
        "engagement only inside the range of the job"
    ),
    "zone": "the IANA time zone in which the range was meant, text",
    "sandbox": "whether the data are synthetic, bool",
    "archive": "the file that the table was read from, text",
    "rows_trimmed": "rows left out because they lie outside the range asked for, int",
}
"""What every table carries in ``DataFrame.attrs``; ``rows_trimmed`` is set by `Tables`."""


def open_export(export: Export, identify: Callable[[], Workspace | None]) -> Tables:
    """Return the tables of an export that has ended; nothing is read yet.

    Parameters
    ----------
    export : Export
        With a path, or without one if Intercom had no data.
    identify : callable
        Returns the workspace, for timestamps that name no zone, if the ledger does not
        know it; or None, if the API does not say.

    Raises
    ------
    ArchiveError
        If the file is no export.
    FileError
        If there is a symbolic link in place of an archive that was downloaded.
    """
    entry = None
    with contextlib.suppress(LedgerError):  # the data are on disk, whatever the ledger says
        entry = export.ledger.entry(export.number)
    zone = None if entry is None else entry.timezone
    if zone is None:
        workspace = identify()
        zone = "" if workspace is None else workspace.timezone
        if workspace is not None and entry is not None:
            with contextlib.suppress(LedgerError):
                export.ledger.update(export.number, **facts_of(workspace))
                entry = export.ledger.entry(export.number)
    path = export.progress.path
    if path is not None:
        _refuse_link(path, entry)
    archive = None if path is None else Archive.open(path)
    timeframe = export.timeframe
    window = (
        None if timeframe is None else (timeframe.created_at_after, timeframe.created_at_before)
    )
    attrs, rows = _attrs(export, entry), export.progress.rows
    return Tables(archive, zone=zone, window=window, attrs=attrs, rows=rows)


def timeframe_of(entry: Entry) -> Timeframe | None:
    """Return the range of a job, or None if it was taken up from elsewhere."""
    if entry.created_at_after is None or entry.created_at_before is None:
        return None
    if entry.received_until is None:
        return Timeframe(entry.created_at_after, entry.created_at_before, entry.zone)
    return Timeframe(
        entry.created_at_after, entry.received_until, entry.zone, entry.created_at_before
    )


def progress_of_file(path: Path, entry: Entry | None, *, verified: bool = False) -> Progress:
    """Return the progress of an export whose archive is on disk, after verifying it.

    Parameters
    ----------
    path : pathlib.Path
        The archive, or a folder of unpacked CSVs.
    entry : Entry or None
        Its row in the ledger, if it has one.
    verified : bool
        Whether the caller has just compared its checksum, as `reuse.find_kept` does.

    Raises
    ------
    ArchiveError
        If it is no export, or damaged.
    FileError
        If the ledger knows it, and there is a symbolic link in its place.
    """
    _refuse_link(path, entry)
    archive, cache = Archive.open(path), Cache(path, (entry and entry.timezone) or "")
    # What has the checksum of the download is as whole as that was.
    if entry is not None and entry.sha256 is not None and not verified:
        verified = checksum(path) == entry.sha256
    rows = count(archive, cache) if verified else prove(archive, cache)
    status = path.stat()
    identifier = (entry.job_identifier if entry else None) or path.name
    return Progress(
        Stage.DONE,
        started_at=(entry.submitted_at if entry else None) or status.st_mtime,
        job=Job(identifier, JobStatus.COMPLETED, JobStatus.COMPLETED.value),
        rows=rows,
        received=size_of(path),
        path=path,
        finished_at=(entry.finished_at if entry else None) or status.st_mtime,
        sandbox=bool(entry and entry.sandbox),
        kept_since=None if entry is None else entry.finished_at,
    )


def progress_without_data(entry: Entry, now: float) -> Progress:
    """Return the progress of an export that ended without data, as the ledger has it.

    Parameters
    ----------
    entry : Entry
        Its row.
    now : float
        Unix seconds, in place of what the row does not say.
    """
    return Progress(
        Stage.NO_DATA,
        started_at=entry.submitted_at or now,
        job=Job(entry.job_identifier or "", JobStatus.NO_DATA, JobStatus.NO_DATA.value),
        finished_at=entry.finished_at,
        sandbox=bool(entry.sandbox),
    )


def _refuse_link(path: Path, entry: Entry | None) -> None:
    """Raise if an archive that was downloaded is a link; one that a user names is followed."""
    if entry is not None and entry.path == str(path):
        check_plain(path)


def _attrs(export: Export, entry: Entry | None) -> dict[str, object]:
    timeframe = export.timeframe
    after = None if timeframe is None else timeframe.created_at_after
    before = None if timeframe is None else timeframe.created_at_before
    asked = None if timeframe is None else timeframe.request_end
    ended = export.progress.finished_at if entry is None else entry.finished_at
    known = [instant for instant in (asked, ended) if instant is not None]
    return {
        "job_identifier": export.job_identifier,
        "workspace": (entry and entry.workspace) or "",
        "workspace_id": (entry and entry.workspace_id) or "",
        "received_from": _iso(after),
        "received_until": _iso(before),
        "observed_until": _iso(min(known)) if before is not None else "",
        "zone": "UTC" if timeframe is None else timeframe.zone,
        "sandbox": export.progress.sandbox or bool(entry and entry.sandbox),
        "archive": "" if export.progress.path is None else str(export.progress.path),
    }


def _iso(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
