"""The charts of an export as Altair charts that are shown without a network.

Altair's own way of showing a chart loads Vega from another computer. JupyterLab 4 has a
Vega-Lite of its own (4.6: 5.6.1), which draws ``application/vnd.vegalite.v5+json``; elsewhere
the same chart is shown as SVG. Altair is imported when a chart is asked for. Times are UTC, so
that a browser's own zone moves no day.
"""

from __future__ import annotations

import difflib
import textwrap
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from intercom_export_widgets.arguments import expect
from intercom_export_widgets.data.chart_data import (
    TITLES,
    curve_note,
    curve_words,
    cut_title,
    daily_note,
    daily_words,
    deliveries,
    interval,
    messages_note,
    messages_words,
    percent,
)
from intercom_export_widgets.data.svg_charts import (
    COLORS,
    draw_curve,
    draw_days,
    draw_messages,
    sheet,
)
from intercom_export_widgets.errors import InputError, PackageMissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from intercom_export_widgets.data.chart_data import Figures
    from intercom_export_widgets.data.svg_charts import Drawing

    Drawer = Callable[[Figures], "Drawing | None"]

__all__ = ["CHARTS", "VEGA_LITE", "Chart", "chart_of", "offline"]

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


Chart: TypeAlias = Any
"""An Altair chart, whose own types are too fine for mypy's patience."""

DAYS_AT_MOST: Final = 186
MESSAGES_AT_MOST: Final = 20
WIDTH: Final = 480
FINE: Final[dict[str, Any]] = {"gridOpacity": 0.35}
GREY: Final = "#7f7f7f"
LINES: Final = ("opened, of all", "of those observed so long", "not observed so long")
TICKS: Final = (1, 6, 24, 72, 168, 336, 504, 720)


def chart_of(figures: Figures, name: str | None = None) -> Chart:
    """Return one of `CHARTS`, or all of them one below the other.

    Parameters
    ----------
    figures : Figures
        The export's.
    name : str, optional
        Which.

    Returns
    -------
    altair.LayerChart or altair.VConcatChart
        It can be changed, combined and saved as any other.

    Raises
    ------
    PackageMissingError
        If Altair is not installed.
    InputError
        If there is no such chart, or nothing to draw: nothing was delivered, or no delivery
        says when.
    """
    alt = _altair()

    expect(name, (str, type(None)), "name", f"one of {', '.join(CHARTS)}, or nothing for all")
    if name is not None and name not in CHARTS:
        close = difflib.get_close_matches(name, CHARTS, 1)
        meant = f"Did you mean {close[0]!r}? " if close else ""
        raise InputError(
            f"There is no chart {name!r}.", advice=f"{meant}There are {', '.join(CHARTS)}."
        )
    made: list[tuple[Any, Drawing]] = []
    for each, (make, draw) in CHARTS.items():
        drawing = draw(figures) if name in {None, each} else None
        if drawing is not None:
            made.append((make(figures), drawing))
    if not made:
        raise _nothing_to_draw(figures, name)
    charts, drawings = zip(*made, strict=True)
    if len(charts) == 1:
        return offline(charts[0], drawings)
    stacked = alt.vconcat(*charts).resolve_scale(color="independent")
    return offline(stacked, drawings)


def _nothing_to_draw(figures: Figures, name: str | None) -> InputError:
    """Return why there is no picture, or not that one."""
    if not figures.sent:
        return InputError(
            "Nothing was delivered in this export", advice="There is nothing to draw."
        )
    others = [each for each, (_, draw) in CHARTS.items() if draw(figures) is not None]
    drawn = f"There is chart({others[0]!r})." if others else ""
    if figures.undated < figures.sent:
        why = f"too few of {deliveries(figures.sent)} lie in a time that can be drawn"
    else:
        why = f"of {deliveries(figures.sent)}, none says when it was received (received_at)"
    return InputError(f"The chart {name!r} can't be drawn: {why}.", advice=drawn)


