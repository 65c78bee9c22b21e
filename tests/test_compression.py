"""isal's zlib and Python's: the same results, whichever is installed."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zipfile
import zlib

import pandas as pd
import pytest

from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.tables import Tables
from intercom_export_widgets.errors import ArchiveDamagedError
from intercom_export_widgets.notebook.machine import find_decompression

CSV = b"receipt_id,received_at\n" + b"".join(b"r%d,1527811200\n" % n for n in range(20_000))
COMPRESSION = "intercom_export_widgets.data.compression"


@pytest.fixture
def without_isal(monkeypatch):
    """A function after which isal is not installed."""

    def remove():
        monkeypatch.setitem(sys.modules, "isal", None)
        monkeypatch.delitem(sys.modules, COMPRESSION, raising=False)

    yield remove
    sys.modules.pop(COMPRESSION, None)


@pytest.fixture(params=["zip", "stored", "gzip"])
def archive(request, tmp_path):
    """The same rows in each container."""
    path = tmp_path / f"receipt.{request.param}"
    if request.param == "gzip":
        path.write_bytes(gzip.compress(CSV, mtime=0))
        return path
    method = zipfile.ZIP_DEFLATED if request.param == "zip" else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("receipt_20260114-183225.csv", CSV)
    return path


def read(path):
    """Return the table of an archive, read from its bytes."""
    return Tables(Archive.open(path), zone="UTC", attrs={})["receipt"]


def test_both_give_the_same_table(archive, without_isal):
    """A table is the same without isal, in every container."""
    by_isal = read(archive)
    without_isal()
    by_zlib = read(archive)
    assert len(by_isal) == 20_000
    pd.testing.assert_frame_equal(by_zlib, by_isal)


def test_both_find_the_same_damage(archive, without_isal):
    """One changed byte is found without isal too."""
    whole = bytearray(archive.read_bytes())
    whole[len(whole) // 3] ^= 0x55
    archive.write_bytes(whole)
    with pytest.raises(ArchiveDamagedError):
        read(archive)
    without_isal()
    with pytest.raises(ArchiveDamagedError):
        read(archive)


def test_doctor_says_which_is_used(without_isal):
    """The doctor names isal with its version, or Python's zlib."""
    assert find_decompression().found.startswith("isal 1.")
    without_isal()
    assert find_decompression().found.startswith("Python's zlib")


def test_sandbox_compresses_without_isal():
    """The sandbox starts and exports where isal is missing."""
    code = (
        "import sys; sys.modules['isal'] = None\n"
        "from intercom_export_widgets import ExportSession\n"
        "from intercom_export_widgets.sandbox import Sandbox, archive_writer\n"
        "assert archive_writer.zlib.__name__ == 'zlib'\n"
        "with Sandbox(job_seconds=0) as sandbox, ExportSession(\n"
        "    sandbox.token, base_url=sandbox.base_url, poll_interval=0.1\n"
        ") as session:\n"
        "    print(len(session.submit('2018-06-01 2018-06-01').wait().receipts))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


def test_checksums_are_zlibs():
    """Checksums that were written with isal are checked without it."""
    from intercom_export_widgets.data.compression import zlib as used

    assert used.crc32(CSV) == zlib.crc32(CSV)
