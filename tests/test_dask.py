"""Dask: the tables of an export or a dataset, lazily and on several machines."""

from __future__ import annotations

import pandas as pd
import pytest

from intercom_export_widgets import open_dask
from intercom_export_widgets.errors import ExportWarning, FileError, TableNotFoundError


@pytest.fixture
def export(session):
    return session.submit("2018-06-01 2018-06-02").wait()


def same(frame, table):
    """Assert that a Dask DataFrame is a table, whatever the order of categories."""
    assert frame.dtypes.astype(str).to_dict() == table.dtypes.astype(str).to_dict()
    pd.testing.assert_frame_equal(frame.compute(), table, check_categorical=False)


def test_a_dask_frame_has_the_dtypes_and_rows_of_the_table(export):
    """Text, categories, instants, counts and rates are pandas' own, before and after computing."""
    for name in ("receipt", "clicks", "overview", "hard_bounce"):
        same(export.dask(name), export.tables[name])


def test_columns_and_rows_are_picked_where_they_are_read(export):
    """Columns come in their order; a filter leaves other instants out."""
    noon = pd.Timestamp("2018-06-02T12:00", tz="UTC")
    columns = ["received_at", "content_type"]
    frame = export.dask(columns=columns, filters=[("received_at", ">=", noon)]).compute()
    whole = export.receipts
    assert list(frame.columns) == columns
    assert len(frame) == (whole["received_at"] >= noon).sum() > 0


def test_categories_say_that_they_are_unknown_until_they_are_counted(export):
    """Dask is told the truth: each partition has its own, categorize() finds all."""
    frame = export.dask()
    assert not frame["content_type"].cat.known
    known = frame[["content_type"]].categorize()
    assert set(known["content_type"].cat.categories) == set(
        export.receipts["content_type"].cat.categories
    )


def test_the_file_is_written_once_and_again_when_it_is_of_another_export(session, export, tmp_path):
    """The second time costs nothing; a file of another job in its place is replaced."""
    path = tmp_path / "here"
    export.dask("opens", path)
    before = (path / "open.parquet").stat()
    export.dask("open", path)
    assert (path / "open.parquet").stat() == before
    other = session.submit("2018-07-01 2018-07-02").wait()
    same(other.dask("open", path), other.tables["open"])


def test_a_store_is_opened_from_anywhere(session, bucket):
    """What an export wrote to S3 is opened by its address alone, or by the export itself."""
    export = session.submit("2018-06-01T09:00 2018-06-01T11:00").wait()
    export.to_parquet(bucket)
    same(open_dask(bucket), export.receipts)
    same(open_dask(f"{bucket}/click.parquet"), export.tables["click"])
    same(export.dask("click", bucket), export.tables["click"])


def test_rows_outside_the_range_are_no_part_of_a_dask_frame(session, sandbox, tmp_path):
    """A file that was written with the rows outside the range is written anew without them."""
    sandbox.switch(rounding="days")
    export = session.submit("2018-06-01T09:00 2018-06-01T17:00").wait()
    with pytest.warns(ExportWarning, match="left out"):
        table = export.receipts
    export.to_parquet(tmp_path / "all", trim=False)
    assert len(export.dask(path=tmp_path / "all")) == len(table)


def test_one_file_of_a_store_is_written_and_read_by_its_address(export):
    """A name of its own in a store keeps the address' two slashes, and serves the next time."""
    address = "memory://files-of-their-own/june.parquet"
    same(export.dask("open", address), export.tables["open"])
    same(open_dask(address), export.tables["open"])


def test_what_is_not_there_is_said(export, tmp_path):
    """A table that nobody wrote, a folder that is none, and a file that is no Parquet."""
    export.to_parquet(tmp_path / "here", "receipt")
    with pytest.raises(TableNotFoundError, match="no table 'clicks' in"):
        open_dask(tmp_path / "here", "clicks")
    with pytest.raises(TableNotFoundError):
        open_dask(tmp_path / "nowhere")
    with pytest.raises(TableNotFoundError, match="Did you mean"):
        export.dask("clack")
    with pytest.raises(FileError, match="is no Parquet file"):
        open_dask(tmp_path / "nowhere.parquet")
