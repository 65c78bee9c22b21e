"""One group of an archive, read whole: a ``pyarrow.Table`` or a DataFrame.

*Archive → group → tables*. Every row that came, in the order in which it came; what lies outside
a range is left out by `Tables`. It refuses to know ranges, jobs and notebooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from intercom_export_widgets.data.dataframe import compact, empty_frame, new_frame
from intercom_export_widgets.data.memory import memory_errors, release_memory
from intercom_export_widgets.data.notes import reading_notes, warn
from intercom_export_widgets.data.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from intercom_export_widgets.data.archive import Archive
    from intercom_export_widgets.data.dataframe import DtypeBackend
    from intercom_export_widgets.data.schema import Table

__all__ = ["empty_table", "read_arrow", "read_table"]


def read_arrow(
    archive: Archive,
    group: str,
    *,
    zone: str = "UTC",
    columns: Sequence[str] | None = None,
    notes: list[str] | None = None,
) -> Table:
    """Return a group of ``archive`` as a ``pyarrow.Table``, in the order in which it came.

    Parameters
    ----------
    archive : Archive
        The downloaded file.
    group : str
        One of its groups.
    zone : str
        The IANA zone of timestamps that name none (the workspace's). Empty, for unknown, or
        no such name: they are read as UTC, and that is said.
    columns : sequence of str, optional
        The columns to read, in that order; all by default.
    notes : list of str, optional
        Where to add what must be said; without it, each is an `ExportWarning`.

    Returns
    -------
    pyarrow.Table
        string, dictionary(int32, string), timestamp[us, UTC], int64 and double, as
        `schema.Kind` says. Only an empty field is missing (and ``-1`` in company_id and
        series_id); a column with a value that is not of its kind is string. Values beyond
        the header's last column are columns of their own, ``column 36`` and so on, unless
        ``columns`` are named.

    Raises
    ------
    TableNotFoundError
        If the archive has no such group.
    InputError
        If it has no such column.
    ArchiveError
        If the data is damaged, or is no CSV.
    OutOfMemoryError
        If there is not enough memory.
    """
    with memory_errors(f"read the table {group}"):
        reading = Reading(archive, group, zone=zone, columns=columns)
        table = compact(reading.table())
        release_memory()
    _say(reading, notes)
    return table


def _say(reading: Reading, notes: list[str] | None) -> None:
    """Tell what must be said about a finished reading."""
    found = reading_notes(reading)
    if notes is not None:
        notes += [note for note in found if note not in notes]
        return
    for note in found:
        warn(note)


def read_table(
    archive: Archive,
    group: str,
    *,
    zone: str = "UTC",
    columns: Sequence[str] | None = None,
    dtype_backend: DtypeBackend = "pandas",
    notes: list[str] | None = None,
) -> pd.DataFrame:
    """Return a group of ``archive`` as a DataFrame, in the order in which it came.

    Parameters and errors are those of `read_arrow`.

    Parameters
    ----------
    archive, group, zone, columns, notes
        As in `read_arrow`.
    dtype_backend : {"pandas", "pyarrow"}
        ``"pandas"`` gives ``str``, ``category``, ``datetime64[us, UTC]``, ``Int64`` and
        ``Float64``; ``"pyarrow"`` gives ``ArrowDtype`` throughout, in less time and memory.
    """
    with memory_errors(f"read the table {group}"):
        reading = Reading(archive, group, zone=zone, columns=columns)
        frame = new_frame(reading.schema, dtype_backend, reading.expected)
        reading.pour(frame)
        finished = frame.finish()
    _say(reading, notes)
    return finished


def empty_table(group: str, dtype_backend: DtypeBackend = "pandas") -> pd.DataFrame:
    """Return a DataFrame of no rows with the known columns of ``group``, typed."""
    return empty_frame(group, dtype_backend)
