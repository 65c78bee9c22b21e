"""The three pictures of an export, drawn small: days, messages, and the engagement curve.

``Figures → Drawing``, for the card of an export and for pages without a script; `charts` has
the same as Altair charts. It refuses to know where a picture is shown.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.data.drawing import (
    COLORS,
    FONT,
    Drawing,
    Shape,
    bars,
    columns,
    cut,
    nice_step,
    path,
    text,
)
from intercom_export_widgets.data.figures import interval
from intercom_export_widgets.data.words import (
    TITLES,
    curve_note,
    curve_words,
    daily_note,
    daily_words,
    messages_note,
    messages_words,
    percent,
    short_day,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from intercom_export_widgets.data.figures import Curve, Figures, Message

__all__ = ["draw_curve", "draw_days", "draw_messages", "pictures_of"]

WIDTH: Final = 360
LEFT: Final = 36
TOP: Final = 10
DAYS_AT_MOST: Final = 92
MESSAGES_AT_MOST: Final = 8
FAINT: Final = 0.2
TICKS: Final = ((1, "1 h"), (6, "6 h"), (24, "1 d"), (72, "3 d"), (168, "7 d"), (336, "14 d"))
LAST_TICK: Final = (720, "30 d")


def pictures_of(figures: Figures) -> tuple[Drawing, ...]:
    """Return what there is to draw of an export; nothing if nothing was delivered.

    Parameters
    ----------
    figures : Figures
        The export's.
    """
    found = (draw_days(figures), draw_curve(figures), draw_messages(figures))
    return tuple(drawing for drawing in found if drawing is not None)


def draw_days(figures: Figures) -> Drawing | None:
    """Return deliveries a day as stacked columns, with their legend."""
    daily = figures.daily(DAYS_AT_MOST)
    if not any(any(counts) for counts in daily.counts):
        return None
    height, wide = 130, WIDTH - LEFT
    sums = [sum(column) for column in zip(*daily.counts, strict=True)]
    step = nice_step(max(sums))
    top = step * -(-max(sums) // step)
    scale, slot = height / top, wide / len(sums)
    shapes = [*_grid(range(0, top + 1, step), lambda value: TOP + height - value * scale)]
    base = [0.0] * len(sums)
    for kind, counts in enumerate(daily.counts):
        boxes = []
        for place, count in enumerate(counts):
            base[place] += count * scale
            x = LEFT + (place + 0.5) * slot
            boxes.append((x, TOP + height - base[place], count * scale))
        shapes.append(columns(boxes, min(slot * 0.8, 40), COLORS[kind]))
    shapes += _day_names(daily.days, daily.unit, slot, TOP + height + 14)
    shapes.append(_told(daily.days, sums, slot, height))
    totals = [sum(counts) for counts in daily.counts]
    legend, deep = _legend(daily.kinds, totals, TOP + height + 34)
    note = daily_note(figures, daily)
    said = daily_words(figures, daily)
    return Drawing(TITLES[daily.unit], note, said, WIDTH, deep, (*shapes, *legend))


def _told(days: tuple[date, ...], sums: list[int], slot: float, height: int) -> Shape:
    """Return what is seen of a column by pointing at it: its day and its number."""
    unseen: dict[str, str | float] = {"stroke": "transparent", "stroke-width": round(slot, 2)}
    told = []
    for place, day in enumerate(days):
        line = columns([(LEFT + (place + 0.5) * slot, TOP, height)])
        told.append(
            Shape("path", line.attributes, (Shape("title", {}, (f"{day}: {sums[place]:,}",)),))
        )
    return Shape("g", unseen, tuple(told))


def _grid(values: range, place: Callable[[int], float], unit: str = "") -> list[Shape]:
    """Return faint lines across, each with its number."""
    shapes = []
    for value in values:
        y = place(value)
        line = path([(LEFT, y), (WIDTH, y)], stroke="currentColor", stroke_opacity=FAINT)
        shapes += [line, text(LEFT - 5, y + 4, f"{value:,}{unit}", anchor="end")]
    return shapes


def _day_names(days: tuple[date, ...], unit: str, slot: float, y: float) -> list[Shape]:
    """Return the names of the first and some more of the days, weeks or months."""
    every = max(1, -(-len(days) // 5))
    named = [place for place in range(0, len(days), every) if place + every / 2 < len(days)]
    return [
        text(LEFT + (place + 0.5) * slot, y, short_day(days[place], unit), anchor="middle")
        for place in named
    ]


def _legend(kinds: tuple[str, ...], totals: list[int], y: float) -> tuple[list[Shape], int]:
    """Return the kinds with their colours and totals, two in a row, and how deep they reach."""
    shapes = []
    for place, (kind, total) in enumerate(zip(kinds, totals, strict=True)):
        x, down = (place % 2) * WIDTH / 2, y + (place // 2) * 17
        count = f" {total:,}"
        room = WIDTH / 2 - 22 - len(count) * FONT * 0.55
        shapes.append(bars([(x, down - 9, 10, 10)], COLORS[place]))
        shapes.append(text(x + 15, down, cut(kind, room) + count))
    return shapes, int(y + (len(kinds) + 1) // 2 * 17 - 8)


def draw_messages(figures: Figures) -> Drawing | None:
    """Return a row for each message: title, deliveries, and two bars with their counts."""
    shown = figures.messages[:MESSAGES_AT_MOST]
    if not shown:
        return None
    shapes: list[Shape] = []
    for place, message in enumerate(shown):
        shapes += _draw_message(message, 12 + place * 46)
    said, note = messages_words(shown), messages_note(figures, len(shown))
    return Drawing(TITLES["messages"], note, said, WIDTH, 46 * len(shown), tuple(shapes))


def _draw_message(message: Message, y: float) -> list[Shape]:
    """Return the row of one message."""
    sent = f"{message.sent:,} sent"
    room = WIDTH - len(sent) * FONT * 0.6 - 8
    shapes = [text(0, y, cut(message.title, room), strong=True)]
    shapes.append(text(WIDTH, y, sent, anchor="end"))
    long = 200
    for line, (count, word) in enumerate(
        ((message.opened, "opened"), (message.clicked, "clicked"))
    ):
        down, share = y + 6 + line * 13, count / message.sent
        low, high = interval(count, message.sent)
        track = bars([(0, down, long, 9)], "currentColor")
        track.attributes["fill-opacity"] = 0.1
        shapes.append(track)
        shapes.append(bars([(0, down, share * long, 9)], COLORS[line]))
        shapes.append(
            path([(low * long, down + 4.5), (high * long, down + 4.5)], stroke="currentColor")
        )
        shapes.append(text(long + 8, down + 8.5, f"{percent(share)} {word}, {count:,}"))
    return shapes


def draw_curve(figures: Figures) -> Drawing | None:
    """Return the share opened by time since receipt, and what was not observed so long."""
    curve = figures.curve
    if len(curve.hours) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    height, wide = 150, WIDTH - LEFT
    longest = curve.hours[-1]

    def x(hours: float) -> float:
        return LEFT + wide * sqrt(hours / longest)

    def y(share: float) -> float:
        return TOP + height * (1 - share)

    shapes = [*_grid(range(0, 101, 25), lambda value: y(value / 100), " %")]
    watched = [(x(h), y(w)) for h, w in zip(curve.hours, curve.watched, strict=True)]
    counted = [(x(h), y(c)) for h, c in zip(curve.hours, curve.counted, strict=True)]
    fair = [(x(h), y(f)) for h, f in zip(curve.hours, curve.fair, strict=True) if f is not None]
    top = [(x(curve.hours[-1]), y(1)), (x(0), y(1))]
    shapes.append(path([*watched, *top], fill="currentColor", fill_opacity=0.18))
    shapes.append(path(counted, stroke=COLORS[0], stroke_width=2))
    if figures.origin.is_known:
        shapes.append(path(fair, stroke=COLORS[1], stroke_width=2, stroke_dasharray="5 3"))
    shapes += _hour_names(curve, x, TOP + height)
    names = ["opened, of all", "of those observed so long", "not observed so long"]
    legend = _curve_legend(names if figures.origin.is_known else names[:1], TOP + height + 34)
    deep = TOP + height + (40 if len(legend) < 3 else 57)  # noqa: PLR2004 - one row, or two
    said, note = curve_words(figures), curve_note(figures)
    return Drawing(TITLES["curve"], note, said, WIDTH, deep, (*shapes, *legend))


def _hour_names(curve: Curve, x: Callable[[float], float], y: float) -> list[Shape]:
    """Return the times since receipt that are named, and where the youngest ends."""
    longest, room = curve.hours[-1], 26
    shapes, free = [], 0.0
    for hours, name in (*TICKS, LAST_TICK):
        if hours <= longest and x(hours) - free >= room:
            free = x(hours)
            anchor = "end" if hours == longest else "middle"
            shapes.append(text(free, y + 14, name, anchor=anchor))
    if curve.youngest is not None and curve.youngest < longest:
        cut_at = x(curve.youngest)
        ends = [(cut_at, TOP), (cut_at, y)]
        line = path(ends, stroke="currentColor", stroke_dasharray="2 2", stroke_width=1.5)
        shapes.append(line)
    return shapes


def _curve_legend(names: list[str], y: float) -> list[Shape]:
    """Return what the lines and the shade mean."""
    shapes = []
    places = ((0.0, y), (WIDTH * 0.44, y), (0.0, y + 17))
    for place, (name, (x, down)) in enumerate(zip(names, places, strict=False)):
        swatch = bars([(x, down - 9, 14, 10)], "currentColor" if place == 2 else COLORS[place])  # noqa: PLR2004 - the third is the shade
        if place == 2:  # noqa: PLR2004 - as above
            swatch.attributes["fill-opacity"] = 0.18
        if place == 1:
            swatch = path([(x, down - 4), (x + 14, down - 4)], stroke=COLORS[1], stroke_width=2)
            swatch.attributes["stroke-dasharray"] = "5 3"
        shapes += [swatch, text(x + 19, down, name)]
    return shapes
