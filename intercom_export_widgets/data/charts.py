"""The pictures of an export as Altair charts: ``Figures → chart``, of a few hundred numbers.

Altair is imported here and in `offline`, when a chart is asked for. Times are told as UTC, so
that a browser's own zone moves no day. It refuses to know Tables, jobs and notebooks.
"""

from __future__ import annotations

import difflib
import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from intercom_export_widgets.arguments import expect
from intercom_export_widgets.data.drawing import COLORS
from intercom_export_widgets.data.figures import interval
from intercom_export_widgets.data.pictures import draw_curve, draw_days, draw_messages
from intercom_export_widgets.data.words import (
    TITLES,
    curve_note,
    curve_words,
    cut_title,
    daily_note,
    daily_words,
    deliveries,
    messages_note,
    messages_words,
    percent,
)
from intercom_export_widgets.errors import InputError, PackageMissingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from intercom_export_widgets.data.drawing import Drawing
    from intercom_export_widgets.data.figures import Figures

    Drawer = Callable[[Figures], "Drawing | None"]

__all__ = ["CHARTS", "Chart", "chart_of"]

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
    from intercom_export_widgets.data.offline import offline

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
