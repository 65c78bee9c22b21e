"""Tables: dtypes, the window, notes and attrs, and what the mapping promises."""

from __future__ import annotations

import copy
import zipfile

import numpy as np
import pandas as pd
import pytest

from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.schema import GROUPS
from intercom_export_widgets.data.tables import Tables, empty_table, read_arrow, read_table
from intercom_export_widgets.errors import (
    ArchiveDamagedError,
    ExportWarning,
    InputError,
    TableNotFoundError,
)

RECEIPTS = """\
receipt_id,user_id,company_id,content_type,content_title,received_at,series_id,first_open,first_new
0012345678901234567,007,-1,email,"Hello, ""you"" there",1527811199,-1,,
9223372036854775808,008,42,email,"two
lines 😀",1527811200,7,1527811300,1527811300
3,009,,post,<b>bold</b>,1527897599,,,
4,010,-1,tour,NA,1527897600,-1,1527999999,
5,011,5,,,,8,,
"""
OPENS = """\
receipt_id,opened_at,brand_new
0012345678901234567,1527811300,a
3,1527811301,007
4,1527811302,
999,1527811303,NA
"""
WINDOW = (1527811200, 1527897599)


@pytest.fixture
def archive(tmp_path):
    """Return an archive of receipts, opens and a group that nobody knows."""
    path = tmp_path / "v5xsp8c19ji0s82.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("receipt_20260114-183225.csv", RECEIPTS)
        file.writestr("open_20260114-183225.csv", OPENS)
        file.writestr("hologram_20260114-183225.csv", "company_id,seen_at\n-1,1527811200\n")
        file.writestr("overview_20260114-183225.csv", "open_total,open_rate,x\n5,0.25,1\n,,\n")
    return Archive.open(path)


def test_pandas_dtypes(archive):
    """Ids and text are str, what repeats is a category of str, instants are UTC."""
    frame = read_table(archive, "receipt")
    assert frame.dtypes.astype(str).to_dict() == {
        "receipt_id": "str",
        "user_id": "str",
        "company_id": "str",
        "content_type": "category",
        "content_title": "category",
        "received_at": "datetime64[us, UTC]",
        "series_id": "str",
        "first_open": "datetime64[us, UTC]",
        "first_new": "datetime64[us, UTC]",
    }
    assert frame["content_type"].cat.categories.dtype == "str"
    assert frame["content_type"].cat.categories.tolist() == ["email", "post", "tour"]
    assert frame["receipt_id"].tolist()[:2] == ["0012345678901234567", "9223372036854775808"]
    titles = ['Hello, "you" there', "two\nlines 😀", "<b>bold</b>", "NA"]
    assert frame["content_title"].dropna().tolist() == titles
    assert frame["received_at"][1] == pd.Timestamp("2018-06-01", tz="UTC")
    assert isinstance(frame.index, pd.RangeIndex)


def test_none_marks_are_missing(archive):
    """``-1`` is missing in company_id and series_id of known groups, and text elsewhere."""
    frame = read_table(archive, "receipt")
    assert frame["company_id"].isna().tolist() == [True, False, True, True, False]
    assert frame["series_id"].isna().tolist() == [True, False, True, True, False]
    assert read_table(archive, "hologram")["company_id"].tolist() == ["-1"]


def test_counts_and_rates(archive):
    """Counts are nullable integers, rates nullable floats."""
    frame = read_table(archive, "overview")
    assert frame.dtypes.astype(str).tolist() == ["Int64", "Float64", "str"]
    assert frame["open_total"].tolist() == [5, pd.NA]
    assert frame["open_rate"][0] == 0.25


def test_count_that_is_none_keeps_its_text(tmp_path):
    """A word among counts keeps the column as text and is said aloud."""
    path = tmp_path / "overviews.csv"
    path.write_text("open_total,open_rate\n5,1.5\nmany,12%\n+6,.5\n")
    notes = []
    frame = read_table(Archive.open(path), "overview", notes=notes)
    assert frame["open_total"].tolist() == ["5", "many", "+6"]
    assert frame["open_rate"].tolist() == ["1.5", "12%", ".5"]
    assert [note.split(" of another")[0] for note in notes] == [
        "overview.open_total has 1 value",
        "overview.open_rate has 2 values",
    ]


