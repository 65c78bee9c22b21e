"""The form: two date pickers, a zone, presets, Export, live cards, and the log.

The page collects and shows; every rule is here, or further down. A field's error shows
when the field has been left or Export was pressed, in Intercom's own words where it has
some, and goes when it is cured.
"""

from __future__ import annotations

import datetime as dt
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import available_timezones

from traitlets import Bool, Dict, Instance, List, Tuple, Unicode, observe

from intercom_export_widgets.errors import IntercomExportError, TimeframeError
from intercom_export_widgets.intercom.timeframe import PRESETS, Timeframe
from intercom_export_widgets.jobs.connection import Connection
from intercom_export_widgets.jobs.handle import Export
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.notebook import text
from intercom_export_widgets.notebook.live import LivePage
from intercom_export_widgets.notebook.logview import HEADS, log_html, log_rows
from intercom_export_widgets.notebook.notices import alert_of, field_of, workspace_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from traitlets import Bunch

    from intercom_export_widgets.jobs.session import ExportSession

__all__ = ["ExportForm"]

FIELDS: Final = ("first", "last", "zone")

EARLIEST: Final = 1970
"""The first year that Unix seconds can say: one before it is a year half typed."""

OFFERED: Final = (
    "last-7-days",
    "last-week",
    "last-month",
    "last-quarter",
    "month-to-date",
    "last-year",
)
"""The presets that the form has buttons for; the magic knows more."""


def _date_to_json(value: dt.date | None, _: object) -> str:
    return "" if value is None else value.isoformat()


def _date_from_json(value: str, _: object) -> dt.date | None:
    return _date(value)


def _date(value: object) -> dt.date | None:
    """Return the date that a picker's text means, or None if it means none."""
    try:
        return dt.date.fromisoformat(str(value)) if value else None
    except ValueError:
        return None


def _date_trait() -> Any:  # noqa: ANN401 - a traitlets descriptor, which is untyped
    return Instance(dt.date, allow_none=True).tag(
        sync=True, to_json=_date_to_json, from_json=_date_from_json
    )


