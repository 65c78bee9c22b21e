"""``%intercom_export``: parse the line, call the session, return what there is to show.

The magic decides nothing: `usage` knows the words, `jobs.session` does the work, and
what is returned shows itself through formatters that `extension` registers. What speaks
to the API is imported with the session, when a line first needs it: loading is quick.
"""

from __future__ import annotations

import contextlib
import shlex
from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_magic, magics_class

from intercom_export_widgets.errors import IntercomExportError, TableNotFoundError, UsageError
from intercom_export_widgets.notebook import usage
from intercom_export_widgets.notebook.frontend import ask_hidden, can_ask, find_cell
from intercom_export_widgets.notebook.host import SandboxHost
from intercom_export_widgets.notebook.settings import IntercomExport
from intercom_export_widgets.notebook.text import SANDBOX, Note, Overview

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets import Bunch

    from intercom_export_widgets.intercom.job import Job
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.connection import Connection
    from intercom_export_widgets.jobs.handle import Export
    from intercom_export_widgets.jobs.session import ExportSession
    from intercom_export_widgets.notebook.form import ExportForm
    from intercom_export_widgets.notebook.usage import Command

__all__ = ["IntercomExportMagics"]


@magics_class
class IntercomExportMagics(Magics):
    """The magic ``%intercom_export`` and the session that it works on.

    Parameters
    ----------
    shell : InteractiveShell
        Where it is registered.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._shell = shell
        self.settings = IntercomExport.of(shell)
        shell.configurables.append(self.settings)  # type: ignore[arg-type] # any Configurable will do
        self._session: ExportSession | None = None
        self.host = SandboxHost()
        self._forms: dict[str, tuple[int, list[ExportForm]]] = {}
        self._regions: dict[str, Connection] = {}
        self.settings.observe(self._apply)

    @property
    def session(self) -> ExportSession:
        """The session that every line works on, made when it is first needed."""
        if self._session is None:
            from intercom_export_widgets.jobs.session import ExportSession

            self._session = ExportSession(ask=self._ask, **self.settings.as_keywords())
        return self._session

    @line_magic
    def intercom_export(self, line: str) -> object:
        """Export Intercom's message data; ``%intercom_export help`` shows how."""
        debug = "--debug" in line.split()
        try:
            command = usage.parse(line)
            result = self._run(command)
        except IntercomExportError as error:
            error.debug = debug
            raise
        name = command.value("output")
        if name is None:
            return result
        self._shell.user_ns[name] = result
        return None

    # What each verb does -------------------------------------------------------

    def _run(self, command: Command) -> object:
        """Call the method of the verb; each takes the command."""
        method: Callable[[Command], object] = getattr(self, f"_do_{command.verb}")
        return method(command)

    def _do_form(self, _: Command) -> object:
        from intercom_export_widgets.notebook.form import ExportForm

        form = ExportForm(self.session, host=self.host)
        cell, turn = find_cell(self._shell), self._shell.execution_count
        before, forms = self._forms.get(cell, (turn, []))
        # The new form is there before the old ones go: when the last widget goes, JupyterLab
        # drops the kernel's subshell that hears them, and with it what a new one says meanwhile.
        if before != turn or not cell:
            for old in forms:
                old.close()
            forms = []
        self._forms[cell] = (turn, [*forms, form])
        return form

    def _do_export(self, command: Command) -> object:
        timeframe = self._timeframe(command)
        connection = self._connection_of(command)
        usage.check_table(command.value("table"))
        if command.has("every") or command.has("mixed"):
            return self._backfill(timeframe, connection, command)
        if command.has("dry-run"):
            timeframe.check_past(self.session.now())
            return timeframe
        return self._deliver(self._begin(timeframe, connection, command), command)

    def _backfill(self, timeframe: Timeframe, connection: Connection, command: Command) -> object:
        """Begin a backfill, or go on with it; return its handle, or the table asked for."""
        from intercom_export_widgets.notebook.progress import ProgressLine

        every, table = usage.check_every(command), command.value("table")
        if command.has("dry-run"):
            from intercom_export_widgets.intercom.windows import split

            timeframe.check_past(self.session.now())
            return Note("\n".join(window.label for window in split(timeframe, every)))
        backfill = self.session.backfill(
            timeframe, every, connection=connection, mixed=command.has("mixed")
        )
        if command.has("wait") or table is not None:
            with ProgressLine(self._shell, self.session.now) as shown:
                backfill.wait(callback=shown.show_backfill)
        return backfill if table is None else backfill.read(table)

    def _begin(self, timeframe: Timeframe, connection: Connection, command: Command) -> Export:
        """Submit now, or when the slot is free, or after canceling the job that holds it."""
        holder = command.value("cancel-holder")
        fresh = command.has("fresh") or command.has("refresh")
        if holder is not None:
            timeframe.check_past(self.session.now())
            connection.client(ask=True)
            self.session.lineup.cancel_holder(holder, connection)
        elif not command.has("when-free"):
            return self.session.submit(timeframe, fresh=fresh, connection=connection)
        return self.session.start(timeframe, fresh=fresh, connection=connection, when_free=True)

    def _timeframe(self, command: Command) -> Timeframe:
        from intercom_export_widgets.intercom.timeframe import Timeframe

        zone = command.value("zone") or self.session.zone
        now = self.session.now()
        observe = "now" if command.has("refresh") else command.value("observe")
        return Timeframe.parse(" ".join(command.words), zone=zone, now=now).observed(
            observe, now=now
        )

    def _deliver(self, export: Export, command: Command) -> object:
        """Return the handle, the finished handle, or the table that was asked for."""
        table = command.value("table")
        if not export.done and (command.has("wait") or table is not None):
            from intercom_export_widgets.notebook.progress import ProgressLine

            with ProgressLine(self._shell, self.session.now) as shown:
                export.wait(callback=lambda _: shown.show(export))
        if export.error is not None:
            export.wait()
        if table is None:
            return export
        try:
            return export.read(table)
        except TableNotFoundError as error:
            load = f"%intercom_export load {shlex.quote(export.job_identifier)}"
            error.advice = f"{error.advice} The export is on disk: {load} --table receipt."
            raise

    def _do_queue(self, command: Command) -> Note:
        from intercom_export_widgets.notebook.queueview import change_queue, queue_note

        if command.words:
            return Note(change_queue(self.session.lineup, command.words))
        self._take_up()
        lineup = self.session.lineup
        return queue_note(lineup.places(), self.session.now(), lineup.backfills)

    def _take_up(self) -> None:
        """Go on with what an ended kernel left, if there is a token for it."""
        with contextlib.suppress(IntercomExportError):
            self.session.lineup.take_up()

    def _do_status(self, command: Command) -> Overview | Job:
        if not command.words:
            self._take_up()
            entries = self.session.ledger.entries()
            unfinished = [e for e in entries if e.job_identifier and e.finished_at is None]
            return Overview(self.session.exports, len(unfinished), self._queued())
        return self._connection_of(command).client(ask=True).refresh(command.words[0])

    def _queued(self) -> Note | None:
        from intercom_export_widgets.notebook.queueview import queue_note

        lineup, now = self.session.lineup, self.session.now()
        places = lineup.places()
        return queue_note(places, now, lineup.backfills) if places or lineup.backfills else None

    def _do_attach(self, command: Command) -> object:
        connection = self._connection_of(command)
        return self._deliver(self.session.attach(command.words[0], connection=connection), command)

    def _do_load(self, command: Command) -> object:
        return self._deliver(self.session.load(command.words[0]), command)

    def _do_log(self, command: Command) -> pd.DataFrame:
        return self.session.log(everything=command.has("all"))

    def _do_help(self, _: Command) -> Note:
        return Note(usage.help_text())

    def _do_doctor(self, _: Command) -> Note:
        from intercom_export_widgets.notebook.doctor import examine

        return examine(self.session, self.settings, self._shell)

    def _do_cancel(self, command: Command) -> object:
        job_identifier = command.words[0] if command.words else ""
        running = [export for export in self.session.exports if not export.done]
        backfills = [backfill for backfill in self.session.lineup.backfills if not backfill.done]
        if len(backfills) == 1 and not job_identifier:
            backfills[0].cancel()
            return backfills[0]
        if job_identifier:
            running = [e for e in running if e.job_identifier == job_identifier]
            if not running:
                return self._connection_of(command).client(ask=True).cancel(job_identifier)
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

    # The sandbox ---------------------------------------------------------------

    def _do_sandbox(self, command: Command) -> Note:
        word = command.words[0] if command.words else "start"
        if word == "stop":
            return self._stop_sandbox()
        if word != "start":
            raise UsageError("Write it as: %intercom_export sandbox, or … sandbox stop.")
        self.host.start(self.session)
        where = self.session.connection.base_url
        return Note(
            f"{SANDBOX}, at {where}. This session exports from it until "
            "%intercom_export sandbox stop. Try: %intercom_export last-month --wait"
        )

    def _stop_sandbox(self) -> Note:
        if not self.host.stop(self._session):
            raise UsageError("The sandbox is not running.", advice="Nothing to stop.")
        self.session.connection = self._connection()
        return Note("The sandbox has stopped; exports come from your workspace again.")

    # Settings ------------------------------------------------------------------

    def _connection(self) -> Connection:
        from intercom_export_widgets.jobs.connection import Connection

        return Connection(
            region=self.settings.region, base_url=self.settings.base_url or None, ask=self._ask
        )

    def _apply(self, change: Bunch) -> None:
        """Carry a changed setting over to the session; running exports keep theirs."""
        if self._session is None:
            return
        from pathlib import Path

        from intercom_export_widgets.jobs.files import default_folder, default_ledger
        from intercom_export_widgets.jobs.ledger import Ledger

        match change.name:
            case "region" | "base_url":
                self.host.stop(self._session)
                self.session.connection = self._connection()
            case "zone":
                self.session.zone = self.settings.zone
            case "poll_interval":
                self.session.poll_interval = self.settings.poll_interval
            case "folder":
                self.session.folder = Path(change.new) if change.new else default_folder()
            case "ledger":
                self.session.ledger = Ledger(Path(change.new) if change.new else default_ledger())
            case _:
                pass

    def _connection_of(self, command: Command) -> Connection:
        """Return the session's connection, or that of the region that one line names."""
        region = command.value("region")
        if region is None:
            return self.session.connection
        from intercom_export_widgets.intercom.hosts import region_url
        from intercom_export_widgets.jobs.connection import Connection

        region_url(region)
        if self.host.sandbox is not None:
            raise UsageError(
                "The session exports from the sandbox, which has no region.",
                advice="Leave it first: %intercom_export sandbox stop.",
            )
        if region not in self._regions:
            self._regions[region] = Connection(region=region, ask=self._ask)
        return self._regions[region]

    def _ask(self, prompt: str) -> str:
        """Ask for a token, unseen, where somebody can be asked; else return nothing."""
        return ask_hidden(prompt) if can_ask(self._shell) else ""

    def close(self) -> None:
        """Stop the sandbox, take the settings back, and stop following; jobs run on at Intercom."""
        for _, forms in self._forms.values():
            for form in forms:
                form.close()
        if self._session is not None:
            self._session.close()
        for connection in self._regions.values():
            connection.close()
        self.host.stop(None)
        with contextlib.suppress(ValueError):
            self._shell.configurables.remove(self.settings)  # type: ignore[arg-type] # as above
