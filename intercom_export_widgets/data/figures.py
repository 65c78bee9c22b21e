"""The numbers behind the pictures of an export: days, messages, and the engagement curve.

``Tables → ReceiptGauge → Figures → chart`` or drawing. Everything is counted here, so that what
is drawn is as small for ten million deliveries as for ten thousand. It refuses to know how
anything is drawn, jobs and notebooks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from intercom_export_widgets.data.gauges import COLUMNS, HOURS, QUARTER, ReceiptGauge
from intercom_export_widgets.data.timestamps import known_zone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intercom_export_widgets.data.tables import Tables

__all__ = ["OTHER", "Curve", "Daily", "Figures", "Message", "Origin", "figures_of", "interval"]

KINDS_AT_MOST: Final = 6
OTHER: Final = "other types"
"""What the content types are called together that have no colour of their own."""

UNTITLED: Final = "(no title)"
FEW: Final = 30
"""Fewer deliveries than these make no share worth drawing as a line."""

SMALL_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the deliveries come from, for what is written beside a picture.

    Attributes
    ----------
    zone : str
        The IANA zone in which days begin and end.
    first, last : datetime.date or None
        The first and last day asked for, in that zone; None if the range is not known.
    observed_until : datetime.datetime or None
        Until when opens and clicks are counted, in UTC; None if that is not known.
    sandbox : bool
        Whether the data are synthetic.
    apart : bool
        Whether opens and clicks are counted until the end of each of several windows.
    """

    zone: str
    first: date | None
    last: date | None
    observed_until: datetime | None
    sandbox: bool
    apart: bool = False

    @classmethod
    def of(cls, attrs: Mapping[str, object]) -> Origin:
        """Return what a table's ``attrs`` say."""
        named = str(attrs.get("zone") or "UTC")
        zone = known_zone(named) and ZoneInfo(named)
        first = _instant(attrs.get("received_from"))
        last = _instant(attrs.get("received_until"))
        return cls(
            zone=named if zone else "UTC",
            first=first and first.astimezone(zone or UTC).date(),
            last=last and last.astimezone(zone or UTC).date(),
            observed_until=_instant(attrs.get("observed_until")),
            sandbox=bool(attrs.get("sandbox")),
        )

    @property
    def is_known(self) -> bool:
        """Whether it is known for how long each delivery was observed."""
        return self.apart or self.observed_until is not None

    @property
    def observed(self) -> str:
        """Until when opens and clicks are counted, in words, in the zone of the days."""
        if self.apart:
            return "opens and clicks counted until the end of each window"
        if self.observed_until is None:
            return "until when opens and clicks are counted is not known"
        local = self.observed_until.astimezone(ZoneInfo(self.zone))
        return f"opens and clicks counted until {local:%Y-%m-%d %H:%M} {self.zone}"


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


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its title and kind, its deliveries, and how many were opened and clicked."""

    title: str
    kind: str
    sent: int
    opened: int
    clicked: int


@dataclass(frozen=True, slots=True)
class Curve:
    """The share of deliveries that were opened, by hours since they were received.

    Attributes
    ----------
    hours : tuple of int
        Hours since receipt.
    counted : tuple of float
        Opened within so many hours, as a share of all deliveries, 0 to 1: what the export knows.
    watched : tuple of float
        The share of deliveries that were observed for so many hours, 0 to 1.
    fair : tuple of (float or None)
        The same as `counted`, of those deliveries only that were observed for so many hours;
        None where they are too few (fewer than 30, or 5 %).
    youngest : float or None
        Hours for which the last delivery was observed; None if that is not known.
    """

    hours: tuple[int, ...]
    counted: tuple[float, ...]
    watched: tuple[float, ...]
    fair: tuple[float | None, ...]
    youngest: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What there is to draw of an export.

    Attributes
    ----------
    origin : Origin
        For what is written beside a picture.
    sent, undated : int
        Deliveries, and those of them without an instant of receipt.
    messages : tuple of Message
        Those that were sent most, first.
    curve : Curve
        The engagement curve; of no hours if nothing was delivered.
    """

    origin: Origin
    sent: int
    undated: int
    messages: tuple[Message, ...]
    curve: Curve
    quarters: tuple[tuple[int, str, int], ...]

    def __repr__(self) -> str:
        """Return how much is counted; its attributes have the numbers."""
        return (
            f"Figures({self.sent:,} deliveries of {len(self.messages):,} messages, "
            f"{self.origin.observed})"
        )

    def daily(self, at_most: int) -> Daily:
        """Return deliveries a day; a week, or a month, if that were more columns than these.

        Parameters
        ----------
        at_most : int
            Columns, if months are few enough.
        """
        found = self._by_day()
        low, high = _drawn(found)
        counts = {cell: n for cell, n in found.items() if low <= cell[0] <= high}
        beyond = self.sent - self.undated - sum(counts.values())
        total: Counter[str] = Counter()
        for (_, kind), count in counts.items():
            total[kind] += count
        days = [day for day, _ in counts]
        first = min(filter(None, [*days, self.origin.first]), default=None)
        last = max(filter(None, [*days, self.origin.last]), default=None)
        if first is None or last is None:
            return Daily("day", (), (), (), beyond)
        span = (last - first).days + 1
        unit = "day" if span <= at_most else "week" if span <= 7 * at_most else "month"
        columns = _columns(first, last, unit)
        own = [kind for kind, _ in total.most_common() if kind != OTHER]
        own = own if len(total) <= KINDS_AT_MOST else own[: KINDS_AT_MOST - 1]
        kinds = [*own, OTHER] if len(total) > len(own) else own
        cells = Counter[tuple[date, str]]()
        for (day, kind), count in counts.items():
            cells[_begin(day, unit), kind if kind in own else OTHER] += count
        table = tuple(tuple(cells[day, kind] for day in columns) for kind in kinds)
        return Daily(unit, columns, tuple(kinds), table, beyond)

    def _by_day(self) -> Counter[tuple[date, str]]:
        """Return deliveries by day and content type, in the zone of the range."""
        zone = ZoneInfo(self.origin.zone)
        counts: Counter[tuple[date, str]] = Counter()
        for quarter, kind, count in self.quarters:
            # Beyond what a date can say lies damage, which is drawn nowhere.
            if 0 <= quarter * QUARTER < _LATEST:
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
            return _shifted(day, -_REACH), _shifted(day, _REACH)
    return date.min, date.max


