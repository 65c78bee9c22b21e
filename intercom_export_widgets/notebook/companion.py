"""What stands under a live page for whoever sees it without its kernel.

A saved notebook keeps a live view as a reference to a model, which is gone when the
kernel is: JupyterLab then says "model not found", an exported page shows nothing. So
each live page is followed by its own text and HTML, kept up to date. The page's script
hides them where the page lives; where it does not, they are what is read, also while
the page has never appeared because the Jupyter server can't draw it.
"""

from __future__ import annotations

import contextvars
import threading
from html import escape
from typing import TYPE_CHECKING, Any, Final

from IPython.core.getipython import get_ipython
from IPython.display import publish_display_data

from intercom_export_widgets.notebook.frontend import remedy_of_host
from intercom_export_widgets.notebook.pace import Pace

if TYPE_CHECKING:
    from intercom_export_widgets.notebook.widget import PageWidget

__all__ = ["Companion"]

PATIENCE: Final = 10.0
"""Seconds after which a page that has not said hello is missed."""

SHORTEST: Final = 1.0
"""Seconds between two changes of what nobody looks at while the page lives."""

MISSED: Final = (
    "The form has not appeared. {remedy}. Until then: %intercom_export 2018-06-01 2018-06-30 --wait"
)


class Companion:
    """The text and HTML that stand under one live page, wherever it is shown.

    Parameters
    ----------
    page : PageWidget
        Says what there is to read, and by its ``alive`` event that it has appeared.
    patience : float
        Seconds to wait for the page before saying what may be missing.
    """

    def __init__(self, page: PageWidget, patience: float = PATIENCE) -> None:
        self._page = page
        self._patience = patience
        self._lock = threading.Lock()
        self._shown: dict[str, str] | None = None
        self._missed = False
        self._pace = Pace(self._send, SHORTEST)
        self.waiting: threading.Thread | None = None

    def show(self) -> None:
        """Put it into the cell that is run, and miss the page if it does not appear."""
        with self._lock:
            self._shown = self._bundle()
            self._publish(self._shown)
        if self.waiting is None and not self._page.alive.is_set():
            context = contextvars.copy_context()
            self.waiting = threading.Thread(target=context.run, args=(self._wait,), daemon=True)
            self.waiting.start()

    def refresh(self) -> None:
        """Bring it up to date, if it has been shown and there is something new."""
        if self._shown is not None:
            self._pace.ask()

    def _send(self) -> None:
        with self._lock:
            bundle = self._bundle()
            if self._page.closed or bundle == self._shown:
                return
            self._shown = bundle
            self._publish(bundle, update=True)

    def _wait(self) -> None:
        """Say what is missing if the page does not appear; take it back if it does later."""
        if self._page.alive.wait(self._patience):
            return
        self._missed = True
        self.refresh()
        self._page.alive.wait()
        self._missed = False
        self.refresh()

    def _bundle(self) -> dict[str, str]:
        plain, html = self._page.as_text(), self._page.as_html()
        if self._missed:
            missed = MISSED.format(remedy=remedy_of_host(get_ipython()))
            plain = f"{missed}\n\n{plain}"
            html = f"<p>{escape(missed)}</p>{html}"
        name = escape(self._page.page_id)
        return {
            "text/plain": plain,
            "text/html": f'<div class="iew-static" data-iew-page="{name}">{html}</div>',
        }

    def _publish(self, bundle: dict[str, Any], *, update: bool = False) -> None:
        transient = {"display_id": self._page.page_id}
        publish_display_data(bundle, transient=transient, update=update)  # type: ignore[no-untyped-call] # IPython's
