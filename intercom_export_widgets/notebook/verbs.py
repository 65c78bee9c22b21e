"""What each verb does: ask the session, and return what there is to show.

`usage` has understood the line by then; `desk` has the session. What is returned shows
itself, through formatters that `extension` registers.
"""

from __future__ import annotations

import contextlib
import shlex
from typing import TYPE_CHECKING

from intercom_export_widgets.errors import (
    IntercomExportError,
    LedgerError,
    StorageError,
    TableNotFoundError,
    UsageError,
)
from intercom_export_widgets.notebook import conditions, manual
from intercom_export_widgets.notebook.text import SANDBOX, Note, Overview, windows_note

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from intercom_export_widgets.data.tableview import TableView
    from intercom_export_widgets.intercom.models import Job
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.backfill import Backfill
    from intercom_export_widgets.jobs.connection import Connection
    from intercom_export_widgets.jobs.handle import Export
    from intercom_export_widgets.jobs.session import ExportSession
    from intercom_export_widgets.notebook.desk import Desk
    from intercom_export_widgets.notebook.finding import Diagnosis
    from intercom_export_widgets.notebook.form import ExportForm
    from intercom_export_widgets.notebook.usage import Command

__all__ = ["Verbs"]


class Verbs:
    """Does what a command says, by a method for each verb.

    Parameters
    ----------
    desk : Desk
        The settings and the session to work with.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @property
    def _session(self) -> ExportSession:
        return self._desk.session

    def run(self, command: Command) -> object:
        """Do what the command says, and return what there is to show.

        Raises
        ------
        IntercomExportError
            Whatever went wrong, in one sentence.
        """
        method: Callable[[Command], object] = getattr(self, f"_do_{command.verb}")
        return method(command)

    def _do_form(self, _: Command) -> ExportForm:
        return self._desk.new_form()

    def _do_export(self, command: Command) -> object:
        self._desk.settings.check()
        timeframe = self._timeframe(command)
        connection = self._connection(command)
        conditions.check_table(command.value("table"))
        if command.has("every"):
            return self._in_windows(timeframe, connection, command)
        if command.has("dry-run"):
            timeframe.check_past(self._session.now())
            return timeframe
        from intercom_export_widgets.jobs.backfill import Backfill

        begun = self._begin(timeframe, connection, command)
        if isinstance(begun, Backfill):
            return self._deliver_backfill(begun, command)
        return self._deliver(begun, command)

    def _in_windows(self, timeframe: Timeframe, connection: Connection, command: Command) -> object:
        """Begin a backfill, or go on with it; return its handle, or the table asked for."""
        from intercom_export_widgets.intercom.windows import split

        every = conditions.check_every(command)
        if command.has("dry-run"):
            timeframe.check_past(self._session.now())
            return windows_note(split(timeframe, every))
        conditions.check_mixed(command, timeframe, split(timeframe, every))
        fresh = command.has("fresh") or command.has("refresh")
        mixed = command.has("mixed")
        backfill = self._session.backfill(
            timeframe, every, connection=connection, mixed=mixed, fresh=fresh
        )
        return self._deliver_backfill(backfill, command)

    def _deliver_backfill(self, backfill: Backfill, command: Command) -> object:
        """Return the handle, the finished handle, or the table that was asked for."""
        from intercom_export_widgets.data.tableview import view_of_frame
        from intercom_export_widgets.notebook.progress import ProgressLine

        table = conditions.table_of(command)
        if table is not None and not backfill.done and not command.has("mixed"):
            conditions.check_parts(backfill.timeframe, backfill.count[1])
        if command.has("wait") or table is not None:
            with ProgressLine(self._desk.shell, self._session.now) as shown:
                backfill.wait(callback=shown.show_backfill)
        if table is None:
            return backfill
        frame = backfill.read(table, mixed=command.has("mixed"))
        return view_of_frame(frame, table) if command.has("interactive") else frame

    def _begin(
        self, timeframe: Timeframe, connection: Connection, command: Command
    ) -> Export | Backfill:
        """Submit now, or when the slot is free, or after canceling the job that holds it."""
        holder = command.value("cancel-holder")
        fresh = command.has("fresh") or command.has("refresh")
        if holder is not None:
            timeframe.check_past(self._session.now())
            connection.client(ask=True)
            self._session.lineup.cancel_holder(holder, connection)
        elif not command.has("when-free"):
            return self._session.submit(timeframe, fresh=fresh, connection=connection)
        return self._session.start(timeframe, fresh=fresh, connection=connection, when_free=True)

    def _connection(self, command: Command) -> Connection:
        return self._desk.connection(command.value("region"))

    def _timeframe(self, command: Command) -> Timeframe:
        from intercom_export_widgets.intercom.timeframe import Timeframe

        zone = command.value("zone") or self._session.zone
        now = self._session.now()
        observe = "now" if command.has("refresh") else command.value("observe")
        return Timeframe.parse(" ".join(command.words), zone=zone, now=now).observed(
            observe, now=now
        )

    def _deliver(self, export: Export, command: Command) -> object:
        """Return the handle, the finished handle, or the table that was asked for."""
        from intercom_export_widgets.notebook.progress import ProgressLine

        table = conditions.table_of(command)
        with ProgressLine(self._desk.shell, self._session.now) as shown:
            if not export.done and (command.has("wait") or table is not None):
                export.wait(callback=lambda _: shown.show(export))
            elif table is not None and command.verb == "export":
                shown.say_kept(export)
        if export.error is not None:
            export.wait()
        if table is None:
            return export
        try:
            return export.show(table) if command.has("interactive") else export.read(table)
        except TableNotFoundError as error:
            load = f"%intercom_export load {shlex.quote(export.job_identifier)}"
            error.advice = f"{error.advice} The export is on disk: {load} --table receipt."
            raise

    def _do_queue(self, command: Command) -> Note:
        from intercom_export_widgets.notebook.queueview import change_queue, queue_note

        if command.words:
            return Note(change_queue(self._session.lineup, command.words))
        self._take_up()
        lineup = self._session.lineup
        return queue_note(
            lineup.places(),
            self._session.now(),
            lineup.backfills,
            lineup.lost(),
            waiting=lineup.waiting,
        )

    def _take_up(self) -> None:
        """Resume what an ended kernel left, if there is a token for it.

        A ledger that another program locks is waited for once, not by each of the next looks.
        """
        try:
            self._session.lineup.take_up()
        except LedgerError as error:
            if error.temporary:
                raise
        except IntercomExportError:
            pass

    def _do_status(self, command: Command) -> Overview | Job:
        if command.words:
            return self._connection(command).client(ask=True).refresh(command.words[0])
        try:
            self._take_up()
            return Overview(self._session.exports, self._unfinished(), self._queued())
        except LedgerError as error:
            if not self._session.exports:
                raise
            # This session's own exports run without it.
            return Overview(self._session.exports, queue=Note(f"{error.message}."))

    def _unfinished(self) -> int:
        """Return how many jobs of this machine were not seen to end."""
        from intercom_export_widgets.jobs.entry import is_gone

        address = self._session.connection.address
        return sum(
            bool(e.job_identifier) and e.finished_at is None and not is_gone(e, address)
            for e in self._session.ledger.entries()
        )

    def _queued(self) -> Note | None:
        from intercom_export_widgets.notebook.queueview import queue_note

        lineup, now = self._session.lineup, self._session.now()
        places, lost = lineup.places(), lineup.lost()
        there = places or lineup.backfills or lost
        if not there:
            return None
        return queue_note(places, now, lineup.backfills, lost, waiting=lineup.waiting)

    def _do_attach(self, command: Command) -> object:
        connection = self._connection(command)
        return self._deliver(self._session.attach(command.words[0], connection=connection), command)

    def _do_load(self, command: Command) -> object:
        return self._deliver(self._session.load(command.words[0]), command)

    def _do_log(self, command: Command) -> pd.DataFrame | TableView:
        log = self._session.log(everything=command.has("all"))
        if not command.has("interactive"):
            return log
        from intercom_export_widgets.data.tableview import view_of_frame

        return view_of_frame(log, "log")

    def _do_help(self, command: Command) -> Note:
        return Note(manual.page_of(command.words[0]) if command.words else manual.page())

    def _do_doctor(self, _: Command) -> Diagnosis:
        from intercom_export_widgets.notebook.doctor import examine
        from intercom_export_widgets.notebook.finding import Diagnosis, Finding, State

        try:
            session = self._session
        except StorageError as error:  # without a home directory there is none
            return Diagnosis([Finding("folder", error.message, error.advice, State.WRONG)])
        return examine(session, self._desk.settings, self._desk.shell)

    def _do_cancel(self, command: Command) -> object:
        job_identifier = command.words[0] if command.words else ""
        running = [export for export in self._session.exports if not export.done]
        backfills = [backfill for backfill in self._session.lineup.backfills if not backfill.done]
        if len(backfills) == 1 and not job_identifier:
            backfills[0].cancel()
            return backfills[0]
        if job_identifier:
            running = [e for e in running if e.job_identifier == job_identifier]
            if not running:
                return self._connection(command).client(ask=True).cancel(job_identifier)
        if not running:
            raise UsageError(
                "No export of this session is running.",
                advice="Name a job to cancel it: %intercom_export cancel ID.",
            )
        if len(running) > 1:
            names = ", ".join(export.job_identifier for export in running)
            raise UsageError(
                f"Several exports are running: {names}.",
                advice="Say which one: %intercom_export cancel ID.",
            )
        running[0].cancel()
        with contextlib.suppress(IntercomExportError):
            running[0].wait(timeout=10)
        return running[0]

    def _do_sandbox(self, command: Command) -> Note:
        word = command.words[0] if command.words else "start"
        if word == "stop":
            return self._stop_sandbox()
        if word != "start":
            raise UsageError("Write it as: %intercom_export sandbox, or … sandbox stop.")
        self._desk.host.start(self._session)
        where = self._session.connection.base_url
        return Note(
            f"{SANDBOX}, at {where}. This session exports from it until "
            "%intercom_export sandbox stop. Try: %intercom_export last-month --wait"
        )

    def _stop_sandbox(self) -> Note:
        if not self._desk.leave_sandbox():
            raise UsageError("The sandbox is not running.", advice="Nothing to stop.")
        return Note("The sandbox has stopped; exports come from your workspace again.")
