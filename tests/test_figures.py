"""The numbers behind the pictures, and the small pictures themselves."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser

import pandas as pd
import pyarrow as pa
import pytest

from intercom_export_widgets.data.chart_data import OTHER, Origin, figures_of, interval, short_day
from intercom_export_widgets.data.gauges import HOURS, ReceiptGauge
from intercom_export_widgets.data.svg_charts import (
    COLORS,
    DAYS_AT_MOST,
    LEFT,
    WIDTH,
    nice_step,
    pictures_of,
)
from intercom_export_widgets.data.tables import Tables
from intercom_export_widgets.errors import ExportWarning

MARKUP = "<script>alert(1)</script>&\"'"
JUNE = 1527811200
DAY = 86_400


@pytest.fixture
def june(session):
    """Figures and receipts of a June in Dublin whose opens are counted for three days more."""
    export = session.submit("2018-06-01 2018-06-30", observe="3d").wait()
    export.timeframe = replace(export.timeframe, zone="Europe/Dublin")
    with pytest.warns(ExportWarning, match="left out"):
        return export.figures, export.receipts


def batch(rows, **columns):
    """Return deliveries, a minute apart, opened after an hour each."""
    received = pa.array([(JUNE + 60 * n) * 10**6 for n in range(rows)], pa.timestamp("us", "UTC"))
    opened = pa.array(
        [(JUNE + 60 * n + 3600) * 10**6 for n in range(rows)], pa.timestamp("us", "UTC")
    )
    given = {
        "ruleset_id": pa.array(["r1"] * rows),
        "content_type": pa.array(["email"] * rows).dictionary_encode(),
        "content_title": pa.array(["Welcome"] * rows).dictionary_encode(),
        "received_at": received,
        "first_open": opened,
    }
    return pa.record_batch(given | columns)


class Held(Tables):
    """Tables that hold batches, not an archive."""

    def __init__(self, *batches, **attrs):
        super().__init__(None, attrs=attrs)
        self.batches = batches

    def fold(self, *asked):
        """Let what the last argument makes take these batches."""
        taker = asked[-1]()
        for each in self.batches:
            taker.add(each)
        return taker


def test_days_are_those_of_the_zone_and_every_delivery_is_in_one(june):
    """Counts by local day and content type are what pandas counts from the whole table."""
    figures, receipts = june
    daily = figures.daily(92)
    local = receipts.received_at.dt.tz_convert("Europe/Dublin").dt.date
    wanted = pd.crosstab(receipts.content_type, local)
    assert daily.unit == "day"
    assert daily.days[0] == date(2018, 6, 1)
    for kind, counts in zip(daily.kinds, daily.counts, strict=True):
        if kind != OTHER:
            assert [wanted.loc[kind].get(day, 0) for day in daily.days] == list(counts)
    assert sum(map(sum, daily.counts)) == figures.sent == len(receipts)
    assert figures.origin.observed.endswith("Europe/Dublin")


def test_messages_have_the_counts_of_the_table(june):
    """Sent, opened and clicked are counted by message, the one that was sent most first."""
    figures, receipts = june
    wanted = receipts.groupby("ruleset_id", observed=True).agg(
        sent=("receipt_id", "size"),
        opened=("first_open", "count"),
        clicked=("first_click", "count"),
    )
    found = [[m.sent, m.opened, m.clicked] for m in figures.messages]
    assert sorted(found) == sorted(wanted.to_numpy().tolist())
    assert [m.sent for m in figures.messages] == sorted(wanted.sent, reverse=True)
    assert {m.title for m in figures.messages} <= set(receipts.content_title)


def test_curve_is_the_share_opened_and_knows_who_was_watched_so_long(june):
    """Each of its shares has the denominator that it names."""
    figures, receipts = june
    curve = figures.curve
    until = pd.Timestamp(receipts.attrs["observed_until"]) + pd.Timedelta(seconds=1)
    delay = receipts.first_open - receipts.received_at
    watched = until - receipts.received_at
    for place in range(0, len(curve.hours), 7):
        hours = pd.Timedelta(hours=curve.hours[place])
        long, early = watched >= hours, delay <= hours
        assert curve.counted[place] == pytest.approx(early.mean())
        assert curve.watched[place] == pytest.approx(long.mean())
        if curve.fair[place] is not None:
            assert curve.fair[place] == pytest.approx(early[long].mean())
    assert curve.youngest == pytest.approx(watched.min() / pd.Timedelta(hours=1))
    assert 72 <= curve.youngest < 96


def test_opens_that_the_range_cuts_off_are_told_from_those_that_never_came():
    """Half were received an hour before the end: among those watched longer, all opened."""
    early, late = batch(100), batch(100)
    unopened = pa.nulls(100, pa.timestamp("us", "UTC"))
    late = batch(100, first_open=unopened)
    shifted = pa.array([(JUNE + 20 * 3600) * 10**6] * 100, pa.timestamp("us", "UTC"))
    late = late.set_column(3, "received_at", shifted)
    tables = Held(early, late, observed_until="2018-06-01T20:59:59Z", received_from="")
    curve = figures_of(tables).curve
    place = curve.hours.index(6)
    assert (curve.counted[place], curve.watched[place], curve.fair[place]) == (0.5, 0.5, 1.0)
    assert curve.youngest == pytest.approx(1.0)


def test_long_ranges_are_drawn_by_week_and_by_month():
    """However long a range is, it has as many columns as there is room for."""
    rows = 24 * 3
    received = pa.array(
        [(JUNE + 15 * n * DAY) * 10**6 for n in range(rows)], pa.timestamp("us", "UTC")
    )
    figures = figures_of(Held(batch(rows).set_column(3, "received_at", received)))
    assert [figures.daily(n).unit for n in (2000, 200, 40)] == ["day", "week", "month"]
    for at_most in (2000, 200, 40):
        daily = figures.daily(at_most)
        assert len(daily.days) <= at_most
        assert sum(map(sum, daily.counts)) == rows
    assert figures.daily(200).days[0] == date(2018, 5, 28)


def test_months_are_named_with_their_years():
    """Of several years there is more than one January."""
    received = pa.array(
        [(JUNE + 30 * n * DAY) * 10**6 for n in range(36)], pa.timestamp("us", "UTC")
    )
    figures = figures_of(Held(batch(36).set_column(3, "received_at", received)))
    drawn = pictures_of(figures)[0].as_html()
    named = re.findall(r">([A-Z][a-z]{2} \d{4})<", drawn)
    assert named[0] == "Jun 2018"
    assert len(set(named)) == len(named) > 3


def test_each_day_that_is_named_stands_under_its_column(june):
    """The first as the others: in the middle of its slot."""
    figures, _ = june
    days = figures.daily(DAYS_AT_MOST).days
    slot = (WIDTH - LEFT) / len(days)
    middles = [LEFT + (place + 0.5) * slot for place in range(len(days))]
    drawn = pictures_of(figures)[0].as_html()
    named = re.findall(r'<text x="([\d.]+)"[^>]*>(\d+ [A-Z][a-z]{2})<', drawn)
    assert named[0][1] == short_day(days[0])
    for x, name in named:
        place = [short_day(day) for day in days].index(name)
        assert float(x) == pytest.approx(middles[place], abs=0.1)


@pytest.mark.parametrize("stray", [0, 94_668_480_000])
def test_one_stray_instant_does_not_swallow_the_others(stray):
    """It is counted aloud and not drawn; the days of the others are drawn as days."""
    instants = [JUNE * 10**6, (JUNE + DAY) * 10**6, stray * 10**6]
    table = pa.record_batch({"received_at": pa.array(instants, pa.timestamp("us", "UTC"))})
    daily = figures_of(Held(table)).daily(92)
    assert (daily.unit, sum(map(sum, daily.counts)), daily.beyond) == ("day", 2, 1)
    assert len(daily.days) <= 92


def test_days_begin_at_local_midnight_where_clocks_change_and_offsets_are_odd():
    """A zone 5 h 45 min off, and the day of 25 hours, keep their own midnight."""
    for zone, midnight in (
        ("Asia/Kathmandu", datetime(2018, 6, 1, 18, 15, tzinfo=UTC)),
        ("Europe/Dublin", datetime(2018, 10, 29, 0, 0, tzinfo=UTC)),
    ):
        instants = [midnight - timedelta(seconds=1), midnight]
        table = pa.record_batch({"received_at": pa.array(instants, pa.timestamp("us", "UTC"))})
        daily = figures_of(Held(table, zone=zone)).daily(92)
        assert daily.counts == ((1, 1),)


@pytest.mark.parametrize("rows", [1, 100_000])
def test_pictures_are_as_small_for_many_as_for_few(rows):
    """What is sent to the page does not grow with the table, nor with its messages and kinds."""
    codes = [str(n % 5000) for n in range(rows)]
    names = pa.array([f"A title that is not short at all {c}" for c in codes]).dictionary_encode()
    kinds = pa.array([f"kind {n % 40}" for n in range(rows)]).dictionary_encode()
    table = batch(rows, ruleset_id=pa.array(codes), content_title=names, content_type=kinds)
    figures = figures_of(Held(table, observed_until="2018-09-01T00:00:00Z"))
    sent = json.dumps([drawing.as_json() for drawing in pictures_of(figures)])
    assert len(sent) < 30_000
    assert len("".join(drawing.as_html() for drawing in pictures_of(figures))) < 40_000


def test_a_gauge_keeps_counts_only():
    """After a hundred batches it holds no more than after one."""
    sizes = []
    for batches in (1, 100):
        gauge = ReceiptGauge(JUNE + 40 * DAY)
        for _ in range(batches):
            gauge.add(batch(500))
        assert gauge.sent == 500 * batches
        sizes.append((len(gauge.quarters), len(gauge.messages), gauge.opened.nbytes))
    assert sizes[0] == sizes[1]


class Escaped(HTMLParser):
    """Collects the elements and texts of HTML."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(html)

    def handle_starttag(self, tag, *_):
        """Note an element."""
        self.tags.append(tag)

    def handle_data(self, data):
        """Note a text."""
        self.texts.append(data)


