"""The lines that do the same again: the magic's, or Python's on a session of one's own.

A form made by hand works on a session that the magic does not know; what it shows to copy is
Python then, with ``session`` and ``Timeframe``.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from intercom_export_widgets.intercom.windows import WHOLE
from intercom_export_widgets.jobs.progress import Stage, attach_line

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.backfill import Backfill
    from intercom_export_widgets.jobs.handle import Export

__all__ = ["backfill_code", "begin_code", "export_code", "follow_code", "timeframe_code"]


def timeframe_code(timeframe: Timeframe) -> str:
    """Return a range as Python."""
    until = timeframe.observed_until
    observed = "" if until is None else f".observed('{until}')"
    return f"Timeframe.parse({timeframe.literal!r}, zone={timeframe.zone!r}){observed}"


def begin_code(timeframe: Timeframe, every: str) -> str:
    """Return what exports a range, in windows if they have a length, as Python."""
    named = timeframe_code(timeframe)
    call = f"backfill({named}, {every!r})" if every else f"submit({named})"
    return f"session.{call}"


def export_code(export: Export, *, by_magic: bool) -> str:
    """Return the line that gives an export's first table; empty if it has none.

    Parameters
    ----------
    export : Export
        Whichever.
    by_magic : bool
        Whether the magic's line is wanted, or Python.
    """
    if export.progress.stage is not Stage.DONE:
        return ""
    what = export.job_identifier if export.number else str(export.progress.path)
    rows = export.progress.rows
    table = "receipt" if "receipt" in rows or not rows else next(iter(rows))
    name = "receipts" if table == "receipt" else "table"
    if by_magic:
        return f"{name} = %intercom_export load {shlex.quote(what)} --table {table}"
    return f"{name} = session.load({what!r}).tables[{table!r}]"


def follow_code(job_identifier: str, *, by_magic: bool) -> str:
    """Return the line that follows a job to its end."""
    if by_magic:
        return f"{attach_line(job_identifier)} --wait"
    return f"session.attach({job_identifier!r}).wait()"


def backfill_code(backfill: Backfill, *, by_magic: bool) -> str:
    """Return the line that gives the deliveries of all windows.

    Parameters
    ----------
    backfill : Backfill
        One that has ended.
    by_magic : bool
        Whether the magic's line is wanted, or Python.
    """
    plan, timeframe = backfill.plan, backfill.timeframe
    until = timeframe.observed_until
    mixed = until is None and backfill.count[1] > 1
    if not by_magic:
        word = ", mixed=True" if mixed else ""
        begin = begin_code(timeframe, "" if plan.every == WHOLE else plan.every)
        return f"receipts = {begin}.wait().read('receipt'{word})"
    every = "" if plan.every == WHOLE else f" --every {plan.every}"
    observe = "" if until is None else f" --observe {until}"
    return (
        f"receipts = %intercom_export {timeframe.literal}{observe}{every} --zone {timeframe.zone} "
        f"--table receipt{' --mixed' if mixed else ''}"
    )
