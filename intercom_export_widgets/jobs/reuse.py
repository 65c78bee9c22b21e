"""What is on disk already and need not be exported again.

*Run All* twice costs nothing: the same workspace, range and observed-until, exported
before, is read from its file. Only a range that had ended when it was exported counts:
"engagement counts only inside the job's requested range", so nothing in it can have
changed since. It knows no notebook, and asks the API only whose workspace it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from intercom_export_widgets.errors import IntercomExportError
from intercom_export_widgets.intercom.models import JobStatus
from intercom_export_widgets.jobs.files import checksum
from intercom_export_widgets.jobs.reading import timeframe_of

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.connection import Connection
    from intercom_export_widgets.jobs.entry import Entry
    from intercom_export_widgets.jobs.ledger import Ledger

__all__ = ["find_kept", "is_same_range"]


def find_kept(
    ledger: Ledger, connection: Connection, timeframe: Timeframe, *, since: float = 0.0
) -> Entry | None:
    """Return the newest export of just that range that is whole on disk, or had no data.

    Its file was read and has the checksum of the download: who opens it need not hash it again.

    Parameters
    ----------
    ledger : Ledger
        Knows every export of this machine.
    connection : Connection
        Whose workspace is meant. It is asked for its name only if there is a candidate.
    timeframe : Timeframe
        The range, with its observed-until.
    since : float
        Unix seconds: what was submitted before does not count.

    Raises
    ------
    LedgerError
        If the ledger can't be read.
    """
    candidates = ledger.entries(
        base_url=connection.address, first_second=timeframe.created_at_after
    )
    for entry in reversed(candidates):
        same = is_same_range(entry, connection.address, timeframe)
        if (
            same
            and (entry.submitted_at or 0) >= since
            and _is_whole(entry)
            and _is_of_workspace(entry, connection)
        ):
            return entry
    return None


def is_same_range(entry: Entry, address: str, timeframe: Timeframe) -> bool:
    """Return whether a row says the same range, and it had ended before it was exported."""
    return (
        entry.base_url == address
        and (entry.submitted_at or 0) > timeframe.request_end
        and _instants(timeframe_of(entry)) == _instants(timeframe)
    )


def _instants(timeframe: Timeframe | None) -> tuple[int, int, int] | None:
    """Return what the API and the reader are told of a range; its zone is but its name."""
    if timeframe is None:
        return None
    return timeframe.created_at_after, timeframe.created_at_before, timeframe.request_end


def _is_whole(entry: Entry) -> bool:
    """Return whether there was nothing, or the file has the bytes that were written down."""
    status = JobStatus.read(entry.status)
    if status is JobStatus.NO_DATA:
        return entry.finished_at is not None
    if status is not JobStatus.COMPLETED or entry.path is None:
        return False
    path = Path(entry.path)
    try:
        return path.stat().st_size == entry.bytes and checksum(path) == entry.sha256
    except OSError:
        return False


def _is_of_workspace(entry: Entry, connection: Connection) -> bool:
    try:
        known = connection.workspace or connection.identify(attempts=1, timeout=5.0)
    except IntercomExportError:
        return False
    return entry.workspace_id == known.id_code
