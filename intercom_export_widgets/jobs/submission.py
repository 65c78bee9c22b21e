"""Beginning to follow: a range that is submitted at once, or a job that is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from intercom_export_widgets.arguments import expect
from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.intercom.windows import WHOLE
from intercom_export_widgets.jobs.expectation import (
    expected_rows,
    indivisible,
    may_promise,
    parts_of,
)
from intercom_export_widgets.jobs.files import check_folder
from intercom_export_widgets.jobs.handle import is_usable
from intercom_export_widgets.jobs.meanwhile import Meanwhile
from intercom_export_widgets.jobs.origin import origin_of
from intercom_export_widgets.jobs.progress import Stage, status_word
from intercom_export_widgets.jobs.reading import timeframe_of
from intercom_export_widgets.jobs.reuse import find_kept
from intercom_export_widgets.jobs.shelf import kept_export, taken_from_disk
from intercom_export_widgets.jobs.unwritten import unwritten_of

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.jobs.backfill import Backfill
    from intercom_export_widgets.jobs.connection import Connection
    from intercom_export_widgets.jobs.handle import Export
    from intercom_export_widgets.jobs.session import ExportSession

__all__ = ["attach", "begin", "range_of", "under_way", "unwritten_export"]

RUNNING: Final = frozenset({Stage.WAITING, Stage.DOWNLOADING, Stage.READING})


def begin(
    session: ExportSession,
    timeframe: Timeframe,
    connection: Connection,
    client: IntercomClient,
    *,
    fresh: bool,
    when_free: bool,
) -> Export | Backfill:
    """Begin an export, or a backfill of its parts if it promises too many rows.

    Parameters
    ----------
    session, timeframe, connection, client
        Whose, what, and what asks for it.
    fresh, when_free
        As for `ExportSession.start`.

    Raises
    ------
    LedgerError, FileError
        If what comes could not be written down or kept.
    """
    check_folder(session.folder)
    lineup = session.lineup
    promised = _promised(session, timeframe, connection, client)
    if len(parts_of(timeframe, promised, session.row_limit)) > 1:
        return lineup.backfill(timeframe, WHOLE, connection, client, fresh=fresh)
    if when_free:
        export = lineup.enqueue(timeframe, connection, client, fresh=fresh)
    else:
        export = _submit_now(session, timeframe, connection, client, fresh=fresh)
    said = indivisible(timeframe, promised, session.row_limit)
    export.cautions += (said,) if said else ()
    return export


def _promised(
    session: ExportSession, timeframe: Timeframe, connection: Connection, client: IntercomClient
) -> float:
    """Return about how many rows a range promises; 0 if nothing like too many."""
    if may_promise(session.ledger, connection.address, timeframe) <= session.row_limit:
        return 0.0
    slot = session.lineup.slot_of(connection, client)
    return expected_rows(session.ledger, slot, timeframe)


def _submit_now(
    session: ExportSession,
    timeframe: Timeframe,
    connection: Connection,
    client: IntercomClient,
    *,
    fresh: bool,
) -> Export:
    """Write the row and begin, unless the same range is being exported, or fetched, already."""
    with session.submitting:
        there = under_way(session, timeframe, connection.address, fresh=fresh)
        if there is not None:
            return there
        meanwhile = Meanwhile(session.ledger, connection, timeframe)
        ended = None if fresh else meanwhile.ended(client, session.now())
        if ended is not None:
            return attach(session, ended[1].job_identifier, connection, ask=False)
        # Another kernel may have finished the download since the caller looked.
        kept = None if fresh else find_kept(session.ledger, connection, timeframe)
        if kept is not None:
            return taken_from_disk(session, kept)
        passed = session.lineup.passed_over(connection.address)
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
        export.cautions = (passed,) if passed else ()
        session.publish(export)
        return export


def under_way(
    session: ExportSession,
    timeframe: Timeframe,
    address: str,
    *,
    fresh: bool,
    queued: bool = False,
) -> Export | None:
    """Return the session's export of that range that has begun and not ended, if there is one.

    One that is being submitted always serves; one that runs, unless it must be `fresh`; one
    that waits in the queue, if the range would be `queued` too.
    """
    stages = {Stage.SUBMITTING} | (set() if fresh else RUNNING)
    stages |= {Stage.QUEUED} if queued else set()
    exports: tuple[Export, ...] = session.exports
    for export in exports:
        same = export.timeframe == timeframe and export.address == address
        if same and export.progress.stage in stages and not export.done:
            return export
    return None


def unwritten_export(session: ExportSession, timeframe: Timeframe, address: str) -> Export | None:
    """Return the session's export of a range whose row could not be written yet.

    Other processes can't know of it, and the ledger may be unreadable too.
    """
    waiting = unwritten_of(session.ledger.path).changes()
    exports: tuple[Export, ...] = session.exports
    for export in exports if waiting else ():
        same = export.timeframe == timeframe and export.address == address
        if same and export.number in waiting and export.job is not None and export.error is None:
            return export
    return None


def range_of(session: ExportSession, given: Timeframe | str) -> Timeframe:
    """Return the range that was passed; a text is read in the session's zone.

    Raises
    ------
    InputError
        If it is neither.
    TimeframeError
        If the text means no range.
    """
    wanted = "a text such as '2018-06-01 2018-06-30', or Timeframe.of_days(first, last)"
    expect(given, (str, Timeframe), "timeframe", wanted)
    return session.timeframe(given) if isinstance(given, str) else given


def attach(
    session: ExportSession, job_identifier: str, connection: Connection, *, ask: bool
) -> Export:
    """Take up a job that is there already; as `ExportSession.attach`.

    Raises
    ------
    IntercomExportError
        As there.
    """
    expect(job_identifier, str, "job_identifier", "a text such as 'v5xsp8c19ji0s82'")
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
