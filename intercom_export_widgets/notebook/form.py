"""The form: two date pickers, a zone, presets, Export, live cards, and the log.

The page collects and shows; every rule is Python's. `fields` has the range, `live` the
cards; here is what the buttons do, whose workspace it is, and the log.
"""

from __future__ import annotations

import contextlib
import time
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any, Final

from traitlets import Bool, Dict, Instance, List, Tuple, Unicode

from intercom_export_widgets.errors import IntercomExportError
from intercom_export_widgets.intercom.zones import zone_names
from intercom_export_widgets.jobs.backfill import Backfill
from intercom_export_widgets.jobs.connection import Connection
from intercom_export_widgets.jobs.handle import Export
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.notebook import text
from intercom_export_widgets.notebook.fields import FIELDS, RangePage
from intercom_export_widgets.notebook.frontend import caution_of_host
from intercom_export_widgets.notebook.host import SandboxHost
from intercom_export_widgets.notebook.logview import HEADS, log_html, log_rows
from intercom_export_widgets.notebook.notices import (
    alert_of,
    confirmation_of,
    field_of,
    sentence_of,
    workspace_of,
)
from intercom_export_widgets.notebook.queueview import queue_note, queue_rows

if TYPE_CHECKING:
    from traitlets import Bunch

    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.session import ExportSession

__all__ = ["ExportForm"]

TWICE: Final = 0.7
"""Seconds within which a second press is the same press: a double click, a key held down."""

ABOUT: Final = "Delivery and engagement data of outbound messages, not their text."


