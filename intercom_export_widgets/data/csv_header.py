"""The header of a CSV: its columns, each with a name of its own, and whether there is one.

A table may be cut into files of which only the first has a header, and files may have been put
together, header and all.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.data.csv_blocks import records_that_begin
from intercom_export_widgets.data.schema import GROUPS, Kind, is_known
from intercom_export_widgets.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["COLUMNS_AT_MOST", "Heading", "RepeatedHeader", "column_names", "headings"]

COLUMNS_AT_MOST: Final = 10_000
"""More columns than any export has (a survey has one for each question): the bound of the
memory and the time that a record of commas may cost."""


def column_names(header: Sequence[str], width: int = 0) -> list[str]:
    """Return the columns that ``header`` names, each by a name of its own.

    A name that comes again gets a number (``name.1``), as in pandas; a column without a name
    is called by its place (``column 3``). The documentation's ``first_dismisall`` is
    ``first_dismissal``, unless that is there too.

    Parameters
    ----------
    header : sequence of str
        The names as they came.
    width : int
        How many columns there are at least: those that the header lacks have no name.
    """
    names: dict[str, None] = {}
    came_as, last = frozenset(header), dict[str, int]()
    lacking = [""] * max(0, width - len(header))
    for place, came in enumerate([*header, *lacking], 1):
        name = came or f"column {place}"
        if name == "first_dismisall" and "first_dismissal" not in came_as:
            name = "first_dismissal"
        if name in names:
            number = last.get(name, 0) + 1
            while f"{name}.{number}" in names or f"{name}.{number}" in came_as:
                number += 1
            last[name], name = number, f"{name}.{number}"
        names[name] = None
    return list(names)


_VALUE: Final = re.compile(
    r"[+-]?\d+([.,]\d+)?|\d{4}-\d\d-\d\d([T ].*)?|[^@\s]+@[^@\s]+\.[^@\s]+|https?://\S+"
)
"""What no column is called: a number, a date, an email address, the address of a page."""

_OF_KIND: Final = {
    Kind.TIMESTAMP: re.compile(r"\d{9,10}(\.\d+)?|\d{12,13}|\d{4}-\d\d-\d\d([T ].*)?"),
    Kind.COUNT: re.compile(r"\d+"),
    Kind.RATE: re.compile(r"\d+(\.\d*)?"),
}
_ANYWHERE: Final = frozenset(column.name for group in GROUPS.values() for column in group.columns)


@dataclass(frozen=True, slots=True)
class Heading:
    """The columns of one member.

    Attributes
    ----------
    names : list of str
        What its columns are called; an empty name is none.
    is_first_record : bool
        Whether they are what its first record says; else that record is data.
    remark : str
        What was assumed, as a sentence; empty if nothing was.
    """

    names: list[str]
    is_first_record: bool = True
    remark: str = ""


def headings(group: str, members: Sequence[tuple[str, list[str]]]) -> list[Heading]:
    """Return the columns of each member of a group.

    Parameters
    ----------
    group : str
        The group.
    members : sequence of tuple
        The name and the first record of each member, in order.
    """
    headers = [first for _, first in members if first and not _is_data(group, first)]
    return [_heading(group, name, first, headers) for name, first in members]


def _heading(group: str, name: str, first: list[str], headers: list[list[str]]) -> Heading:
    if first in headers or not first:
        return Heading(first, remark=_doubt(group, name, first, headers))
    begin = f"{group}: {name} has no header, so its first row is data"
    for header in headers:
        if len(header) == len(first):
            remark = f"{begin}; its columns are those of the other files."
            return Heading(header, is_first_record=False, remark=remark)
    known = GROUPS[group].columns if group in GROUPS else ()
    fitting = [
        form.fullmatch(value)
        for column, value in zip(known, first, strict=False)
        if value and (form := _OF_KIND.get(column.kind))
    ]
    if len(known) == len(first) and fitting and all(fitting):
        named = [column.name for column in known]
        remark = f"{begin}; its columns are taken to be the known ones."
        return Heading(named, is_first_record=False, remark=remark)
    remark = f"{begin}; its columns are called by their place."
    return Heading([""] * len(first), is_first_record=False, remark=remark)


def _doubt(group: str, name: str, first: list[str], headers: list[list[str]]) -> str:
    """Return what to say of a first record that was read as a header without being like one."""
    values, known = _counts(group, first)
    if not first:
        return ""
    if (group in GROUPS and not known) or (values and values == known):
        return f"{group}: the first row of {name} is not like a header, but was read as one."
    if not known and first != headers[0] and set(headers[0]).isdisjoint(first):
        return (
            f"{group}: the first row of {name} has no column of the other files, but was read as "
            "a header."
        )
    return ""


def _counts(group: str, record: Sequence[str]) -> tuple[int, int]:
    """Return how many fields are values, and how many are names of columns."""
    values = sum(_VALUE.fullmatch(field.strip()) is not None for field in record)
    known = sum(
        field.endswith(("_at", "_id"))
        or (is_known(group, field) if group in GROUPS else field in _ANYWHERE)
        for field in record
    )
    return values, known


def _is_data(group: str, record: Sequence[str]) -> bool:
    """Return whether a record looks like data, not like a header.

    Words of data may be names of columns: the content type of a message can be ``email``.
    """
    values, known = _counts(group, record)
    return values > known


class RepeatedHeader:
    """Finds the header of a member in the middle of it, where files were put together.

    Parameters
    ----------
    group : str
        The group.
    names : sequence of str
        The header.
    """

    def __init__(self, group: str, names: Sequence[str]) -> None:
        self._group = group
        self._names = list(names)
        self._first, self._second = ([*(name.encode() for name in names), b"", b""])[:2]

    def remove(self, block: bytes) -> tuple[bytes, int]:
        """Return a block of whole records without the header, and how often it was there.

        Raises
        ------
        ArchiveError
            If it has a header of other columns.
        """
        if not self._first or self._first not in block:
            return block, 0
        pieces, start, count = [], 0, 0
        for begin, end in records_that_begin(block, self._first):
            record = block[begin:end]
            if self._second in record and self._is_header(record):
                pieces.append(block[start:begin])
                start, count = end, count + 1
        return b"".join([*pieces, block[start:]]), count

    def _is_header(self, record: bytes) -> bool:
        text = record.decode("utf-8-sig", "replace").rstrip("\r\n")
        try:
            names = next(csv.reader([text]), [])
        except csv.Error:
            return False
        if names == self._names:
            return True
        values, known = _counts(self._group, names)
        if known > max(values, 1):
            raise ArchiveError(
                f"The table {self._group} has a second header inside, of other columns: several "
                "files were put together.",
                advice="Load each of these files by itself.",
            )
        return False
