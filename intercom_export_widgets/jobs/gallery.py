"""What there is to look at when it is done: figures, charts, and tables to page through.

The same for an export and for a backfill, of which each window is counted by itself, so that
nothing is put together that can't be compared. Everything is counted or read when first asked
for, in memory that does not grow with it. It knows no notebook.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from intercom_export_widgets.arguments import expect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from intercom_export_widgets.data.altair_charts import Chart
    from intercom_export_widgets.data.chart_data import Figures
    from intercom_export_widgets.data.tables import Tables
    from intercom_export_widgets.data.tableview import TableView

__all__ = ["Gallery"]


class Gallery:
    """The pictures of `handle.Export` and `backfill.Backfill`; stands before their other base.

    Parameters
    ----------
    *arguments, **facts
        As the other base takes them.
    """

    def __init__(self, *arguments: Any, **facts: Any) -> None:  # noqa: ANN401 - the other base types them
        super().__init__(*arguments, **facts)
        self._figures: Figures | None = None
        self._counting = threading.Lock()

    @property
    def figures(self) -> Figures:
        """The numbers behind the pictures: deliveries a day, messages, the engagement curve.

        Counted when first asked for. Windows of a backfill that count opens and clicks until
        different moments need no word here: what is drawn says so, and the curve compares only
        deliveries that were observed equally long.

        Raises
        ------
        InputError
            If no window of a backfill has any data.
        NotReadyError, IntercomExportError
            As for `tables`.
        """
        from intercom_export_widgets.data.chart_data import figures_of

        parts = self._parts()
        with self._counting:
            if self._figures is None:
                self._figures = figures_of(*parts)
            return self._figures

    def chart(self, name: str | None = None) -> Chart:
        """Return an Altair chart of `figures`, which shows itself without a network.

        It holds a few hundred numbers, however large the export is.

        Parameters
        ----------
        name : {"deliveries", "curve", "messages"}, optional
            Deliveries a day by content type; the share opened by time since receipt, and where
            the observed-until cuts it; opened and clicked of those sent, for each of the 20
            messages sent most. By default all three.

        Returns
        -------
        altair.LayerChart or altair.VConcatChart
            An ordinary chart: change it, combine it, save it.

        Raises
        ------
        PackageMissingError
            If Altair is not installed.
        InputError
            If there is no such chart, or nothing was delivered.
        NotReadyError, IntercomExportError
            As for `tables`.
        """
        from intercom_export_widgets.data.altair_charts import chart_of

        return chart_of(self.figures, name)

    def show(
        self,
        table: str = "receipt",
        *,
        rows: int = 1000,
        columns: Sequence[str] | None = None,
        masked: bool = True,
    ) -> TableView:
        """Return a table to look at: sort, search, page and copy it where widgets live.

        Parameters
        ----------
        table : str
            Its name, as in ``tables``.
        rows : int
            How many to show at most, 1 to 10,000, evenly taken from first to last.
        columns : sequence of str, optional
            Which; by default those that have a value in any of these rows.
        masked : bool
            Mask names and e-mail addresses. Unmasked ones are shown by the live table only:
            what is saved with the notebook is masked still.

        Raises
        ------
        TableNotFoundError
            If there is no such table.
        InputError
            If there is no such column, so many rows are not for looking at, or no window of a
            backfill has any data.
        NotReadyError, IntercomExportError
            As for `tables`.
        """
        from intercom_export_widgets.data.schema import singular
        from intercom_export_widgets.data.tableview import view_of

        expect(table, str, "table", "its name, such as 'receipt'")
        parts = self._parts()
        counts = self._counts()
        total = sum(each.get(table) or each.get(singular(table)) or 0 for each in counts)
        return view_of(parts, table, total=total, rows=rows, columns=columns, masked=masked)

    def _parts(self) -> Sequence[Tables]:
        """Return the tables of each window; what can't be read yet raises."""
        raise NotImplementedError

    def _counts(self) -> Iterable[Mapping[str, int]]:
        """Return how many rows each table of each window has, as far as they were counted."""
        raise NotImplementedError
