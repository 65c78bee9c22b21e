"""Loading and unloading: the magic, its settings, and how values show themselves.

The lower rooms know no notebook, so how an `Export`, a `Job` or a `Timeframe` is shown
is registered here, with IPython's own formatters.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import printable
from intercom_export_widgets.notebook import text
from intercom_export_widgets.notebook.card import describe
from intercom_export_widgets.notebook.frontend import Frontend, find_frontend
from intercom_export_widgets.notebook.magic import IntercomExportMagics

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from intercom_export_widgets.data.tableview import TableView
    from intercom_export_widgets.jobs.backfill import Backfill
    from intercom_export_widgets.jobs.handle import Export

__all__ = ["load", "unload"]

MAGIC: Final = "intercom_export"
ROOMS: Final = "intercom_export_widgets"
EXPORT: Final = (f"{ROOMS}.jobs.handle", "Export")
BACKFILL: Final = (f"{ROOMS}.jobs.backfill", "Backfill")
TABLE: Final = (f"{ROOMS}.data.tableview", "TableView")


def load(shell: InteractiveShell) -> None:
    """Register the magic and the formatters; a second load starts afresh."""
    unload(shell)
    magics = IntercomExportMagics(shell)
    shell.register_magics(magics)
    formatter = shell.display_formatter
    if formatter is None:
        return
    formatter.ipython_display_formatter.for_type_by_name(*EXPORT, _show_live(shell))
    formatter.ipython_display_formatter.for_type_by_name(*BACKFILL, _show_backfill_live(shell))
    formatter.ipython_display_formatter.for_type_by_name(*TABLE, _show_table(shell))
    for kind in _TEXTS:
        formatter.formatters["text/plain"].for_type_by_name(*kind, _printer(repr))
    for kind, (plain, html) in _SHOWN.items():
        formatter.formatters["text/plain"].for_type_by_name(*kind, _printer(plain))
        formatter.formatters["text/html"].for_type_by_name(*kind, html)


def unload(shell: InteractiveShell) -> None:
    """Take away what `load` registered, if it did."""
    registry = shell.magics_manager.registry
    magics = registry.pop(IntercomExportMagics.__name__, None)
    if magics is None:
        return
    shell.magics_manager.magics["line"].pop(MAGIC, None)
    magics.close()
    formatter = shell.display_formatter
    if formatter is None:
        return
    for live in (EXPORT, BACKFILL, TABLE):
        formatter.ipython_display_formatter.pop(".".join(live), None)
    for kind in (*_SHOWN, *_TEXTS):
        for mime in ("text/plain", "text/html"):
            formatter.formatters[mime].pop(".".join(kind), None)


def _show_live(shell: InteractiveShell) -> Callable[[Export], None]:
    """Return what shows an `Export` as a live card; where none lives, as text and HTML."""

    def show(export: Export) -> None:
        if find_frontend(shell) is not Frontend.LIVE:
            raise NotImplementedError
        from intercom_export_widgets.notebook.live import card_of

        card_of(export)._ipython_display_()

    return show


def _show_backfill_live(shell: InteractiveShell) -> Callable[[Backfill], None]:
    """Return what shows a `Backfill` as a live card; where none lives, as text and HTML."""

    def show(backfill: Backfill) -> None:
        if find_frontend(shell) is not Frontend.LIVE:
            raise NotImplementedError
        from intercom_export_widgets.notebook.backfillview import card_of_backfill

        card_of_backfill(backfill)._ipython_display_()

    return show


def _show_table(shell: InteractiveShell) -> Callable[[TableView], None]:
    """Return what shows a table to look at as an interactive one; its module loads when needed."""

    def show(view: TableView) -> None:
        from intercom_export_widgets.notebook.tableview import show_table

        show_table(shell)(view)

    return show


def _printer(words: Callable[..., str]) -> Callable[..., None]:
    """Return a pretty printer that prints those words."""

    def show(value: object, printer: object, cycle: bool) -> None:  # noqa: FBT001 - IPython's signature
        del cycle
        printer.text(printable(words(value), sys.stdout))  # type: ignore[attr-defined] # a PrettyPrinter, untyped

    return show


def _export_text(export: Export) -> str:
    return text.card_text(describe(export))


def _export_html(export: Export) -> str:
    from intercom_export_widgets.notebook.pictures import as_html, drawings_of

    return text.card_html(describe(export), as_html(drawings_of(export)[0]))


def _backfill_text(backfill: Backfill) -> str:
    from intercom_export_widgets.notebook.backfillview import backfill_text

    return backfill_text(backfill)


def _backfill_html(backfill: Backfill) -> str:
    from intercom_export_widgets.notebook.backfillview import backfill_html

    return backfill_html(backfill)


_TEXTS: Final = (
    (f"{ROOMS}.notebook.text", "Note"),
    (f"{ROOMS}.notebook.text", "Overview"),
    (f"{ROOMS}.notebook.finding", "Diagnosis"),
    TABLE,
)
"""What shows itself, and whose text goes to a terminal of any encoding."""

_SHOWN: Final[dict[tuple[str, str], tuple[Callable[..., str], Callable[..., str]]]] = {
    EXPORT: (_export_text, _export_html),
    BACKFILL: (_backfill_text, _backfill_html),
    (f"{ROOMS}.intercom.timeframe", "Timeframe"): (text.timeframe_text, text.timeframe_html),
    (f"{ROOMS}.intercom.job", "Job"): (text.job_text, text.job_html),
}
"""How values of the lower rooms are shown; by name, so that they need not be imported."""
