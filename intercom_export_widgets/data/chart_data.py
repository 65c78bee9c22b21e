"""The numbers and texts of an export's charts: deliveries by day, messages, and the open curve.

``Tables → ReceiptGauge → Figures → chart``. Everything is counted here, so that what is drawn is
as small for ten million deliveries as for ten thousand. A delivery that was observed for one
day says nothing of its second: there are two curves, of all deliveries, and of those that were
observed for long enough. Titles, captions and descriptions are the same for SVG and Altair.
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
    from collections.abc import Mapping, Sequence

    from intercom_export_widgets.data.tables import Tables

__all__ = [
    "OTHER",
    "SANDBOX",
    "TITLES",
    "Curve",
    "Daily",
    "Figures",
    "Message",
    "Origin",
    "curve_note",
    "curve_of",
    "curve_words",
    "cut_title",
    "daily_note",
    "daily_of",
    "daily_words",
    "deliveries",
    "figures_of",
    "interval",
    "messages_note",
    "messages_words",
    "percent",
    "short_day",
]


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


def _instant(text: object) -> datetime | None:
    """Return an instant of ``attrs``; None if it is not known."""
    return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None


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


FEW: Final = 30
"""Fewer deliveries than these make no share worth drawing as a line."""

SMALL_SHARE: Final = 0.05
"""Nor does a smaller share of all deliveries than this."""


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


def curve_of(gauge: ReceiptGauge) -> Curve:
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


SANDBOX: Final = "Sandbox: synthetic data"
"""How everything is labelled that comes from the sandbox."""

TITLES: Final = {
    "day": "Deliveries a day, by content type",
    "week": "Deliveries a week, by content type",
    "month": "Deliveries a month, by content type",
    "messages": "Opened and clicked, of those sent",
    "curve": "Opened, by time since it was received",
}


def percent(share: float) -> str:
    """Return a share in words; below ten per cent, to a tenth.

    Examples
    --------
    >>> percent(0.414), percent(0.0304), percent(0)
    ('41 %', '3.0 %', '0 %')
    """
    shown = f"{100 * share:.1f}"
    return f"{shown} %" if 0 < share < 0.0995 else f"{100 * share:.0f} %"  # noqa: PLR2004 - rounds to 10


def short_day(day: date, unit: str = "day") -> str:
    """Return a day as ``1 Jun``, or the month that it begins as ``Jun 2018``."""
    return f"{day:%b %Y}" if unit == "month" else f"{day.day} {day:%b}"


def deliveries(count: int) -> str:
    """Return a number of deliveries in words.

    Examples
    --------
    >>> deliveries(1), deliveries(2000)
    ('1 delivery', '2,000 deliveries')
    """
    return f"{count:,} {'delivery' if count == 1 else 'deliveries'}"


def cut_title(title: str, longest: int = 80) -> str:
    """Return a message's title, or its beginning if it is long.

    Examples
    --------
    >>> cut_title("Welcome aboard", 8)
    'Welcome…'
    """
    return title if len(title) <= longest else f"{title[: longest - 1].rstrip()}…"


def daily_note(figures: Figures, daily: Daily) -> str:
    """Return what the columns are and whose days they are."""
    begins = {"day": "Days", "week": "Weeks from Monday", "month": "Months"}[daily.unit]
    parts = [f"{deliveries(figures.sent)}. {begins} in {figures.origin.zone}."]
    if figures.undated:
        parts.append(f"{figures.undated:,} without an instant of receipt are not drawn.")
    if daily.beyond:
        parts.append(f"{daily.beyond:,} over ten years from the middle one are not drawn.")
    return _signed(figures, parts)


def daily_words(figures: Figures, daily: Daily) -> str:
    """Return the columns in words: the range, the highest, and the kinds."""
    sums = [sum(column) for column in zip(*daily.counts, strict=True)]
    most = max(sums)
    totals = (f"{kind} {sum(c):,}" for kind, c in zip(daily.kinds, daily.counts, strict=True))
    return (
        f"{TITLES[daily.unit]}: {figures.sent:,} from {daily.days[0]} to {daily.days[-1]}, "
        f"at most {most:,}, on {daily.days[sums.index(most)]}. {', '.join(totals)}."
    )


def messages_note(figures: Figures, shown: int) -> str:
    """Return which messages are shown, what their shares are of, and what the whiskers are."""
    of = len(figures.messages)
    most = "message" if shown == 1 else f"{shown} messages"
    which = f"The {most} sent most, of {of}." if shown < of else ""
    parts = [
        which,
        "Shares of deliveries; the thin lines are their 95 % intervals.",
        _until(figures),
    ]
    return _signed(figures, parts)


def messages_words(shown: Sequence[Message]) -> str:
    """Return each message with its counts."""
    rows = (
        f"{cut_title(m.title)}: {m.sent:,} sent, "
        f"{m.opened:,} opened ({percent(m.opened / m.sent)}), "
        f"{m.clicked:,} clicked ({percent(m.clicked / m.sent)})"
        for m in shown
    )
    return f"{TITLES['messages']}. {'; '.join(rows)}."


def curve_note(figures: Figures) -> str:
    """Return of what the shares are, and where the observed-until cuts the curve."""
    curve, parts = figures.curve, [f"Of {deliveries(sum_of(figures))}."]
    if curve.youngest is not None and curve.youngest < curve.hours[-1]:
        parts.append(
            f"The last one was observed for {duration(curve.youngest)} only (dotted line); grey: "
            "deliveries that were not observed so long."
        )
    return _signed(figures, [*parts, _until(figures)])


def curve_words(figures: Figures) -> str:
    """Return some points of the curve in words."""
    curve = figures.curve
    points = [
        f"{percent(curve.counted[place])} within {duration(hours)}"
        for place, hours in enumerate(curve.hours)
        if hours in {1, 24, 168} or place == len(curve.hours) - 1
    ]
    return f"{TITLES['curve']}: {', '.join(points)}. {curve_note(figures)}"


def sum_of(figures: Figures) -> int:
    """Return the deliveries that the curve is about: those with an instant of receipt."""
    return figures.sent - figures.undated


def duration(hours: float) -> str:
    """Return hours in words: minutes, hours or days.

    Examples
    --------
    >>> duration(0.376), duration(1), duration(36), duration(720)
    ('23 minutes', '1 hour', '36 hours', '30 days')
    """
    if hours < 1:
        return _plural(max(1, round(hours * 60)), "minute")
    if hours < 48:  # noqa: PLR2004 - two days
        return _plural(round(hours), "hour")
    return _plural(round(hours / 24), "day")


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _until(figures: Figures) -> str:
    said = figures.origin.observed
    return f"{said[0].upper()}{said[1:]}."


def _signed(figures: Figures, parts: Sequence[str]) -> str:
    """Return sentences, with the label of synthetic data if they are that."""
    label = f"{SANDBOX}." if figures.origin.sandbox else ""
    return " ".join(part for part in (*parts, label) if part)


UNTITLED: Final = "(no title)"
"""What a message is called that has none."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its title and kind, its deliveries, and how many were opened and clicked."""

    title: str
    kind: str
    sent: int
    opened: int
    clicked: int


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
    quarters : tuple of tuple
        Quarter of an hour since 1970, content type, deliveries: what `Daily` is made of.
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
        return daily_of(self.quarters, self.origin, at_most)


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
        curve=curve_of(gauge),
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
