"""The form: two date pickers, a zone, presets, Export, live cards, and the log.

The page collects and shows; every rule is Python's. `fields` has the range, `access` whose
data it is, `submissions` what Export does, `live` the cards; here they are one, with the log.
"""

from __future__ import annotations

import contextlib
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any, Final

from traitlets import List, Tuple, Unicode

from intercom_export_widgets.errors import IntercomExportError
from intercom_export_widgets.intercom.zones import zone_names
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.notebook import text
from intercom_export_widgets.notebook.fields import FIELDS
from intercom_export_widgets.notebook.frontend import caution_of_host
from intercom_export_widgets.notebook.host import SandboxHost
from intercom_export_widgets.notebook.logview import HEADS, log_html, log_rows
from intercom_export_widgets.notebook.notices import alert_of
from intercom_export_widgets.notebook.queueview import more_line, queue_note, queue_rows
from intercom_export_widgets.notebook.submissions import SubmissionPage

if TYPE_CHECKING:
    from intercom_export_widgets.jobs.handle import Export
    from intercom_export_widgets.jobs.session import ExportSession

__all__ = ["ExportForm"]

ABOUT: Final = "Delivery and engagement data of outbound messages, not their text."


class ExportForm(SubmissionPage):
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

    exports = Tuple()

    caution = Unicode().tag(sync=True)
    zones: List[Any] = List().tag(sync=True)
    queue: List[Any] = List().tag(sync=True)
    queue_more = Unicode().tag(sync=True)
    lost: List[Any] = List().tag(sync=True)
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
        by_magic = host is not None
        super().__init__(session, kind="form", by_magic=by_magic, caution=caution_of_host())
        session.observe(self._take_exports, "exports")
        session.observe(self._take_backfills, "backfills")
        session.observe(self.reconnect, "connection")
        self._take_backfills(None)
        self._take_exports(None)
        self.in_background(self._fill_in)

    def close(self) -> None:
        """Take the form away, once; exports run on."""
        if self.closed:
            return
        self.session.unobserve(self._take_exports, "exports")
        self.session.unobserve(self._take_backfills, "backfills")
        self.session.unobserve(self.reconnect, "connection")
        super().close()

    # Messages of the page ------------------------------------------------------

    def receive(self, content: dict[str, Any]) -> None:
        """Do what the page asks for; doing it twice does it once."""
        match content.get("do"):
            case "edit":
                self.take_fields(content)
            case "export":
                self.take_fields({**content, "left": FIELDS})
                self.submit(content.get("view"))
            case "preset":
                self.take_preset(str(content.get("name")))
            case "sandbox":
                self.put(alert={})
                self.in_background(partial(self._host.start, self.session))
            case "dismiss":
                self.put(alert={})
            case _:
                super().receive(content)

    def _fill_in(self) -> None:
        """Set what takes a moment: the names of all zones, and the workspace."""
        self.put(zones=list(zone_names()))
        self.identify()
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
            lineup = self.session.lineup
            places = lineup.places()
            self.queue = queue_rows(places)
            self.queue_more = more_line(places, lineup.waiting)
            self.lost = lineup.lost()

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

    @property
    def _example(self) -> str:
        """The line that does without the form."""
        if self.by_magic:
            return "%intercom_export 2018-06-01 2018-06-30 --wait"
        return 'session.submit("2018-06-01 2018-06-30").wait()'

    def as_text(self) -> str:
        """Return how to do without the form, and the exports so far."""
        parts = (
            f"Intercom export: {self._example}",
            ABOUT,
            super().as_text(),
            self._queue_note().text,
        )
        return "\n".join(parts).rstrip()

    def _queue_note(self) -> text.Note:
        """Return what waits, as text and HTML; empty if nothing does."""
        try:
            lineup = self.session.lineup
            places, lost, waiting = lineup.places(), lineup.lost(), lineup.waiting
        except IntercomExportError as error:
            return text.Note(str(error))
        if not (places or lost):
            return text.Note("", " ")
        now = self.session.now()
        return queue_note(places, now, lost=lost, waiting=waiting, by_magic=self.by_magic)

    def as_html(self) -> str:
        """Return the same as HTML, with the log."""
        return (
            f'<div style="{text.BOX}"><strong>Intercom export</strong>'
            f"<div>{ABOUT}</div>"
            f"<div><code>{escape(self._example)}</code></div></div>"
            f"{super().as_html()}{self._queue_note().html}{self._log_html()}"
        )

    def _log_html(self) -> str:
        try:
            return log_html(self.session.entries())
        except IntercomExportError as error:
            return f"<p>{escape(str(error))}</p>"
