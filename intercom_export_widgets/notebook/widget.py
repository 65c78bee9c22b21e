"""A page where widgets live: one script for all, plain values in synced traits, messages.

A `PageWidget` is an anywidget whose state is set from whatever thread an export runs in, at
most a few times a second. It never shows anything by printing, and where no widget lives it
is text and HTML. It refuses to know what it shows.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anywidget
from IPython.core.getipython import get_ipython
from IPython.display import publish_display_data
from traitlets import Bool, Float, Unicode

from intercom_export_widgets.notebook.companion import Companion
from intercom_export_widgets.notebook.frontend import Frontend, find_frontend
from intercom_export_widgets.notebook.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["NEEDS_KERNEL", "PageWidget"]

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


class PageWidget(anywidget.AnyWidget):
    """A page, kept in touch with.

    Attributes
    ----------
    alive : threading.Event
        Set once the page has said that it is there.
    closed : bool
        Whether the page has been taken away.
    kind : str
        A trait: which page the script draws, ``form`` or ``card``.
    page_id : str
        A trait: the widget's own identifier, which names the page in the document, for what
        stands under it.
    clock : float
        A trait: the kernel's clock when the state was sent, Unix seconds.
    by_magic : bool
        A trait: whether the lines to copy are the magic's; else they are Python, with
        ``session``.
    """

    _esm = "\n".join((PAGE / name).read_text(encoding="utf-8") for name in SCRIPT)
    _css = PAGE / "style.css"

    kind = Unicode("card").tag(sync=True)
    page_id = Unicode().tag(sync=True)
    clock = Float(0.0).tag(sync=True)
    by_magic = Bool(True).tag(sync=True)  # noqa: FBT003 - a trait's default

    def __init__(self, **values: object) -> None:
        self._page_lock = threading.RLock()
        self._pace = Pace(self.refresh)
        self.alive = threading.Event()
        self.closed = False
        self.companion = Companion(self)
        super().__init__(**values)
        self.page_id = self.model_id or ""
        self.on_msg(self._receive)

    # What a page is of ---------------------------------------------------------

    def update(self) -> None:
        """Set the traits that depend on what is shown."""
        raise NotImplementedError

    def complain(self, error: Exception) -> None:
        """Show a sentence about something that went wrong."""
        raise NotImplementedError

    def as_text(self) -> str:
        """Return the page as a few lines."""
        raise NotImplementedError

    def as_html(self) -> str:
        """Return the page as HTML that needs no kernel."""
        raise NotImplementedError

    # Speaking to the page ------------------------------------------------------

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

    def tell(self, **content: object) -> None:
        """Send a message to the page, which is kept nowhere."""
        with self._page_lock:
            if not self.closed:
                self.send(content)

    def take_away(self) -> None:
        """Take the page out of the notebook."""
        self.alive.set()
        self.layout.close()
        super().close()

    # Listening to the page -----------------------------------------------------

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

    def receive(self, content: dict[str, Any]) -> None:
        """Do what the page asks for."""
        if content.get("do") == "hello":
            self.alive.set()
            self.refresh()

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

    # Where widgets don't live --------------------------------------------------

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