def _altair() -> Any:  # noqa: ANN401 - a module
    """Return Altair, or say how to get it."""
    try:
        import altair as alt
    except ImportError as error:
        needed = "intercom-export-widgets[charts]"
        raise PackageMissingError.of("A chart", "altair", needed) from error
    return alt


def _deliveries(figures: Figures) -> Chart:
    """Return deliveries a day as stacked columns."""
    alt = _altair()

    daily = figures.daily(DAYS_AT_MOST)
    begins = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in daily.days]
    end = begins[0] + (daily.following - daily.days[0])
    rows = []
    for place, (kind, counts) in enumerate(zip(daily.kinds, daily.counts, strict=True)):
        for begin, until, count in zip(begins, [*begins[1:], end], counts, strict=True):
            middle = f"{begin + (until - begin) / 2:%Y-%m-%dT%H:%M:%SZ}"
            row = {"middle": middle, daily.unit: f"{begin:%Y-%m-%d}", "type": kind, "place": place}
            rows += [row | {"sent": count}] if count else []
    used = alt.Scale(domain=list(daily.kinds), range=list(COLORS[: len(daily.kinds)]))
    span = alt.Scale(type="utc", domain=[f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (begins[0], end)])
    title = f"{daily.unit.capitalize()} in {figures.origin.zone}"
    wide = min(40.0, 0.85 * WIDTH / len(begins))
    columns = (
        _of(rows)
        .mark_bar(width=wide)
        .encode(
            alt.X("middle:T", title=title, scale=span, axis=alt.Axis(grid=False)),
            alt.Y(
                "sent:Q", title=f"Deliveries a {daily.unit}", stack="zero", axis=alt.Axis(**FINE)
            ),
            alt.Color("type:N", title=None, scale=used, legend=_legend()),
            order=alt.Order("place:Q"),
            tooltip=[f"{daily.unit}:N", "type:N", alt.Tooltip("sent:Q", format=",")],
        )
    )
    note, words = daily_note(figures, daily), daily_words(figures, daily)
    return _titled(alt.layer(columns), TITLES[daily.unit], note, words, height=220)


def _messages(figures: Figures) -> Chart:
    """Return two bars for each message: opened and clicked, of those sent."""
    alt = _altair()

    shown = figures.messages[:MESSAGES_AT_MOST]
    rows, names = [], []
    for message in shown:
        name = f"{cut_title(message.title, 40)} ({message.sent:,} sent)"
        while name in names:
            name += " "
        names.append(name)
        for what, count in (("opened", message.opened), ("clicked", message.clicked)):
            low, high = interval(count, message.sent)
            row: dict[str, Any] = {
                "message": name,
                "title": cut_title(message.title),
                "type": message.kind,
                "what": what,
            }
            row |= {"count": count, "sent": message.sent, "low": low, "high": high}
            row |= {"share": count / message.sent, "interval": f"{percent(low)} to {percent(high)}"}
            rows.append(row)
    place = {
        "y": alt.Y("message:N", title=None, sort=names, axis=alt.Axis(labelLimit=330)),
        "yOffset": alt.YOffset("what:N", sort=["opened", "clicked"]),
    }
    tooltip = ["title:N", "type:N", "what:N", alt.Tooltip("count:Q", format=",")]
    tooltip += [alt.Tooltip("sent:Q", format=","), alt.Tooltip("share:Q", format=".1%")]
    tooltip.append(alt.Tooltip("interval:N", title="95 % interval"))
    scale = alt.Scale(domain=["opened", "clicked"], range=list(COLORS[:2]))
    axis = alt.X("share:Q", title="Share of deliveries", axis=alt.Axis(format="%", **FINE))
    bars = (
        _of(rows)
        .mark_bar()
        .encode(
            axis,
            color=alt.Color("what:N", title=None, scale=scale, legend=_legend()),
            tooltip=tooltip,
            **place,
        )
    )
    ends = alt.X("low:Q"), alt.X2("high:Q")
    under = _of(rows).mark_rule(color="white", strokeWidth=3.5).encode(*ends, **place)
    over = _of(rows).mark_rule(color="#222222", strokeWidth=1.5).encode(*ends, **place)
    note, words = messages_note(figures, len(shown)), messages_words(shown)
    height = 27 * len(shown) + 10
    return _titled(alt.layer(bars, under, over), TITLES["messages"], note, words, height=height)


