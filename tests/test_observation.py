"""Until when opens and clicks are counted: the words for it, and the data that come of it."""

from __future__ import annotations

import contextlib
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intercom_export_widgets.errors import ExportWarning, TimeframeError
from intercom_export_widgets.intercom.timeframe import Timeframe

NOW = dt.datetime(2018, 9, 1, 12, tzinfo=dt.UTC).timestamp()
JUNE = Timeframe.parse("2018-06", zone="Europe/Dublin", now=NOW)


@pytest.mark.parametrize(
    ("word", "until"),
    [
        ("30d", "2018-07-30T22:59:59"),
        ("30 days", "2018-07-30T22:59:59"),
        ("0d", "2018-06-30T22:59:59"),
        ("2018-07-31", "2018-07-31T22:59:59"),
        ("2018-07", "2018-07-31T22:59:59"),
        ("2018-07-01T10:00Z", "2018-07-01T10:00:00"),
        ("now", "2018-09-01T12:00:00"),
        ("9999d", "2018-09-01T12:00:00"),
        ("2019-01-01", "2018-09-01T12:00:00"),
        (dt.date(2018, 7, 31), "2018-07-31T22:59:59"),
    ],
    ids=str,
)
def test_each_word_says_an_instant_that_is_never_past_now(word, until):
    """Days end in the range's own zone, and nothing is asked for that is still to come."""
    found = JUNE.observed(word, now=NOW).observed_until
    assert dt.datetime.fromtimestamp(found, dt.UTC).isoformat()[:19] == until


@pytest.mark.parametrize("word", ["2018-06-29", "yesteryear", "-3d", "30dd", "1d 2d", "٣d"])
def test_what_says_no_later_day_is_refused_at_its_field(word):
    """The sentence says how to write it, and belongs to the third picker."""
    with pytest.raises(TimeframeError) as caught:
        JUNE.observed(word, now=NOW)
    assert caught.value.field == "observed"
    assert caught.value.advice


@pytest.mark.parametrize(("word", "meant"), [("nwo", "now"), ("yesterdya", "yesterday")])
def test_a_word_that_is_nearly_one_is_told(word, meant):
    """The error of a mistyped observed-until names the word that was probably meant."""
    with pytest.raises(TimeframeError, match=rf"Did you mean {meant}\?") as caught:
        JUNE.observed(word, now=NOW)
    assert caught.value.field == "observed"


def test_without_a_word_the_range_is_observed_until_its_end():
    """Nothing and an empty word leave the request as long as the range."""
    assert JUNE.observed(None, now=NOW) == JUNE.observed("", now=NOW) == JUNE
    assert JUNE.request_end == JUNE.created_at_before


@given(st.text(max_size=12))
def test_any_text_is_understood_or_refused_in_a_sentence(text):
    """No word ends in another error than the documented one."""
    with contextlib.suppress(TimeframeError):
        found = JUNE.observed(text, now=NOW)
        assert JUNE.created_at_before <= found.request_end <= NOW


def test_a_longer_look_counts_julys_opens_and_keeps_junes_messages(session):
    """Rows received later are left out, and each table says until when it looked."""
    short = session.submit("2018-06-01 2018-06-07").wait(30)
    long = session.submit("2018-06-01 2018-06-07", observe="60d").wait(30)
    before = short.receipts
    with pytest.warns(ExportWarning, match="lie outside the range asked for"):
        after = long.receipts
    assert set(after["receipt_id"]) == set(before["receipt_id"])
    assert after["first_open"].notna().sum() > before["first_open"].notna().sum()
    assert after["first_open"].max() > before["received_at"].max()
    assert before.attrs["observed_until"] == "2018-06-07T23:59:59Z"
    assert after.attrs["observed_until"] == "2018-08-06T23:59:59Z"
    assert after.attrs["received_until"] == before.attrs["received_until"]
    assert after.attrs["rows_trimmed"] > 0
    with pytest.warns(ExportWarning, match="of open"):
        opens = long.tables["open"]
    assert set(opens["receipt_id"]) <= set(after["receipt_id"])


def test_the_longer_look_is_in_the_ledger_and_comes_back_from_it(session, sandbox):
    """What was requested and what is kept are both written down, and attach knows them."""
    export = session.submit("2018-06-01", observe="10d").wait(30)
    (row,) = session.log().itertuples()
    assert str(row.created_at_before) == "2018-06-11 23:59:59+00:00"
    assert str(row.received_until) == "2018-06-01 23:59:59+00:00"
    (asked,) = [seen for seen in sandbox.requests if seen.call == "create"]
    assert asked.method == "POST"
    taken = session.load(export.job_identifier)
    assert taken.timeframe == export.timeframe
    assert taken.timeframe.observed_until == export.timeframe.created_at_before + 10 * 86400
