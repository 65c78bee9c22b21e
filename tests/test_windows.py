"""Cutting ranges into windows, in every zone."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intercom_export_widgets.errors import TimeframeError
from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.intercom.windows import WORDS, divide, split
from intercom_export_widgets.intercom.zones import zone_names

EVERY = st.sampled_from([*WORDS, "1d", "7d", "30d", "30 days", "400d"])
DAYS = st.dates(date(1970, 1, 3), date(2060, 1, 1))


def check_partition(timeframe, windows):
    """The windows are the range: none is empty, doubled, skipped or out of order."""
    assert windows[0].created_at_after == timeframe.created_at_after
    assert windows[-1].created_at_before == timeframe.created_at_before
    for window in windows:
        assert window.created_at_after <= window.created_at_before
    for before, after in zip(windows, windows[1:], strict=False):  # noqa: RUF007 - as it reads
        assert after.created_at_after == before.created_at_before + 1


@given(st.sampled_from(zone_names()), DAYS, st.integers(0, 800), EVERY)
def test_windows_partition_any_range_of_days_in_any_zone(zone, first, length, every):
    """Not a second is doubled or skipped, whatever the clock does there."""
    try:
        timeframe = Timeframe.of_days(first, first + timedelta(days=length), zone)
    except TimeframeError:
        return  # a day that the calendar of that zone skips
    windows = split(timeframe, every)
    check_partition(timeframe, windows)
    assert {window.zone for window in windows} == {zone}


@given(
    st.sampled_from(zone_names()),
    st.integers(0, 3_000_000_000),
    st.integers(0, 90_000_000),
    EVERY,
    st.integers(1, 50),
)
def test_windows_partition_any_range_of_instants(zone, after, length, every, parts):
    """Unix seconds that are no whole days are cut at local midnights, without a gap."""
    timeframe = Timeframe(after, after + length, zone)
    check_partition(timeframe, split(timeframe, every))
    divided = divide(timeframe, parts)
    check_partition(timeframe, divided)
    assert len(divided) <= parts


def test_three_years_have_thirty_six_months():
    """2023-01-01 to 2025-12-31 every month is 36 windows of whole months, over clock changes."""
    timeframe = Timeframe.parse("2023-01-01 2025-12-31", zone="Europe/Dublin")
    windows = split(timeframe, "month")
    assert len(windows) == 36
    assert all(window.whole_days and window.first.day == 1 for window in windows)
    assert windows[2].literal == "2023-03-01 2023-03-31"


@pytest.mark.parametrize(
    ("every", "literals"),
    [
        ("week", ["2024-01-30 2024-02-04", "2024-02-05 2024-02-11", "2024-02-12 2024-02-12"]),
        ("month", ["2024-01-30 2024-01-31", "2024-02-01 2024-02-12"]),
        ("10d", ["2024-01-30 2024-02-08", "2024-02-09 2024-02-12"]),
        ("Year", ["2024-01-30 2024-02-12"]),
    ],
)
def test_windows_follow_the_calendar_or_the_count(every, literals):
    """Weeks begin on Monday, months on the first; counted days with the range."""
    timeframe = Timeframe.parse("2024-01-30 2024-02-12")
    assert [window.literal for window in split(timeframe, every)] == literals


@pytest.mark.parametrize("every", ["", "fortnight", "0d", "-3d", "month,week", "1e3d", "99999d"])
def test_what_is_no_length_is_said(every):
    """The error names the words there are."""
    with pytest.raises(TimeframeError, match="month") as caught:
        split(Timeframe.parse("2024"), every)
    assert caught.value.field == "every"


def test_what_is_observed_holds_for_every_window():
    """All windows count opens and clicks until the same moment."""
    timeframe = Timeframe.parse("2024-01").observed("2024-02-20", now=2e9)
    assert {window.observed_until for window in split(timeframe, "week")} == {
        timeframe.observed_until
    }
