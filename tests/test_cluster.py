"""A Dask cluster that the user has: windows converted in parallel, into a folder or a store."""

from __future__ import annotations

import cloudpickle
import pandas as pd
import pytest
from conftest import TOKEN
from pyarrow import parquet

from intercom_export_widgets import errors, open_dask
from intercom_export_widgets.data.parquet import Part
from intercom_export_widgets.jobs.conversion import Conversion
from intercom_export_widgets.jobs.store import store_of

RANGE = "2018-06-01 2018-06-02"
pytestmark = [
    pytest.mark.kernel,
    pytest.mark.filterwarnings("ignore:.*outside the range:UserWarning"),
    # Dask's cluster leaves sockets to be collected when it ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def client(object_store):
    """Two workers, in processes of their own, that find the S3 server."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            env=object_store.environment,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def backfill(session):
    timeframe = session.timeframe(RANGE).observed("2018-06-03")
    return session.backfill(timeframe, "day").wait()


def test_workers_write_what_this_process_writes(backfill, client, tmp_path):
    """The same files, with the same rows in the same order and the same metadata."""
    there = backfill.to_parquet(tmp_path / "there", client=client)
    here = backfill.to_parquet(tmp_path / "here")
    assert [file.relative_to(tmp_path / "there") for file in there] == [
        file.relative_to(tmp_path / "here") for file in here
    ]
    for one, other in zip(there, here, strict=True):
        assert parquet.read_table(one).equals(parquet.read_table(other), check_metadata=False)
        assert parquet.read_schema(one).metadata == parquet.read_schema(other).metadata


def test_a_dataset_in_a_store_is_read_by_the_cluster(backfill, client, bucket):
    """Windows go to S3 in parallel, and come back as one table with the dtypes of pandas."""
    frame = backfill.dask("receipt", bucket, client=client)
    found, table = client.compute(frame).result(), backfill.receipts
    assert found.dtypes.astype(str).to_dict() == table.dtypes.astype(str).to_dict()
    pd.testing.assert_frame_equal(found.reset_index(drop=True), table, check_categorical=False)
    assert open_dask(bucket, "opens").npartitions == 2


def test_a_window_that_is_there_is_not_written_again(backfill, client, bucket):
    """Idempotent per window: what was lost is written, the rest is left as it is."""
    addresses = backfill.to_parquet(bucket, client=client)
    import s3fs

    store = s3fs.S3FileSystem()
    with store.open(addresses[0]) as file:
        marked = parquet.read_table(file).slice(0, 1)
    with store.open(addresses[0], "wb") as file:
        parquet.write_table(marked, file)
    store.rm_file(addresses[1])
    assert backfill.to_parquet(bucket, client=client) == addresses
    rows = [len(parquet.read_table(address, filesystem=store)) for address in addresses[:2]]
    assert rows == [1, len(backfill.exports[1].receipts)]


def test_an_error_of_a_worker_is_the_error_of_the_call(backfill, client, tmp_path):
    """An archive that a worker can't read fails in one sentence, as it does here."""
    archive = backfill.exports[1].progress.path
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(errors.ArchiveError):
        backfill.to_parquet(tmp_path / "there", client=client)


def test_no_token_and_no_session_travel_to_a_worker(session, backfill, tmp_path):
    """What is pickled is a path, a range and plain facts."""
    tables = backfill.exports[0].tables
    store = store_of(tmp_path / "there")
    task = Conversion.of(tables, store, {"receipt": "a.parquet"}, Part({}), trim=True)
    pickled = cloudpickle.dumps(task)
    assert TOKEN.encode() not in pickled
    assert b"jobs.session" not in pickled
    assert b"jobs.connection" not in pickled
    assert len(pickled) < 3000
