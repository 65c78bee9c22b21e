"""Drawings with their titles and notes on one sheet: an SVG file that stands alone.

Dark on light whatever stands around it: pages show such a file as an image, which does not
know their colours. It refuses to know what is drawn.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.data.drawing import FONT, Shape, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intercom_export_widgets.data.drawing import Drawing, Value

__all__ = ["sheet"]

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
