"""A session's exports that are on disk already: opened, or set aside if they are damaged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from intercom_export_widgets.arguments import path_of
from intercom_export_widgets.errors import ArchiveError, FileError
from intercom_export_widgets.intercom.models import JobStatus
from intercom_export_widgets.jobs.files import set_aside
from intercom_export_widgets.jobs.handle import is_usable
from intercom_export_widgets.jobs.progress import attach_line
from intercom_export_widgets.jobs.reading import timeframe_of

if TYPE_CHECKING:
    import os

    from intercom_export_widgets.jobs.entry import Entry
    from intercom_export_widgets.jobs.handle import Export
    from intercom_export_widgets.jobs.session import ExportSession

__all__ = ["final_export", "kept_export", "load", "taken_from_disk"]


def load(session: ExportSession, what: str | os.PathLike[str]) -> Export:
    """Return an export whose archive is on disk; as `ExportSession.load`.

    Raises
    ------
    FileError, ArchiveError
        As there.
    """
    named = path_of(what, "what", "a job's identifier, or the path of a file")
    entry = session.ledger.find(str(what))
    path = Path(entry.path) if entry is not None and entry.path else named
    if not _is_there(path):
        again = "" if entry is None else f" Or fetch it again: {attach_line(str(what))}."
        raise FileError(
            f"There is no downloaded export {str(what)!r}",
            advice="Name a file, a folder of unpacked CSVs, or the identifier of a job that was "
            f"downloaded; %intercom_export log --all lists them.{again}",
        )
    if path.is_dir():
        path = path.resolve()  # the name of "." is that of the folder
    exports: tuple[Export, ...] = session.exports
    for export in exports:
        if export.progress.path == path and is_usable(export, None):
            return export
    if entry is None:
        entry = session.ledger.find_path(path)
    return _loaded(session, path, entry)


def _is_there(path: Path) -> bool:
    """Return whether there is such a file or folder; a name that is too long is none."""
    try:
        return path.is_file() or path.is_dir()
    except OSError:
        return False


def taken_from_disk(session: ExportSession, entry: Entry) -> Export:
    """Return what `reuse.find_kept` has found; the same handle if this session has one."""
    exports: tuple[Export, ...] = session.exports
    for export in exports:
        if export.number == entry.number and is_usable(export, None):
            return export
    if entry.path is not None:
        return _loaded(session, Path(entry.path), entry, verified=True)
    export = session.launcher().ended(entry)
    session.publish(export)
    return export


def kept_export(session: ExportSession, entry: Entry) -> Export | None:
    """Return a job that was downloaded before, unless its file is gone or damaged.

    A damaged one is set aside, so that its job is asked for again.
    """
    path = Path(entry.path) if entry.path else None
    if path is None or not path.exists():
        return None
    try:
        return _loaded(session, path, entry)
    except ArchiveError:
        set_aside(path)
        session.ledger.update(entry.number, path=None)
        return None


def final_export(session: ExportSession, entry: Entry) -> Export | None:
    """Return a job whose data are on disk, whole, and don't change any more; None if not so.

    "Engagement counts only inside the job's requested range": once that had ended when the job
    was submitted, nothing in it can have changed since.
    """
    timeframe = timeframe_of(entry)
    if timeframe is None or (entry.submitted_at or 0) <= timeframe.request_end:
        return None
    if JobStatus.read(entry.status) is JobStatus.NO_DATA:
        return taken_from_disk(session, entry)
    if entry.path is None or not Path(entry.path).exists():
        return None
    exports: tuple[Export, ...] = session.exports
    for export in exports:
        if export.number == entry.number and export.done and is_usable(export, None):
            return export
    return kept_export(session, entry)


def _loaded(
    session: ExportSession, path: Path, entry: Entry | None, *, verified: bool = False
) -> Export:
    address = session.connection.address if entry is None else entry.base_url
    export = session.launcher().loaded(path, entry, address, verified=verified)
    session.publish(export)
    return export
