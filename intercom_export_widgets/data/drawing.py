"""Shapes, and the pictures made of them: numbers become SVG without a library or a script.

Used by `pictures`. A `Drawing` is text and shapes; it becomes SVG here, where every text is
escaped, or goes to a page as JSON, whose script makes the same elements. It refuses to know
figures, and what stands around a picture.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    Value: TypeAlias = str | float

__all__ = [
    "COLORS",
    "FONT",
    "Drawing",
    "Shape",
    "bars",
    "columns",
    "cut",
    "nice_step",
    "path",
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