def _curve(figures: Figures) -> Chart:
    """Return the share opened by hours since receipt, and what was not observed so long."""
    alt = _altair()

    curve = figures.curve
    known = figures.origin.is_known
    told = zip(curve.hours, curve.counted, curve.fair, curve.watched, strict=True)
    rows, cut = [], []
    for hours, counted, fair, watched in told:
        rows.append({"hours": hours, "share": counted, "line": LINES[0]})
        if known and fair is not None:
            rows.append({"hours": hours, "share": fair, "line": LINES[1]})
        cut.append({"hours": hours, "share": watched, "top": 1, "line": LINES[2]})
    names = list(LINES) if known else [LINES[0]]
    scale = alt.Scale(domain=names, range=[COLORS[0], COLORS[1], GREY][: len(names)])
    color = alt.Color("line:N", title=None, scale=scale, legend=_legend())
    label = "datum.value < 24 ? datum.value + ' h' : datum.value / 24 + ' d'"
    ticks = [hours for hours in TICKS if hours <= curve.hours[-1]]
    axis = alt.X(
        "hours:Q",
        title="Time since it was received",
        scale=alt.Scale(type="sqrt", nice=False),
        axis=alt.Axis(values=ticks, labelExpr=label, **FINE),
    )
    whole, in_percent = alt.Scale(domain=[0, 1]), alt.Axis(format="%", **FINE)
    share = alt.Y("share:Q", title="Share of deliveries", scale=whole, axis=in_percent)
    tooltip = ["line:N", alt.Tooltip("hours:Q"), alt.Tooltip("share:Q", format=".1%")]
    drawn: list[Any] = []
    if known:
        shade = _of(cut).mark_area(opacity=0.3)
        drawn.append(shade.encode(axis, share, alt.Y2("top:Q"), color, tooltip=tooltip))
    dash = alt.StrokeDash(
        "line:N", legend=None, scale=alt.Scale(domain=names, range=[[1, 0], [5, 3], [1, 0]])
    )
    line = _of(rows).mark_line(strokeWidth=2.5)
    drawn.append(line.encode(axis, share, color, dash, tooltip=tooltip))
    if curve.youngest is not None and curve.youngest < curve.hours[-1]:
        youngest = _of([{"hours": curve.youngest, "what": "observed for all until here"}])
        rule = youngest.mark_rule(color=GREY, strokeDash=[2, 2], strokeWidth=1.5)
        drawn.append(rule.encode(axis, tooltip=["what:N", "hours:Q"]))
    note, words = curve_note(figures), curve_words(figures)
    return _titled(alt.layer(*drawn), TITLES["curve"], note, words, height=240)


CHARTS: Final[dict[str, tuple[Callable[[Figures], Any], Drawer]]] = {
    "deliveries": (_deliveries, draw_days),
    "curve": (_curve, draw_curve),
    "messages": (_messages, draw_messages),
}
"""Each chart by its name: how it is made with Altair, and how it is drawn without."""


def _legend() -> Any:  # noqa: ANN401 - Altair's
    """Return a legend beneath, where it is not cut off, in the full colours."""
    return _altair().Legend(orient="bottom", symbolOpacity=1, columns=3, labelLimit=150)


def _of(rows: list[dict[str, Any]]) -> Chart:
    """Return a chart that holds these rows itself: nothing is fetched to draw it."""
    alt = _altair()

    return alt.Chart(alt.Data(values=rows))


def _titled(chart: Chart, title: str, note: str, words: str, *, height: int) -> Chart:
    """Return the chart with its title, what its shares are of, and itself in words."""
    alt = _altair()

    head = alt.TitleParams(title, subtitle=textwrap.wrap(note, 80), anchor="start")
    return chart.properties(title=head, description=words, width=WIDTH, height=height)
