"""How many rows a range promises, by the exports seen so far, and what is done about too many.

Intercom returns "the first 10 million" rows (reference 2.5) and says nothing of the rest. A
range that promises more is cut before it is asked for. Reads the ledger; asks nobody.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.intercom.windows import divide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.entry import Entry
    from intercom_export_widgets.jobs.ledger import Ledger
    from intercom_export_widgets.jobs.ticket import Slot

__all__ = ["ROW_LIMIT", "cut_off", "expected_rows", "indivisible", "may_promise", "parts_of"]

ROW_LIMIT: Final = 10_000_000
"""Rows that Intercom returns at most: "the first 10 million" (reference 2.5)."""

SEEN: Final = 3
"""How many exports, the last ones, tell how many rows to expect."""


def expected_rows(ledger: Ledger, slot: Slot, timeframe: Timeframe) -> float:
    """Return about how many rows a range promises; 0 if nothing was seen yet.

    Parameters
    ----------
    ledger : Ledger
        Knows the rows of earlier exports.
    slot : Slot
        Whose data.
    timeframe : Timeframe
        The range; what is asked for, until its observed-until, counts.

    Raises
    ------
    LedgerError
        If the ledger can't be read.
    """
    entries = ledger.entries(base_url=slot.base_url)
    return _expected([e for e in entries if e.workspace_id == slot.workspace_id], timeframe)


def may_promise(ledger: Ledger, base_url: str, timeframe: Timeframe) -> float:
    """Return the most rows that a range promises in any workspace at an address.

    It spares the question whose workspace it is, unless the answer matters.

    Raises
    ------
    LedgerError
        If the ledger can't be read.
    """
    entries = [entry for entry in ledger.entries(base_url=base_url) if entry.rows]
    return max(
        (
            _expected([e for e in entries if e.workspace_id == workspace], timeframe)
            for workspace in {entry.workspace_id for entry in entries}
        ),
        default=0.0,
    )


def _expected(entries: Sequence[Entry], timeframe: Timeframe) -> float:
    """Return about how many rows a range promises, by the last of some exports."""
    seen = [
        (entry.rows, entry.created_at_before - entry.created_at_after + 1)
        for entry in entries
        if entry.rows and entry.created_at_before is not None and entry.created_at_after is not None
    ][-SEEN:]
    if not seen:
        return 0.0
    a_second = sum(rows for rows, _ in seen) / sum(seconds for _, seconds in seen)
    return a_second * (timeframe.request_end - timeframe.created_at_after + 1)


def parts_of(timeframe: Timeframe, expected: float, row_limit: int) -> tuple[Timeframe, ...]:
    """Return the parts of a range that promises too many rows; itself alone if it does not.

    Parameters
    ----------
    timeframe : Timeframe
        The range.
    expected : float
        Rows that it promises.
    row_limit : int
        Rows that Intercom returns at most.

    Notes
    -----
    A range that is observed for longer than it lasts is not cut: every part would be asked
    for until the same moment, and promise as much.
    """
    if timeframe.request_end > timeframe.created_at_before:
        return (timeframe,)
    parts = math.ceil(expected / row_limit)
    return divide(timeframe, parts) if parts > 1 else (timeframe,)


def cut_off(timeframe: Timeframe, rows: int) -> str:
    """Return the sentence about a range that came cut off, and that no split makes whole."""
    observed = timeframe.request_end > timeframe.created_at_before
    why = (
        "splitting does not help while opens and clicks are counted for longer than it lasts"
        if observed
        else "it can't be divided further"
    )
    return (
        f"{timeframe.label} came with exactly {rows:,} rows, the most that Intercom returns, and "
        f"{why}: rows are probably missing."
    )


def indivisible(timeframe: Timeframe, expected: float, row_limit: int) -> str:
    """Return the sentence about a range that promises too many rows and can't be cut, or ``""``."""
    if expected <= row_limit or timeframe.request_end == timeframe.created_at_before:
        return ""
    return (
        f"{timeframe.label} promises about {expected:,.0f} rows, of which Intercom returns "
        f"{row_limit:,} at most, and splitting does not help: opens and clicks are counted until "
        "the same moment in every part. Count them for a shorter time, or leave --observe out."
    )
