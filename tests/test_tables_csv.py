"""CSV of every shape against Python's csv module, which is the referee."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.csv_blocks import Surplus, count_records, cut_blocks, fit_records
from intercom_export_widgets.data.ingest import prove
from intercom_export_widgets.data.reading import Reading
from intercom_export_widgets.data.tables import empty_table, read_arrow, read_table
from intercom_export_widgets.errors import ArchiveDamagedError, ExportWarning

CELLS = st.text(alphabet='ab,"\n\r\t é😀0-\x00\ufeff', max_size=8) | st.sampled_from(
    ["NA", "null", "NaN", "None", "true", "007", "-1", "1e5", "0x10", " ", "9223372036854775808"]
)
TABLES = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=20)
)
SIZES = st.integers(1, 50)


def referee(data):
    """Return the rows that Python's csv module finds, blank lines aside."""
    text = data.decode("utf-8-sig", "replace")
    return [row for row in csv.reader(io.StringIO(text, newline="")) if row]


def rows_of(table):
    """Return a table of text as rows of the csv module: missing is empty."""
    columns = [[value or "" for value in column.to_pylist()] for column in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


@pytest.fixture(scope="session")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("csv") / "hologram.csv"


def reading(file, data, size=1 << 20):
    """Return a reading of ``data`` as the only member of a ZIP."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("hologram_20260114-183225.csv", data)
    return Reading(Archive.open(file), "hologram", block_size=size)


def written(rows, quoting, ending):
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=quoting, lineterminator=ending).writerows(rows)
    return buffer.getvalue()


@given(
    TABLES,
    SIZES,
    # Ending lines by a line feed alone, Python's writer leaves a bare return without quotes.
    st.sampled_from([(csv.QUOTE_MINIMAL, "\r\n"), (csv.QUOTE_ALL, "\r\n"), (csv.QUOTE_ALL, "\n")]),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
@example([["\ufeff"], ["\ufeff"]], 1, (csv.QUOTE_MINIMAL, "\r\n"), b"")
def test_every_value_is_the_referees(file, rows, size, form, mark):
    """Quotes, newlines in quotes, CRLF, a mark and no last newline give the referee's values."""
    rows = [[f"c{n}" for n in range(len(rows[0]))], *rows]
    whole = mark + written(rows, *form).encode()
    for data in (whole, whole.removesuffix(form[1].encode())):
        found = reading(file, data, size)
        table = found.table()
        assert [table.column_names, *rows_of(table)] == referee(data) == rows
        assert found.rows == len(rows) - 1
        assert prove(found.archive) == {"hologram": len(rows) - 1}


@given(st.text(alphabet='a,"\n\r', max_size=60), SIZES)
@example('a"b,"c"\n"d""e"f\n', 3)
@example('"a\n",b"\n,"c,d"e"\n', 1)
@example('x,5" screen\ny,"6"" screen"\n', 4)
def test_blocks_end_where_the_referee_says(text, size):
    """Any text, well quoted or not, is cut only where a record of the referee ends."""
    data = text.encode()
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    try:
        blocks = [bytes(block) for block in cut_blocks(chunks)]
    except ArchiveDamagedError:
        return
    assert b"".join(blocks) in (data, data + b"\n")
    assert [row for block in blocks for row in referee(block)] == referee(data)
    assert sum(map(count_records, blocks)) == len(referee(data))


@given(st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=12))
def test_short_rows_are_filled(rows):
    """A row of too few fields ends in missing ones; no row is lost."""
    data = written(rows, csv.QUOTE_ALL, "\n").encode()
    fitted = fit_records(data, 4)
    assert referee(fitted.block) == [row + [""] * (4 - len(row)) for row in rows]
    assert fitted.short == sum(len(row) < 4 for row in rows)
    assert fitted.surplus == Surplus()


@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=6), min_size=1, max_size=12),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    SIZES,
)
def test_surplus_values_are_kept(file, rows, quoting, size):
    """Whatever rows have values too many, every value stands in its row and its column."""
    data = b"a,b,c\r\n" + written(rows, quoting, "\r\n").encode()
    table = reading(file, data, size).table()
    expected = referee(data)[1:]
    assert table.num_rows == len(rows) == len(expected)
    assert (
        table.column_names
        == ["a", "b", "c", "column 4", "column 5", "column 6"][: table.num_columns]
    )
    for found, row in zip(rows_of(table), expected, strict=True):
        width = max(len(found), len(row))
        assert found + [""] * (width - len(found)) == row + [""] * (width - len(row))


