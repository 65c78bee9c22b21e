"""Cutting a range into windows: every month, every week, every 30 days.

Whatever the zone and its clock changes, the windows partition the range: each begins in
the second after the one before it ended. Arithmetic only; it knows no job and no queue.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.arguments import expect
from intercom_export_widgets.errors import TimeframeError
from intercom_export_widgets.intercom.zones import day_start, find_zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from intercom_export_widgets.intercom.timeframe import Timeframe

__all__ = ["WHOLE", "WORDS", "divide", "split"]

WORDS: Final = {"day": 0, "week": 0, "month": 1, "quarter": 3, "year": 12}
"""The names of windows, and how many months those of the calendar have."""

WHOLE: Final = "whole"
"""The one window of a range that is cut only if it promises too many rows."""

DAYS: Final = re.compile(r"([1-9][0-9]{0,3})\s*d(ays?)?", re.ASCII)


def split(timeframe: Timeframe, every: str) -> tuple[Timeframe, ...]:
    """Return the windows of a range, in order; together they are the range, exactly.

    Parameters
    ----------
    timeframe : Timeframe
        The range. What it is observed until holds for each window.
    every : str
        ``day``, ``week`` (from Monday), ``month``, ``quarter``, ``year``, all of the calendar,
        so that the first and the last may be shorter; ``30d``: so many days each; or
        ``whole``: one window.

    Raises
    ------
    TimeframeError
        If `every` is none of these; ``field`` is ``"every"``.
    """
    expect(every, str, "every", "'month', 'week', 'day', or a number of days such as '30d'")
    word = every.strip().lower()
    counted = DAYS.fullmatch(word)
    first, last = timeframe.first, timeframe.last
    if counted is not None:
        starts: Iterable[date] = _steps(first, last, int(counted[1]))
    elif word == "week":
        starts = _steps(first - timedelta(days=first.weekday()), last, 7)
    elif word == "day":
        starts = _steps(first, last, 1)
    elif word == WHOLE:
        starts = ()
    elif word in WORDS:
        starts = _months(first, last, WORDS[word])
    else:
        known = dict.fromkeys(["day", "week", *WORDS])
        close = difflib.get_close_matches(word, known, n=1)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        raise TimeframeError(
            f"{every!r} is no length of a window",
            advice=f"{hint}Write {', '.join(known)}, or a number of days such as 30d.",
            field="every",
        )
    return _cut(timeframe, starts)


def divide(timeframe: Timeframe, parts: int) -> tuple[Timeframe, ...]:
    """Return a range in about so many equal parts; cut between local days where it can be.

    Parameters
    ----------
    timeframe : Timeframe
        The range.
    parts : int
        At least 1; there are fewer if the range has fewer seconds.
    """
    days = timeframe.days
    if days >= parts:
        step = [timeframe.first + timedelta(days=days * i // parts) for i in range(1, parts)]
        return _cut(timeframe, step)
    length = timeframe.created_at_before - timeframe.created_at_after + 1
    edges = {timeframe.created_at_after + length * i // parts for i in range(1, parts)}
    return _at(timeframe, edges)


def _steps(first: date, last: date, days: int) -> Iterator[date]:
    day = first + timedelta(days=days)
    while day <= last:
        yield day
        day += timedelta(days=days)


def _months(first: date, last: date, months: int) -> Iterator[date]:
    """Yield the first days of the calendar's months, quarters or years after a day."""
    index = (first.year * 12 + first.month - 1) // months * months + months
    while (day := date(index // 12, index % 12 + 1, 1)) <= last:
        yield day
        index += months


def _cut(timeframe: Timeframe, starts: Iterable[date]) -> tuple[Timeframe, ...]:
    zone = find_zone(timeframe.zone)
    return _at(timeframe, {day_start(day, zone) for day in starts})


def _at(timeframe: Timeframe, edges: Iterable[int]) -> tuple[Timeframe, ...]:
    """Return the range cut before each of these instants that lie within it."""
    first, last = timeframe.created_at_after, timeframe.created_at_before
    starts = [first, *sorted(edge for edge in set(edges) if first < edge <= last)]
    ends = [*(start - 1 for start in starts[1:]), last]
    return tuple(
        replace(timeframe, created_at_after=start, created_at_before=end)
        for start, end in zip(starts, ends, strict=True)
    )
