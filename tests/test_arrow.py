"""Tables for Arrow's users: a reader in bounded memory, and a handle that is read again."""

from __future__ import annotations

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.handle import TableHandle
from intercom_export_widgets.data.tables import Tables
from intercom_export_widgets.errors import InputError, TableNotFoundError

HALF = [
    b"receipt_id,received_at,name",
    b"1,1527811200,Ada",
    b"2,soon,Bob",
    b"3,1527811300,\xc3\x89",
]


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """One finished export of the sandbox."""
    from intercom_export_widgets import ExportSession
    from intercom_export_widgets.sandbox import Sandbox

    place = tmp_path_factory.mktemp("arrow")
    with (
        Sandbox(job_seconds=0.0) as sandbox,
        ExportSession(
            sandbox.token,
            base_url=sandbox.base_url,
            folder=place,
            ledger=place / "ledger.sqlite",
            poll_interval=0.05,
        ) as session,
    ):
        yield session.submit("2018-06-01 2018-06-10").wait()


def test_a_reader_gives_what_the_dataframe_has(export):
    """Rows, order, columns and instants are those of `read`; its metadata has the attrs."""
    reader = export.arrow("receipts")
    assert isinstance(reader, pa.RecordBatchReader)
    assert reader.schema.metadata[b"observed_until"].decode() == "2018-06-10T23:59:59Z"
    table = reader.read_all()
    frame = export.receipts
    assert table.column_names == list(frame.columns)
    assert table["receipt_id"].to_pylist() == frame["receipt_id"].tolist()
    assert table["content_type"].to_pylist() == frame["content_type"].tolist()
    opened = pd.Series(table["first_open"].to_pandas())
    assert (opened.isna() == frame["first_open"].isna()).all()
    assert opened.dropna().tolist() == frame["first_open"].dropna().tolist()


def test_columns_come_in_the_order_asked_for(export):
    """The column that rows are trimmed by need not be among them."""
    table = export.arrow(columns=["email", "name"]).read_all()
    assert table.column_names == ["email", "name"]
    assert len(table) == len(export.receipts)
    with pytest.raises(InputError, match="Did you mean 'email'"):
        export.arrow(columns=["emial"])
    with pytest.raises(TableNotFoundError):
        export.arrow("hologram")


def test_a_known_table_without_rows_is_empty_and_typed(export):
    """Intercom leaves out a group without rows."""
    export.tables._groups.pop("series_completion", None)
    reader = export.arrow("series_completion")
    assert reader.schema.field("completed_at").type == pa.timestamp("us", "UTC")
    assert reader.read_all().num_rows == 0


def test_polars_takes_a_table(export):
    """The README's line for Polars, with the reader; a handle is a DataFrame's data."""
    handle = export.tables.handle("receipt")
    for frame in (pl.from_arrow(export.arrow("receipt")), pl.DataFrame(handle)):
        assert frame["receipt_id"].to_list() == export.receipts["receipt_id"].tolist()


def test_duckdb_takes_a_table(export):
    """The README's line for DuckDB; a handle can be scanned twice in one query."""
    receipts = export.tables.handle("receipt")
    counted = duckdb.sql("SELECT content_type, count(*) FROM receipts GROUP BY ALL").fetchall()
    assert dict(counted) == export.receipts["content_type"].value_counts().to_dict()
    query = "SELECT count(*) FROM receipts AS a JOIN receipts AS b USING (receipt_id)"
    assert duckdb.sql(query).fetchall() == [(len(export.receipts),)]
    assert repr(receipts) == "TableHandle('receipt')"
    assert receipts.schema.names == list(export.receipts.columns)


def test_a_handle_is_read_anew_by_arrow(export):
    """It speaks the PyCapsule protocol, stream and schema."""
    handle = export.tables.handle("open")
    assert isinstance(handle, TableHandle)
    assert pa.table(handle).num_rows == pa.table(handle).num_rows == len(export.tables["open"])
    assert pa.schema(handle) == handle.schema


def test_no_value_is_lost_in_a_stream(session, tmp_path):
    """A column with a value that is not of its kind is text, from the first batch on."""
    path = tmp_path / "receipt_20180601-000000.csv"
    path.write_bytes(b"\n".join(HALF) + b"\n")
    export = session.load(path)
    with pytest.warns(UserWarning, match="another kind"):
        table = export.arrow("receipt").read_all()
    assert table["received_at"].to_pylist() == ["1527811200", "soon", "1527811300"]
    assert table["name"].to_pylist() == ["Ada", "Bob", "É"]


def test_memory_does_not_grow_with_the_table(tmp_path):
    """Batches come and go: Arrow holds a part of the table at any time, whatever its length."""
    path = tmp_path / "receipt_20180601-000000.csv"
    rows = "".join(f"{n:019},1527811200,{'x' * 200}\n" for n in range(200_000))
    path.write_text(f"receipt_id,received_at,name\n{rows}", encoding="ascii")
    handle = Tables(Archive.open(path)).handle("receipt")
    before = pa.total_allocated_bytes()
    most = read = 0
    for batch in handle.reader():
        read += batch.num_rows
        most = max(most, pa.total_allocated_bytes() - before)
    assert read == 200_000
    assert most < path.stat().st_size / 2