def _shifted(day: date, days: int) -> date:
    return date.fromordinal(min(max(day.toordinal() + days, 1), date.max.toordinal()))


def figures_of(*parts: Tables) -> Figures:
    """Count what the pictures of an export show, in memory that does not grow with it.

    Parameters
    ----------
    *parts : Tables
        The export's, or those of each window, one at least.

    Raises
    ------
    ArchiveError
        If the data are damaged.
    """
    gauge, *others = [_gauge(tables) for tables in parts]
    for other in others:
        gauge.absorb(other)
    origins = [Origin.of(tables.attrs) for tables in parts]
    moments = {each.observed_until for each in origins}
    origin = replace(
        origins[0],
        last=origins[-1].last,
        observed_until=moments.pop() if len(moments) == 1 else None,
        apart=len(moments) > 1 and None not in moments,
    )
    return Figures(
        origin=origin,
        sent=gauge.sent,
        undated=gauge.undated,
        messages=_messages(gauge),
        curve=_curve(gauge),
        quarters=tuple((quarter, kind, n) for (quarter, kind), n in gauge.quarters.items()),
    )


def _gauge(tables: Tables) -> ReceiptGauge:
    """Return what was counted of one export."""
    until = Origin.of(tables.attrs).observed_until
    seconds = None if until is None else int(until.timestamp())
    return tables.fold("receipt", COLUMNS, lambda: ReceiptGauge(seconds))


def interval(count: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, by Wilson's formula: a few tell little.

    Examples
    --------
    >>> [round(end, 2) for end in interval(1, 2)]
    [0.09, 0.91]
    """
    if not of:
        return 0.0, 1.0
    z = 1.959964
    share, weight = count / of, z * z / of
    middle = (share + weight / 2) / (1 + weight)
    half = z * ((share * (1 - share) + weight / 4) / of) ** 0.5 / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)


_REACH: Final = 3653  # days: ten years
_LATEST: Final = 100_000_000_000  # the year 5138, as in Unix seconds elsewhere


def _messages(gauge: ReceiptGauge) -> tuple[Message, ...]:
    """Put together what bears one ruleset_id, under the title that it was sent with most."""
    together: dict[tuple[str, ...], list[tuple[list[int], str, str]]] = {}
    for (ruleset, kind, title), totals in gauge.messages.items():
        key = (ruleset,) if ruleset else ("", kind, title)
        together.setdefault(key, []).append((totals, kind, title))
    found = []
    for versions in together.values():
        _, kind, title = max(versions, key=lambda version: version[0][0])
        sent, opened, clicked = (sum(totals[i] for totals, *_ in versions) for i in range(3))
        found.append(Message(title or UNTITLED, kind or OTHER, sent, opened, clicked))
    return tuple(sorted(found, key=lambda message: (-message.sent, message.title)))


def _curve(gauge: ReceiptGauge) -> Curve:
    """Return the curve up to the hours for which the first delivery was observed."""
    import numpy as np

    dated = int(gauge.watched.sum())
    size = len(HOURS)
    watched = gauge.watched[::-1].cumsum()[::-1][1:]  # observed for HOURS[i] at least
    drawn = [i for i in range(size) if watched[i]]
    if not dated or not drawn:
        return Curve((), (), (), (), None)
    counted = gauge.opened.sum(axis=1).cumsum()[:size]
    within: Any = gauge.opened.cumsum(axis=0)[:, ::-1].cumsum(axis=1)[:, ::-1]
    fair: list[float | None] = [
        float(within[i, i + 1] / watched[i])
        if watched[i] >= max(FEW, SMALL_SHARE * dated)
        else None
        for i in drawn
    ]
    youngest = None if gauge.youngest is None else gauge.youngest / 3600
    return Curve(
        tuple(HOURS[i] for i in drawn),
        tuple(float(counted[i]) / dated for i in drawn),
        tuple(float(np.asarray(watched[i])) / dated for i in drawn),
        tuple(fair),
        youngest,
    )


def _instant(text: object) -> datetime | None:
    """Return an instant of ``attrs``; None if it is not known."""
    return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None


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
