"""The form's part that submits: once for each press, now, in windows, or when the slot is free.

Between `access` and `form`. What only the disk, the network and the server know arrives
after the button was pressed, and is shown at its field or beneath the button.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from traitlets import Bool, Instance

from intercom_export_widgets.jobs.backfill import Backfill
from intercom_export_widgets.jobs.handle import Export
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.notebook.access import AccessPage
from intercom_export_widgets.notebook.notices import confirmation_of, field_of, sentence_of

if TYPE_CHECKING:
    from traitlets import Bunch

    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.session import ExportSession

__all__ = ["SubmissionPage"]

TWICE: Final = 0.7
"""Seconds within which a second press is the same press: a double click, a key held down."""


class SubmissionPage(AccessPage):
    """A page of fields with a button that submits what they mean."""

    export = Instance(Export, allow_none=True)
    backfill = Instance(Backfill, allow_none=True)
    busy = Bool(False).tag(sync=True)  # noqa: FBT003 - a trait's default

    def __init__(self, session: ExportSession, **values: object) -> None:
        self._refused_range: Timeframe | None = None
        self._view: object = None
        self._asked: tuple[Timeframe, str] | None = None
        self._asked_at = float("-inf")
        self._awaited: set[int] = set()
        super().__init__(session, **values)

    def receive(self, content: dict[str, Any]) -> None:
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
                self.in_background(work, partial(self.warn, again=again))
            case _:
                super().receive(content)

    def submit(self, view: object) -> None:
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
            self.warn(error, {"do": "export"})

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
