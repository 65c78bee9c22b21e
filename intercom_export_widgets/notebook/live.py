"""What the form and the job card share: one page script, cards, and their text forms.

A `LivePage` is an anywidget whose state is plain values in synced traits, set from
whatever thread an export runs in, at most a few times a second. It never shows
anything by printing.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anywidget
from IPython.core.getipython import get_ipython
from IPython.display import publish_display_data
from traitlets import Bool, Float, List, Unicode

from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.notebook import pictures, text
from intercom_export_widgets.notebook.card import describe
from intercom_export_widgets.notebook.companion import Companion
from intercom_export_widgets.notebook.frontend import Frontend, find_frontend
from intercom_export_widgets.notebook.lines import follow_code
from intercom_export_widgets.notebook.notices import sentence_of
from intercom_export_widgets.notebook.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from traitlets import Bunch

    from intercom_export_widgets.jobs.handle import Export

__all__ = ["JobCard", "LivePage", "card_of"]

PAGE: Final = Path(__file__).parent / "page"
SCRIPT: Final = (
    "dom.js",
    "pictures.js",
    "card.js",
    "log.js",
    "queue.js",
    "field.js",
    "preview.js",
    "access.js",
    "form.js",
    "entry.js",
)
"""The page's script in the order in which its parts build on each other."""

NEEDS_KERNEL: Final = "A live page, which needs its kernel; what it showed last stands below."


class LivePage(anywidget.AnyWidget):
    """Exports as live cards on a page.

    Attributes
    ----------
    alive : threading.Event
        Set once the page has said that it is there.
    closed : bool
        Whether the page has been taken away.
    kind : str
        Which page the script draws: ``form`` or ``card``.
    page_id : str
        The widget's own identifier: names the page in the document, for what stands under it.
    cards : list of dict
        Each export as `card.Card` has it, newest first.
    clock : float
        The kernel's clock when the cards were made, Unix seconds.
    by_magic : bool
        Whether the lines to copy are the magic's; else they are Python, with ``session``.
    """

    _esm = "\n".join((PAGE / name).read_text(encoding="utf-8") for name in SCRIPT)
    _css = PAGE / "style.css"

    kind = Unicode("card").tag(sync=True)
    page_id = Unicode().tag(sync=True)
    cards: List[Any] = List().tag(sync=True)
    clock = Float(0.0).tag(sync=True)
    by_magic = Bool(True).tag(sync=True)  # noqa: FBT003 - a trait's default

    def __init__(self, **values: object) -> None:
        self._page_lock = threading.RLock()
        self._pace = Pace(self.refresh)
        self._followed: list[Export] = []
        self._previews: dict[int, dict[str, Any]] = {}
        self._pictures: dict[int, str] = {}
        self._problems: dict[int, str] = {}
        self._canceling: set[int] = set()
        self.alive = threading.Event()
        self.closed = False
        self.companion = Companion(self)
        super().__init__(**values)
        self.page_id = self.model_id or ""
        self.on_msg(self._receive)

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

    def refresh(self) -> None:
        """Send the newest state to the page."""
        if self.closed:
            return
        with self.sending():
            self.clock = time.time()
            self.update()
        self.companion.refresh()

    @contextlib.contextmanager
    def sending(self) -> Iterator[None]:
        """Change traits from whatever thread, and send them together.

        ipywidgets keeps what is to be sent in a set that no lock guards.
        """
        with self._page_lock, self.hold_sync():
            yield

    def update(self) -> None:
        """Set the traits that depend on the exports."""
        self.cards = [self._card(export) for export in reversed(self._followed)]

    def _card(self, export: Export) -> dict[str, object]:
        card = describe(export, by_magic=self.by_magic)
        return {
            **card.as_json(),
            "canceling": card.can_cancel and export.key in self._canceling,
            "preview": self._previews.get(export.key),
            "problem": self._problems.get(export.key) or card.problem,
        }

    def _changed(self, change: Bunch) -> None:
        """Pass a change on, soon; several that come together are sent as one."""
        if change.owner.progress.stage.ended:
            self._problems.pop(change.owner.key, None)
        self._pace.ask()
        if change.name == "progress" and change.new.stage is Stage.DONE:
            self._look_first(change.owner)
            self.in_background(partial(self._draw, change.owner))

    def in_background(
        self, work: Callable[[], object], complain: Callable[[Exception], None] | None = None
    ) -> None:
        """Do what asks the network or the disk, so that neither page nor kernel waits.

        Its error is shown on the page: it would be seen nowhere else.

        Parameters
        ----------
        work : callable
            What to do.
        complain : callable, optional
            Takes its error; without it, the page's own `complain`.
        """

        def run() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - a thread's error would be shown nowhere
                (complain or self.complain)(error)

        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(run,), daemon=True).start()

    def close(self) -> None:
        """Stop following and take the page away, once; exports run on."""
        if self.closed:
            return
        self.closed = True
        with self._page_lock:
            for export in self._followed:
                export.unobserve(self._changed, ["progress", "error"])
            self._followed.clear()
        self.alive.set()
        self.layout.close()
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
            view = content.get("view")
            self.tell(answered=content.get("do"), turn=content.get("turn"), view=view)

    def tell(self, **content: object) -> None:
        """Send a message to the page, which is kept nowhere."""
        with self._page_lock:
            if not self.closed:
                self.send(content)

    def receive(self, content: dict[str, Any]) -> None:
        """Do what the page asks for."""
        match content.get("do"):
            case "hello":
                self.alive.set()
                self.refresh()
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

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: ANN401 - IPython's protocol
        """Return the live view where one can live, else text and HTML.

        A view without a page behind it shows as "model not found" in a saved notebook.
        """
        bundle = super()._repr_mimebundle_(**options)
        if bundle is None or find_frontend(get_ipython()) is not Frontend.LIVE:
            return {"text/plain": self.as_text(), "text/html": self.as_html()}, {}
        view, metadata = bundle
        return {**view, "text/plain": NEEDS_KERNEL}, metadata

    def _ipython_display_(self) -> None:
        """Show the page and, under it, what remains of it without a kernel.

        Raises
        ------
        NotImplementedError
            Where no page lives: IPython then shows text and HTML.
        """
        if find_frontend(get_ipython()) is not Frontend.LIVE:
            raise NotImplementedError
        publish_display_data(*self._repr_mimebundle_())  # type: ignore[no-untyped-call] # IPython's
        self.companion.show()


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
