import contextlib
import random
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intercom_export_widgets.errors import TimeframeError
from intercom_export_widgets.intercom.timeframe import PRESETS, Timeframe
from intercom_export_widgets.intercom.zones import day_start, find_zone, zone_names

# Wednesday, 2018-07-11, 08:00 UTC
NOW = 1531296000.0
ODD_ZONES = [
    "UTC",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Havana",
    "America/St_Johns",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Asia/Pyongyang",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "Pacific/Chatham",
]


def seconds(text):
    return int(datetime.fromisoformat(text).timestamp())


def span(timeframe):
    return timeframe.created_at_after, timeframe.created_at_before


def test_the_documentations_days_are_inclusive():
    """The documentation's example range ends with the last second of its last day."""
    assert span(Timeframe.parse("2018-06-01 2018-06-30")) == (1527811200, 1530403199)


@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [
        ("America/New_York", "2018-06-01T04:00:00Z", "2018-07-01T03:59:59Z"),
        ("Europe/Dublin", "2018-05-31T23:00:00Z", "2018-06-30T22:59:59Z"),
        ("Asia/Kolkata", "2018-05-31T18:30:00Z", "2018-06-30T18:29:59Z"),
    ],
)
def test_days_are_exact_instants_in_their_zone(zone, first, last):
    """Whole days begin and end at local midnight."""
    found = Timeframe.parse("2018-06-01 2018-06-30", zone=zone)
    assert span(found) == (seconds(first), seconds(last))
    assert (found.first, found.last, found.days) == (date(2018, 6, 1), date(2018, 6, 30), 30)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", "2018-03-11", 23),
        ("America/New_York", "2018-11-04", 25),
        ("Europe/Dublin", "2018-03-25", 23),
        ("Europe/Dublin", "2018-10-28", 25),
        ("Asia/Kolkata", "2018-03-25", 24),
        ("America/Sao_Paulo", "2018-11-04", 23),
        ("America/Sao_Paulo", "2018-02-17", 25),
        ("Africa/Cairo", "2014-05-16", 23),
        ("Asia/Beirut", "2018-03-25", 23),
        ("America/Havana", "2018-03-11", 23),
        ("America/Havana", "2018-11-04", 25),
        ("Australia/Lord_Howe", "2018-10-07", 23.5),
        ("Asia/Pyongyang", "2018-05-04", 23.5),
    ],
)
def test_a_day_of_a_clock_change_has_its_own_length(zone, day, hours):
    """A day with a clock change is as long as it really is, and is a whole day still."""
    found = Timeframe.parse(day, zone=zone)
    assert (found.created_at_before - found.created_at_after + 1) / 3600 == hours
    assert found.whole_days
    assert str(found.first) == str(found.last) == day


def test_a_day_begins_where_its_midnight_is_skipped():
    """Where the clock skips midnight, the day begins with the first hour there is."""
    found = Timeframe.parse("2018-11-04", zone="America/Sao_Paulo")
    assert found.first_instant.isoformat() == "2018-11-04T01:00:00-02:00"


def test_a_skipped_day_is_refused():
    """A day that a zone never had is an error, and not another day."""
    with pytest.raises(TimeframeError, match="do not exist in Pacific/Apia") as caught:
        Timeframe.parse("2011-12-30", zone="Pacific/Apia")
    assert caught.value.field == "first"
    around = Timeframe.parse("2011-12-29 2011-12-31", zone="Pacific/Apia")
    assert around.created_at_before - around.created_at_after + 1 == 2 * 86400


@given(
    st.dates(date(1971, 1, 1), date(2037, 12, 1)),
    st.sampled_from([*ODD_ZONES, *zone_names()]),
)
def test_days_are_neither_doubled_nor_skipped(day, zone):
    """Each day ends one second before the next begins, in every zone."""
    found = find_zone(zone)
    start = day_start(day, found)
    assert datetime.fromtimestamp(start, found).date() >= day
    assert datetime.fromtimestamp(start - 1, found).date() < day
    following = day_start(day + timedelta(days=1), found)
    assert start <= following
    if start < following:
        assert span(Timeframe.of_days(day, day, zone)) == (start, following - 1)


