"""A table to look at: a bounded part of it as text, personal data masked unless asked for.

``Tables → Sample → TableView``; faces make it interactive. Every cell is text or a number, and
nothing is HTML until `TableView.as_html` escapes it. It refuses to know notebooks and widgets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any, Final

from intercom_export_widgets.arguments import expect, names
from intercom_export_widgets.data.chart_data import SANDBOX
from intercom_export_widgets.data.preview import MASKED, mask
from intercom_export_widgets.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from intercom_export_widgets.data.schema import Batch
    from intercom_export_widgets.data.tables import Tables

__all__ = ["ROWS_AT_MOST", "Sample", "TableView", "view_of", "view_of_frame"]

ROWS_AT_MOST: Final = 10_000
LONGEST: Final = 200
STATIC_ROWS: Final = 20
ONE_LINE: Final = "table.iew-table :is(th,td){white-space:nowrap;text-align:left!important}"
"""A name of two words is read in one line, and what is long from its beginning; Jupyter aligns
every cell of a table to the right."""
WIDEST: Final = 60
"""Letters of a cell in text, where a long address would push the rest out of sight."""
HIDDEN: Final = "Names and addresses are masked."
SHOWN: Final = "Names and addresses are shown, also to whoever is given this output."
ADDRESS: Final = re.compile(r"[^\s@]+@[^\s@]+")


@dataclass(frozen=True, slots=True)
class TableView:
    """Rows of a table, for looking at; `Export.read` gives the DataFrame.

    Attributes
    ----------
    frame : pandas.DataFrame
        The rows, unmasked: text (instants in UTC, to the second; missing values empty) and
        numbers.
    caption : str
        What they are: which part of how many rows, and what was left out.
    masked : bool
        Whether names and e-mail addresses are masked when it is shown.
    """

    frame: pd.DataFrame
    caption: str
    masked: bool

    @property
    def shown(self) -> pd.DataFrame:
        """The rows as they are shown: masked, unless they were asked for unmasked."""
        return _masked(self.frame) if self.masked else self.frame

    def as_masked(self) -> TableView:
        """Return the same with names and addresses masked."""
        return self.saying(HIDDEN, masked=True)

    def saying(self, kept: str, *, masked: bool) -> TableView:
        """Return the same with another sentence on where names and addresses are shown.

        Parameters
        ----------
        kept : str
            It takes the place of `SHOWN`, where that is said.
        masked : bool
            As the attribute.
        """
        return replace(self, masked=masked, caption=self.caption.replace(SHOWN, kept))

    def as_html(self, *, captioned: bool = True) -> str:
        """Return the first rows as an HTML table without a script; every cell is escaped."""
        few = self.shown.head(STATIC_ROWS)
        heads = "".join(f"<th>{escape(str(name))}</th>" for name in few.columns)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(_said(cell))}</td>" for cell in row) + "</tr>"
            for row in few.itertuples(index=False)
        )
        of = f"The first {len(few)} of them." if len(few) < len(self.frame) else ""
        said = f"{self.caption} {of}" if captioned else of
        return (
            f"<div><small>{escape(said)}</small></div>"
            f"<style>{ONE_LINE}</style>"
            '<div style="overflow-x:auto" tabindex="0" role="group" aria-label="Rows">'
            '<table class="iew-table">'
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        )

    def as_text(self) -> str:
        """Return the caption and the first rows as text."""
        few = self.shown.head(STATIC_ROWS)
        return f"{self.caption}\n{few.to_string(index=False, max_colwidth=WIDEST)}"

    def __repr__(self) -> str:
        """Return what `as_text` does: no name or address shows that was not asked for."""
        return self.as_text()

    def _repr_html_(self) -> str:
        return self.as_html()


class Sample:
    """Takes every n-th row of the batches that pass, in memory for those only.

    Parameters
    ----------
    every : int
        Of how many rows one is taken.
    first : int
        How many rows to leave out before the first.
    """

    def __init__(self, every: int, first: int = 0) -> None:
        self._every = every
        self._next = first
        self.rows = 0
        self.taken: list[Batch] = []

    def add(self, batch: Batch) -> None:
        """Take what is wanted of a batch."""
        import pyarrow as pa

        places = range(self._next - self.rows, batch.num_rows, self._every)
        if places:
            self.taken.append(batch.take(pa.array(places, pa.int64())))
            self._next += len(places) * self._every
        self.rows += batch.num_rows


def view_of(
    parts: Sequence[Tables],
    name: str,
    *,
    total: int,
    rows: int,
    columns: Sequence[str] | None = None,
    masked: bool = True,
) -> TableView:
    """Return a table to look at, of at most so many rows, evenly taken from first to last.

    Parameters
    ----------
    parts : sequence of Tables
        The export's, or those of each window in order, one at least.
    name : str
        The group, singular or plural.
    total : int
        About how many rows it has.
    rows : int
        How many to show at most, 1 to 10,000.
    columns : sequence of str, optional
        Which; by default those that have a value in any of these rows.
    masked : bool
        Mask names and e-mail addresses.

    Raises
    ------
    TableNotFoundError
        If neither the archive nor the API knows such a group.
    InputError
        If there is no such column, or so many rows are not for looking at.
    ArchiveError
        If the data are damaged.
    """
    expect(rows, int, "rows", "a number, such as 1000")
    columns = names(columns, "columns", "a list of names, such as ['email', 'received_at']")
    if not 1 <= rows <= ROWS_AT_MOST:
        raise InputError(
            f"A table to look at has 1 to {ROWS_AT_MOST:,} rows, not {rows:,}",
            advice="The whole of it: export.read(table).",
        )
    taken, seen = _sampled(parts, name, columns, every=max(1, -(-total // rows)))
    frame = _as_text(taken)
    if columns is not None:
        missing = [column for column in columns if column not in frame.columns]
        if missing and len(frame.columns):
            raise InputError(
                f"The table {name} has no column {missing[0]!r}.",
                advice=f"Its columns: export.read({name!r}).columns.",
            )
        frame = frame[[column for column in columns if column in frame.columns]]
    empty = [] if columns is not None else [c for c in frame if (frame[c] == "").all()]
    frame = frame.drop(columns=empty) if len(frame) else frame
    caption = _caption(name, len(frame), seen, len(empty) if len(frame) else 0, masked=masked)
    sandbox = f" {SANDBOX}." if parts[0].attrs.get("sandbox") else ""
    return TableView(frame, caption + sandbox, masked)


def _sampled(
    parts: Sequence[Tables], name: str, columns: Sequence[str] | None, *, every: int
) -> tuple[list[Batch], int]:
    """Return every n-th row of a table, and how many rows it has in all."""
    held = [part for part in parts if name in part] or parts[:1]
    taken: list[Batch] = []
    seen = 0
    for part in held:
        sample = part.fold(name, columns, partial(Sample, every, -seen % every))
        taken += sample.taken
        seen += sample.rows
    return taken, seen


def view_of_frame(frame: pd.DataFrame, name: str, *, masked: bool = True) -> TableView:
    """Return a DataFrame to look at: its last 10,000 rows, the last one first."""
    import pyarrow as pa

    last = frame.tail(ROWS_AT_MOST).iloc[::-1]
    table = pa.Table.from_pandas(last, preserve_index=False)
    part = "" if len(last) == len(frame) else f" of {len(frame):,}"
    caption = (
        f"{name}: {len(last):,}{part} {_rows(len(frame))}, the last one first. Instants are UTC."
    )
    return TableView(_as_text(table.to_batches()), caption, masked)


def _caption(name: str, shown: int, rows: int, empty: int, *, masked: bool) -> str:
    """Return what is shown, and what is not."""
    part = f"{name}: {rows:,} {_rows(rows)}."
    if shown < rows:
        part = f"{name}: {shown:,} of {rows:,} rows, evenly taken; export.read({name!r}) has all."
    parts = [part, f"{empty} empty columns are left out." if empty else ""]
    parts.append(HIDDEN if masked else SHOWN)
    return " ".join([*filter(None, parts), "Instants are UTC."])


def _rows(count: int) -> str:
    return "row" if count == 1 else "rows"


def _as_text(batches: Sequence[Batch]) -> pd.DataFrame:
    """Return batches as a DataFrame of text and numbers."""
    import pandas as pd
    import pyarrow as pa

    if not batches:
        return pd.DataFrame()
    found: dict[str, list[Any]] = {name: [] for each in batches for name in each.schema.names}
    for batch in batches:
        for name in found.keys() - set(batch.schema.names):
            found[name].extend([""] * batch.num_rows)
        for column, field in zip(batch.columns, batch.schema, strict=True):
            values = column
            if pa.types.is_timestamp(field.type):
                values = column.cast(pa.timestamp("s", field.type.tz), safe=False)
            found[field.name].extend(map(_cell, values.to_pylist()))
    return pd.DataFrame(found, dtype=object)


def _cell(value: object) -> object:
    """Return a value as it is looked at: a number, or one line of text."""
    if value is None or value != value:  # noqa: PLR0124 - what is no number differs from itself
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    strftime = getattr(value, "strftime", None)
    text = strftime("%Y-%m-%d %H:%M:%S") if strftime else " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _said(cell: object) -> str:
    return cell if isinstance(cell, str) else f"{cell:,}"


def _masked(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with names, and whatever looks like an e-mail address, masked."""
    masked = frame.copy()
    for name in masked.columns:
        every = name in MASKED
        masked[name] = [
            cell if not isinstance(cell, str) else mask(cell) if every else _without_addresses(cell)
            for cell in masked[name]
        ]
    return masked


def _without_addresses(text: str) -> str:
    """Return a text in which e-mail addresses are masked."""
    return ADDRESS.sub(lambda found: mask(found[0]), text)
