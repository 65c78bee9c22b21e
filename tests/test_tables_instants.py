"""Columns that end in ``_at``, known or not, and what else the overview tells."""

from __future__ import annotations

import zipfile

import pandas as pd
import pytest

from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.cache import Cache
from intercom_export_widgets.data.ingest import prove
from intercom_export_widgets.data.tables import Tables, read_table
from intercom_export_widgets.sandbox.archive_writer import write_archive
from intercom_export_widgets.sandbox.data_generator import Workspace
from intercom_export_widgets.sandbox.options import Switches

UTC = "datetime64[us, UTC]"
DAY = 86_400
JUNE = 17_683 * DAY
OVERVIEW = {
    "audience_type": "category",
    "state": "category",
    "created_at": UTC,
    "last_sent_at": UTC,
    "last_state_change_at": UTC,
    "last_state_change_by": "category",
    "last_edited_at": UTC,
    "last_edited_by": "category",
    "url": "str",
}
FORMS = {
    "seconds": "1527811200",
    "milliseconds": "1527811200000",
    "fraction": "1527811200.5",
    "date": "2018-06-01",
    "local": "2018-06-01 00:00:00",
    "utc": "2018-06-01 00:00:00 UTC",
    "iso": "2018-06-01T00:00:00Z",
    "offset": "2018-06-01T02:00:00+02:00",
}


@pytest.fixture
def read(tmp_path):
    """Return what reads a column ``seen_at`` of these values, and its notes."""

    def table(*values, group="hologram", zone="UTC"):
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w") as file:
            rows = "".join(f"a,{value}\n" for value in values)
            file.writestr(f"{group}_20260114-183225.csv", "what,seen_at\n" + rows)
        notes = []
        return read_table(Archive.open(path), group, zone=zone, notes=notes)["seen_at"], notes

    return table


@pytest.mark.parametrize("value", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("group", ["hologram", "open", "receipt"])
def test_a_column_at_is_an_instant(read, group, value):
    """In any group a column ``*_at`` of one form is a timestamp; missing values stay missing."""
    column, _ = read(value, "", value, group=group)
    assert str(column.dtype) == UTC
    assert column.isna().tolist() == [False, True, False]
    assert column[0].floor("s") == pd.Timestamp("2018-06-01", tz="UTC")


@pytest.mark.parametrize(
    "values",
    [
        ("1527811200", "soon"),
        ("1527811200", "2018-06-01T00:00:00Z"),
        ("1527811200", "1527811200000"),
        ("2018-06-01", "2018-06-01 00:00:00"),
        ("2018-06-01 00:00:00", "2018-06-01 00:00:00 UTC"),
        ("3", "4"),
        ("2018-13-45", "2018-06-01"),
        ("000001527811200", "000001527811201"),
        ("-1", "1527811200"),
        ("anna@example.org",),
    ],
)
def test_other_columns_at_stay_text(read, values):
    """Values of two forms, or of none, are kept as they came, and nothing is said of them."""
    column, notes = read(*values)
    assert str(column.dtype) == "str"
    assert column.tolist() == list(values)
    assert notes == []


def test_the_form_is_that_of_the_whole_column(read):
    """A value of another form in a later block makes the whole column text."""
    values = ["1527811200"] * 400_000
    column, notes = read(*values, "2018-06-01")
    assert column.tolist() == [*values, "2018-06-01"]
    assert notes == []


def test_local_times_are_read_in_the_zone_and_said(read):
    """Without a zone the workspace's counts, as for every known timestamp."""
    column, notes = read("2018-06-01 00:00:00", zone="Europe/Dublin")
    assert column[0] == pd.Timestamp("2018-05-31 23:00", tz="UTC")
    assert notes == ["hologram.seen_at has 1 timestamp without a zone, read as Europe/Dublin."]


@pytest.mark.parametrize("value", ["1527811200", "soon"])
def test_a_guess_is_the_same_from_the_cache(tmp_path, value):
    """What the cache has kept is a timestamp, or text, as in the archive."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("hologram_20260114-183225.csv", f"what,seen_at\na,{value}\nb,1527811200\n")
    archive = Archive.open(path)
    fresh = read_table(archive, "hologram")
    cache = Cache(path, "UTC")
    prove(archive, cache, 0)
    assert cache.reading("hologram") is not None
    tables = Tables(archive)
    pd.testing.assert_frame_equal(tables["hologram"], fresh)
    assert tables.notes == []


@pytest.mark.parametrize("timestamps", ["unix", "iso", "utc", "naive", "offset"])
def test_the_sandbox_makes_all_of_them(tmp_path, timestamps):
    """Overview, series_exit and an unknown group have timestamps, in every form of them."""
    written = write_archive(
        tmp_path,
        "a",
        Workspace(1, rows_per_day=300),
        after=JUNE,
        before=JUNE + 5 * DAY - 1,
        until=JUNE + 6 * DAY,
        switches=Switches(timestamps=timestamps, novelties=True),
    )
    archive = Archive.open(written.path)
    overview = read_table(archive, "overview", zone="Europe/Dublin", notes=[])
    assert overview[list(OVERVIEW)].dtypes.astype(str).to_dict() == OVERVIEW
    assert not [name for name in overview if name.startswith("soft_bounce")]
    assert overview["created_at"].le(overview["last_sent_at"]).all()
    assert overview["last_sent_at"].max() < pd.Timestamp((JUNE + 5 * DAY) * 10**9, tz="UTC")
    assert overview["last_edited_at"].isna().any()
    exits = read_table(archive, "series_exit", zone="Europe/Dublin", notes=[])
    assert exits.dtypes.astype(str).to_dict() == {"receipt_id": "str", "exited_at": UTC}
    assert len(exits)
    novel = read_table(archive, "hologram_view", zone="Europe/Dublin", notes=[])
    assert str(novel["viewed_at"].dtype) == UTC