def test_every_zone_has_whole_days():
    """In each zone of this machine, the days follow each other when a year's clocks change."""
    noons = [datetime(2018, 1, 1, 12, tzinfo=UTC) + timedelta(n) for n in range(366)]
    for zone in zone_names():
        found = find_zone(zone)
        offsets = [noon.astimezone(found).utcoffset() for noon in noons]
        changes = [n for n in range(1, 366) if offsets[n] != offsets[n - 1]]
        lengths = set()
        for n in changes or [180]:
            days = [noons[n].date() + timedelta(more) for more in range(-2, 4)]
            starts = [day_start(day, found) for day in days]
            lengths |= {(after - before) / 3600 for before, after in pairwise(starts)}
        # Casey, a station in Antarctica, moved its clock by three hours in March.
        assert lengths <= {21, 22, 23, 23.5, 24, 24.5, 25, 26, 27}, zone


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2018-06-01..2018-06-30", "2018-06-01 2018-06-30"),
        ("2018-06-01 .. 2018-06-30", "2018-06-01 2018-06-30"),
        ("  2018-06-01\t2018-06-30\n", "2018-06-01 2018-06-30"),
        ("2018-06-01 to 2018-06-30", "2018-06-01 2018-06-30"),
        ("2018-06-01", "2018-06-01 2018-06-01"),
        ("2018-06", "2018-06-01 2018-06-30"),
        ("2018-02", "2018-02-01 2018-02-28"),
        ("2016-02", "2016-02-01 2016-02-29"),
        ("2018-12", "2018-12-01 2018-12-31"),
        ("2018-Q2", "2018-04-01 2018-06-30"),
        ("2018-q4", "2018-10-01 2018-12-31"),
        ("2018", "2018-01-01 2018-12-31"),
        ("2018-06 2018-08", "2018-06-01 2018-08-31"),
        ("2018-Q1..2018-Q2", "2018-01-01 2018-06-30"),
        ("2017 2018-06-15", "2017-01-01 2018-06-15"),
        ("today", "2018-07-11 2018-07-11"),
        ("yesterday", "2018-07-10 2018-07-10"),
        ("yesterday today", "2018-07-10 2018-07-11"),
        ("last-7-days", "2018-07-04 2018-07-10"),
        ("last-45-days", "2018-05-27 2018-07-10"),
        ("last-week", "2018-07-02 2018-07-08"),
        ("Last-Month", "2018-06-01 2018-06-30"),
        ("last-quarter", "2018-04-01 2018-06-30"),
        ("last-year", "2017-01-01 2017-12-31"),
        ("month-to-date", "2018-07-01 2018-07-11"),
        ("year-to-date", "2018-01-01 2018-07-11"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Apia"])
def test_every_form_of_days(text, same, zone):
    """Each written form means the days that it says, in every zone."""
    assert Timeframe.parse(text, zone=zone, now=NOW) == Timeframe.parse(same, zone=zone)


@pytest.mark.parametrize(
    ("now", "text", "same"),
    [
        ("2018-01-15T12:00Z", "last-month", "2017-12"),
        ("2018-01-15T12:00Z", "last-quarter", "2017-Q4"),
        ("2018-04-01T12:00Z", "last-quarter", "2018-Q1"),
        ("2018-03-31T12:00Z", "last-month", "2018-02"),
        ("2018-01-01T12:00Z", "month-to-date", "2018-01-01"),
        ("2018-07-09T12:00Z", "last-week", "2018-07-02 2018-07-08"),
        ("2018-07-08T12:00Z", "last-week", "2018-06-25 2018-07-01"),
        ("2016-03-01T00:00Z", "yesterday", "2016-02-29"),
    ],
)
def test_presets_at_the_borders_of_years_and_weeks(now, text, same):
    """Presets are right on the first and last days of their periods."""
    assert Timeframe.parse(text, now=seconds(now)) == Timeframe.parse(same)


def test_today_is_the_days_of_the_zone():
    """A preset counts from the local day, which may be another than UTC's."""
    now = seconds("2018-07-11T23:00:00Z")
    assert str(Timeframe.parse("today", zone="Asia/Kolkata", now=now).first) == "2018-07-12"
    assert str(Timeframe.parse("today", zone="America/New_York", now=now).first) == "2018-07-11"


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_parses_and_is_past(name):
    """Every preset that is offered is a range that may be asked for."""
    found = Timeframe.parse(name, now=NOW, zone="Europe/Dublin")
    assert found.whole_days
    found.check_past(NOW)


def test_unix_seconds_pass_through_unchanged():
    """Unix seconds given by the user are not rounded to days, in any zone."""
    for zone in ODD_ZONES:
        found = Timeframe.parse("1527811200 1530316800", zone=zone)
        assert span(found) == (1527811200, 1530316800)
    assert not Timeframe.parse("1527811200 1530316800").whole_days


@pytest.mark.parametrize(
    ("text", "zone", "first", "last"),
    [
        (
            "2018-06-01T00:00:00+02:00 2018-06-30T23:59:59+02:00",
            "UTC",
            "2018-05-31T22:00:00Z",
            "2018-06-30T21:59:59Z",
        ),
        ("2018-06-01T09:30Z 2018-06-01T09:30:00z", "Asia/Kolkata", *["2018-06-01T09:30:00Z"] * 2),
        (
            "2018-06-01T09:30 2018-06-02",
            "America/New_York",
            "2018-06-01T13:30:00Z",
            "2018-06-03T03:59:59Z",
        ),
        (
            "2018-06-01..2018-06-01T12:00:00.9",
            "UTC",
            "2018-06-01T00:00:00Z",
            "2018-06-01T12:00:00Z",
        ),
        # The clock shows 01:30 twice: the range holds both.
        (
            "2018-11-04T01:30 2018-11-04T01:30",
            "America/New_York",
            "2018-11-04T05:30:00Z",
            "2018-11-04T06:30:00Z",
        ),
    ],
)
def test_instants_stand_for_themselves(text, zone, first, last):
    """An instant is read with its offset, or locally, and is not stretched to a day."""
    assert span(Timeframe.parse(text, zone=zone)) == (seconds(first), seconds(last))


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        ("", "first", "'created_at_after' is a required parameter"),
        (" \t", "first", "'created_at_after' is a required parameter"),
        ("..", "first", "'created_at_after' is a required parameter"),
        ("..2018-06-30", "first", "'created_at_after' is a required parameter"),
        ("2018-06-01..", "last", "'created_at_before' is a required parameter"),
        ("1527811200", "last", "'created_at_before' is a required parameter"),
        ("2018-06-01T09:30", "last", "'created_at_before' is a required parameter"),
        ("2018-06-30 2018-06-01", "last", "created_at_after is greater than created_at_before"),
        ("2018-06-02 2018-06-01", "last", "created_at_after is greater than created_at_before"),
        ("1530316800 1527811200", "last", "created_at_after is greater than created_at_before"),
        ("2018-02-31", "first", "not a date that exists"),
        ("2018-06-01 2018-06-31", "last", "not a date that exists"),
        ("2018-13", "first", "not a date that exists"),
        ("2018-00", "first", "not a date that exists"),
        ("2018-Q5", "first", "not a date that exists"),
        ("2018-Q0", "first", "not a date that exists"),
        ("2018-06-01T25:00 2018-06-02", "first", "not an instant that exists"),
        ("2018-06-01 2018-06-30T23:59:99", "last", "not an instant that exists"),
        ("12018-06-01 2018-06-02", "first", "more than four digits"),
        ("2018-06-01 20180-06-02", "last", "more than four digits"),
        ("0001-01-01", "first", "outside of 1970"),
        ("9999-12-31", "first", "outside of 1970"),
        ("20180601", "first", "neither a date nor Unix seconds"),
        ("1527811200000 1530316800000", "first", "milliseconds"),
        ("1 june", "first", "not a date or a range"),
        ("2018-6-1", "first", "not a date or a range"),
        ("last-0-days", "first", "not a date or a range"),
        ("last-9999999-days", "first", "not a date or a range"),
        ("2018-06-01 2018-06-30 2018-07-01", "last", "more than two parts"),
        ("2018-06-01 noon .. 2018-06-30", "last", "more than two parts"),
        ("\uff12\uff10\uff11\uff18", "first", "not a date or a range"),
        ("-5 5", "first", "not a date or a range"),
    ],
)
def test_wrong_ranges_say_what_is_wrong_and_where(text, field, said):
    """A wrong range raises one sentence, Intercom's own where it has one, at its field."""
    with pytest.raises(TimeframeError) as caught:
        Timeframe.parse(text, now=NOW)
    assert said in caught.value.message
    assert caught.value.field == field
    assert caught.value.advice