def test_unknown_groups_and_columns_are_kept(archive):
    """What nobody knows is kept as text, just as it came."""
    assert read_table(archive, "hologram")["company_id"].tolist() == ["-1"]
    assert read_table(archive, "open")["brand_new"].fillna("").tolist() == ["a", "007", "", "NA"]


def test_arrow_dtypes(archive):
    """``dtype_backend="pyarrow"`` gives the same values as ArrowDtype throughout."""
    native = read_table(archive, "receipt")
    arrow = read_table(archive, "receipt", dtype_backend="pyarrow")
    assert all(isinstance(dtype, pd.ArrowDtype) for dtype in arrow.dtypes)
    for name in native:
        expected = [None if pd.isna(value) else value for value in native[name].tolist()]
        assert [None if pd.isna(value) else value for value in arrow[name]] == expected
    assert read_arrow(archive, "receipt").num_rows == 5


@pytest.mark.parametrize("backend", ["pandas", "pyarrow"])
def test_frames_can_be_written_to(archive, backend):
    """A table is the reader's own: values of every kind can be set."""
    frame = read_table(archive, "receipt", dtype_backend=backend)
    frame.loc[0, "received_at"] = pd.Timestamp("2020-01-01", tz="UTC")
    frame.loc[0, "user_id"] = "x"
    frame.loc[0, "content_type"] = "post"
    frame["new"] = np.arange(5)
    assert str(frame.loc[0, "received_at"]) == "2020-01-01 00:00:00+00:00"
    assert frame.loc[0, ["user_id", "content_type"]].tolist() == ["x", "post"]


def test_columns_are_a_subset_in_that_order(archive):
    """``columns`` picks and orders; a name that is not there is an error that lists the others."""
    frame = read_table(archive, "receipt", columns=["received_at", "user_id"])
    assert list(frame) == ["received_at", "user_id"]
    with pytest.raises(InputError, match=r"no column 'emial'.*receipt_id"):
        read_table(archive, "receipt", columns=["emial"])
    with pytest.raises(InputError, match="no columns"):
        read_table(archive, "receipt", columns=[])


@pytest.mark.parametrize("group", GROUPS)
def test_empty_table_is_typed(group):
    """A table of no rows has the known columns of its group, of the same dtypes as a full one."""
    frame = empty_table(group)
    assert list(frame) == [column.name for column in GROUPS[group].columns]
    assert len(frame) == 0
    kinds = {"id": "str", "text": "str", "timestamp": "datetime64[us, UTC]", "count": "Int64"}
    for column in GROUPS[group].columns:
        assert str(frame[column.name].dtype) == kinds.get(column.kind, "category")


def test_all_missing_columns_have_their_dtype(tmp_path):
    """A column without any value is of its kind all the same."""
    path = tmp_path / "receipts.csv"
    names = [column.name for column in GROUPS["receipt"].columns]
    path.write_text(",".join(names) + "\n" + ("," * (len(names) - 1) + "\n") * 3)
    frame = read_table(Archive.open(path), "receipt")
    assert frame.dtypes.tolist() == empty_table("receipt").dtypes.tolist()
    assert frame.isna().all(axis=None)
    assert frame.shape == (3, len(names))


# The mapping ---------------------------------------------------------------------------


def test_tables_are_read_once_when_asked_for(archive):
    """A table is read when first asked for, and is the same object after."""
    tables = Tables(archive)
    assert tables["open"] is tables["opens"]
    assert list(tables) == ["receipt", "open", "hologram", "overview"]
    assert len(tables) == 4


def test_listing_reads_nothing(archive):
    """Length, names, ``in`` and the repr work on a file that is gone."""
    tables = Tables(archive)
    archive.path.unlink()
    assert "receipts" in tables
    assert "click" not in tables
    assert 7 not in tables
    assert "receipt" in repr(tables)
    assert len(tables) == len(list(tables)) == 4


def test_group_without_rows_is_empty_and_typed(archive):
    """A known group that the archive lacks had no rows: its table is empty, with attrs."""
    for tables in (Tables(archive, attrs={"job": "x"}), Tables(None, attrs={"job": "x"})):
        frame = tables["clicks"]
        assert frame.dtypes.tolist() == empty_table("click").dtypes.tolist()
        assert frame.attrs == {"job": "x", "rows_trimmed": 0}
    assert list(Tables(None)) == []
    assert "no rows" in repr(Tables(None))


