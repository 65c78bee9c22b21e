"""Archives made to overwhelm: refused or read, in bounded memory, disk and time."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

import pytest

from intercom_export_widgets.data.csv_blocks import RECORD_LIMIT

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measured in /proc")

NAME = "receipt_20180701-000000.csv"
MB = 1 << 20
MEMORY = 250
"""Megabytes that a process may use, of which the libraries take 100."""

PROGRAM = """
import json, os, pathlib, resource, sys
import numpy, pandas, pyarrow.compute, pyarrow.csv
from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.ingest import prove
from intercom_export_widgets.data.tables import Tables
from intercom_export_widgets.errors import IntercomExportError

def opened(path, read):
    try:
        archive = Archive.open(pathlib.Path(path))
        if not read:
            return prove(archive)
        tables = Tables(archive, zone="UTC", window=None, attrs={})
        return {name: list(tables.read(name).shape) for name in archive.groups}
    except IntercomExportError as error:
        return f"{type(error).__name__}: {error}"

for line in sys.stdin:
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        resource.setrlimit(resource.RLIMIT_FSIZE, (200 << 20, 200 << 20))
        said = opened(*json.loads(line))
        status = pathlib.Path("/proc/self/status").read_text()
        used = int(status.partition("VmHWM:")[2].split()[0]) >> 10
        print(json.dumps([said, used]), flush=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""
"""Opens each file in a process of its own, whose memory, disk and time are bounded."""


@pytest.fixture(scope="module")
def opener(tmp_path_factory):
    """A process that has imported the libraries, and forks for each file."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("unpacked"))},
    ) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def opened(opener, tmp_path):
    """Return what opens bytes in a limited process, and says what came of it."""

    def run(data, *, read=False, memory=MEMORY):
        path = tmp_path / "bomb"
        path.write_bytes(data)
        opener.stdin.write(json.dumps([str(path), read]) + "\n")
        opener.stdin.flush()
        said, used = json.loads(opener.stdout.readline())
        assert opener.stdout.readline() == "0\n"
        assert used < memory, said
        assert "\n" not in str(said)
        return said

    return run


def zipped(chunk, times, head=b""):
    """Return a ZIP of one CSV: a head, then a chunk so many times, which is packed once."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    # What follows a full flush refers to nothing before it, so it can be repeated.
    start, packed = (
        packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH) for piece in (head, chunk)
    )
    body = start + packed * times + packer.flush()
    checksum, size = zlib.crc32(head), len(head) + times * len(chunk)
    for _ in range(times):
        checksum = zlib.crc32(chunk, checksum)
    facts = struct.pack("<IIIHH", checksum, len(body), size, len(NAME), 0)
    name = NAME.encode()
    local = b"PK\x03\x04" + struct.pack("<HHHHH", 20, 0, 8, 0, 33) + facts + name
    entry = b"PK\x01\x02" + struct.pack("<HHHHHH", 20, 20, 0, 8, 0, 33) + facts
    entry += struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local) + len(body), 0)
    return local + body + entry + b"PK\x05\x06" + end


def crowd(count):
    """Return a ZIP of so many empty members."""
    places, members, entries = 0, [], []
    for number in range(count):
        name = b"a%07d_20180701-000000.csv" % number
        facts = struct.pack("<IIIHH", 0, 0, 0, len(name), 0)
        local = b"PK\x03\x04" + struct.pack("<HHHHH", 20, 0, 0, 0, 33) + facts + name
        entry = b"PK\x01\x02" + struct.pack("<HHHHHH", 20, 20, 0, 0, 0, 33) + facts
        entries.append(entry + struct.pack("<HHHII", 0, 0, 0, 0, places) + name)
        members.append(local)
        places += len(local)
    directory = b"".join(entries)
    shown = min(count, 65535)
    end = struct.pack("<HHHHIIH", 0, 0, shown, shown, len(directory), places, 0)
    return b"".join(members) + directory + b"PK\x05\x06" + end


