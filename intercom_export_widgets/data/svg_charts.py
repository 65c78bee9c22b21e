"""The charts of an export as SVG, without a library or a script.

``Figures → Drawing``, for cards and for pages without a script. A `Drawing` is text and shapes;
it becomes SVG here, where every text is escaped, or goes to a page as JSON. `sheet` makes one
file of several, dark on light, since pages show such a file as an image.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from html import escape
from math import sqrt
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from intercom_export_widgets.data.chart_data import (
    TITLES,
    curve_note,
    curve_words,
    daily_note,
    daily_words,
    interval,
    messages_note,
    messages_words,
    percent,
    short_day,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date

    from intercom_export_widgets.data.chart_data import Curve, Figures, Message

    Value: TypeAlias = str | float

__all__ = [
    "COLORS",
    "FONT",
    "Drawing",
    "Shape",
    "bars",
    "columns",
    "cut",
    "draw_curve",
    "draw_days",
    "draw_messages",
    "nice_step",
    "path",
    "pictures_of",
    "sheet",
    "text",
]

_NO_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

COLORS: Final = ("#0072b2", "#d55e00", "#009e73", "#b565a7", "#9a6b1f", "#7f7f7f")
"""After Okabe and Ito, for every kind of colour vision; each has a contrast of 3 or more with
the backgrounds of JupyterLab's themes, light and dark."""

FONT: Final = 11
"""Size of the text, in the picture's units, which are pixels where there is room."""

WIDE: Final = 0.55
"""About how wide a letter is, as a share of the font's size."""


@dataclass(frozen=True, slots=True)
class Shape:
    """An SVG element: its tag, its attributes, and what is in it."""

    tag: str
    attributes: dict[str, Value]
    children: tuple[Shape | str, ...] = ()

    def as_json(self) -> list[Any]:
        """Return it as ``[tag, attributes, children]``."""
        children = [each if isinstance(each, str) else each.as_json() for each in self.children]
        return [self.tag, self.attributes, children]

    def as_svg(self) -> str:
        """Return it as SVG; texts and attributes are escaped."""
        attributes = "".join(
            f' {name}="{_escaped(str(value))}"' for name, value in self.attributes.items()
        )
        inside = "".join(
            _escaped(each) if isinstance(each, str) else each.as_svg() for each in self.children
        )
        return f"<{self.tag}{attributes}>{inside}</{self.tag}>"


def _escaped(text: str) -> str:
    """Return a text for XML, which has no place for control characters."""
    return escape(_NO_XML.sub("\ufffd", text))


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture in the colour of the text around it.

    Attributes
    ----------
    title, note : str
        What stands above it, and beneath.
    description : str
        The picture in words, for whoever does not see it.
    width, height : int
        In its own units.
    shapes : tuple of Shape
        What is drawn.
    """

    title: str
    note: str
    description: str
    width: int
    height: int
    shapes: tuple[Shape, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as values that JSON has."""
        return {
            "title": self.title,
            "note": self.note,
            "description": self.description,
            "width": self.width,
            "height": self.height,
            "shapes": [shape.as_json() for shape in self.shapes],
        }

    def as_html(self) -> str:
        """Return it as a figure with its texts, which needs no script and no style sheet."""
        frame: dict[str, Value] = {
            "xmlns": "http://www.w3.org/2000/svg",
            "role": "img",
            "aria-label": self.description,
            "viewBox": f"0 0 {self.width} {self.height}",
            "style": f"display:block;width:100%;max-width:{self.width}px;overflow:visible",
            "font-family": "system-ui,sans-serif",
            "font-size": FONT,
        }
        return (
            '<figure style="margin:0;padding:4px 0;break-inside:avoid;'
            f'max-width:{self.width}px"><figcaption><strong>{escape(self.title)}</strong>'
            f"</figcaption>{Shape('svg', frame, self.shapes).as_svg()}"
            f"<figcaption><small>{escape(self.note)}</small></figcaption></figure>"
        )


