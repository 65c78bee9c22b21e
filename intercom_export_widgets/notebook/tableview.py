"""A `TableView` as an interactive table, and under it what remains of it without a kernel.

itables' widget brings DataTables with it, so that nothing is fetched, and sends it to the page,
not into the notebook: 0.6 MB that `init_notebook_mode(connected=False)` would write there. Where
it is not installed, or no page lives, the same is plain HTML.

What the widget shows lies in its state, which JupyterLab writes into the file only where that
was turned on, so a table with names and addresses in it says so.
"""

from __future__ import annotations

import uuid
from html import escape
from typing import TYPE_CHECKING, Any, Final

from IPython.display import publish_display_data

from intercom_export_widgets.notebook.frontend import Frontend, find_frontend
from intercom_export_widgets.notebook.widget import NEEDS_KERNEL

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

    from intercom_export_widgets.data.tableview import TableView

__all__ = ["show_table"]

LAYOUT: Final[dict[str, Any]] = {
    "topStart": "pageLength",
    "topEnd": "search",
    "bottomStart": "info",
    "bottomEnd": "paging",
    "bottom2Start": "buttons",
}
WHILE_LIVE: Final = (
    "Names and addresses are shown in the live table; what is saved with the notebook is masked, "
    "unless its widgets' state is saved, too."
)
ASK_PIP: Final = 'To sort, search and copy: pip install "intercom-export-widgets[charts]".'


def show_table(shell: InteractiveShell) -> Callable[[TableView], None]:
    """Return what shows a table to look at; where it can't be live, IPython shows it as HTML."""

    def show(view: TableView) -> None:
        if find_frontend(shell) is not Frontend.LIVE:
            raise NotImplementedError
        try:
            from itables.widget import ITable
        except ImportError:
            _publish(
                {"text/plain": view.as_text(), "text/html": f"{view.as_html()}<p>{ASK_PIP}</p>"}
            )
            return
        table_id = f"iew-table-{uuid.uuid4().hex[:12]}"
        shown = view.shown
        words = [place for place, name in enumerate(shown) if _is_text(shown[name])]
        table = ITable(
            shown,
            classes=f"display nowrap compact {table_id}",
            layout=LAYOUT,
            buttons=["copyHtml5"],
            columnDefs=[{"targets": words, "className": "dt-left"}],
            scrollX=True,
            showIndex=False,
            allow_html=False,
            maxBytes=0,
            maxRows=0,
            maxColumns=0,
        )
        view_of_it, metadata = table._repr_mimebundle_() or ({}, {})
        view = view.saying(WHILE_LIVE, masked=view.masked)
        _publish({"text/plain": view.caption, "text/html": _caption(view)})
        _publish({**view_of_it, "text/plain": NEEDS_KERNEL}, metadata)
        _publish({"text/plain": view.as_masked().as_text(), "text/html": _remains(view, table_id)})

    return show


def _remains(view: TableView, name: str) -> str:
    """Return the table for readers without a kernel: masked, and hidden while the live one is."""
    hide = f"body:has(table.{name}) .iew-static[data-iew-page={name}]{{display:none}}"
    return (
        f'<div class="iew-static" data-iew-page="{name}"><style>{hide}</style>'
        f"{view.as_masked().as_html(captioned=False)}</div>"
    )


def _caption(view: TableView) -> str:
    return f"<div><small>{escape(view.caption)}</small></div>"


def _is_text(column: pd.Series[Any]) -> bool:
    return any(isinstance(cell, str) and cell for cell in column)


def _publish(bundle: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
    publish_display_data(bundle, metadata)  # type: ignore[no-untyped-call] # IPython's