def test_titles_are_text_wherever_they_stand():
    """Markup in a title, a type or a zone is neither element nor attribute."""
    hostile = pa.array([MARKUP] * 40).dictionary_encode()
    table = batch(40, content_title=hostile, content_type=hostile)
    drawings = pictures_of(figures_of(Held(table, zone=MARKUP, sandbox=True)))
    page = Escaped("".join(drawing.as_html() for drawing in drawings))
    assert {"figure", "svg", "path", "text"} <= set(page.tags)
    assert "script" not in page.tags
    assert any("<script>" in text for text in page.texts)
    assert all("Sandbox: synthetic data" in drawing.note for drawing in drawings)
    assert all(drawing.description for drawing in drawings)


def test_nothing_delivered_is_nothing_drawn():
    """Without receipts, without instants or without a range there are no empty axes."""
    assert pictures_of(figures_of(Tables(None))) == ()
    bare = pa.record_batch({"content_title": pa.array(["Welcome", None])})
    figures = figures_of(Held(bare))
    assert (figures.sent, figures.undated) == (2, 2)
    assert [drawing.title for drawing in pictures_of(figures)] == [
        "Opened and clicked, of those sent"
    ]


def test_unknown_observation_is_said_and_draws_no_second_line():
    """A file whose range is not known says so, and promises nothing about who was watched."""
    drawings = pictures_of(figures_of(Held(batch(50))))
    assert "is not known" in drawings[1].note
    assert "of those observed so long" not in drawings[1].as_html()
    assert Origin.of({}).observed_until is None