def test_an_instant_that_the_clock_skips_is_refused():
    """A local time inside a gap does not silently become another."""
    with pytest.raises(TimeframeError, match="does not exist in America/New_York"):
        Timeframe.parse("2018-03-11T02:30 2018-03-12", zone="America/New_York")


def test_a_misspelt_preset_names_the_nearest():
    """A near miss is told the name that it misses."""
    with pytest.raises(TimeframeError, match="Did you mean last-month"):
        Timeframe.parse("last_month", now=NOW)


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Europe/Dubln", "Did you mean Europe/Dublin"),
        ("dublin", "Did you mean Europe/Dublin"),
        ("New York", "Did you mean America/New_York"),
        ("", "The time zone is empty"),
        ("../../etc/passwd", "There is no time zone"),
        ("/etc/localtime", "There is no time zone"),
        ("America", "There is no time zone"),
        ("right/UTC", "There is no time zone"),
        ("localtime", "There is no time zone"),
        ("posixrules", "There is no time zone"),
        ("UTC\0", "There is no time zone"),
        ("\ud800", "There is no time zone"),
        ("x" * 100_000, "There is no time zone"),
    ],
)
def test_an_unknown_zone_is_refused_whatever_it_is(zone, said):
    """No name of a zone, however hostile, does more than raise at its field."""
    for make in (partial(Timeframe.parse, "2018"), partial(Timeframe, 1, 2)):
        with pytest.raises(TimeframeError) as caught:
            make(zone=zone)
        assert said in str(caught.value)
        assert caught.value.field == "zone"
        assert len(str(caught.value)) < 300


