"""A live page that shows backfills too: one card for the whole, then its newest windows.

Between `live`, which has the cards of exports, and the form and a backfill's own card.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from intercom_export_widgets.notebook import pictures, text
from intercom_export_widgets.notebook.backfillview import describe, number_of
from intercom_export_widgets.notebook.live import LivePage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from traitlets import Bunch

    from intercom_export_widgets.jobs.backfill import Backfill
    from intercom_export_widgets.notebook.card import Card

__all__ = ["BackfillPage"]

SHOWN: Final = 3
"""How many of a backfill's windows have cards of their own: the newest, and those that run."""

OBSERVED: Final = ["exports", "count", "notes", "error", "finished_at"]


class BackfillPage(LivePage):
    """A live page of exports and of backfills."""

    def __init__(self, **values: object) -> None:
        self._backfills: list[Backfill] = []
        super().__init__(**values)

    def follow_backfills(self, backfills: Iterable[Backfill]) -> None:
        """Show these backfills, and every change of theirs, instead of those before."""
        wanted = list(backfills)
        with self._page_lock:
            for backfill in self._backfills:
                if backfill not in wanted:
                    backfill.unobserve(self._moved_on, OBSERVED)
            for backfill in wanted:
                if backfill not in self._backfills:
                    backfill.observe(self._moved_on, OBSERVED)
            self._backfills = wanted
        for backfill in wanted:
            self.follow(backfill.exports)
        self.refresh()

    def close(self) -> None:
        """Stop following and take the page away, once; exports run on."""
        for backfill in self._backfills:
            backfill.unobserve(self._moved_on, OBSERVED)
        self._backfills = []
        super().close()

    def _moved_on(self, change: Bunch) -> None:
        self.follow(change.owner.exports)

    def update(self) -> None:
        """Set the cards: backfills first, the newest on top, and no window that is past."""
        super().update()
        past = {key for backfill in self._backfills for key in _past(backfill)}
        wholes: list[dict[str, Any]] = [
            {**self.tell_of(backfill).as_json(), "canceling": False, "preview": None}
            for backfill in reversed(self._backfills)
        ]
        self.cards = [*wholes, *(card for card in self.cards if card["number"] not in past)]

    def receive(self, content: dict[str, Any]) -> None:
        """Do what the page asks for."""
        if content.get("do") == "cancel":
            for backfill in self._backfills:
                if number_of(backfill) == content.get("number") and not backfill.done:
                    self.in_background(backfill.cancel)
        if content.get("do") == "pictures":
            for backfill in self._backfills:
                if number_of(backfill) == content.get("number"):
                    self.in_background(partial(self._draw_backfill, backfill))
        super().receive(content)

    def _draw_backfill(self, backfill: Backfill) -> None:
        """Send a backfill's pictures to the page."""
        drawings, problem = pictures.drawings_of_backfill(backfill)
        drawn = [drawing.as_json() for drawing in drawings]
        number = number_of(backfill)
        self.tell(pictures=drawn, problem=problem, number=number)
        html = pictures.as_html(drawings)
        if self._pictures.get(number) != html:
            self._pictures[number] = html
            self.companion.refresh()

    def as_text(self) -> str:
        """Return the page as a few lines."""
        wholes = [text.card_text(self.tell_of(backfill)) for backfill in reversed(self._backfills)]
        return "\n\n".join(part for part in (*wholes, super().as_text()) if part)

    def as_html(self) -> str:
        """Return the page as HTML that needs no kernel."""
        wholes = [self.whole_html(backfill) for backfill in reversed(self._backfills)]
        return "".join([*wholes, super().as_html()])

    def tell_of(self, backfill: Backfill) -> Card:
        """Return what there is to say about a backfill now, with the page's kind of lines."""
        return describe(backfill, by_magic=self.by_magic)

    def whole_html(self, backfill: Backfill) -> str:
        """Return one backfill's card, with its pictures if they were looked at."""
        return text.card_html(self.tell_of(backfill), self._pictures.get(number_of(backfill), ""))


def _past(backfill: Backfill) -> list[int]:
    """Return the keys of the windows that have no card of their own any more."""
    ended = [export for export in backfill.exports if export.done]
    return [export.key for export in ended[:-SHOWN]]