def test_unknown_table_names_what_was_meant(archive):
    """A name that no group has is a KeyError that suggests one and lists what there is."""
    with pytest.raises(TableNotFoundError, match=r"no table 'recipt'.*mean 'receipt'.*hologram"):
        Tables(archive)["recipt"]
    with pytest.raises(KeyError):
        Tables(None)["people"]
    assert Tables(archive).get("people") is None


def test_attrs_are_on_every_frame(archive):
    """Every table carries the attrs given and how many rows were left out."""
    attrs = {"job": "v5xsp8c19ji0s82", "sandbox": True, "observed_until": None}
    tables = Tables(archive, attrs=attrs)
    for frame in tables.values():
        assert frame.attrs == attrs | {"rows_trimmed": 0}
    assert copy.deepcopy(tables["open"]).attrs == tables["open"].attrs
    assert pd.concat([tables["open"], tables["open"]]).attrs == tables["open"].attrs


@pytest.mark.filterwarnings("ignore::intercom_export_widgets.errors.ExportWarning")
def test_rows_outside_the_window_are_left_out_and_counted(archive):
    """Receipts outside the inclusive seconds go, and the events of those; others stay."""
    tables = Tables(archive, window=WINDOW)
    assert tables["receipt"]["user_id"].tolist() == ["008", "009", "011"]
    assert tables["receipt"].attrs["rows_trimmed"] == 2
    assert tables["open"]["receipt_id"].tolist() == ["3", "999"]
    assert tables["open"].attrs["rows_trimmed"] == 2
    assert tables["hologram"].attrs["rows_trimmed"] == 0
    assert tables.notes == [
        "2 of 5 rows of receipt lie outside the range asked for and were left out.",
        "2 of 4 rows of open belong to receipts outside the range asked for and were left out.",
    ]


@pytest.mark.filterwarnings("ignore::intercom_export_widgets.errors.ExportWarning")
def test_window_does_not_need_its_columns(archive):
    """A subset without the columns that tell the window is trimmed all the same."""
    tables = Tables(archive, window=WINDOW)
    for backend in ("pandas", "pyarrow"):
        frame = tables.read("receipts", columns=["user_id"], dtype_backend=backend)
        assert list(frame) == ["user_id"]
        assert frame["user_id"].tolist() == ["008", "009", "011"]
    assert len(tables.read("open", columns=["opened_at"])) == 2
    assert len(tables.read("receipt", trim=False)) == 5
    assert tables.read("overview", columns=["open_total"]).shape == (2, 1)


@pytest.mark.filterwarnings("ignore::intercom_export_widgets.errors.ExportWarning")
def test_window_is_inclusive_to_the_last_fraction(tmp_path):
    """A fraction of the last second is inside, the next second is not."""
    path = tmp_path / "receipts.csv"
    rows = ["1,1527897599.999999", "2,1527897600", "3,2018-06-01 00:00:00 UTC"]
    path.write_text("\n".join(["receipt_id,received_at", *rows]))
    frame = Tables(Archive.open(path), window=WINDOW)["receipt"]
    assert frame["receipt_id"].tolist() == ["1", "3"]
    assert frame.index.tolist() == [0, 1]


@pytest.mark.filterwarnings("ignore::intercom_export_widgets.errors.ExportWarning")
def test_text_in_place_of_instants_is_not_trimmed(tmp_path):
    """Receipts whose received_at is kept as text can't be judged, and all stay."""
    path = tmp_path / "receipts.csv"
    path.write_text("receipt_id,received_at\n1,soon\n2,5\n3,2018-06-01 00:00:00\n")
    tables = Tables(Archive.open(path), zone="", window=WINDOW)
    assert tables["receipt"]["received_at"].tolist() == ["soon", "5", "2018-06-01 00:00:00"]
    assert len(tables.notes) == 1
    assert "kept as text" in tables.notes[0]


def test_notes_are_said_once(tmp_path):
    """Reading a table again repeats no note; what is no CSV is said from the start."""
    path = tmp_path / "more.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("README.txt", "hello")
        file.writestr("open_20260114-183225.csv", "receipt_id,opened_at\n1,2018-06-01 00:00:00\n")
    tables = Tables(Archive.open(path), zone="Europe/Dublin")
    assert tables.notes == ["README.txt in the archive is no CSV, not read."]
    with pytest.warns(ExportWarning) as warned:
        frame = tables.read("open")
    assert tables.read("open").equals(frame)
    assert [str(each.message) for each in warned] == tables.notes
    assert str(frame["opened_at"][0]) == "2018-05-31 23:00:00+00:00"
    said = "open.opened_at has 1 timestamp without a zone, read as Europe/Dublin."
    assert tables.notes[1:] == [said]
    with pytest.warns(ExportWarning, match="read as UTC"):
        read_table(tables.archive, "open")


