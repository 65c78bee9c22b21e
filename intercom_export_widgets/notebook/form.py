"""The form: two date pickers, a zone, presets, Export, live cards, and the log.

The page collects and shows; every rule is Python's. `fields` has the range, `live` the
cards; here is what the buttons do, whose workspace it is, and the log.
"""

from __future__ import annotations

from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from traitlets import Bool, Dict, Instance, List, Tuple

from intercom_export_widgets.errors import IntercomExportError, TimeframeError
from intercom_export_widgets.jobs.connection import Connection
from intercom_export_widgets.jobs.handle import Export
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.notebook import text
from intercom_export_widgets.notebook.fields import FIELDS, RangePage
from intercom_export_widgets.notebook.logview import HEADS, log_html, log_rows
from intercom_export_widgets.notebook.notices import (
    TRY_SANDBOX,
    alert_of,
    field_of,
    sentence_of,
    workspace_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from traitlets import Bunch

    from intercom_export_widgets.jobs.session import ExportSession

__all__ = ["ExportForm"]

ABOUT = "Delivery and engagement data of outbound messages, not their text."


class ExportForm(RangePage):
    """The form that ``%intercom_export`` shows.

    Parameters
    ----------
    session : ExportSession, optional
        What it works on; without it, a session of its own with the default settings.
    start_sandbox : callable, optional
        Points the session at the sandbox; without it, the form does not offer that.

    Attributes
    ----------
    first, last : datetime.date or None
        Traits: the first and the last day, both inclusive.
    observed : datetime.date or None
        A trait: the last day on which opens and clicks are counted; None for `last`.
    zone : str
        A trait: the IANA time zone in which they are meant.
    export : Export or None
        A trait: the export that was begun last.
    exports : tuple of Export
        A trait: every export of the session, oldest first.

    Examples
    --------
    >>> from intercom_export_widgets import ExportForm
    >>> form = ExportForm()                                             # doctest: +SKIP
    >>> form.observe(lambda change: print(change.new), "export")        # doctest: +SKIP
    """

    export = Instance(Export, allow_none=True)
    exports = Tuple()

    workspace = Dict().tag(sync=True)
    zones: List[Any] = List().tag(sync=True)
    alert = Dict().tag(sync=True)
    busy = Bool(False).tag(sync=True)  # noqa: FBT003 - a trait's default
    sandbox_offered = Bool(False).tag(sync=True)  # noqa: FBT003 - a trait's default
    log_heads = List(list(HEADS)).tag(sync=True)
    log_rows: List[Any] = List().tag(sync=True)

    def __init__(
        self,
        session: ExportSession | None = None,
        *,
        start_sandbox: Callable[[], None] | None = None,
    ) -> None:
        if session is None:
            from intercom_export_widgets.jobs.session import ExportSession

            session = ExportSession()
        self._start_sandbox = start_sandbox
        self._logged: object = None
        self._tries = 0
        super().__init__(session, kind="form", sandbox_offered=start_sandbox is not None)
        session.observe(self._take_exports, "exports")
        session.observe(self._reconnect, "connection")
        self._take_exports(None)
        self.in_background(self._fill_in)

    def close(self) -> None:
        """Take the form away; exports run on."""
        self.session.unobserve(self._take_exports, "exports")
        self.session.unobserve(self._reconnect, "connection")
        super().close()

    # Messages of the page ------------------------------------------------------

    def receive(self, content: dict[str, Any]) -> None:
        """Do what the page asks for; doing it twice does it once."""
        match content.get("do"):
            case "edit":
                self.take_fields(content)
            case "export":
                self.take_fields({**content, "left": FIELDS})
                self._submit()
            case "preset":
                self.take_preset(str(content.get("name")))
            case "sandbox" if self._start_sandbox is not None:
                self.put(alert={})
                self.in_background(self._start_sandbox)
            case "token":
                self.in_background(partial(self._take_token, str(content.get("token", ""))))
            case "ask token":
                self.put(alert={}, workspace={"state": "missing"})
            case "identify":
                self.put(workspace={})
                self.in_background(self._identify)
            case "attach" | "cancel job" as what:
                again = {"do": what, "job_identifier": str(content.get("job_identifier"))}
                self.in_background(
                    partial(self._attach, again), lambda error: self._warn(error, again)
                )
            case "dismiss":
                self.put(alert={})
            case _:
                super().receive(content)

    def complain(self, error: Exception) -> None:
        """Show what went wrong at its field, or else beneath the Export button."""
        field = field_of(error)
        if field:
            self.refuse(field, sentence_of(error))
        else:
            self._warn(error)

    def put(self, **values: object) -> None:
        """Set traits of the page from whatever thread."""
        with self.sending():
            for name, value in values.items():
                setattr(self, name, value)

    def _warn(self, error: Exception, again: dict[str, str] | None = None) -> None:
        alert = alert_of(error, again)
        if self._start_sandbox is None:
            alert["actions"] = [a for a in alert["actions"] if a != TRY_SANDBOX]
        self.put(alert=alert)

    # Exporting -----------------------------------------------------------------

    def _submit(self) -> None:
        """Begin the export; what only the server knows arrives through `_follow_up`."""
        if self.busy:
            return
        try:
            timeframe = self.timeframe()
        except TimeframeError as error:
            self.tell(focus=error.field or "first")
            return
        self.put(busy=True, alert={})
        try:
            export = self.session.start(timeframe, ask=False)
        except BaseException:
            self.put(busy=False)
            raise
        self.export = export
        export.observe(self._follow_up, ["progress", "error"])
        self._settle(export)

    def _attach(self, asked: dict[str, str]) -> None:
        """Follow a job that holds the slot, or cancel it, and show its card."""
        export = self.session.attach(asked["job_identifier"], ask=False)
        if asked["do"] == "cancel job":
            export.cancel()
        self.put(alert={})
        self.tell(show=export.key)

    def _follow_up(self, change: Bunch) -> None:
        self._settle(change.owner)

    def _settle(self, export: Export) -> None:
        """Free the button once the API has answered, and show what it refused."""
        if export.progress.stage is Stage.SUBMITTING:
            return
        export.unobserve(self._follow_up, ["progress", "error"])
        with self.sending():
            self.busy = False
            self.refresh()
        if export.error is not None and export.job is None:
            self.complain(export.error)

    # Whose data ----------------------------------------------------------------

    def _take_token(self, typed: str) -> None:
        """Use a token that was typed; it is checked, and kept in memory only."""
        before = self.session.connection
        try:
            connection = Connection(typed, region=before.region, base_url=before.base_url)
            found = workspace_of(connection)
        except IntercomExportError as error:
            found = {"text": str(error)}
        else:
            if found["state"] == "known":
                self.session.connection = connection
                return
            connection.close()
        self._tries += 1
        self.put(workspace={"state": "missing", "text": found["text"], "tries": self._tries})

    def _reconnect(self, _: Bunch) -> None:
        """Show another workspace, whoever has pointed the session at it."""
        self.put(alert={})
        self.in_background(self._identify)

    def _identify(self) -> None:
        self.put(workspace=workspace_of(self.session.connection))

    def _fill_in(self) -> None:
        """Set what takes a moment: the names of all zones, and the workspace."""
        self.put(zones=sorted(available_timezones()))
        self._identify()

    # Exports -------------------------------------------------------------------

    def _take_exports(self, _: object) -> None:
        """Show the session's exports, also those that the magic began."""
        with self._page_lock:
            self.exports = self.session.exports
            gone = [export for export in self._followed if export not in self.exports]
            for export in gone:
                export.unobserve(self._changed, ["progress", "error"])
                self._followed.remove(export)
        self.follow(self.exports)

    def update(self) -> None:
        """Set cards and log; a submission that was refused made no job and no card.

        A notice about the slot goes when the job that held it has ended.
        """
        super().update()
        refused = {e.key for e in self._followed if e.error is not None and e.job is None}
        self.cards = [card for card in self.cards if card["number"] not in refused]
        ended = {e.job_identifier for e in self._followed if e.job and e.job.status.ended}
        if self.alert.get("holder") in ended:
            self.alert = {}
        self._update_log()

    def _update_log(self) -> None:
        """Read the ledger, unless nothing has happened that it writes down."""
        happened = [
            (e.key, e.progress.stage, e.job, e.progress.path, e.error) for e in self._followed
        ]
        if happened == self._logged:
            return
        try:
            self.log_rows = log_rows(self.session.entries())
        except IntercomExportError as error:
            self.alert = alert_of(error)
        else:
            self._logged = happened

    # Where widgets don't live --------------------------------------------------

    def as_text(self) -> str:
        """Return how to do without the form, and the exports so far."""
        code = "Intercom export: %intercom_export 2018-06-01 2018-06-30 --wait"
        return f"{code}\n{ABOUT}\n{super().as_text()}".rstrip()

    def as_html(self) -> str:
        """Return the same as HTML, with the log."""
        return (
            f'<div style="{text.BOX}"><strong>Intercom export</strong>'
            f"<div>{ABOUT}</div>"
            "<div><code>%intercom_export 2018-06-01 2018-06-30 --wait</code></div></div>"
            f"{super().as_html()}{self._log_html()}"
        )

    def _log_html(self) -> str:
        try:
            return log_html(self.session.entries())
        except IntercomExportError as error:
            return f"<p>{escape(str(error))}</p>"
