"""What is written beside a picture: titles, what its shares are of, and the picture in words.

Used by `pictures` and `charts`, so that both say the same. It refuses to know how they draw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from intercom_export_widgets.data.figures import Daily, Figures, Message

__all__ = [
    "SANDBOX",
    "TITLES",
    "curve_note",
    "curve_words",
    "cut_title",
    "daily_note",
    "daily_words",
    "deliveries",
    "messages_note",
    "messages_words",
    "percent",
    "short_day",
]

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
