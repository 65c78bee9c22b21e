"""Deliveries by day and content type, in columns of days, weeks or months.

*ReceiptGauge → Daily → chart*. It counts what a gauge has counted by quarters of an hour in the
zone of the range, and refuses to know how anything is drawn.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from intercom_export_widgets.data.gauges import QUARTER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intercom_export_widgets.data.origin import Origin

__all__ = ["OTHER", "Daily", "daily_of"]

KINDS_AT_MOST: Final = 6
"""Content types that have a colour of their own, with `OTHER`."""

OTHER: Final = "other types"
"""What the content types are called together that have no colour of their own."""

REACH: Final = 3653
"""Days, ten years: how far from the middle delivery others are drawn."""

LATEST: Final = 100_000_000_000
"""Unix seconds, the year 5138: what lies beyond is damage."""


@dataclass(frozen=True, slots=True)
class Daily:
    """Deliveries by day and content type.

    Attributes
    ----------
    unit : str
        ``day``, ``week`` (from Monday) or ``month``: what one column stands for.
    days : tuple of datetime.date
        The first day of each, without gaps.
    kinds : tuple of str
        Content types, the most frequent first; the last may be `OTHER`.
    counts : tuple of tuple of int
        For each kind, the deliveries on each day.
    beyond : int
        Deliveries that are not drawn, since they lie over ten years from the middle one.
    """

    unit: str
    days: tuple[date, ...]
    kinds: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    beyond: int = 0

    @property
    def following(self) -> date:
        """The first day after the last column."""
        return _next(self.days[-1], self.unit)


def daily_of(quarters: Sequence[tuple[int, str, int]], origin: Origin, at_most: int) -> Daily:
    """Return deliveries a day; a week, or a month, if that were more columns than these.

    Parameters
    ----------
    quarters : sequence of tuple
        Quarter of an hour since 1970, content type, deliveries.
    origin : Origin
        Its zone is that of the days, its range is drawn even where nothing was delivered.
    at_most : int
        Columns, if months are few enough.
    """
    found = _by_day(quarters, ZoneInfo(origin.zone))
    low, high = _drawn(found)
    counts = Counter({cell: n for cell, n in found.items() if low <= cell[0] <= high})
    beyond = sum(count for *_, count in quarters) - counts.total()
    days = [day for day, _ in counts]
    first = min(filter(None, [*days, origin.first]), default=None)
    last = max(filter(None, [*days, origin.last]), default=None)
    if first is None or last is None:
        return Daily("day", (), (), (), beyond)
    span = (last - first).days + 1
    unit = "day" if span <= at_most else "week" if span <= 7 * at_most else "month"
    columns = _columns(first, last, unit)
    kinds = _kinds(counts)
    cells = Counter[tuple[date, str]]()
    for (day, kind), count in counts.items():
        cells[_begin(day, unit), kind if kind in kinds else OTHER] += count
    table = tuple(tuple(cells[day, kind] for day in columns) for kind in kinds)
    return Daily(unit, columns, kinds, table, beyond)


def _kinds(counts: Counter[tuple[date, str]]) -> tuple[str, ...]:
    """Return the content types that are drawn, the most frequent first and `OTHER` last."""
    total: Counter[str] = Counter()
    for (_, kind), count in counts.items():
        total[kind] += count
    own = [kind for kind, _ in total.most_common() if kind != OTHER]
    if len(total) > KINDS_AT_MOST:
        own = own[: KINDS_AT_MOST - 1]
    return (*own, OTHER) if len(total) > len(own) else tuple(own)


def _by_day(quarters: Sequence[tuple[int, str, int]], zone: ZoneInfo) -> Counter[tuple[date, str]]:
    """Return deliveries by day and content type."""
    counts: Counter[tuple[date, str]] = Counter()
    for quarter, kind, count in quarters:
        # Beyond what a date can say lies damage, which is drawn nowhere.
        if 0 <= quarter * QUARTER < LATEST:
            day = datetime.fromtimestamp(quarter * QUARTER, zone).date()
            counts[day, kind or OTHER] += count
    return counts


def _drawn(counts: Counter[tuple[date, str]]) -> tuple[date, date]:
    """Return the first and the last day that are drawn: ten years around the middle delivery.

    One stray instant must neither hide all the others nor make a picture of a thousand columns.
    """
    passed, half = 0, sum(counts.values()) / 2
    for (day, _), count in sorted(counts.items()):
        passed += count
        if passed > half:
            return _shifted(day, -REACH), _shifted(day, REACH)
    return date.min, date.max


def _shifted(day: date, days: int) -> date:
    return date.fromordinal(min(max(day.toordinal() + days, 1), date.max.toordinal()))


def _begin(day: date, unit: str) -> date:
    """Return the first day of the week or month that a day lies in."""
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def _columns(first: date, last: date, unit: str) -> tuple[date, ...]:
    """Return the first day of every day, week or month from the first to the last."""
    day, found = _begin(first, unit), []
    while day <= last:
        found.append(day)
        day = _next(day, unit)
    return tuple(found)


def _next(day: date, unit: str) -> date:
    """Return the first day after the day, week or month that begins on a day."""
    later = {"day": 1, "week": 7, "month": 32}[unit]
    return _begin(day + timedelta(days=later), unit)
