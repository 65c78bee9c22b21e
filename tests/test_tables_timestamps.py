"""Timestamps of every form, against Python's datetime, which is the referee."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.reading import Reading
from intercom_export_widgets.data.tables import read_arrow, read_table
from intercom_export_widgets.data.timestamps import from_integers, from_text, known_zone

ZONES = st.sampled_from(
    [
        *("UTC", "America/New_York", "Europe/Dublin", "Asia/Kolkata", "Australia/Lord_Howe"),
        *("America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia", "America/St_Johns"),
    ]
)
INSTANTS = st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1))  # noqa: DTZ001 - walls have no zone


def column(tmp_path, values):
    """Write ``values`` as received_at of receipts, and return the archive."""
    path = tmp_path / "receipts.csv"
    rows = [f'{n},"{value}"' for n, value in enumerate(values)]
    path.write_text("\n".join(["receipt_id,received_at", *rows, ""]), encoding="utf-8")
    return Archive.open(path)


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("1527811200", "2018-06-01T00:00:00+00:00"),
        ("0", "1970-01-01T00:00:00+00:00"),
        ("1527811200.5", "2018-06-01T00:00:00.500000+00:00"),
        ("1527811200123", "2018-06-01T00:00:00.123000+00:00"),
        ("2018-06-01T00:00:00Z", "2018-06-01T00:00:00+00:00"),
        ("2018-06-01t00:00:00z", "2018-06-01T00:00:00+00:00"),
        ("2018-06-01T00:00:00.123456Z", "2018-06-01T00:00:00.123456+00:00"),
        ("2018-06-01T00:00:00.123456789Z", "2018-06-01T00:00:00.123456+00:00"),
        ("2018-06-01T02:00:00+02:00", "2018-06-01T00:00:00+00:00"),
        ("2018-06-01T05:30:00+0530", "2018-06-01T00:00:00+00:00"),
        ("2018-05-31T19:00:00-05", "2018-06-01T00:00:00+00:00"),
        ("2018-06-01 00:00:00 UTC", "2018-06-01T00:00:00+00:00"),
        ("2018-06-01 00:00:00 +0000", "2018-06-01T00:00:00+00:00"),
        ("2018-06-01 02:00:00 +02:00", "2018-06-01T00:00:00+00:00"),
        (" 2018-06-01 00:00:00 UTC ", "2018-06-01T00:00:00+00:00"),
        ("2018-05-31 20:00:00", "2018-06-01T00:00:00+00:00"),
        ("2018-05-31 20:00", "2018-06-01T00:00:00+00:00"),
        ("2018-06-01", "2018-06-01T04:00:00+00:00"),
        # Clocks go back at 02:00 on 2018-11-04: the earlier of the two instants.
        ("2018-11-04 01:30:00", "2018-11-04T05:30:00+00:00"),
        # They go forward at 02:00 on 2018-03-11: moved forward by the hour that is skipped.
        ("2018-03-11 02:30:00", "2018-03-11T07:30:00+00:00"),
    ],
)
def test_form_is_understood(tmp_path, value, instant):
    """Each documented form of an instant is read exactly, alone and among others."""
    for values in ([value], ["1527811200", value, "", "2018-06-01T00:00:00Z", value]):
        table = read_arrow(column(tmp_path, values), "receipt", zone="America/New_York", notes=[])
        found = table["received_at"].to_pylist()
        assert {at.isoformat() for at, v in zip(found, values, strict=True) if v == value} == {
            instant
        }
        assert [at is None for at in found] == [v == "" for v in values]


@pytest.mark.parametrize(
    "value",
    [
        *("soon", "-1", "2018-02-30 00:00:00", "2018-06-01 25:00:00", "1527811200s", " "),
        *("01/06/2018", "2018-06-01 00:00:00 EST", "2018-06-01T00:00:00+25:00", "NaN"),
        *("99999999999999999999", "2018-06-01.5", "2018-6-1", "0000-01-01 00:00:00"),
    ],
)
def test_value_that_is_no_instant_keeps_the_column_text(tmp_path, value):
    """One value that is no instant keeps every value of its column, as text, and is noted."""
    values = ["1527811200", value, "2018-06-01T00:00:00Z", ""]
    notes = []
    frame = read_table(column(tmp_path, values), "receipt", notes=notes)
    assert frame["received_at"].dtype == "str"
    assert frame["received_at"].fillna("").tolist() == values
    assert notes == [
        "receipt.received_at has 1 value of another kind than expected; the column is kept as text."
    ]


def test_column_may_change_its_form_half_way(tmp_path):
    """Integers in one block and text in the next, over many blocks, are all instants."""
    start = datetime(2018, 6, 1, tzinfo=UTC)
    instants = [start + timedelta(seconds=37 * n) for n in range(4_000)]
    values = [
        str(int(at.timestamp())) if n < 1_500 or n > 3_000 else at.strftime("%Y-%m-%d %H:%M:%S UTC")
        for n, at in enumerate(instants)
    ]
    reading = Reading(column(tmp_path, values), "receipt", block_size=1_000)
    assert reading.table()["received_at"].to_pylist() == instants
    assert not reading.refused


def test_late_value_that_is_no_instant_loses_none(tmp_path):
    """A value that is no instant in the last of many blocks brings the text of all back."""
    values = [str(1527811200 + n) for n in range(3_000)] + ["soon"]
    reading = Reading(column(tmp_path, values), "receipt", block_size=500)
    table = reading.table()
    assert table["received_at"].to_pylist() == values
    assert table["receipt_id"].to_pylist() == [str(n) for n in range(3_001)]


@given(
    st.lists(INSTANTS, min_size=1, max_size=30),
    ZONES,
    st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M"]),
)
def test_local_times_are_pythons(walls, zone, form):
    """Local times of any zone are what datetime makes of them with ``fold=0``."""
    texts = [wall.strftime(form) for wall in walls]
    expected = [
        datetime.strptime(text, form).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        for text in texts
    ]
    read = from_text(pa.array(texts), zone)
    assert read.array.to_pylist() == expected
    assert (read.zoneless, read.refused) == (len(texts), 0)


@given(
    st.lists(st.tuples(INSTANTS, st.integers(-840, 840)), min_size=1, max_size=30),
    st.sampled_from(["auto", "seconds", "milliseconds"]),
)
def test_offsets_are_pythons(pairs, precision):
    """ISO 8601 with any offset is what datetime.fromisoformat makes of it."""
    texts = [
        wall.replace(tzinfo=UTC)
        .astimezone(timezone(timedelta(minutes=minutes)))
        .isoformat(" ", precision)
        for wall, minutes in pairs
    ]
    read = from_text(pa.array(texts), "UTC")
    assert read.array.to_pylist() == [datetime.fromisoformat(text) for text in texts]
    assert (read.zoneless, read.refused) == (0, 0)


@given(st.lists(st.none() | st.integers(0, 10**14 - 1), max_size=30))
def test_integers_are_told_apart_by_size(numbers):
    """Seconds have up to 11 digits, milliseconds 12 to 14; both give the same as text."""
    read = from_integers(pa.array(numbers, pa.int64()))
    text = from_text(pa.array([None if n is None else str(n) for n in numbers], pa.string()), "UTC")
    expected = [n if n is None else n * (10**6 if n < 10**11 else 1000) for n in numbers]
    assert read.cast(pa.int64()).to_pylist() == expected
    assert text.array.cast(pa.int64()).to_pylist() == expected


@given(
    st.lists(
        st.text(max_size=30) | st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d.*"), max_size=10
    ),
    ZONES,
)
def test_any_text_is_an_instant_or_refused(texts, zone):
    """No text whatever raises: it is an instant, or it is counted as none."""
    read = from_text(pa.array(texts, pa.string()), zone)
    assert read.array.null_count == read.refused


@pytest.mark.parametrize(
    ("zone", "why"),
    [
        ("", "the workspace's zone is not known"),
        ("Mars/Olympus", "'Mars/Olympus' is no IANA time zone"),
        ("Eastern Time (US & Canada)", "'Eastern Time (US & Canada)' is no IANA time zone"),
        ("../etc", "'../etc' is no IANA time zone"),
        ("America", "'America' is no IANA time zone"),
    ],
)
def test_zone_that_is_not_known_is_utc_and_said(tmp_path, zone, why):
    """Without a zone that is one, local times are read as UTC, and the note says why."""
    notes = []
    archive = column(tmp_path, ["2018-06-01 00:00:00", "2018-06-01 02:00:00 +02:00"])
    table = read_arrow(archive, "receipt", zone=zone, notes=notes)
    assert table["received_at"].to_pylist() == [datetime(2018, 6, 1, tzinfo=UTC)] * 2
    assert notes == [
        f"receipt.received_at has 1 timestamp without a zone, read as UTC because {why}."
    ]
    assert known_zone(zone) is None
    notes = []
    read_arrow(column(tmp_path, ["1527811200"]), "receipt", zone=zone, notes=notes)
    assert notes == []


def test_local_times_are_said_aloud(tmp_path):
    """Timestamps without a zone, twice on the clock or skipped, are counted in notes."""
    values = ["2018-11-04 01:30:00"] * 3 + ["2018-03-11 02:30:00", "2018-06-01 00:00:00"]
    notes = []
    read_arrow(column(tmp_path, values), "receipt", zone="America/New_York", notes=notes)
    assert notes == [
        "receipt.received_at has 5 timestamps without a zone, read as America/New_York.",
        (
            "receipt.received_at has 3 local times that occur twice when clocks go back; "
            "the earlier was taken."
        ),
        "receipt.received_at has 1 local time that clocks skip; moved forward by as much.",
    ]