class ExportForm(RangePage):
    """The form that ``%intercom_export`` shows.

    Parameters
    ----------
    session : ExportSession, optional
        What it works on; without it, a session of its own with the default settings.
    host : SandboxHost, optional
        Starts the sandbox when that is asked for; without it, one of the form's own.

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
    every : str
        A trait: the length of the windows that a long range is exported in; empty for one.
    exports : tuple of Export
        A trait: every export of the session, oldest first.
    backfill : Backfill or None
        A trait: the backfill that was begun last.

    Examples
    --------
    >>> from intercom_export_widgets import ExportForm
    >>> form = ExportForm()                                             # doctest: +SKIP
    >>> form.observe(lambda change: print(change.new), "export")        # doctest: +SKIP
    """

    export = Instance(Export, allow_none=True)
    exports = Tuple()
    backfill = Instance(Backfill, allow_none=True)

    workspace = Dict().tag(sync=True)
    caution = Unicode().tag(sync=True)
    zones: List[Any] = List().tag(sync=True)
    alert = Dict().tag(sync=True)
    queue: List[Any] = List().tag(sync=True)
    lost: List[Any] = List().tag(sync=True)
    busy = Bool(False).tag(sync=True)  # noqa: FBT003 - a trait's default
    log_heads = List(list(HEADS)).tag(sync=True)
    log_rows: List[Any] = List().tag(sync=True)

    def __init__(
        self,
        session: ExportSession | None = None,
        *,
        host: SandboxHost | None = None,
    ) -> None:
        if session is None:
            from intercom_export_widgets.jobs.session import ExportSession

            session = ExportSession()
        self._host = SandboxHost() if host is None else host
        self._logged: object = None
        self._tries = 0
        self._refused_range: Timeframe | None = None
        self._view: object = None
        self._asked: tuple[Timeframe, str] | None = None
        self._asked_at = float("-inf")
        self._awaited: set[int] = set()
        by_magic = host is not None
        super().__init__(session, kind="form", by_magic=by_magic, caution=caution_of_host())
        session.observe(self._take_exports, "exports")
        session.observe(self._take_backfills, "backfills")
        session.observe(self._reconnect, "connection")
        self._take_backfills(None)
        self._take_exports(None)
        self.in_background(self._fill_in)

    def close(self) -> None:
        """Take the form away, once; exports run on."""
        if self.closed:
            return
        self.session.unobserve(self._take_exports, "exports")
        self.session.unobserve(self._take_backfills, "backfills")
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
                self._submit(content.get("view"))
            case "preset":
                self.take_preset(str(content.get("name")))
            case "sandbox":
                self.put(alert={})
                self.in_background(partial(self._host.start, self.session))
            case "token":
                self.in_background(partial(self._take_token, str(content.get("token", ""))))
            case "ask token":
                known = self.session.connection.workspace is not None
                self.put(alert={}, workspace={"state": "missing", "known": known})
            case "identify":
                self.put(workspace={})
                self.in_background(self._identify)
            case "dismiss":
                self.put(alert={})
            case _:
                self._receive_of_slot(content)

    def _receive_of_slot(self, content: dict[str, Any]) -> None:
        """Do what is asked for about the slot: follow, wait, cancel, take out."""
        identifier = str(content.get("job_identifier"))
        match content.get("do"):
            case "when free" | "cancel then export" | "remove":
                self.in_background(partial(self._line_up, content))
            case "ask cancel":
                self.put(alert=confirmation_of(identifier))
            case "attach":
                again = {"do": "attach", "job_identifier": identifier}
                work = partial(self._attach, identifier, content.get("view"))
                self.in_background(work, partial(self._warn, again=again))
            case _:
                super().receive(content)

    def complain(self, error: Exception) -> None:
        """Show what went wrong beneath the Export button."""
        self._warn(error)

    def put(self, **values: object) -> None:
        """Set traits of the page from whatever thread."""
        with self.sending():
            for name, value in values.items():
                setattr(self, name, value)

    def _warn(self, error: Exception, again: dict[str, str] | None = None) -> None:
        self.put(alert=alert_of(error, again))

    # Exporting -----------------------------------------------------------------

    def _submit(self, view: object) -> None:
        """Begin the export once, however often the button is pressed.

        What only the disk, the network and the server know arrives through `_follow_up`.
        """
        faults = self.faults()
        if faults:
            self.tell(focus=next(iter(faults)), view=view)
            return
        timeframe = self.timeframe()
        with self._page_lock:
            soon = time.monotonic() - self._asked_at < TWICE
            if self.busy or (soon and (timeframe, self.every) == self._asked):
                return
            self._asked = (timeframe, self.every)
            self._view = view
            self.put(busy=True, alert={})
        self.in_background(partial(self._begin, timeframe), self._refused_at_once)

    def _begin(self, timeframe: Timeframe) -> None:
        if self.every:
            self._settle_backfill(self.session.backfill(timeframe, self.every, ask=False))
            return
        export = self.session.start(timeframe, ask=False)
        if isinstance(export, Backfill):
            self._settle_backfill(export)
            return
        with self._page_lock:
            self._awaited.add(export.key)
        export.observe(self._follow_up, ["progress", "error"])
        try:
            self.export = export
        finally:
            self._settle(export)

    def _settle_backfill(self, backfill: Backfill) -> None:
        """Free the button: a backfill submits by itself, and its card says how far it is."""
        self._asked_at = time.monotonic()
        with self.sending():
            self.busy = False
        self.backfill = backfill

    def _refused_at_once(self, error: Exception) -> None:
        """Free the button of a submission that did not begin."""
        self.put(busy=False)
        self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        """Show what a submission was refused with at its field, or beneath the button."""
        field = field_of(error)
        if field:
            self.refuse(field, sentence_of(error), self._view)
        else:
            self._warn(error, {"do": "export"})

    def _attach(self, job_identifier: str, view: object) -> None:
        """Follow a job that holds the slot, and show its card."""
        export = self.session.attach(job_identifier, ask=False)
        self.put(alert={})
        self.tell(show=export.key, view=view)

    def _line_up(self, content: dict[str, Any]) -> None:
        """Put the range that was refused into the queue, or take one out."""
        if content["do"] == "remove":
            self.session.lineup.remove(int(content["number"]))
            self.refresh()
            return
        timeframe = self._refused_range or self.timeframe()
        if content["do"] == "cancel then export":
            self.session.lineup.cancel_holder(
                str(content.get("job_identifier")), self.session.connection
            )
        self.put(alert={})
        begun = self.session.start(timeframe, ask=False, when_free=True)
        if isinstance(begun, Backfill):
            self.backfill = begun
        else:
            self.export = begun

    def _follow_up(self, change: Bunch) -> None:
        self._settle(change.owner)

    def _settle(self, export: Export) -> None:
        """Free the button once the API has answered, and show what it refused; once."""
        if export.progress.stage is Stage.SUBMITTING:
            return
        with self._page_lock:
            if export.key not in self._awaited:
                return
            self._awaited.discard(export.key)
            export.unobserve(self._follow_up, ["progress", "error"])
            self._asked_at = time.monotonic()
        with self.sending():
            self.busy = False
            self.refresh()
        if export.error is not None and export.job is None:
            self._refused_range = export.timeframe
            self._asked_at = float("-inf")
            self._refuse(export.error)

    # Whose data ----------------------------------------------------------------

    def _take_token(self, typed: str) -> None:
        """Use a token that was typed; it is checked, and kept in memory only."""
        before = self.session.connection
        found: dict[str, object]
        try:
            connection = Connection(typed, region=before.region, base_url=before.base_url)
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

    def _reconnect(self, _: Bunch) -> None:
        """Show another workspace, whoever has pointed the session at it."""
        self.put(alert={})
        self.in_background(self._identify)

    def _identify(self) -> None:
        """Ask whose workspace it is; an answer about one that was left comes too late."""
        connection = self.session.connection
        found = workspace_of(connection)
        with self.sending():
            if connection is self.session.connection:
                self.workspace = found

    def _fill_in(self) -> None:
        """Set what takes a moment: the names of all zones, and the workspace."""
        self.put(zones=zone_names())
        self._identify()
        with contextlib.suppress(IntercomExportError):
            self.session.lineup.take_up()
        self.refresh()

    # Exports -------------------------------------------------------------------

    def _take_exports(self, _: object) -> None:
        """Show the session's exports, also those that the magic began."""
        exports: tuple[Export, ...] = self.session.exports
        with self._page_lock:
            for export in [each for each in self._followed if each not in exports]:
                export.unobserve(self._changed, ["progress", "error"])
                self._followed.remove(export)
        self.follow(exports)
        self.exports = exports

    def _take_backfills(self, _: object) -> None:
        """Show the session's backfills, also those that the magic began."""
        self.follow_backfills(self.session.backfills)

    def update(self) -> None:
        """Set cards and log; a submission that was refused made no job and no card.

        A notice about the slot goes when the job that held it has ended.
        """
        super().update()
        refused = {
            e.key
            for e in self._followed
            if e.job is None and (e.error is not None or e.progress.stage is Stage.QUEUED)
        }
        self.cards = [card for card in self.cards if card["number"] not in refused]
        ended = {e.job_identifier for e in self._followed if e.job and e.job.status.ended}
        if self.alert.get("holder") in ended:
            self.alert = {}
        self._update_log()
        with contextlib.suppress(IntercomExportError):
            self.queue = queue_rows(self.session.lineup.places())
            self.lost = self.session.lineup.lost()

    def _update_log(self) -> None:
        """Read the ledger, unless nothing has happened that it writes down."""
        happened = [
            (e.key, e.progress.stage, e.job, e.progress.path, e.error) for e in self._followed
        ]
        if happened == self._logged:
            return
        self._logged = happened
        try:
            self.log_rows = log_rows(self.session.entries())
        except IntercomExportError as error:
            self.alert = alert_of(error)

    # Where widgets don't live --------------------------------------------------

    def as_text(self) -> str:
        """Return how to do without the form, and the exports so far."""
        code = "Intercom export: %intercom_export 2018-06-01 2018-06-30 --wait"
        return f"{code}\n{ABOUT}\n{super().as_text()}\n{self._queue_note().text}".rstrip()

    def _queue_note(self) -> text.Note:
        """Return what waits, as text and HTML; empty if nothing does."""
        try:
            places, lost = self.session.lineup.places(), self.session.lineup.lost()
        except IntercomExportError as error:
            return text.Note(str(error))
        there = places or lost
        return queue_note(places, self.session.now(), lost=lost) if there else text.Note("", " ")

    def as_html(self) -> str:
        """Return the same as HTML, with the log."""
        return (
            f'<div style="{text.BOX}"><strong>Intercom export</strong>'
            f"<div>{ABOUT}</div>"
            "<div><code>%intercom_export 2018-06-01 2018-06-30 --wait</code></div></div>"
            f"{super().as_html()}{self._queue_note().html}{self._log_html()}"
        )

    def _log_html(self) -> str:
        try:
            return log_html(self.session.entries())
        except IntercomExportError as error:
            return f"<p>{escape(str(error))}</p>"
