"""What a finished backfill has to look at: its figures, charts and tables of all windows.

Between `windowed`, which has the data, and `backfill`. Each window is counted by itself, in
memory that does not grow with it, so that nothing is put together that can't be compared.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from intercom_export_widgets.errors import InputError
from intercom_export_widgets.jobs.dataset import warn_of_missing
from intercom_export_widgets.jobs.windowed import Windowed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intercom_export_widgets.data.charts import Chart
    from intercom_export_widgets.data.figures import Figures
    from intercom_export_widgets.data.tables import Tables
    from intercom_export_widgets.data.tableview import TableView
    from intercom_export_widgets.jobs.course import Course
    from intercom_export_widgets.jobs.plan import Plan

__all__ = ["Gallery"]


class Gallery(Windowed):
    """The pictures of a backfill; see `backfill.Backfill`.

    Parameters
    ----------
    plan, course, mixed
        As in `backfill.Backfill`.
    """

    def __init__(self, plan: Plan, course: Course, *, mixed: bool = False) -> None:
        super().__init__(plan, course, mixed=mixed)
        self._figures: Figures | None = None
        self._counting = threading.Lock()

    @property
    def figures(self) -> Figures:
        """The numbers behind the pictures, of all windows together.

        Counted when first asked for, window by window. Windows that count opens and clicks
        until different moments need no word here: what is drawn says so, and the curve compares
        only deliveries that were observed equally long.

        Raises
        ------
        InputError
            If no window has any data.
        NotReadyError, IntercomExportError
            As for `tables`.
        """
        from intercom_export_widgets.data.figures import figures_of

        parts = self._parts()
        with self._counting:
            if self._figures is None:
                self._figures = figures_of(*parts)
            return self._figures

    def chart(self, name: str | None = None) -> Chart:
        """Return an Altair chart of `figures`; as `handle.Export.chart`.

        Parameters
        ----------
        name : {"deliveries", "curve", "messages"}, optional
            As there; by default all three.

        Returns
        -------
        altair.LayerChart or altair.VConcatChart
            An ordinary chart: change it, combine it, save it.

        Raises
        ------
        PackageMissingError
            If Altair is not installed.
        InputError
            If there is no such chart, or nothing to draw.
        NotReadyError, IntercomExportError
            As for `tables`.
        """
        from intercom_export_widgets.data.charts import chart_of

        return chart_of(self.figures, name)

    def show(
        self,
        table: str = "receipt",
        *,
        rows: int = 1000,
        columns: Sequence[str] | None = None,
        masked: bool = True,
    ) -> TableView:
        """Return a table of all windows to look at; as `handle.Export.show`.

        Parameters
        ----------
        table, rows, columns, masked
            As there.

        Raises
        ------
        TableNotFoundError
            If no window has such a table.
        InputError
            If there is no such column, so many rows are not for looking at, or no window has
            any data.
        NotReadyError, IntercomExportError
            As for `tables`.
        """
        from intercom_export_widgets.data.schema import singular
        from intercom_export_widgets.data.tableview import view_of

        parts = self._parts()
        counts = [export.progress.rows for export in self.exports]
        total = sum(each.get(table) or each.get(singular(table)) or 0 for each in counts)
        return view_of(parts, table, total=total, rows=rows, columns=columns, masked=masked)

    def _parts(self) -> tuple[Tables, ...]:
        """Return the tables of each window that is there, after saying which are not."""
        dataset = self.tables
        if not dataset.parts:
            raise InputError("No window has any data", advice="The same line exports them again.")
        warn_of_missing(dataset.missing)
        return dataset.parts