def test_hours_are_few_and_begin_with_every_hour():
    """The curve has a point an hour for two days, and ends after thirty."""
    assert HOURS[:3] == (0, 1, 2)
    assert (HOURS[-1], len(HOURS)) == (720, 92)
    assert list(HOURS) == sorted(set(HOURS))


@pytest.mark.parametrize(("count", "of"), [(0, 10), (1, 2), (30, 30), (50, 1000)])
def test_intervals_hold_the_share_and_shrink_with_numbers(count, of):
    """A share lies in its interval, between 0 and 1; ten times as many make it narrower."""
    low, high = interval(count, of)
    assert 0 <= low <= count / of <= high <= 1
    narrow = interval(10 * count, 10 * of)
    assert narrow[1] - narrow[0] < high - low
    assert interval(0, 0) == (0.0, 1.0)


def test_colors_stand_out_in_both_themes():
    """Each has a contrast of 3 or more with JupyterLab's backgrounds, as WCAG asks of graphics."""

    def light(color):
        parts = [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for color in COLORS:
        for background in ("#ffffff", "#111111", "#212121"):
            pair = sorted((light(color), light(background)))
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 3, (color, background)


@pytest.mark.parametrize("most", [0, 1, 7, 99, 100, 12_345])
def test_axes_have_few_round_numbers(most):
    """Four steps reach what is drawn, and are not ten times too many."""
    step = nice_step(most)
    assert most <= 4 * step <= max(4, 10 * most)