@pytest.mark.filterwarnings("ignore::intercom_export_widgets.errors.ExportWarning")
@pytest.mark.parametrize("zone", ["", "Eastern Time (US & Canada)"])
def test_no_row_goes_on_the_strength_of_a_guessed_zone(tmp_path, zone):
    """Local times of an unknown zone are left out only where they are outside in every zone."""
    hours = {"a": -15, "b": -13, "c": 0, "d": 23, "e": 24 + 13, "f": 24 + 15}
    day = pd.Timestamp("2018-06-01")
    rows = [f"{name},{day + pd.Timedelta(hours=hour)}" for name, hour in hours.items()]
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("receipt_20260114-183225.csv", "\n".join(["receipt_id,received_at", *rows]))
        opens = "".join(f"{name},1527811300\n" for name in hours)
        file.writestr("open_20260114-183225.csv", f"receipt_id,opened_at\n{opens}")
    tables = Tables(Archive.open(path), zone=zone, window=WINDOW)
    widened = "widened by 14 hours on both sides"
    assert tables["open"]["receipt_id"].tolist() == ["b", "c", "d", "e"]
    assert sum(widened in note for note in tables.notes) == 1
    assert tables["receipt"]["receipt_id"].tolist() == ["b", "c", "d", "e"]
    assert tables["receipt"].attrs["rows_trimmed"] == 2
    assert tables.read("receipt", columns=["receipt_id"]).shape == (4, 1)
    assert sum(widened in note for note in tables.notes) == 1
    known = Tables(Archive.open(path), zone="UTC", window=WINDOW)
    assert known["receipt"]["receipt_id"].tolist() == ["c", "d"]
    assert not any(widened in note for note in known.notes)


@pytest.mark.filterwarnings("ignore::intercom_export_widgets.errors.ExportWarning")
def test_unknown_zone_leaves_exact_instants_exact(archive):
    """Where received_at says its instant, the window is exact though the zone is not known."""
    tables = Tables(archive, zone="", window=WINDOW)
    assert tables["receipt"]["user_id"].tolist() == ["008", "009", "011"]
    assert not any("widened" in note for note in tables.notes)


@pytest.mark.filterwarnings("ignore::intercom_export_widgets.errors.ExportWarning")
def test_window_spares_an_empty_member(tmp_path):
    """A receipt member of no bytes is an empty table to the window too."""
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("receipt_20260114-183225.csv", b"")
        file.writestr("open_20260114-183225.csv", OPENS)
    tables = Tables(Archive.open(path), zone="", window=WINDOW)
    assert [len(tables["receipt"]), len(tables["open"])] == [0, 4]
    assert tables["receipt"].dtypes.equals(empty_table("receipt").dtypes)


CALLS = {
    "item": "tables['open']",
    "read": "tables.read('open')",
    "get": "tables.get('open')",
    "values": "list(tables.values())",
    "function": "read_table(tables.archive, 'open')",
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_warning_points_at_the_callers_line(tmp_path, call):
    """However a table is asked for, its warning names the line outside the package."""
    path = tmp_path / "opens.csv"
    path.write_text("receipt_id,opened_at\n1,2018-06-01 00:00:00\n")
    names = {"tables": Tables(Archive.open(path)), "read_table": read_table, "__name__": "cell"}
    with pytest.warns(ExportWarning) as warned:
        exec(compile(f"\n\n{call}", "the reader's cell", "exec"), names)  # noqa: S102 - a cell of a notebook
    assert [(each.filename, each.lineno) for each in warned] == [("the reader's cell", 3)]


def test_damage_is_no_table(archive):
    """A table whose data is damaged is an error, never half a table, and is not remembered."""
    tables = Tables(archive)
    data = archive.path.read_bytes()
    archive.path.write_bytes(data.replace(b"1527811301", b"1527811399"))
    with pytest.raises(ArchiveDamagedError):
        tables["open"]
    archive.path.write_bytes(data)
    assert len(tables["open"]) == 4