def test_a_thousandfold_ratio_is_read_in_bounded_memory(opened):
    """Rows a thousand times the size of their archive are counted, block by block."""
    data = zipped(b"0000000,1\n" * (MB // 10), 64, b"receipt_id,name\n")
    assert opened(data, memory=180)["receipt"] == 64 * (MB // 10)


@pytest.mark.parametrize(
    ("chunk", "times", "head"),
    [
        (b"x" * MB, 24, b'receipt_id,name\n1,"'),
        (b"x" * MB, 24, b"receipt_id,name\n1,"),
        (b"\n" * MB, 24, b'receipt_id,name\n1,"'),
        (b"\0" * MB, 24, b"receipt_id,name\n1,"),
    ],
)
def test_a_field_of_many_megabytes_is_refused(opened, chunk, times, head):
    """Quoted or not, of letters, lines or NULs: it is called longer than any export has."""
    said = opened(zipped(chunk, times, head))
    assert (
        said == f"ArchiveError: A record is longer than {RECORD_LIMIT:,} bytes: this is no export."
    )


def test_a_nul_in_a_value_is_read(opened):
    """A NUL is a character of a value like any other."""
    assert opened(zipped(b"1,a\0b\n", 3, b"receipt_id,name\n"), read=True) == {"receipt": [3, 2]}


@pytest.mark.parametrize("size", [1, 24])
def test_a_header_of_commas_is_refused(opened, size):
    """Millions of columns without a name are no header."""
    said = opened(zipped(b"," * MB, size, b"receipt_id"), read=True)
    assert said.startswith("ArchiveError: ")
    assert "no export" in said or "no header" in said


def test_as_many_columns_as_are_allowed_cost_little(opened):
    """Ten thousand columns of one name are numbered one after the other, and read."""
    said = opened(zipped(b"1" + b",1" * 9_999 + b"\n", 2, b"a" + b",a" * 9_999 + b"\n"), read=True)
    assert said == {"receipt": [2, 10_000]}


def test_a_record_of_values_beyond_the_last_column_is_refused(opened):
    """A row of millions of values makes no table of as many columns."""
    said = opened(zipped(b"," * MB, 6, b"receipt_id,name\n1"), read=True)
    assert said == {"receipt": [1, 2]} or said.startswith("ArchiveError: ")
    said = opened(zipped(b",1" * (MB // 2), 6, b"receipt_id,name\n1"), read=True)
    assert said.startswith("ArchiveError: A record of the data has ")


@pytest.mark.parametrize("count", [2_001, 70_000])
def test_a_crowd_of_members_is_refused(opened, count):
    """A directory of too many members is refused before it is made into objects."""
    said = opened(crowd(count), memory=110)
    assert said == "ArchiveError: The archive lists more members than any export has."


def test_hundreds_of_members_are_read(opened):
    """More members than any export has, but not by far, are listed and verified."""
    assert len(opened(crowd(500))) == 500


def test_a_gzip_that_unpacks_to_a_disk_full_is_refused(opened):
    """Hundreds of megabytes behind the first bytes of a ZIP never reach the disk."""
    said = opened(gzip.compress(b"PK\x03\x04" + bytes(100)) + gzip.compress(bytes(16 * MB)) * 20)
    assert "archive in an archive" in said


def test_a_tar_that_unpacks_to_a_disk_full_takes_no_memory(opened):
    """Hundreds of megabytes of zeros behind a tar's header take neither memory nor disk."""
    info = tarfile.TarInfo(NAME)
    info.size = 20 * 16 * MB
    said = opened(gzip.compress(info.tobuf()) + gzip.compress(bytes(16 * MB)) * 20)
    assert said.startswith("ArchiveError: ")


def test_archives_within_archives_are_not_followed(opened):
    """A ZIP in a ZIP is no CSV, and a gzip is unpacked once."""
    inner = zipped(b"1,a\n", 3, b"receipt_id,name\n")
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as whole:
        whole.writestr("inner.zip", inner)
    assert "holds no CSV" in opened(outer.getvalue())
    for packed in (gzip.compress(inner), gzip.compress(gzip.compress(b"a,b\n1,2\n"))):
        assert "archive in an archive" in opened(packed)


@pytest.mark.parametrize(
    "data", [b"<?xml version='1.0'?><a/>", b"<!doctype html><p>Sorry", b'{"errors": []}', b" \n<a>"]
)
def test_a_page_or_xml_in_place_of_data_is_said_in_a_sentence(opened, data):
    """Alone, in a gzip or as a member, it is called what it is."""
    for packed in (data, gzip.compress(data), zipped(data, 1)):
        assert "not an export" in opened(packed)


@pytest.mark.parametrize("head", [b"1,", b"1,5", b'1,"'])
def test_a_record_of_quotes_is_bounded(opened, head):
    """Each quote may begin or end a field, and still none costs more than its bytes a few times."""
    said = opened(zipped(b'"' * MB, 24, b"receipt_id,name\n" + head))
    assert said == {"receipt": 1} or said.startswith("ArchiveError: A record is longer than ")
