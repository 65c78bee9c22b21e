"""What a finished export has to look at: its figures, charts, tables and first rows.

Between `running`, which follows the job, and `handle`, which has the data; what `gallery` is to
a backfill. Everything is counted or read when first asked for. It knows no notebook.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from intercom_export_widgets.arguments import expect
from intercom_export_widgets.jobs.running import Running

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intercom_export_widgets.data.charts import Chart
    from intercom_export_widgets.data.figures import Figures
    from intercom_export_widgets.data.preview import Preview
    from intercom_export_widgets.data.tables import Tables
    from intercom_export_widgets.data.tableview import TableView

__all__ = ["Looking"]


class Looking(Running):
    """The pictures of an export; see `handle.Export`.

    Parameters
    ----------
    **facts
        As in `running.Running`.
    """

    def __init__(self, **facts: Any) -> None:  # noqa: ANN401 - handed on to Running, which types them
        super().__init__(**facts)
        self._figures: Figures | None = None
        self._counting = threading.Lock()

    @property
    def tables(self) -> Tables:
        """Every table of the export by its name."""
        raise NotImplementedError

    @property
    def figures(self) -> Figures:
        """The numbers behind the pictures: deliveries a day, messages, the engagement curve.

        Counted when first asked for, in memory that does not grow with the export.

        Raises
        ------
        NotReadyError, IntercomExportError
            As for `tables`.
        """
        from intercom_export_widgets.data.figures import figures_of

        tables = self.tables
        with self._counting:
            if self._figures is None:
                self._figures = figures_of(tables)
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
            If the export has no such table.
        InputError
            If there is no such column, or so many rows are not for looking at.
        NotReadyError, IntercomExportError
            As for `tables`.
        """
        from intercom_export_widgets.data.schema import singular
        from intercom_export_widgets.data.tableview import view_of

        expect(table, str, "table", "its name, such as 'receipt'")
        counts = self.progress.rows
        total = counts.get(table) or counts.get(singular(table)) or 0
        return view_of([self.tables], table, total=total, rows=rows, columns=columns, masked=masked)

    def preview(self, rows: int = 5, *, masked: bool = True) -> Preview:
        """Return the first deliveries as text, names and addresses masked unless asked for.

        Raises
        ------
        NotReadyError, IntercomExportError
            As for `tables`.
        """
        from intercom_export_widgets.data.preview import Preview, preview

        tables = self.tables
        if tables.archive is None:
            return Preview((), (), masked)
        return preview(tables.archive, zone=tables.zone, rows=rows, masked=masked)
