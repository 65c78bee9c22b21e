"""Tables whose header is missing, doubtful, or repeated inside: no row is lost without a word."""

from __future__ import annotations

import zipfile

import pandas as pd
import pytest

from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.cache import Cache
from intercom_export_widgets.data.ingest import Passed, prove, take_in
from intercom_export_widgets.data.schema import GROUPS
from intercom_export_widgets.data.tables import Tables, read_table
from intercom_export_widgets.errors import ArchiveError

STAMP = "20260114-183225"
OPENS = "receipt_id,opened_at\n"
RECEIPT = [column.name for column in GROUPS["receipt"].columns]
VALUES = {
    "user_id": "5f0c6f",
    "email": "ada@example.org",
    "name": "name",
    "content_type": "email",
    "content_title": "Hello",
    "receipt_id": "0012",
    "received_at": "1527811200",
}
ROW = ",".join(VALUES.get(name, "") for name in RECEIPT) + "\n"
OF_OTHERS = "its columns are those of the other files"
BY_PLACE = "its columns are called by their place"


@pytest.fixture
def archive(tmp_path):
    """Return what makes a ZIP of members, name to text."""

    def make(**members):
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w") as file:
            for name, text in members.items():
                file.writestr(f"{name.replace('__', f'_{STAMP}_')}.csv", text)
        return Archive.open(path)

    return make


def read(archive, group="open"):
    """Return a table, and its notes."""
    notes = []
    frame = read_table(archive, group, notes=notes)
    assert prove(archive)[group] == len(frame)
    return frame, notes


@pytest.mark.parametrize("first", ["2,1527811201", "5f0c,1527811201", "abc,2018-06-01T00:00:00Z"])
def test_a_second_part_without_a_header_loses_no_row(archive, first):
    """The first row of such a part is data, under the header of the first part; this is said."""
    frame, notes = read(
        archive(open__1=f"{OPENS}1,1527811200\n", open__2=f"{first}\n3,1527811202\n")
    )
    assert list(frame) == ["receipt_id", "opened_at"]
    assert frame["receipt_id"].tolist() == ["1", first.split(",")[0], "3"]
    assert frame["opened_at"].notna().all()
    assert notes == [
        f"open: open_{STAMP}_2.csv has no header, so its first row is data; {OF_OTHERS}."
    ]


def test_the_part_with_the_header_may_come_last(archive):
    """A part before it has its columns too."""
    frame, _ = read(archive(open__1="1,1527811200\n", open__2=f"{OPENS}2,1527811201\n"))
    assert frame["receipt_id"].tolist() == ["1", "2"]


def test_an_unknown_group_in_parts_loses_no_row(archive):
    """The same holds for an unknown table."""
    frame, notes = read(archive(hologram__1="who,many\na,1\n", hologram__2="b,2\n"), "hologram")
    assert frame.to_numpy().tolist() == [["a", "1"], ["b", "2"]]
    assert OF_OTHERS in notes[0]


def test_a_whole_member_without_a_header_has_the_known_columns(archive):
    """Rows that fit the known columns, in their order, are read as these, and this is said.

    A word of the data may be the name of a column: the content type is ``email``.
    """
    frame, notes = read(archive(**{f"receipt_{STAMP}": ROW * 3}), "receipt")
    assert list(frame) == RECEIPT
    assert frame["receipt_id"].tolist() == ["0012"] * 3
    assert frame["received_at"].eq(pd.Timestamp("2018-06-01", tz="UTC")).all()
    assert len(notes) == 1
    assert "has no header" in notes[0]
    assert "taken to be the known ones" in notes[0]


@pytest.mark.parametrize("row", ["1,1527811200,web", "1527811200,abc", "7"])
def test_a_whole_member_of_other_columns_is_called_by_place(archive, row):
    """Rows that don't fit the known columns are kept under their places, and this is said."""
    frame, notes = read(archive(**{f"open_{STAMP}": f"{row}\n" * 2}))
    assert list(frame) == [f"column {place}" for place in range(1, row.count(",") + 2)]
    assert len(frame) == 2
    assert notes == [f"open: open_{STAMP}.csv has no header, so its first row is data; {BY_PLACE}."]


