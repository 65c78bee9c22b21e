"""A folder of the CSVs that a browser unpacked is read as the archive was."""

from __future__ import annotations

import gzip
import os
import shutil
import zipfile

import pandas as pd
import pytest

from intercom_export_widgets import ExportSession
from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.cache import Cache
from intercom_export_widgets.data.ingest import prove
from intercom_export_widgets.data.tables import Tables
from intercom_export_widgets.errors import ArchiveError, FileError
from intercom_export_widgets.sandbox.archive_writer import write_archive
from intercom_export_widgets.sandbox.data_generator import Workspace
from intercom_export_widgets.sandbox.options import Switches

DAY = 86_400
FIRST = 17_683 * DAY
NAME = "receipt_20260114-183225.csv"
RECEIPTS = b"receipt_id,received_at\n1,1527811200\n2,1527811201\n"


@pytest.fixture
def unpacked(tmp_path):
    """Return a folder of two tables."""
    folder = tmp_path / "june"
    folder.mkdir()
    (folder / NAME).write_bytes(RECEIPTS)
    (folder / "open_20260114-183225.csv").write_bytes(b"receipt_id,opened_at\n1,1527811300\n")
    return folder


@pytest.fixture
def session(tmp_path):
    """Return a session without a server."""
    with ExportSession(
        "a-token-of-the-tests", folder=tmp_path / "exports", ledger=tmp_path / "ledger.sqlite"
    ) as opened:
        yield opened


@pytest.mark.parametrize("inside", ["", "exports/"])
def test_a_folder_is_read_as_the_archive_was(tmp_path, session, inside):
    """Every table of an unpacked ZIP has the values that it has in the ZIP."""
    written = write_archive(
        tmp_path,
        "export",
        Workspace(1, rows_per_day=300),
        after=FIRST,
        before=FIRST + 2 * DAY - 1,
        until=FIRST + 3 * DAY,
        switches=Switches(),
    )
    with zipfile.ZipFile(written.path) as file:
        file.extractall(tmp_path / "june" / inside)
    archive, folder = session.load(written.path), session.load(tmp_path / "june")
    assert folder.progress.rows == archive.progress.rows
    assert set(folder.tables) == set(archive.tables)
    for name in archive.tables:
        pd.testing.assert_frame_equal(folder.tables[name], archive.tables[name])
    assert folder.receipts.attrs["archive"] == str(tmp_path / "june")
    assert session.load(tmp_path / "june") is folder


def test_a_folder_is_an_archive_of_its_files(unpacked):
    """Only its CSVs count: no other files, no hidden ones, no links, no Mac's extras."""
    (unpacked / "README.txt").write_text("hello")
    (unpacked / "LICENSE").write_text("hello")
    (unpacked / ".receipt_1.csv").write_bytes(b"\0")
    (unpacked / "__MACOSX").mkdir()
    (unpacked / "click_20260114-183225.csv.gz").write_bytes(
        gzip.compress(b"receipt_id,clicked_at\n1,1527811300\n")
    )
    if hasattr(os, "symlink"):
        (unpacked / "reply_20260114-183225.csv").symlink_to(unpacked / NAME)
    archive = Archive.open(unpacked)
    assert archive.kind == "folder"
    assert prove(archive) == {"click": 1, "open": 1, "receipt": 2}
    assert "receipt" in repr(archive)


def test_the_same_file_twice_is_refused(unpacked):
    """A copy that a browser has made of a file would give every row twice."""
    shutil.copy(unpacked / NAME, unpacked / "receipt_20260114-183225 (1).csv")
    with pytest.raises(ArchiveError, match=r"are the same: their rows would come twice"):
        Archive.open(unpacked)


def test_parts_of_a_group_are_read_together(unpacked):
    """Another part of a table, of other rows, is no copy."""
    (unpacked / "receipt_20260114-183225_2.csv").write_bytes(RECEIPTS.replace(b"\n1,", b"\n3,"))
    assert prove(Archive.open(unpacked))["receipt"] == 4


def test_a_folder_without_a_csv_is_named(tmp_path, session):
    """A folder that holds none is an error that says so, and nothing at all is another."""
    (tmp_path / "june").mkdir()
    with pytest.raises(FileError, match=r"june holds no CSV"):
        session.load(tmp_path / "june")
    with pytest.raises(FileError, match=r"a folder of unpacked CSVs"):
        session.load(tmp_path / "july")


def test_the_cache_of_a_folder_knows_its_files(unpacked):
    """Tables come from the cache until a file of the folder changes, or gets another name."""
    archive, cache = Archive.open(unpacked), Cache(unpacked, "UTC")
    prove(archive, cache, 0)
    assert cache.reading("receipt") is not None
    pd.testing.assert_frame_equal(Tables(archive)["receipt"], Tables(archive).read("receipt"))
    (unpacked / "open_20260114-183225.csv").rename(unpacked / "reply_20260114-183225.csv")
    assert cache.reading("receipt") is None
    prove(Archive.open(unpacked), cache, 0)
    (unpacked / NAME).write_bytes(RECEIPTS + b"3,1527811202\n")
    assert cache.reading("receipt") is None


def test_the_folder_that_one_is_in_is_read(unpacked, session, monkeypatch):
    """A dot names the working directory, whose cache lies beside it."""
    monkeypatch.chdir(unpacked)
    export = session.load(".")
    assert export.job_identifier == "june"
    assert len(export.receipts) == 2
    assert [path.name for path in unpacked.iterdir() if path.suffix != ".csv"] == []
