"""Parquet: typed, whole or not there, with its origin in its metadata."""

from __future__ import annotations

import json
import zipfile

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from shares import windows_shares  # noqa: F401 - a fixture

from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.tables import Tables, read_table
from intercom_export_widgets.errors import ArchiveDamagedError, ExportWarning, FileError

pytestmark = pytest.mark.usefixtures("windows_shares")

FIRST = 1_527_811_200
COUNT = 150_000
WINDOW = (FIRST, FIRST + COUNT)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Return an archive whose receipts fill a row group and a part, and some opens."""
    path = tmp_path_factory.mktemp("archive") / "export.zip"
    lines = [f"{n:019},-1,{('email', 'post')[n % 2]},{FIRST + n - 2}," for n in range(COUNT)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        header = "receipt_id,company_id,content_type,received_at,first_open"
        archive.writestr("receipt_20260114-183225.csv", "\n".join([header, *lines]))
        archive.writestr("open_20260114-183225.csv", f"receipt_id,opened_at\n{0:019},1527811300\n")
        archive.writestr("../up_20260114-183225.csv", "a\n1\n")
    return path


@pytest.fixture
def tables(path):
    attrs = {"job_identifier": "v5xsp8c19ji0s82", "observed_until": "2018-06-30T23:59:59Z"}
    return Tables(Archive.open(path), window=WINDOW, attrs=attrs)


def test_file_is_the_table(tables, path, tmp_path):
    """A file has the DataFrame's rows in their order, its types, and the rows trimmed alike."""
    file = tmp_path / "new" / "june.parquet"
    with pytest.warns(ExportWarning):
        assert tables.to_parquet(file) == (file,)
    frame = pd.read_parquet(file)
    assert frame.equals(tables["receipt"])
    assert frame.attrs == tables["receipt"].attrs
    assert frame.attrs["rows_trimmed"] == 2
    whole = read_table(Archive.open(path), "receipt")
    tables.to_parquet(file, trim=False)
    assert pd.read_parquet(file).equals(whole)


def test_file_says_what_it_is(tables, tmp_path):
    """Categories are dictionaries, received_at has statistics, the metadata names the origin."""
    with pytest.warns(ExportWarning):
        (file,) = tables.to_parquet(tmp_path / "june.parquet")
    opened = parquet.ParquetFile(file)
    assert pa.types.is_dictionary(opened.schema_arrow.field("content_type").type)
    assert str(opened.schema_arrow.field("received_at").type) == "timestamp[us, tz=UTC]"
    assert opened.num_row_groups == 2
    for place in range(2):
        columns = [opened.metadata.row_group(place).column(n) for n in range(5)]
        assert [c.is_stats_set for c in columns] == [False, False, False, True, False]
        assert {c.compression for c in columns} == {"ZSTD"}
    facts = {key.decode(): value.decode() for key, value in opened.metadata.metadata.items()}
    assert facts["job_identifier"] == "v5xsp8c19ji0s82"
    assert facts["observed_until"] == "2018-06-30T23:59:59Z"
    assert facts["package_version"]
    assert json.loads(facts["PANDAS_ATTRS"])["rows_trimmed"] == 2


def test_folder_has_a_file_for_each_table(tables, tmp_path):
    """A folder gets every table, under names that stay within it."""
    with pytest.warns(ExportWarning):
        files = tables.to_parquet(tmp_path / "june")
    assert [file.name for file in files] == ["receipt.parquet", "open.parquet", "up.parquet"]
    assert sorted(files) == sorted((tmp_path / "june").iterdir())
    # The one open is that of a receipt outside the range.
    assert parquet.read_metadata(files[1]).num_rows == 0
    assert tables.to_parquet(tmp_path / "june", "open") == (files[1],)


def test_table_without_rows_is_a_typed_file(tables, tmp_path):
    """A known table that the archive lacks is a file of its columns and no rows."""
    (file,) = tables.to_parquet(tmp_path / "clicks.parquet", "clicks")
    assert pd.read_parquet(file).dtypes.astype(str).to_dict() == {
        "receipt_id": "str",
        "clicked_at": "datetime64[us, UTC]",
        "link_type": "category",
        "url": "str",
    }


def test_values_of_another_kind_are_in_the_file(tmp_path):
    """A column with a value that is not of its kind is text, surplus values are columns."""
    source = tmp_path / "receipts.csv"
    rows = "".join(f"{n},{FIRST + n}\n" for n in range(1_000))
    source.write_text(f"receipt_id,received_at\n{rows}x,soon\ny,{FIRST},more\n")
    tables = Tables(Archive.open(source), window=WINDOW)
    with pytest.warns(ExportWarning):
        (file,) = tables.to_parquet(tmp_path / "out.parquet")
    frame = pd.read_parquet(file)
    pd.testing.assert_frame_equal(frame, tables["receipt"])
    assert frame["received_at"].tolist()[-2:] == ["soon", str(FIRST)]
    assert frame["column 3"].tolist()[-1] == "more"


def test_local_times_of_no_known_zone_are_trimmed_alike(tmp_path):
    """Where the zone is not known, the file's range is widened as the DataFrame's is."""
    source = tmp_path / "receipts.csv"
    source.write_text(
        f"receipt_id,received_at\n1,{FIRST - 20 * 3600}\n2,{FIRST - 3600}\n3,2018-06-01 00:00:00\n"
    )
    tables = Tables(Archive.open(source), zone="", window=WINDOW)
    with pytest.warns(ExportWarning):
        (file,) = tables.to_parquet(tmp_path / "out.parquet")
    assert pd.read_parquet(file)["receipt_id"].tolist() == ["2", "3"]
    assert tables["receipt"]["receipt_id"].tolist() == ["2", "3"]


def test_damage_leaves_the_old_file(tmp_path):
    """An archive that is damaged at its end leaves what was there, and nothing half done."""
    source, file = tmp_path / "download", tmp_path / "out" / "june.parquet"
    file.parent.mkdir()
    file.write_text("old")
    with zipfile.ZipFile(source, "w") as archive:
        data = b"receipt_id,opened_at\n" + b"1,1527811200\n" * 9_999 + b"7,1527811207\n"
        archive.writestr("open_20260114-183225.csv", data)
    source.write_bytes(source.read_bytes().replace(b"7,1527811207", b"7,1527811208"))
    with pytest.raises(ArchiveDamagedError):
        Tables(Archive.open(source)).to_parquet(file, "open")
    assert file.read_text() == "old"
    assert list(file.parent.iterdir()) == [file]


def test_place_that_can_not_be_written_is_named(tables, tmp_path):
    """A file in a folder's place is an error of one sentence that names it."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileError, match="file is a file, and a folder is wanted"):
        tables.to_parquet(tmp_path / "file" / "june.parquet")
