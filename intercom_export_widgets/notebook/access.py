"""The form's part about whose data it is: the workspace, a token that is typed, what is said.

Between `fields` and `submissions`. A token goes to a `Connection` and nowhere else.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from traitlets import Dict, validate

from intercom_export_widgets.errors import IntercomExportError
from intercom_export_widgets.jobs.connection import Connection
from intercom_export_widgets.notebook.fields import RangePage
from intercom_export_widgets.notebook.notices import alert_of, workspace_of
from intercom_export_widgets.notebook.translation import in_python

if TYPE_CHECKING:
    from traitlets import Bunch

    from intercom_export_widgets.jobs.session import ExportSession

__all__ = ["AccessPage"]


class AccessPage(RangePage):
    """A page of fields that knows whose workspace it is, and has a place for what went wrong."""

    workspace = Dict().tag(sync=True)
    alert = Dict().tag(sync=True)

    def __init__(self, session: ExportSession, **values: object) -> None:
        self._tries = 0
        super().__init__(session, **values)

    @validate("alert")
    def _name_no_magic(self, proposal: Bunch) -> dict[str, Any]:
        """Return what is to be said, in Python where the magic is not at hand."""
        said: dict[str, Any] = dict(proposal.value)
        if not self.by_magic:
            said |= {name: in_python(said[name]) for name in ("title", "text") if name in said}
        return said

    def receive(self, content: dict[str, Any]) -> None:
        """Do what the page asks for."""
        match content.get("do"):
            case "token":
                self.in_background(partial(self._take_token, str(content.get("token", ""))))
            case "ask token":
                known = self.session.connection.workspace is not None
                self.put(alert={}, workspace={"state": "missing", "known": known})
            case "identify":
                self.put(workspace={})
                self.in_background(self.identify)
            case _:
                super().receive(content)

    def complain(self, error: Exception) -> None:
        """Show what went wrong beneath the Export button."""
        self.warn(error)

    def put(self, **values: object) -> None:
        """Set traits of the page from whatever thread."""
        with self.sending():
            for name, value in values.items():
                setattr(self, name, value)

    def warn(self, error: Exception, again: dict[str, str] | None = None) -> None:
        """Show an error and its choices; `again` is what *Try again* asks for."""
        self.put(alert=alert_of(error, again))

    def _take_token(self, typed: str) -> None:
        """Use a token that was typed; it is checked, and kept in memory only."""
        before = self.session.connection
        found: dict[str, object]
        try:
            connection = Connection(
                typed, region=before.region, base_url=before.base_url, limits=before.limits
            )
        except IntercomExportError as error:
            connection, found = before, {"text": str(error)}
        else:
            found = workspace_of(connection)
        if self.session.connection is not before:  # somebody has chosen another meanwhile
            return
        if found.get("state") == "known":
            self.session.connection = connection
            return
        self._tries += 1
        text = found.get("text") or "The API did not say whose token it is. Try again."
        self.put(workspace={"state": "missing", "text": text, "tries": self._tries})

    def reconnect(self, _: Bunch) -> None:
        """Show another workspace, whoever has pointed the session at it."""
        self.put(alert={})
        self.in_background(self.identify)

    def identify(self) -> None:
        """Ask whose workspace it is; an answer about one that was left comes too late."""
        connection = self.session.connection
        found = workspace_of(connection)
        with self.sending():
            if connection is self.session.connection:
                self.workspace = found
