"""Beginning to follow: a range that is submitted at once, or a job that is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intercom_export_widgets.jobs.files import check_folder
from intercom_export_widgets.jobs.handle import is_usable
from intercom_export_widgets.jobs.origin import origin_of
from intercom_export_widgets.jobs.progress import Stage, status_word
from intercom_export_widgets.jobs.reading import timeframe_of
from intercom_export_widgets.jobs.shelf import kept_export

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.connection import Connection
    from intercom_export_widgets.jobs.handle import Export
    from intercom_export_widgets.jobs.session import ExportSession

__all__ = ["attach", "submit_now"]


def submit_now(
    session: ExportSession, timeframe: Timeframe, connection: Connection, client: IntercomClient
) -> Export:
    """Write the row and begin, unless the same range is just being submitted.

    Raises
    ------
    LedgerError, FileError
        If what comes could not be written down or kept.
    """
    with session.submitting:
        under_way = _being_submitted(session, timeframe, connection.address)
        if under_way is not None:
            return under_way
        check_folder(session.folder)
        received_until = timeframe.created_at_before
        number = session.ledger.add(
            **origin_of(session.name, connection),
            status="submitting",
            submitted_at=session.now(),
            created_at_after=timeframe.created_at_after,
            created_at_before=timeframe.request_end,
            received_until=None if timeframe.observed_until is None else received_until,
            zone=timeframe.zone,
        )
        export = session.launcher().begin(connection, client, number, timeframe)
        session.publish(export)
        return export


def _being_submitted(session: ExportSession, timeframe: Timeframe, address: str) -> Export | None:
    exports: tuple[Export, ...] = session.exports
    for export in exports:
        same = export.timeframe == timeframe and export.address == address
        if same and export.progress.stage is Stage.SUBMITTING and not export.done:
            return export
    return None


def attach(
    session: ExportSession, job_identifier: str, connection: Connection, *, ask: bool
) -> Export:
    """Take up a job that is there already; as `ExportSession.attach`.

    Raises
    ------
    IntercomExportError
        As there.
    """
    with session.attaching:
        exports: tuple[Export, ...] = session.exports
        for export in exports:
            if export.job_identifier == job_identifier and is_usable(export, connection):
                return export
        entry = session.ledger.find(job_identifier, connection.address)
        kept = None if entry is None else kept_export(session, entry)
        if kept is not None:
            return kept
        client = connection.client(ask=ask)
        job = client.refresh(job_identifier)
        timeframe = None if entry is None else timeframe_of(entry)
        if entry is not None:
            number = entry.number
            expires = job.download_expires_at
            session.ledger.update(number, status=status_word(job), expires_at=expires)
        else:
            number = session.ledger.add(
                **origin_of(session.name, connection),
                status=status_word(job),
                job_identifier=job.job_identifier,
                submitted_at=session.now(),
            )
        export = session.launcher().begin(connection, client, number, timeframe, job)
        session.publish(export)
        return export
