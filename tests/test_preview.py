"""The preview: the first rows as text, personal data masked unless asked for."""

from __future__ import annotations

import csv
import gzip
import io
import threading
import zipfile

import pytest

from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.preview import LONGEST, PREVIEWED, mask, preview
from intercom_export_widgets.errors import ArchiveError

MEMBER = "receipt_20260114-183225.csv"
HEADER = ["receipt_id", "email", "name", "content_type", "content_title", "received_at"]


def receipt(number, **values):
    """Return a row of `HEADER`, of which a test says what matters to it."""
    known = {
        "receipt_id": str(number),
        "email": f"ada{number}@example.org",
        "name": "Ada Lovelace",
        "content_type": "email",
        "content_title": "Welcome",
        "received_at": str(1527811200 + 60 * number),
    }
    return [(known | values)[name] for name in HEADER]


def to_csv(rows, header=HEADER):
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([header, *rows])
    return buffer.getvalue().encode()


def zipped(data, member=MEMBER):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, data)
    return buffer.getvalue()


@pytest.fixture
def opened(tmp_path):
    def opened(data):
        path = tmp_path / "download"
        path.write_bytes(data)
        return Archive.open(path)

    return opened


def column(seen, name):
    return [row[seen.heads.index(name)] for row in seen.rows]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zipped], ids=["csv", "gzip", "zip"])
def test_first_five_rows_of_any_container(opened, pack):
    """Five rows in the order of the file, in the preview's columns, times in UTC."""
    seen = preview(opened(pack(to_csv([receipt(n) for n in range(9)]))))
    assert seen.heads == ("received_at", "content_type", "content_title", "name", "email")
    assert len(seen.rows) == 5
    assert seen.rows[1] == ("2018-06-01 00:01", "email", "Welcome", "A••• L•••", "a•••@e•••")
    assert seen.masked


@pytest.mark.parametrize(("asked", "shown"), [(0, 0), (1, 1), (3, 3), (50, 4)])
def test_as_many_rows_as_asked_for_and_there(opened, asked, shown):
    """No more rows come than were asked for, nor than there are."""
    archive = opened(to_csv([receipt(n) for n in range(4)]))
    assert len(preview(archive, rows=asked).rows) == shown


def test_rows_come_from_as_many_blocks_as_they_need(opened):
    """Rows larger than a block are still the first ones, in their order."""
    rows = [receipt(n, name="x" * 100_000) for n in range(7)]
    seen = preview(opened(zipped(to_csv(rows))))
    assert column(seen, "received_at") == [f"2018-06-01 00:0{n}" for n in range(5)]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("ada.lovelace@example.org", "a•••@e•••"),
        ("ada", "a•••"),
        ("a@b@c.org", "a•••@b•••@c•••"),
        ("@example.org", "@e•••"),
        ("ada@", "a•••@"),
        ("@@", "@@"),
        ("", ""),
        ("😀 Ada", "😀••• A•••"),
        ("Ærøskøbing", "Æ•••"),
        ("Ada\tKing\nLovelace", "A•••\tK•••\nL•••"),
        ('"Ada, the" <ada@x.org>', '"••• t••• <•••@x•••'),
    ],
)
def test_mask_leaves_first_letters(text, masked):
    """Of every word, and of each side of an @, only the first letter is left."""
    assert mask(text) == masked


def test_odd_names_and_addresses_are_masked(opened):
    """Whatever stands in name and email, no more of it than first letters is shown."""
    odd = [
        ("", ""),
        ("Grace  Hopper\nRear Admiral", "grace hopper at navy.mil"),
        ("😀secret", "secret@secret@secret"),
    ]
    rows = [receipt(n, name=name, email=email) for n, (name, email) in enumerate(odd)]
    archive = opened(to_csv(rows))
    seen = preview(archive)
    assert column(seen, "name") == ["", "G••• H••• R••• A•••", "😀•••"]
    assert column(seen, "email") == ["", "g••• h••• a••• n•••", "s•••@s•••@s•••"]
    assert not any("ecret" in cell for row in seen.rows for cell in row)


def test_unmasked_on_request(opened):
    """Asked to, the preview shows names and addresses as they are, each on one line."""
    archive = opened(to_csv([receipt(1, name="Grace\n Hopper")]))
    seen = preview(archive, masked=False)
    assert not seen.masked
    assert column(seen, "name") == ["Grace Hopper"]
    assert column(seen, "email") == ["ada1@example.org"]


@pytest.mark.parametrize("masked", [True, False])
def test_huge_cells_are_cut(opened, masked):
    """A cell of any length, masked or not, shows its beginning and that there is more."""
    long = receipt(1, name="Ada " * 50_000, content_title="x" * 200_000, email="a@" * 9_000)
    seen = preview(opened(zipped(to_csv([long]))), masked=masked)
    for name in ("name", "content_title", "email"):
        (cell,) = column(seen, name)
        assert len(cell) == LONGEST + 1
        assert cell.endswith("…")


def test_archive_without_receipts_has_no_preview(opened):
    """Without receipts, or with none of the columns that are shown, there is nothing to see."""
    opens = b"receipt_id,opened_at\n1,1527811300\n"
    empty = preview(opened(zipped(opens, "open_20260114-183225.csv")))
    assert (empty.heads, empty.rows) == ((), ())
    bare = preview(opened(zipped(b"receipt_id,user_id\n1,2\n")))
    assert (bare.heads, bare.rows) == ((), ())


def test_receipts_without_rows_have_columns_and_no_rows(opened):
    """A header alone, and no bytes at all, are a preview of no rows."""
    assert preview(opened(to_csv([]))).rows == ()
    seen = preview(opened(zipped(b"")))
    assert (seen.heads, seen.rows) == (PREVIEWED, ())


def test_columns_that_lack_are_left_out(opened):
    """Fewer columns in the file are fewer in the preview, in the preview's order."""
    seen = preview(opened(zipped(b"name,receipt_id,received_at\nAda,1,1527811200\n")))
    assert seen.heads == ("received_at", "name")
    assert seen.rows == (("2018-06-01 00:00", "A•••"),)


def test_values_of_another_kind_are_shown(opened):
    """A received_at that is no instant shows its text, not an empty cell."""
    rows = [receipt(1), receipt(2, received_at="soon"), receipt(3, received_at="")]
    assert column(preview(opened(to_csv(rows))), "received_at") == ["1527811260", "soon", ""]


@pytest.mark.parametrize(
    ("zone", "shown"), [("America/New_York", "2018-06-01 04:00"), ("", "2018-06-01 00:00")]
)
def test_local_times_are_shown_in_utc(opened, zone, shown):
    """Local times are read in the zone given, and as UTC if it is not known."""
    archive = opened(to_csv([receipt(1, received_at="2018-06-01 00:00:00")]))
    assert column(preview(archive, zone=zone), "received_at") == [shown]


def test_stopping_early_leaves_no_thread(opened):
    """Five rows of many blocks are had without the rest, and no thread is left behind."""
    archive = opened(zipped(to_csv([receipt(n, name="x" * 1_000) for n in range(5_000)])))
    before = set(threading.enumerate())
    assert len(preview(archive).rows) == 5
    assert set(threading.enumerate()) <= before


def test_damage_is_an_error_and_leaves_no_thread(opened):
    """Damage in what the preview reads is an error, and no thread is left behind."""
    archive = opened(zipped(to_csv([receipt(n) for n in range(3)])))
    archive.path.write_bytes(archive.path.read_bytes()[:80])
    before = set(threading.enumerate())
    with pytest.raises(ArchiveError):
        preview(archive)
    assert set(threading.enumerate()) <= before
