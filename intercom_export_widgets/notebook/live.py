"""What the form and the job card share: one page script, cards, and their text forms.

A `LivePage` is an anywidget whose state is plain values in synced traits, set from
whatever thread an export runs in, at most a few times a second. It never shows
anything by printing.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import anywidget
from IPython.core.getipython import get_ipython
from traitlets import Float, List, Unicode

from intercom_export_widgets.errors import IntercomExportError
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.notebook import text
from intercom_export_widgets.notebook.card import describe
from intercom_export_widgets.notebook.frontend import Frontend, find_frontend
from intercom_export_widgets.notebook.notices import alert_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from traitlets import Bunch

    from intercom_export_widgets.jobs.handle import Export

__all__ = ["JobCard", "LivePage", "card_of"]

HERE: Final = Path(__file__).parent
VIEW: Final = "application/vnd.jupyter.widget-view+json"

SHORTEST: Final = 0.3
"""Seconds between two updates of a page, which falls behind if told more often."""


class LivePage(anywidget.AnyWidget):
    """Exports as live cards on a page.

    Attributes
    ----------
    alive : threading.Event
        Set once the page has said that it is there.
    kind : str
        Which page the script draws: ``form`` or ``card``.
    cards : list of dict
        Each export as `card.Card` has it, newest first.
    clock : float
        The kernel's clock when the cards were made, Unix seconds.
    """

    _esm = HERE / "form.js"
    _css = HERE / "form.css"

    kind = Unicode("card").tag(sync=True)
    cards: List[Any] = List().tag(sync=True)
    clock = Float(0.0).tag(sync=True)

    def __init__(self, **values: object) -> None:
        self._page_lock = threading.RLock()
        self._sent_at = 0.0
        self._followed: list[Export] = []
        self._previews: dict[int, dict[str, Any]] = {}
        self.alive = threading.Event()
        super().__init__(**values)
        self.on_msg(self._receive)

    # Following exports ---------------------------------------------------------

    def follow(self, exports: Iterable[Export]) -> None:
        """Show these exports, oldest first, and every change of theirs."""
        with self._page_lock:
            for export in exports:
                if export not in self._followed:
                    self._followed.append(export)
                    export.observe(self._changed, ["progress", "error"])
        self.refresh()

    def refresh(self) -> None:
        """Send the newest state to the page."""
        with self._page_lock, self.hold_sync():
            self._sent_at = time.monotonic()
            self.clock = time.time()
            self.update()

    def update(self) -> None:
        """Set the traits that depend on the exports."""
        self.cards = [
            {**describe(export).as_json(), "preview": self._previews.get(export.number)}
            for export in reversed(self._followed)
        ]

    def _changed(self, change: Bunch) -> None:
        """Pass a change on, unless it only repeats the last with a few more bytes."""
        new, old = change.new, change.old
        same = getattr(new, "stage", None) == getattr(old, "stage", 0) and new.job == old.job
        if same and time.monotonic() - self._sent_at < SHORTEST:
            return
        self.refresh()
        if getattr(new, "stage", None) is Stage.DONE:
            with contextlib.suppress(IntercomExportError):
                self.look_into(change.owner)

    def close(self) -> None:
        """Stop following and take the page away; exports run on."""
        for export in self._followed:
            export.unobserve(self._changed, ["progress", "error"])
        self._followed.clear()
        super().close()

    # What the page says --------------------------------------------------------

    def _receive(self, _: object, content: dict[str, Any], buffers: object) -> None:
        """Take a message of the page; it may come in any thread and any order."""
        del buffers
        try:
            self.receive(content)
        except Exception as error:  # noqa: BLE001 - a callback's error would be shown nowhere
            self.complain(error)
        finally:
            self.send({"answered": content.get("do")})

    def receive(self, content: dict[str, Any]) -> None:
        """Do what the page asks for."""
        if content.get("do") == "hello":
            self.alive.set()
            return
        for export in self._followed:
            if export.number == content.get("number"):
                if content.get("do") == "cancel":
                    export.cancel()
                elif content.get("do") == "preview":
                    self.look_into(export, masked=bool(content.get("masked", True)))

    def complain(self, error: Exception) -> None:
        """Show a sentence about something that went wrong."""
        said = str(alert_of(error)["text"])
        self.cards = [{**card, "problem": said} for card in self.cards]

    def look_into(self, export: Export, *, masked: bool = True) -> None:
        """Show the first rows of a finished export on its card."""
        with self._page_lock:
            self._previews[export.number] = asdict(export.preview(masked=masked))
        self.refresh()

    # Where widgets don't live --------------------------------------------------

    def as_text(self) -> str:
        """Return the page as a few lines."""
        return "\n\n".join(text.card_text(describe(e)) for e in reversed(self._followed))

    def as_html(self) -> str:
        """Return the page as HTML that needs no kernel."""
        return "".join(text.card_html(describe(e)) for e in reversed(self._followed))

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: ANN401 - IPython's protocol
        """Return text and HTML, and the live view only where one can live.

        A view without a page behind it shows as "model not found" in a saved notebook.
        """
        static = {"text/plain": self.as_text(), "text/html": self.as_html()}
        bundle = super()._repr_mimebundle_(**options)
        if bundle is None or find_frontend(get_ipython()) is not Frontend.LIVE:
            return static, {}
        live, metadata = bundle
        return {**live, **static}, metadata


class JobCard(LivePage):
    """One export as a live card, for the export that a cell returned."""

    def __init__(self, export: Export) -> None:
        super().__init__(kind="card")
        self.follow([export])


_CARDS: WeakKeyDictionary[Export, JobCard] = WeakKeyDictionary()


def card_of(export: Export) -> JobCard:
    """Return the live card of an export, the same one each time it is shown."""
    card = _CARDS.get(export)
    if card is None or card.comm is None:
        card = _CARDS[export] = JobCard(export)
    return card