class ExportForm(LivePage):
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
    zone : str
        A trait: the IANA time zone in which they are meant.
    export : Export or None
        A trait: the export that was begun last.
    exports : tuple of Export
        A trait: every export of the session, oldest first.
    """

    first = _date_trait()
    last = _date_trait()
    zone = Unicode("UTC").tag(sync=True)
    export = Instance(Export, allow_none=True)
    exports = Tuple()

    workspace = Dict().tag(sync=True)
    presets: List[Any] = List().tag(sync=True)
    zones: List[Any] = List().tag(sync=True)
    preview = Dict().tag(sync=True)
    errors = Dict().tag(sync=True)
    alert = Dict().tag(sync=True)
    busy = Bool(False).tag(sync=True)  # noqa: FBT003 - a trait's default
    sandbox_offered = Bool(False).tag(sync=True)  # noqa: FBT003 - a trait's default
    code = Unicode().tag(sync=True)
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
        self.session = session
        self._start_sandbox = start_sandbox
        self._touched: set[str] = set()
        self._unreadable: dict[str, str] = {}
        self._refused: dict[str, tuple[object, str]] = {}
        super().__init__(
            kind="form",
            zone=session.zone,
            presets=[[name, PRESETS[name]] for name in OFFERED],
            sandbox_offered=start_sandbox is not None,
        )
        session.observe(self._take_exports, "exports")
        session.observe(self._reconnect, "connection")
        self._check()
        self._take_exports(None)
        self.in_background(self._fill_in)

    def close(self) -> None:
        """Take the form away; exports run on."""
        self.session.unobserve(self._take_exports, "exports")
        self.session.unobserve(self._reconnect, "connection")
        super().close()

    # The range -----------------------------------------------------------------

    @observe("first", "last", "zone")
    def _edited(self, change: Bunch) -> None:
        """Check anew whenever a field changes, from the page or from Python."""
        self._unreadable.pop(change.name, None)
        self._check()

    def timeframe(self) -> Timeframe:
        """Return the range that the fields mean.

        Raises
        ------
        TimeframeError
            If they mean none; ``field`` says which is at fault.
        """
        for field in FIELDS:
            if field in self._unreadable:
                raise TimeframeError(
                    self._unreadable[field], advice="Write it as 2018-06-30.", field=field
                )
        for field, day in (("first", self.first), ("last", self.last)):
            if day is not None and day.year < EARLIEST:
                raise TimeframeError(
                    f"The year {day.year} is before {EARLIEST}",
                    advice="Type all four digits of the year.",
                    field=field,
                )
        timeframe = Timeframe.of_days(self.first, self.last, self.zone)
        timeframe.check_past(self.session.now())
        return timeframe

    def _check(self) -> None:
        """Show the preview and the code of a good range, or the error of a bad one."""
        errors = {
            field: said
            for field, (value, said) in self._refused.items()
            if value == getattr(self, field)
        }
        preview: dict[str, object] = {}
        code = ""
        try:
            timeframe = self.timeframe()
        except TimeframeError as error:
            field = error.field or "first"
            if field in self._touched:
                errors[field] = str(error)
        else:
            said = timeframe.describe()
            preview = {
                "days": said.days,
                "local": said.local,
                "utc": said.utc,
                "unix": said.unix,
                "daylight": said.daylight,
            }
            zone = "" if timeframe.zone == self.session.zone else f" --zone {timeframe.zone}"
            code = f"%intercom_export {timeframe.literal}{zone}"
        with self.sending():
            self.errors, self.preview, self.code = errors, preview, code

    # Messages of the page ------------------------------------------------------

    def receive(self, content: dict[str, Any]) -> None:
        """Do what the page asks for; doing it twice does it once."""
        match content.get("do"):
            case "edit":
                self._take_fields(content)
            case "export":
                self._take_fields({**content, "left": FIELDS})
                self._submit()
            case "preset":
                self._preset(str(content.get("name")))
            case "sandbox" if self._start_sandbox is not None:
                self.put(alert={})
                self.in_background(self._start_sandbox)
            case "token":
                self.in_background(partial(self._take_token, str(content.get("token", ""))))
            case "ask token":
                self.put(alert={}, workspace={"state": "missing"})
            case "attach":
                self.in_background(partial(self._attach, str(content.get("job_identifier"))))
            case "cancel job":
                name = str(content.get("job_identifier"))
                self.in_background(partial(self._attach, name, cancel=True))
            case _:
                super().receive(content)

    def complain(self, error: Exception) -> None:
        """Show what went wrong at its field, or else beneath the Export button."""
        field = field_of(error)
        if not field:
            self.put(alert=alert_of(error))
            return
        self._refused[field] = (getattr(self, field), str(error))
        self._check()
        with self._page_lock:
            self.send({"focus": field})

    def put(self, **values: object) -> None:
        """Set traits of the page from whatever thread."""
        with self.sending():
            for name, value in values.items():
                setattr(self, name, value)

    def _take_fields(self, content: dict[str, Any]) -> None:
        """Take what the fields hold, what can't be read of them, and which was left.

        A field that is being typed in again is not complained of until it is left again,
        unless its error shows already.
        """
        unreadable = content.get("unreadable") or {}
        before = {name: getattr(self, name) for name in FIELDS}
        left = set(content.get("left") or ()) & set(FIELDS)
        with self.sending():
            for name in ("first", "last"):
                if name in content:
                    setattr(self, name, _date(content[name]))
            if "zone" in content:
                self.zone = str(content["zone"])
            self._unreadable = {
                name: str(why)[:200] for name, why in unreadable.items() if name in FIELDS
            }
            typed = {name for name in FIELDS if getattr(self, name) != before[name]}
            self._touched -= typed - left - set(self.errors)
            self._touched |= left
            self._check()

    def _preset(self, name: str) -> None:
        timeframe = Timeframe.parse(name, zone=self.zone or "UTC", now=self.session.now())
        with self.sending():
            self._unreadable.clear()
            self.first, self.last = timeframe.first, timeframe.last
            self._check()

    # Exporting -----------------------------------------------------------------

    def _submit(self) -> None:
        """Begin the export; what only the server knows arrives through `_follow_up`."""
        if self.busy:
            return
        try:
            timeframe = self.timeframe()
        except TimeframeError as error:
            with self._page_lock:
                self.send({"focus": error.field or "first"})
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

    def _attach(self, job_identifier: str, *, cancel: bool = False) -> None:
        """Follow a job that holds the slot, or cancel it."""
        export = self.session.attach(job_identifier, ask=False)
        if cancel:
            export.cancel()
        self.put(alert={})

    def _follow_up(self, change: Bunch) -> None:
        self._settle(change.owner)

    def _settle(self, export: Export) -> None:
        """Free the button once the API has answered, and show what it refused."""
        if export.progress.stage is Stage.SUBMITTING:
            return
        export.unobserve(self._follow_up, ["progress", "error"])
        self.put(busy=False)
        if export.error is not None and export.job is None:
            self.complain(export.error)

    # Whose data ----------------------------------------------------------------

    def _take_token(self, typed: str) -> None:
        """Use a token that was typed; it is checked, and kept in memory only."""
        before = self.session.connection
        connection = Connection(typed, region=before.region, base_url=before.base_url)
        found = workspace_of(connection)
        if found["state"] == "missing":
            connection.close()
            self.put(workspace=found)
        else:
            self.put(alert={})
            self.session.connection = connection

    def _reconnect(self, _: Bunch) -> None:
        """Show another workspace, whoever has pointed the session at it."""
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
        try:
            self.log_rows = log_rows(self.session.entries())
        except IntercomExportError as error:
            self.alert = alert_of(error)

    # Where widgets don't live --------------------------------------------------

    def as_text(self) -> str:
        """Return how to do without the form, and the exports so far."""
        about = "Delivery and engagement data of outbound messages, not their text."
        code = "Intercom export: %intercom_export 2018-06-01 2018-06-30 --wait"
        return f"{code}\n{about}\n{super().as_text()}".rstrip()

    def as_html(self) -> str:
        """Return the same as HTML, with the log."""
        return (
            f'<div style="{text.BOX}"><strong>Intercom export</strong>'
            "<div>Delivery and engagement data of outbound messages, not their text.</div>"
            "<div><code>%intercom_export 2018-06-01 2018-06-30 --wait</code></div></div>"
            f"{super().as_html()}{self._log_html()}"
        )

    def _log_html(self) -> str:
        try:
            return log_html(self.session.entries())
        except IntercomExportError as error:
            return f"<p>{escape(str(error))}</p>"
