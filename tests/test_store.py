"""Datasets in a folder or a store: each file whole or not there, at any address of fsspec."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from shares import windows_shares  # noqa: F401 - a fixture

from intercom_export_widgets.errors import FileError, PackageMissingError
from intercom_export_widgets.jobs.address import is_remote
from intercom_export_widgets.jobs.store import store_of

pytestmark = pytest.mark.usefixtures("windows_shares")


@pytest.fixture
def export(session):
    """An export of an hour, which has some of the tables."""
    return session.submit("2018-06-01T09:00 2018-06-01T10:00").wait()


def test_an_export_goes_to_a_store_as_it_goes_to_a_folder(export, bucket, tmp_path):
    """The same files under the same names, with the same bytes, said by their addresses."""
    addresses = export.to_parquet(bucket)
    assert len(addresses) > 3
    files = export.to_parquet(tmp_path / "here")
    assert addresses == tuple(f"{bucket}/{file.name}" for file in files)
    import s3fs

    store = s3fs.S3FileSystem()
    for address, file in zip(addresses, files, strict=True):
        assert store.cat_file(address) == file.read_bytes()
    assert pd.read_parquet(f"{bucket}/receipt.parquet").attrs == export.receipts.attrs


def test_one_table_goes_to_one_address(export, bucket):
    """An address that ends in .parquet is one file: receipt, or the table that is named."""
    assert export.to_parquet(f"{bucket}/june.parquet") == (f"{bucket}/june.parquet",)
    export.to_parquet(f"{bucket}/opens.parquet", "opens")
    pd.testing.assert_frame_equal(pd.read_parquet(f"{bucket}/opens.parquet"), export.tables["open"])


def test_options_reach_the_store_and_stay_out_of_what_is_said(export, object_store, bucket):
    """What the library takes is handed on; a refusal names the address, and no secret."""
    address = bucket.replace("a-bucket", "no-bucket")
    options = {"key": "their-key", "secret": "their-secret", "endpoint_url": object_store.url}
    with pytest.raises(FileError, match=r"can't be written: .*bucket") as caught:
        export.to_parquet(address, "receipt", storage_options=options)
    assert "credentials" in caught.value.advice
    assert not {"their-key", "their-secret"} & set(str(caught.value).split())


@pytest.mark.parametrize("protocol", ["s3", "memory", "local"])
def test_a_file_is_in_a_store_whole_or_not_at_all(protocol, bucket, tmp_path):
    """What fails while it is made leaves what was there, and nothing half done."""
    addresses = {"s3": bucket, "memory": "memory://here", "local": f"local://{tmp_path}"}
    store = store_of(addresses[protocol])
    with store.place("table/part.parquet") as path:
        path.write_bytes(b"first")
    with pytest.raises(IsADirectoryError), store.place("table/part.parquet") as path:
        path.parent.write_bytes(b"sec")
    with pytest.raises(FileError), store.place("table/part.parquet"):
        pass  # nothing is there to be sent
    assert store.names("*/*.parquet") == ["table/part.parquet"]
    assert store.open("table/part.parquet").read() == b"first"
    store.remove("table/part.parquet")
    assert store.names("*/*.parquet") == []
    assert not [path for path in Path(tmp_path).rglob("*") if path.is_file()]


def test_a_path_is_no_address():
    """Windows' drives and names with colons are paths; file:// is one too."""
    assert not is_remote("C:\\exports\\june")
    assert not is_remote("file:///exports/june")
    assert not is_remote(Path("june"))
    assert is_remote("gs://bucket/june")
    assert store_of("file:///exports/june").address("a") == str(Path("/exports/june/a"))


def test_an_unknown_or_uninstalled_store_is_one_sentence():
    """What is no protocol, and what lacks its package, is said with what to do."""
    with pytest.raises(FileError, match="Protocol not known"):
        store_of("nowhere://bucket")
    with pytest.raises(PackageMissingError, match=r"gs:// needs gcsfs.*: pip install gcsfs"):
        store_of("gs://bucket")


def test_without_the_package_the_sentence_names_the_line():
    """Where s3fs or Dask is not installed, the error says the pip line, in one line."""
    code = (
        "import sys; sys.modules.update({'s3fs': None, 'dask': None, 'distributed': None})\n"
        "from intercom_export_widgets import open_dask\n"
        "from intercom_export_widgets.errors import PackageMissingError\n"
        "from intercom_export_widgets.jobs.store import store_of\n"
        "for call in (lambda: store_of('s3://bucket'), lambda: open_dask('s3://bucket')):\n"
        "    try: call()\n"
        "    except PackageMissingError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lacking = ("s3:// needs s3fs", "needs dask")
    for line, lacks, extra in zip(
        done.stdout.splitlines(),
        lacking,
        ("remote", "dask"),
        strict=True,
    ):
        advice = f'Install it: pip install "intercom-export-widgets[{extra}]"'
        assert line.endswith(f"{lacks}, which is not installed. {advice}")
