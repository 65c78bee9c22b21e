"""Altair charts that show themselves without a network, in JupyterLab and on a page without one.

Altair's own way of showing a chart loads Vega from another computer. JupyterLab 4 has a
Vega-Lite of its own (4.6: 5.6.1), which draws ``application/vnd.vegalite.v5+json``; where no
such program is, there is the same as a drawing. It refuses to know what a chart shows.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from intercom_export_widgets.data.sheet import sheet

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from intercom_export_widgets.data.drawing import Drawing

__all__ = ["VEGA_LITE", "offline"]

VEGA_LITE: Final = "application/vnd.vegalite.v5+json"
SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v5.json"
"""The name of the language, which nobody fetches."""


def offline(chart: Any, drawings: Sequence[Drawing]) -> Any:  # noqa: ANN401 - whichever Altair chart it is
    """Return the same chart, which now shows itself without a network.

    A chart made of it by a method, ``|``, ``&`` or ``+`` does so too; if what it shows has
    changed, without the drawing. A renderer that the user has chosen is left in charge.

    Parameters
    ----------
    chart : altair.Chart or altair.LayerChart or altair.HConcatChart or altair.VConcatChart
        The chart.
    drawings : sequence of Drawing
        The same for where there is no Vega-Lite.
    """
    kind: Any = type(chart)
    # Altair takes what is set on a chart for a part of its specification.
    object.__setattr__(chart, "__class__", _offline_kind(kind))
    object.__setattr__(chart, "_drawings", tuple(drawings))
    return chart


class _Offline:
    """What is added to the class of a chart."""

    _drawings: tuple[Drawing, ...] = ()

    def _repr_mimebundle_(self, *args: object, **options: object) -> Any:  # noqa: ANN401 - IPython's protocol
        import altair as alt

        if alt.renderers.active != "default":
            return super()._repr_mimebundle_(*args, **options)  # type: ignore[misc] # Altair's
        specification = {**self.to_dict(), "$schema": SCHEMA}  # type: ignore[attr-defined] # Altair's
        specification.setdefault("background", "transparent")
        drawings = self.__dict__.get("_drawings", ())
        words = " ".join(drawing.description for drawing in drawings) or repr(self)
        bundle: dict[str, Any] = {VEGA_LITE: specification, "text/plain": words}
        if drawings:
            bundle["image/svg+xml"] = sheet(drawings)
        return bundle

    def save(self, fp: Any, format: str | None = None, **options: Any) -> Any:  # noqa: A002, ANN401 - Altair's signature
        """Save as Altair does, which needs vl-convert for an SVG; the drawing needs nothing."""
        drawings = self.__dict__.get("_drawings", ())
        vector = format == "svg" if format else str(fp).lower().endswith(".svg")
        if not (drawings and vector and isinstance(fp, str | Path)) or options:
            return super().save(fp, format, **options)  # type: ignore[misc] # Altair's
        Path(fp).write_text(sheet(drawings), encoding="utf-8")
        return None

    def __or__(self, other: Any) -> Any:  # noqa: ANN401 - whichever Altair chart it is
        return self._with(other, super().__or__(other))  # type: ignore[misc] # Altair's

    def __and__(self, other: Any) -> Any:  # noqa: ANN401 - as above
        return self._with(other, super().__and__(other))  # type: ignore[misc] # Altair's

    def __add__(self, other: Any) -> Any:  # noqa: ANN401 - as above
        return offline(super().__add__(other), ())  # type: ignore[misc] # Altair's

    def _with(self, other: Any, both: Any) -> Any:  # noqa: ANN401 - as above
        """Return charts side by side, drawn too if each of them is."""
        mine, others = (each.__dict__.get("_drawings", ()) for each in (self, other))
        return offline(both, (*mine, *others) if mine and others else ())


@cache
def _offline_kind(kind: Hashable) -> Any:  # noqa: ANN401 - a class made here
    """Return the class of such charts for a class of Altair's; its name stays."""
    base: Any = kind
    return base if issubclass(base, _Offline) else type(base.__name__, (_Offline, base), {})