def test_short_rows_are_noted(file):
    """Rows with too few fields are read and said aloud."""
    found = reading(file, b'a,b,c\n1\n"x\ny",2\n1,2,3\n')
    assert rows_of(found.table()) == [["1", "", ""], ["x\ny", "2", ""], ["1", "2", "3"]]
    with pytest.warns(ExportWarning, match="hologram: 2 rows had too few fields"):
        read_arrow(found.archive, "hologram")


def test_row_with_surplus_values_is_named(file):
    """Values beyond the last column are columns of text, and the first such row is said."""
    data = b"a,b\n" + b"1,2\n" * 1_000 + b'1,2,"x\ny",,"4,5",\n3,4\n6,7,8\n'
    found = reading(file, data, 100)
    table = found.table()
    assert table.column_names == ["a", "b", "column 3", "column 4", "column 5"]
    assert rows_of(table)[1_000:] == [
        ["1", "2", "x\ny", "", "4,5"],
        ["3", "4", "", "", ""],
        ["6", "7", "8", "", ""],
    ]
    assert (table.num_rows, found.rows) == (1_003, 1_003)
    notes = []
    read_arrow(found.archive, "hologram", notes=notes)
    said = (
        "hologram: 2 rows had more values than the header has columns, the first is row 1,001; "
        "these values "
    )
    assert notes == [f"{said}stand in columns called by their place."]
    assert read_arrow(found.archive, "hologram", columns=["b"], notes=notes).column_names == ["b"]
    assert notes[1:] == [f"{said}are left out."]


def test_surplus_values_of_several_parts_join_by_place(tmp_path):
    """Surplus values of one part stand beside the nameless column of another."""
    path = tmp_path / "download"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hologram_20260114-183225_1.csv", b"a,b\n1,2,x\n3,4\n")
        archive.writestr("hologram_20260114-183225_2.csv", b"a,b,\n5,6,y,z\n")
        archive.writestr("hologram_20260114-183225_3.csv", b"column 3,a\n7,8\n")
    table = read_arrow(Archive.open(path), "hologram", notes=[])
    assert table.column_names == ["a", "b", "column 3", "column 4"]
    assert rows_of(table) == [
        ["1", "2", "x", ""],
        ["3", "4", "", ""],
        ["5", "6", "y", "z"],
        ["8", "", "7", ""],
    ]


def test_shifted_row_costs_no_value(tmp_path):
    """A row shifted by a comma too many turns the columns that it reaches into text."""
    path = tmp_path / "receipts.csv"
    path.write_text("receipt_id,content_title,received_at\n1,A,1527811200\n2,B, C,1527811201\n")
    notes = []
    frame = read_table(Archive.open(path), "receipt", notes=notes)
    assert frame.fillna("").astype(object).to_numpy().tolist() == [
        ["1", "A", "1527811200", ""],
        ["2", "B", " C", "1527811201"],
    ]
    assert ["kept as text" in notes[0], "row 2" in notes[1]] == [True, True]


def test_members_of_one_name_and_length_are_both_read(tmp_path):
    """Two members that nothing but their content tells apart are two parts."""
    path = tmp_path / "download"
    name = "open_20260114-183225.csv"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"receipt_id,opened_at\n1,1527811200\n")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(name, b"receipt_id,opened_at\n2,1527811201\n")
    opened = Archive.open(path)
    assert read_table(opened, "open")["receipt_id"].tolist() == ["1", "2"]
    assert prove(opened) == {"open": 2}


def test_empty_fields_too_many_are_cut(file):
    """Commas at the end of a row that hold no value are no values."""
    assert rows_of(reading(file, b"a,b\n1,2,,\n3,4\n").table()) == [["1", "2"], ["3", "4"]]


def test_only_the_empty_field_is_missing(file):
    """Words that other readers take for missing, true or numbers stay text."""
    words = ["NA", "null", "NaN", "None", "true", "007", "", "1e5", "#N/A", "nan", "-1"]
    frame = read_table(
        reading(file, written([["a", "b"], *([w, "x"] for w in words)], 0, "\n")).archive,
        "hologram",
    )
    assert frame["a"].fillna("").tolist() == words
    assert frame["a"].isna().sum() == 1
    assert frame.dtypes.astype(str).tolist() == ["str", "str"]


def test_duplicated_and_nameless_columns_are_kept(file):
    """Columns of one name get numbers, one without a name is called by its place."""
    table = reading(file, b"a,a,,a.1,a\n1,2,3,4,5\n").table()
    assert table.column_names == ["a", "a.2", "column 3", "a.1", "a.3"]
    assert rows_of(table) == [["1", "2", "3", "4", "5"]]


