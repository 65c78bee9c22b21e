"""What the form and the job card share: exports as live cards, and their text forms.

Between `widget`, which keeps in touch with the page, and the form: follows each export, and
shows its state, its first rows, its pictures and what went wrong.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from traitlets import List

from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.notebook import pictures, text
from intercom_export_widgets.notebook.card import describe
from intercom_export_widgets.notebook.lines import follow_code
from intercom_export_widgets.notebook.notices import sentence_of
from intercom_export_widgets.notebook.translation import in_python
from intercom_export_widgets.notebook.widget import PageWidget

if TYPE_CHECKING:
    from collections.abc import Iterable

    from traitlets import Bunch

    from intercom_export_widgets.jobs.handle import Export

__all__ = ["JobCard", "LivePage", "card_of"]


class LivePage(PageWidget):
    """Exports as live cards on a page.

    Attributes
    ----------
    cards : list of dict
        A trait: each export as `card.Card` has it, newest first.
    """

    cards: List[Any] = List().tag(sync=True)

    def __init__(self, **values: object) -> None:
        self._followed: list[Export] = []
        self._previews: dict[int, dict[str, Any]] = {}
        self._pictures: dict[int, str] = {}
        self._problems: dict[int, str] = {}
        self._canceling: set[int] = set()
        super().__init__(**values)

    # Following exports ---------------------------------------------------------

    def follow(self, exports: Iterable[Export]) -> None:
        """Show these exports, oldest first, and every change of theirs."""
        with self._page_lock:
            for export in exports:
                if export not in self._followed:
                    self._followed.append(export)
                    export.observe(self._changed, ["progress", "error"])
                    if export.progress.stage is Stage.DONE:
                        self._look_first(export)
        self.refresh()

    def update(self) -> None:
        """Set the traits that depend on the exports."""
        self.cards = [self._card(export) for export in reversed(self._followed)]

    def _card(self, export: Export) -> dict[str, object]:
        card = describe(export, by_magic=self.by_magic)
        problem = self._problems.get(export.key) or card.problem
        return {
            **card.as_json(),
            "canceling": card.can_cancel and export.key in self._canceling,
            "preview": self._previews.get(export.key),
            "problem": problem if self.by_magic else in_python(problem),
        }

    def _changed(self, change: Bunch) -> None:
        """Pass a change on, soon; several that come together are sent as one."""
        if change.owner.progress.stage.ended:
            self._problems.pop(change.owner.key, None)
        self._pace.ask()
        if change.name == "progress" and change.new.stage is Stage.DONE:
            self._look_first(change.owner)
            self.in_background(partial(self._draw, change.owner))

    def close(self) -> None:
        """Stop following and take the page away, once; exports run on."""
        if self.closed:
            return
        with self._page_lock:
            self.closed = True
            for export in self._followed:
                export.unobserve(self._changed, ["progress", "error"])
            self._followed.clear()
        self.take_away()

    # What the page says --------------------------------------------------------

    def receive(self, content: dict[str, Any]) -> None:
        """Do what the page asks for."""
        match content.get("do"):
            case "cancel":
                for export in self._named(content):
                    self._cancel(export)
            case "preview":
                masked = bool(content.get("masked", True))
                for export in self._named(content):
                    look = partial(self.look_into, export, masked=masked)
                    self.in_background(look, partial(self._not_shown, export))
            case "pictures":
                for export in self._named(content):
                    self.in_background(partial(self._draw, export))
            case _:
                super().receive(content)

    def _named(self, content: dict[str, Any]) -> list[Export]:
        """Return the export that a message is about, if it is still shown."""
        return [export for export in self._followed if export.key == content.get("number")]

    def _cancel(self, export: Export) -> None:
        """Cancel a job, once, however often that is asked for."""
        with self._page_lock:
            if export.key in self._canceling:
                return
            self._canceling.add(export.key)
            self._problems.pop(export.key, None)
        self.in_background(partial(self._ask_to_cancel, export), partial(self._stays, export))
        self.refresh()

    def _ask_to_cancel(self, export: Export) -> None:
        job = export.cancel()
        if job is not None and not job.status.ended:
            self._canceling.discard(export.key)

    def _stays(self, export: Export, error: Exception) -> None:
        """Say on its card why a job could not be canceled."""
        self._canceling.discard(export.key)
        self._problems[export.key] = sentence_of(error)
        self.refresh()

    def _not_shown(self, export: Export, error: Exception) -> None:
        """Say on its card why the first rows can't be shown, and how to get them back."""
        line = follow_code(export.job_identifier, by_magic=self.by_magic)
        again = f" To fetch the data again: {line}." if export.number else ""
        self._problems[export.key] = sentence_of(error) + again
        self.refresh()

    def complain(self, error: Exception) -> None:
        """Show a sentence about something that went wrong."""
        for export in self._followed:
            self._problems[export.key] = sentence_of(error)
        self.refresh()

    def _look_first(self, export: Export) -> None:
        self.in_background(partial(self.look_into, export), partial(self._not_shown, export))

    def look_into(self, export: Export, *, masked: bool = True) -> None:
        """Show the first rows of a finished export on its card.

        Names and addresses go by message, never into a trait: those are saved with the
        notebook.
        """
        found = asdict(export.preview(masked=masked))
        if masked:
            self._previews[export.key] = found
            self._pace.ask()
        self.tell(preview=found, number=export.key)

    def _draw(self, export: Export) -> None:
        """Send an export's pictures to the page, and keep them for readers without a kernel.

        They go by message: a trait would send them again with every change.
        """
        drawings, problem = pictures.drawings_of(export)
        self.tell(
            pictures=[drawing.as_json() for drawing in drawings],
            problem=problem,
            number=export.key,
        )
        html = pictures.as_html(drawings)
        if self._pictures.get(export.key) != html:
            self._pictures[export.key] = html
            self.companion.refresh()

    # Where widgets don't live --------------------------------------------------

    def as_text(self) -> str:
        """Return the page as a few lines."""
        cards = (describe(e, by_magic=self.by_magic) for e in reversed(self._followed))
        return "\n\n".join(map(text.card_text, cards))

    def as_html(self) -> str:
        """Return the page as HTML that needs no kernel; the newest that is drawn has pictures."""
        shown = list(reversed(self._followed))
        drawn = next((e.key for e in shown if self._pictures.get(e.key)), None)
        return "".join(
            text.card_html(
                describe(e, by_magic=self.by_magic),
                self._pictures[e.key] if e.key == drawn else "",
            )
            for e in shown
        )


class JobCard(LivePage):
    """One export as a live card, for the export that a cell returned."""

    def __init__(self, export: Export) -> None:
        super().__init__(kind="card")
        self.follow([export])


_CARDS: Final[dict[int, JobCard]] = {}


def card_of(export: Export) -> JobCard:
    """Return the live card of an export, the same one each time it is shown."""
    card = _CARDS.get(export.key)
    if card is None or card.closed:
        card = _CARDS[export.key] = JobCard(export)
    return card
