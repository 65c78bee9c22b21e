"""The pictures of an export as values for the page, and as HTML for where no page lives.

What is drawn is `data.pictures`' affair. Nothing that goes wrong with a picture may hide the
export: it is a sentence instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.notebook.notices import sentence_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from intercom_export_widgets.data.chart_data import Figures
    from intercom_export_widgets.data.svg_charts import Drawing
    from intercom_export_widgets.jobs.backfill import Backfill
    from intercom_export_widgets.jobs.handle import Export

__all__ = ["as_html", "drawings_of", "drawings_of_backfill"]


def drawings_of(export: Export) -> tuple[tuple[Drawing, ...], str]:
    """Return an export's pictures, and why there are none if drawing them failed.

    Parameters
    ----------
    export : Export
        Whichever; one that has no data has no pictures.
    """
    if export.progress.stage is not Stage.DONE:
        return (), ""
    return _drawn(lambda: export.figures)


def drawings_of_backfill(backfill: Backfill) -> tuple[tuple[Drawing, ...], str]:
    """Return a backfill's pictures, and why there are none if drawing them failed.

    Parameters
    ----------
    backfill : Backfill
        Whichever; one that runs, or that failed, has no pictures.
    """
    if not backfill.done or backfill.error is not None or not backfill.count[0]:
        return (), ""
    return _drawn(lambda: backfill.figures)


def _drawn(figures: Callable[[], Figures]) -> tuple[tuple[Drawing, ...], str]:
    """Return the pictures of figures that are counted here, or why there are none."""
    from intercom_export_widgets.data.svg_charts import pictures_of

    try:
        drawings = pictures_of(figures())
    except Exception as error:  # noqa: BLE001 - a picture that can't be drawn must hide no export
        return (), f"The pictures could not be drawn. {sentence_of(error)}"
    return drawings, "" if drawings else "Nothing was delivered, so there is nothing to draw."


def as_html(drawings: Sequence[Drawing]) -> str:
    """Return pictures side by side, as many as there is room for, as HTML without a script."""
    if not drawings:
        return ""
    figures = "".join(drawing.as_html() for drawing in drawings)
    return f'<div style="columns:300px 2;column-gap:28px;margin-top:8px">{figures}</div>'