def text(x: float, y: float, said: str, *, anchor: str = "start", strong: bool = False) -> Shape:
    """Return text that begins, ends or is centred at a place."""
    attributes: dict[str, Value] = {"x": _short(x), "y": _short(y), "fill": "currentColor"}
    if anchor != "start":
        attributes["text-anchor"] = anchor
    if strong:
        attributes["font-weight"] = 600
    return Shape("text", attributes, (said,))


def path(points: Iterable[tuple[float, float]], **attributes: Value) -> Shape:
    """Return a line through these points."""
    drawn = "L".join(f"{_short(x)} {_short(y)}" for x, y in points)
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    return Shape("path", {"d": f"M{drawn}", "fill": "none", **named})


def bars(boxes: Iterable[tuple[float, float, float, float]], color: str) -> Shape:
    """Return many boxes, ``(x, y, width, height)``, of one colour."""
    drawn = "".join(
        f"M{_short(x)} {_short(y)}h{_short(width)}v{_short(height)}h{_short(-width)}z"
        for x, y, width, height in boxes
        if height > 0 and width > 0
    )
    return Shape("path", {"d": drawn, "fill": color})


def columns(
    lines: Iterable[tuple[float, float, float]], width: float = 0, color: str = ""
) -> Shape:
    """Return many upright lines, ``(middle, top, height)``; without a colour, that of the group."""
    drawn = "".join(
        f"M{_short(x)} {_short(y)}v{_short(height)}" for x, y, height in lines if height > 0
    )
    named: dict[str, Value] = {"stroke": color, "stroke-width": round(width, 2)} if color else {}
    return Shape("path", {"d": drawn, **named})


def nice_step(most: float, steps: int = 4) -> int:
    """Return a whole step of 1, 2 or 5 times a power of ten, of which few reach ``most``.

    Examples
    --------
    >>> [nice_step(most) for most in (0, 3, 37, 1200)]
    [1, 1, 10, 500]
    """
    step = 1
    while True:
        for factor in (1, 2, 5):
            if step * factor * steps >= most:
                return step * factor
        step *= 10


def cut(said: str, width: float) -> str:
    """Return as much of a text as has room, in the picture's units."""
    letters = max(1, int(width / (FONT * WIDE)))
    return said if len(said) <= letters else f"{said[: letters - 1].rstrip()}…"


def _short(number: float) -> str:
    """Return a number to a tenth, as few characters as will do."""
    return f"{round(number, 1):g}"


MARGIN: Final = 16
LINE: Final = 15
LETTERS: Final = 62
"""In one line of a note, as wide as a drawing."""


def sheet(drawings: Sequence[Drawing]) -> str:
    """Return drawings one below the other, with their texts, as an SVG document."""
    shapes: list[Shape] = []
    y, width = 0, max(drawing.width for drawing in drawings) + 2 * MARGIN
    for drawing in drawings:
        placed, y = _placed(drawing, y)
        shapes.append(placed)
    whole: dict[str, Value] = {
        "xmlns": "http://www.w3.org/2000/svg",
        "role": "img",
        "aria-label": " ".join(drawing.description for drawing in drawings),
        "viewBox": f"0 0 {width} {y}",
        "width": width,
        "height": y,
        "color": "#1f2328",
        "font-family": "system-ui,sans-serif",
        "font-size": FONT,
    }
    paper: dict[str, Value] = {"width": width, "height": y, "rx": 6, "fill": "#ffffff"}
    return Shape("svg", whole, (Shape("rect", paper), *shapes)).as_svg()


def _placed(drawing: Drawing, y: int) -> tuple[Shape, int]:
    """Return a drawing with its texts at a height, and where the next one begins."""
    notes = textwrap.wrap(drawing.note, LETTERS)
    title = text(0, 0, drawing.title, strong=True)
    title.attributes["font-size"] = FONT + 2
    moved: dict[str, Value] = {"transform": f"translate(0 {LINE})"}
    under = drawing.height + 2 * LINE + 4
    shapes = (
        title,
        Shape("g", moved, drawing.shapes),
        *(text(0, under + place * LINE, line) for place, line in enumerate(notes)),
    )
    at: dict[str, Value] = {"transform": f"translate({MARGIN} {y + MARGIN + FONT})"}
    return Shape("g", at, shapes), y + MARGIN + FONT + under + len(notes) * LINE


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