@given(st.text(), st.sampled_from(ODD_ZONES))
def test_any_text_is_a_range_or_the_documented_error(text, zone):
    """Nothing but TimeframeError comes out, for any text."""
    error = None
    try:
        Timeframe.parse(text, zone=zone, now=NOW)
    except TimeframeError as raised:
        error = raised
    assert error is None or error.field in {"first", "last"}


@given(
    st.lists(
        st.one_of(
            st.sampled_from([*PRESETS, "..", "to", "2018", "2018-Q3", "2018-02-30", "9999-12"]),
            st.from_regex(r"[0-9]{4,13}(-[0-9]{2}){0,2}(T[0-9]{2}:[0-9]{2}Z?)?", fullmatch=True),
        ),
        max_size=3,
    ).map(" ".join),
    st.text(max_size=30),
)
def test_nearly_right_texts_and_any_zone(text, zone):
    """Texts made of the forms themselves, and any zone, raise nothing else either."""
    for name in ("Pacific/Apia", zone):
        with contextlib.suppress(TimeframeError):
            Timeframe.parse(text, zone=name, now=NOW)


@given(
    st.integers(0, 4_000_000_000),
    st.integers(0, 100_000_000),
    st.sampled_from(ODD_ZONES),
)
def test_a_literal_reads_back(start, length, zone):
    """The literal of any range parses to the same range."""
    found = Timeframe(start, start + length, zone)
    assert Timeframe.parse(found.literal, zone=zone, now=NOW) == found


def test_the_literal_of_days_is_days():
    """The magic line that a form shows has dates in it, not seconds."""
    assert Timeframe.parse("2018-06", zone="Europe/Dublin").literal == "2018-06-01 2018-06-30"
    assert Timeframe(1527811200, 1530316800).literal == "1527811200 1530316800"


def test_an_empty_picker_says_intercoms_sentence():
    """An empty picker is told what Intercom would say, at its own field."""
    day = date(2018, 6, 1)
    for first, last, field, name in [
        (None, None, "first", "created_at_after"),
        (None, day, "first", "created_at_after"),
        (day, None, "last", "created_at_before"),
    ]:
        with pytest.raises(TimeframeError) as caught:
            Timeframe.of_days(first, last)
        assert caught.value.message == f"'{name}' is a required parameter"
        assert caught.value.field == field


def test_reversed_days_name_both():
    """Reversed pickers get Intercom's sentence, and advice that names both days."""
    with pytest.raises(TimeframeError) as caught:
        Timeframe.of_days(date(2018, 6, 30), date(2018, 6, 1))
    assert caught.value.message == "created_at_after is greater than created_at_before"
    assert caught.value.field == "last"
    assert "2018-06-30" in caught.value.advice
    assert "2018-06-01" in caught.value.advice