@pytest.mark.parametrize(
    "header",
    [
        "receipt_id,opened_at",
        "brand_new,receipt_id",
        "receipt_id,user_id,completed_at,2024,How many? 1 to 5",
        "receipt_id,opened_at,a@example.org",
    ],
)
def test_a_header_with_a_known_column_is_a_header(archive, header):
    """New columns beside known ones, whatever they are called, need no word."""
    values = ",".join("1" for _ in header.split(","))
    frame, notes = read(
        archive(**{f"answer_combined_{STAMP}": f"{header}\n{values}\n"}), "answer_combined"
    )
    assert list(frame) == header.split(",")
    assert [note for note in notes if "header" in note] == []


def test_a_doubtful_header_is_said(archive):
    """A first row that is like neither is read as a header, and this is said."""
    frame, notes = read(archive(**{f"open_{STAMP}": "who,when\nann,monday\n"}))
    assert list(frame) == ["who", "when"]
    assert notes == [
        f"open: the first row of open_{STAMP}.csv is not like a header, but was read as one."
    ]
    frame, notes = read(
        archive(hologram__1="who,what\na,b\n", hologram__2="c,d\ne,f\n"), "hologram"
    )
    assert len(frame) == 2
    assert "has no column of the other files" in notes[0]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("stamp", ["1527811200", "2018-06-01T00:00:00Z", ""])
@pytest.mark.parametrize("header", ["receipt_id,opened_at", '"receipt_id","opened_at"'])
def test_a_repeated_header_is_no_row(archive, mark, end, stamp, header):
    """Where files were put together their headers are left out, counted and said."""
    part = f"1,{stamp}{end}2,{stamp}{end}"
    text = f"receipt_id,opened_at{end}{part}" + f"{mark}{header}{end}{part}" * 2
    frame, notes = read(archive(**{f"open_{STAMP}": text}))
    assert frame["receipt_id"].tolist() == ["1", "2"] * 3
    assert str(frame["opened_at"].dtype) == "datetime64[us, UTC]"
    assert notes == [
        "open: the header is repeated 2 times inside the data; these records are no rows."
    ]


def test_a_repeated_header_of_text_is_no_row(archive):
    """It is found where no column is parsed as numbers, also if few columns are asked for."""
    text = "what,who\na,b\nwhat,who\nwhat,nobody\nc,d\n"
    frame, _ = read(archive(**{f"hologram_{STAMP}": text}), "hologram")
    assert frame["what"].tolist() == ["a", "what", "c"]
    opened = archive(**{f"open_{STAMP}": f"{OPENS}1,1527811200\n{OPENS}2,1527811201\n"})
    assert read_table(opened, "open", columns=["receipt_id"], notes=[])["receipt_id"].tolist() == [
        "1",
        "2",
    ]


def test_a_header_inside_quotes_is_text(archive):
    """Lines of a quoted value are a value, whatever they say."""
    text = 'receipt_id,title\n1,"\nreceipt_id,title\n"\n'
    frame, notes = read(archive(**{f"hologram_{STAMP}": text}), "hologram")
    assert frame["title"].tolist() == ["\nreceipt_id,title\n"]
    assert notes == []


def test_a_second_header_of_other_columns_is_refused(archive):
    """Rows under another header would stand in wrong columns: one sentence says what to do."""
    text = "receipt_id,opened_at\n1,1527811200\nreceipt_id,user_id,opened_at\n1,7,1527811200\n"
    with pytest.raises(ArchiveError, match="second header inside, of other columns"):
        read(archive(**{f"open_{STAMP}": text}))


def test_what_was_assumed_is_said_from_the_cache_too(archive):
    """A table that comes out of the cache has the same rows, and says the same."""
    opened = archive(
        **{f"receipt_{STAMP}": ROW, f"open_{STAMP}": f"{OPENS}1,1527811200\n{OPENS}2,1527811201\n"}
    )
    fresh = {group: read(opened, group) for group in opened.groups}
    cache = Cache(opened.path, "UTC")
    prove(opened, cache, 0)
    for group, (frame, notes) in fresh.items():
        assert cache.reading(group) is not None
        tables = Tables(opened)
        with pytest.warns(match=notes[0][:20]):
            pd.testing.assert_frame_equal(tables[group], frame)
        assert tables.notes == notes


def test_rows_are_counted_so_while_they_arrive(archive):
    """A download that is read while it arrives has as many rows as the file."""
    opened = archive(
        open__1=f"{OPENS}1,1527811200\n{OPENS}2,1527811201\n", open__2="3,1527811202\n"
    )
    passed = Passed()
    with opened.path.open("rb") as file:
        take_in(file, opened.path.name, Cache(opened.path, ""), passed)
    assert passed.rows == prove(opened) == {"open": 3}
