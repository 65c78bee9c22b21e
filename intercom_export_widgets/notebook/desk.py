"""What the magic works with: settings, one session, the sandbox, and the forms it showed.

It understands no line and shows nothing: `magic` parses, `verbs` act. What speaks to the
API is imported with the session, when a line first needs it: loading is quick.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from intercom_export_widgets.errors import UsageError
from intercom_export_widgets.notebook.frontend import ask_hidden, can_ask, find_cell
from intercom_export_widgets.notebook.host import SandboxHost
from intercom_export_widgets.notebook.settings import IntercomExport

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets import Bunch

    from intercom_export_widgets.jobs.connection import Connection
    from intercom_export_widgets.jobs.handle import Export
    from intercom_export_widgets.jobs.session import ExportSession
    from intercom_export_widgets.notebook.form import ExportForm

__all__ = ["Desk"]


class Desk:
    """One shell's settings and session, and what hangs on them.

    Parameters
    ----------
    shell : InteractiveShell or None
        Whose configuration counts, and who is asked for a token; None on the command line.

    Attributes
    ----------
    settings : IntercomExport
        What ``%config`` shows and sets.
    host : SandboxHost
        The sandbox, if it runs.
    """

    def __init__(self, shell: InteractiveShell | None) -> None:
        self.shell = shell
        self.settings = IntercomExport.of(shell)
        if shell is not None:
            shell.configurables.append(self.settings)  # type: ignore[arg-type] # any Configurable will do
        self.host = SandboxHost()
        self._session: ExportSession | None = None
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

    @property
    def exports(self) -> tuple[Export, ...]:
        """The session's exports; none before there is a session."""
        return () if self._session is None else self._session.exports

    @property
    def address(self) -> str:
        """The API's address that the session asks; empty before there is a session."""
        return "" if self._session is None else self._session.connection.address

    def new_form(self) -> ExportForm:
        """Return a new form; those that the same cell showed before are taken away."""
        from intercom_export_widgets.notebook.form import ExportForm

        form = ExportForm(self.session, host=self.host)
        cell, turn = find_cell(self.shell), getattr(self.shell, "execution_count", 0)
        before, forms = self._forms.get(cell, (turn, []))
        # The new form is there before the old ones go: when the last widget goes, JupyterLab
        # drops the kernel's subshell that hears them, and with it what a new one says meanwhile.
        if before != turn or not cell:
            for old in forms:
                old.close()
            forms = []
        self._forms[cell] = (turn, [*forms, form])
        return form

    def leave_sandbox(self) -> bool:
        """Stop the sandbox and go back to the workspace; return whether it ran."""
        if not self.host.stop(self._session):
            return False
        self.session.connection = self._connection()
        return True

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

        from intercom_export_widgets.jobs.defaults import default_folder, default_ledger
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

    def connection(self, region: str | None) -> Connection:
        """Return the session's connection, or that of the region that one line names.

        Raises
        ------
        SettingError
            If there is no such region.
        UsageError
            If the session exports from the sandbox, which has none.
        """
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
        return ask_hidden(prompt) if can_ask(self.shell) else ""

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
        if self.shell is None:
            return
        with contextlib.suppress(ValueError):
            self.shell.configurables.remove(self.settings)  # type: ignore[arg-type] # as above