@pytest.mark.parametrize(
    ("first", "last"), [(-1, 5), (5, 10**11), (True, 5), (1.5, 5), ("1", 5), (0, 10**400)]
)
def test_a_timeframe_holds_whole_seconds_only(first, last):
    """A range can't be built from what the API would not take."""
    with pytest.raises(TimeframeError):
        Timeframe(first, last)


def test_a_day_at_the_end_of_time_is_refused():
    """The last days that Python knows raise the documented error too."""
    for day in (date.max, date(6000, 1, 1), date.min):
        with pytest.raises(TimeframeError):
            Timeframe.of_days(day, day)


def test_all_of_today_is_fine_and_tomorrow_is_not():
    """A range may end with the last second of today, in its own zone, and not after."""
    Timeframe.parse("today", now=NOW).check_past(NOW)
    with pytest.raises(TimeframeError) as caught:
        Timeframe.parse("2018-07-11 2018-07-12").check_past(NOW)
    assert caught.value.field == "last"
    # 08:00 UTC on the 11th is the evening of the 11th in Apia, the 10th in Honolulu.
    Timeframe.parse("2018-07-11", zone="Pacific/Apia").check_past(NOW)
    with pytest.raises(TimeframeError):
        Timeframe.parse("2018-07-11", zone="Pacific/Honolulu").check_past(NOW)


def test_a_description_shows_the_range_three_ways():
    """A description says local days, UTC instants, Unix seconds and the number of days."""
    found = Timeframe.parse("2018-06-01 2018-06-30", zone="Europe/Dublin").describe()
    assert found.local == "2018-06-01 to 2018-06-30 (Europe/Dublin)"
    assert found.utc == "2018-05-31 23:00:00 to 2018-06-30 22:59:59 UTC"
    assert found.unix == "1527807600 to 1530399599"
    assert found.days == 30
    assert found.daylight == ""


def test_a_description_notes_clock_changes():
    """Clock changes within a range are named with their days, and many are counted."""
    year = Timeframe.parse("2018", zone="Europe/Dublin").describe()
    assert year.daylight == "The clock goes forward 1 h on 2018-03-25, back 1 h on 2018-10-28."
    lord_howe = Timeframe.parse("2018-10-07", zone="Australia/Lord_Howe").describe()
    assert lord_howe.daylight == "The clock goes forward 30 min on 2018-10-07."
    decade = Timeframe.parse("2010 2018", zone="Europe/Dublin").describe()
    assert decade.daylight.endswith("and 14 more times.")


def test_labels_are_short():
    """A label shows days as days, one day once, and instants as ISO 8601."""
    assert Timeframe.parse("2018-06").label == "2018-06-01 to 2018-06-30 (UTC)"
    assert Timeframe.parse("2018-06-01").label == "2018-06-01 (UTC)"
    assert Timeframe(1527811200, 1530316800).label == (
        "2018-06-01T00:00:00+00:00 to 2018-06-30T00:00:00+00:00 (UTC)"
    )


def test_instants_are_aware():
    """The first and last instants carry the range's own zone."""
    found = Timeframe.parse("2018-06", zone="Asia/Kolkata")
    assert found.first_instant == datetime(2018, 6, 1, tzinfo=ZoneInfo("Asia/Kolkata"))
    assert found.last_instant.astimezone(UTC).isoformat() == "2018-06-30T18:29:59+00:00"


def test_a_timeframe_is_a_value():
    """Equal ranges are equal and hash alike, and none can be changed."""
    assert len({Timeframe.parse("2018-06"), Timeframe.parse("2018-06-01 2018-06-30")}) == 1
    with pytest.raises(AttributeError):
        Timeframe.parse("2018-06").zone = "UTC"


def test_random_days_agree_with_a_scan_of_the_zone():
    """The first instant of a day is what a scan second by second over the day finds."""
    generator = random.Random(2)  # noqa: S311 - picks examples
    for _ in range(40):
        zone = find_zone(generator.choice(ODD_ZONES))
        day = date(1975, 1, 1) + timedelta(days=generator.randrange(20000))
        noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
        half_hours = range(noon - 30 * 3600, noon + 30 * 3600, 1800)
        scanned = next(at for at in half_hours if datetime.fromtimestamp(at, zone).date() >= day)
        assert scanned - 1800 < day_start(day, zone) <= scanned