def test_documented_misspelling_is_understood(tmp_path):
    """``first_dismisall``, as the documentation writes it, is first_dismissal."""
    path = tmp_path / "receipts.csv"
    path.write_bytes(b"receipt_id,received_at,first_dismisall\n1,1527811200,1527811300\n")
    frame = read_table(Archive.open(path), "receipt")
    assert str(frame["first_dismissal"][0]) == "2018-06-01 00:01:40+00:00"


def test_invalid_utf8_is_replaced_and_noted(file):
    """Bytes that are no UTF-8 become U+FFFD as in the referee, said aloud; NUL stays."""
    data = b"a,b\n" + b"x,y\n" * 100 + b"\xff\xfe,caf\xe9\n\x00,\xf0\x9f\x98\x80\n"
    archive = reading(file, data, 50).archive
    notes = []
    table = read_arrow(archive, "hologram", notes=notes)
    assert rows_of(table) == referee(data)[1:]
    assert notes == ["hologram: 3 sequences of bytes that are no UTF-8 became U+FFFD."]


def test_parts_with_other_columns_are_joined_by_name(tmp_path):
    """Parts of a group are joined by column name; what a part lacks is missing there."""
    path = tmp_path / "download"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("open_20260114-183225_1.csv", b"receipt_id,opened_at\n1,1527811200\n")
        archive.writestr(
            "open_20260114-183225_2.csv", b"opened_at,new,receipt_id\n1527811201,x,2\n"
        )
    frame = read_table(Archive.open(path), "open")
    assert list(frame) == ["receipt_id", "opened_at", "new"]
    assert frame["receipt_id"].tolist() == ["1", "2"]
    assert frame["new"].fillna("-").tolist() == ["-", "x"]
    assert read_table(Archive.open(path), "open", columns=["new"])["new"].isna().tolist() == [
        True,
        False,
    ]


def test_column_that_fills_in_late_is_read(tmp_path):
    """Columns empty in many blocks keep their first value, wherever it comes."""
    path = tmp_path / "receipts.csv"
    rows = [f"{n},1527811200,,,," for n in range(3_000)]
    rows[2_990], rows[2_995] = "2990,1527811200,1527811300,,-1,", "2995,1527811200,,late,,email"
    header = "receipt_id,received_at,first_open,name,company_id,content_type"
    path.write_text("\n".join([header, *rows]))
    found = Reading(Archive.open(path), "receipt", block_size=500)
    table = found.table()
    assert found.tallies == {}
    assert [str(kind) for kind in table.schema.types][2] == "timestamp[us, tz=UTC]"
    assert table["first_open"].null_count == 2_999
    assert table["name"].to_pylist()[2_995] == "late"
    assert table["content_type"].to_pylist()[2_995] == "email"
    assert table["company_id"].null_count == 3_000


def test_header_alone_is_a_typed_table(tmp_path):
    """A member of a header and no rows gives its columns, typed."""
    path = tmp_path / "receipts.csv"
    for data in (
        b"receipt_id,received_at,brand_new",
        b"\xef\xbb\xbfreceipt_id,received_at,brand_new\r\n\r\n",
    ):
        path.write_bytes(data)
        frame = read_table(Archive.open(path), "receipt")
        assert frame.dtypes.astype(str).tolist() == ["str", "datetime64[us, UTC]", "str"]
        assert len(frame) == 0


def test_member_of_no_bytes_is_a_typed_table(tmp_path):
    """A member without even a header has the known columns of its group, and no rows."""
    path = tmp_path / "download"
    for data in (b"", b"\r\n\r\n"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("receipt_20260114-183225.csv", data)
            archive.writestr("hologram_20260114-183225.csv", b"")
        opened = Archive.open(path)
        frame = read_table(opened, "receipt")
        assert frame.dtypes.tolist() == empty_table("receipt").dtypes.tolist()
        assert list(frame) == list(empty_table("receipt"))
        assert list(read_table(opened, "receipt", columns=["user_id"])) == ["user_id"]
        assert read_table(opened, "hologram").shape == (0, 0)
        assert prove(opened) == {"receipt": 0, "hologram": 0}


def test_damage_is_raised_and_never_hangs(tmp_path):
    """A wrong checksum at the end of many blocks is raised, and no thread is left behind."""
    path = tmp_path / "download"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "open_20260114-183225.csv",
            b"receipt_id,opened_at\n" + b"1,1527811200\n" * 9_999 + b"7,1527811207\n",
        )
    path.write_bytes(path.read_bytes().replace(b"7,1527811207", b"7,1527811208"))
    with pytest.raises(ArchiveDamagedError):
        Reading(Archive.open(path), "open", block_size=1_000).table()
