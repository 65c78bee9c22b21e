"""What a line of the magic has to meet before anything is sent, beside its form.

`usage` reads the line; this looks at what it means with the tables and windows there are, so
that nobody waits an hour for a refusal. Used by `verbs`.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from intercom_export_widgets.data.schema import GROUPS, singular
from intercom_export_widgets.errors import TableNotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.notebook.usage import Command

__all__ = ["check_every", "check_mixed", "check_parts", "check_table", "table_of"]


def check_table(name: str | None) -> None:
    """Refuse a table's name that is nearly a known one, before anything is submitted.

    Parameters
    ----------
    name : str or None
        As it was typed; a name unlike any known one may be a new table of Intercom's.

    Raises
    ------
    TableNotFoundError
        With the name that was probably meant.
    """
    if name is None or singular(name) in GROUPS:
        return
    close = difflib.get_close_matches(name, GROUPS, n=1, cutoff=0.75)
    if close:
        raise TableNotFoundError(
            f"There is no table {name!r}.",
            advice=f"Did you mean {close[0]!r}? Nothing was submitted.",
        )


def check_every(command: Command) -> str:
    """Return the length of windows, after refusing what does not go with it.

    Raises
    ------
    UsageError
        If an option means nothing with windows, or they have no length.
    """
    every = command.value("every") or ""
    for option in ("when-free", "cancel-holder"):
        if command.has(option):
            raise UsageError(
                f"The option --{option} means nothing with --every.",
                advice="Windows wait for the slot by themselves.",
            )
    return every


def table_of(command: Command) -> str | None:
    """Return the table that a line asks for, if it asks for one."""
    return command.value("table") or ("receipt" if command.has("interactive") else None)


def check_mixed(command: Command, timeframe: Timeframe, windows: Sequence[Timeframe]) -> None:
    """Refuse a table of windows that can't be put together without ``--mixed``, at once.

    Raises
    ------
    UsageError
        Before anything is submitted.
    """
    if table_of(command) is None or command.has("mixed"):
        return
    if len(windows) > 1 and timeframe.observed_until is None:
        raise UsageError(
            f"One table of {len(windows)} windows needs --mixed: each counts opens and clicks "
            "until its own end, so that they can't be compared.",
            advice="Add --mixed, or --observe 30d to count until one moment in all. Nothing was "
            "submitted.",
        )


def check_parts(timeframe: Timeframe, parts: int) -> None:
    """Say at once that the parts of a range that was split can't be one table without a word.

    Raises
    ------
    UsageError
        While they are exported in the background.
    """
    if parts > 1 and timeframe.observed_until is None:
        raise UsageError(
            f"The range promises more rows than one export returns, and goes in {parts} parts; "
            "a table of them needs --mixed, since each counts opens and clicks until its own end.",
            advice="They are being exported: the same line with --mixed waits for them.",
        )
