"""Whether a page has appeared for a form, and what to say where none does.

The page's script says hello when it is drawn. Where it can't be drawn, the frontend
shows an error of its own or nothing at all, so the sentence that helps stands above.
"""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Final

from IPython.display import display

from intercom_export_widgets.notebook.text import Note

if TYPE_CHECKING:
    from intercom_export_widgets.notebook.live import LivePage

__all__ = ["expect_page"]

PATIENCE: Final = 10.0
"""Seconds after which a page that has not said hello is missed."""

MISSED: Final = (
    "The form has not appeared. If it stays so, the Jupyter server lacks anywidget: run "
    "`pip install anywidget ipywidgets` in the server's environment, restart it, and reload this "
    "page. Until then: %intercom_export 2018-06-01 2018-06-30 --wait"
)


def expect_page(page: LivePage, patience: float = PATIENCE) -> threading.Thread:
    """Say what is missing if the page does not appear, and take it back if it does later.

    Parameters
    ----------
    page : LivePage
        Tells by its ``alive`` event that it has appeared.
    patience : float
        Seconds to wait before saying anything.

    Returns
    -------
    threading.Thread
        Waits for the page; it ends when the page has appeared or is closed.
    """
    shown = display(Note("", " "), display_id=True)  # type: ignore[no-untyped-call] # IPython's

    def wait() -> None:
        if page.alive.wait(patience) or shown is None:
            return
        shown.update(Note(MISSED))
        page.alive.wait()
        shown.update(Note("", " "))

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(wait,), daemon=True)
    thread.start()
    return thread
