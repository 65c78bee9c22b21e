"""The columns of a CSV by its header: each with a name of its own.

Used by `reading`. It refuses to know types and values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["COLUMNS_AT_MOST", "column_names"]

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
