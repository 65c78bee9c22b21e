"""Memory: what tables keep, what is given back, and what happens when there is too little."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import sys
import zipfile
from weakref import ref

import pytest

from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.csv_blocks import cut_blocks
from intercom_export_widgets.data.dataframe import Instants, Strings
from intercom_export_widgets.data.memory import memory_errors
from intercom_export_widgets.data.schema import GROUPS
from intercom_export_widgets.data.tables import Tables
from intercom_export_widgets.errors import IntercomExportError, OutOfMemoryError

MB = 1 << 20
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measured in /proc")

PRELUDE = """
import gc, json, os, pathlib, sys, warnings
import numpy, pandas, pyarrow.compute, pyarrow.csv
from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.tables import Tables, read_arrow, read_table
def used(name="VmRSS"):
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.partition(name + ":")[2].split()[0]) << 10
warnings.simplefilter("ignore")
for line in sys.stdin:
    program, first, *asked = json.loads(line)
    if not os.fork():
        path = pathlib.Path(first)
        exec(program)
        sys.stdout.flush()
        os._exit(0)
    print("exit", os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""
"""Runs each program in a fork, so that the libraries are imported once."""

TABLE = """
def read(name):
    if asked[0] == "table":
        return read_arrow(Archive.open(path / name), "receipt")
    return read_table(Archive.open(path / name), "receipt", dtype_backend=asked[0])
# What the libraries allocate once is no part of a table.
read("warm.zip"), read("warm.zip"), gc.collect()
found = []
for rows in (10, 1_000, 200_000):
    before = used()
    table = read(f"{rows}.zip")
    gc.collect()
    kept = used() - before
    whole = hasattr(table, "nbytes")
    needs = table.nbytes if whole else table.memory_usage(index=False, deep=True).sum()
    found.append([len(table), int(needs), kept])
    del table
print(json.dumps(found))
"""

LOOP = """
kept, sizes = [], []
def read():
    tables = Tables(Archive.open(path))
    kept.append(tables)
    for name in tables:
        tables[name]
    sizes.append(used())
read()
for _ in range(60):
    if asked[0] == "drop":
        kept.clear()
    read()
print(json.dumps(sizes))
"""

SESSION = """
from intercom_export_widgets import ExportSession
session = ExportSession("a-token-of-the-tests", folder=path.parent, ledger=path.parent / "l.sqlite")
def read(name):
    export = session.load(path.with_name(name))
    for table in export.tables:
        export.tables[table]
read("warm.zip")
before = used()
for number in range(16):
    read(f"{number}.zip")
full = used()
session.close()
del session
gc.collect()
print(json.dumps([before, full, used()]))
"""

LIMITED = """
import resource
from intercom_export_widgets.errors import OutOfMemoryError
from intercom_export_widgets.data.ingest import prove
limit = used("VmSize") + (int(asked[0]) << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    archive = Archive.open(path)
    if asked[1] == "prove":
        prove(archive)
    elif asked[1] == "parquet":
        Tables(archive).to_parquet(path.with_suffix(".parquet"))
    else:
        Tables(archive).read("receipt", dtype_backend=asked[1])
    said = "read"
except OutOfMemoryError as error:
    said = error.message
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def forking():
    """A process that has imported the libraries, and forks for each program."""
    with subprocess.Popen(
        [sys.executable, "-c", PRELUDE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def child(forking):
    """Return what runs a program in a process of its own, and gives what it prints as JSON."""

    def run(program, *arguments):
        forking.stdin.write(json.dumps([program, *map(str, arguments)]) + "\n")
        forking.stdin.flush()
        said = forking.stdout.readline()
        ended = said if said.startswith("exit") else forking.stdout.readline()
        assert ended == "exit 0\n"
        return json.loads(said)

    return run


def receipts(path, rows, columns=None):
    """Write a ZIP of receipts, with so many rows."""
    names = ["user_id", "content_type", "receipt_id", "received_at", "first_open"]
    names += [column.name for column in GROUPS["receipt"].columns if column.name not in names]
    names = names[:columns]
    row = dict.fromkeys(names, "") | {
        "user_id": "%024d",
        "content_type": "email",
        "content_title": "Hello",
        "receipt_id": "%012d",
        "received_at": "1527811200",
        "first_open": "1527811300",
    }
    line = ",".join(row[name] for name in names) + "\n"
    count = line.count("%")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        text = "".join(line % ((number,) * count) for number in range(min(rows, 1000)))
        with file.open("receipt_20260114-183225.csv", "w") as member:
            member.write((",".join(names) + "\n").encode())
            for _ in range(max(1, rows // 1000)):
                member.write(text.encode())
    return path


@pytest.fixture(scope="module")
def sizes(tmp_path_factory):
    """A folder of receipts that are few and many."""
    folder = tmp_path_factory.mktemp("sizes")
    for name, rows, columns in (("warm", 10, None), (10, 10, None), (1_000, 1_000, None)):
        receipts(folder / f"{name}.zip", rows, columns)
    receipts(folder / "200000.zip", 200_000, 10)
    return folder


@LINUX
@pytest.mark.parametrize("backend", ["pandas", "pyarrow", "table"])
def test_a_table_keeps_what_its_values_need(child, sizes, backend):
    """A table takes at most 1.5 times the memory of its values and 1 MB, whatever its size."""
    for rows, needs, kept in child(TABLE, sizes, backend):
        assert kept <= 1.5 * needs + MB, rows


@LINUX
@pytest.mark.parametrize("what", ["drop", "hold"])
def test_exports_in_a_loop_stay_flat(child, tmp_path, what):
    """Exports that are read one after the other take the memory of a few, held or dropped."""
    sizes = child(LOOP, receipts(tmp_path / "a.zip", 2_000, 10), what)
    assert max(sizes[40:]) <= max(sizes[:20]) + MB


def test_tables_of_many_exports_are_not_all_remembered(tmp_path):
    """Those of the exports read last are, and whatever a variable holds; others are read again."""
    archive = Archive.open(receipts(tmp_path / "a.zip", 10, 5))
    exports = [Tables(archive) for _ in range(20)]
    held = exports[0]["receipt"]
    frames = [ref(tables["receipt"]) for tables in exports]
    gc.collect()
    assert [frame() is not None for frame in frames] == [True, *[False] * 3, *[True] * 16]
    assert exports[0]["receipt"] is held
    assert exports[-1]["receipt"] is exports[-1]["receipts"]
    assert exports[1]["receipt"].equals(held)


@LINUX
def test_a_closed_session_gives_its_memory_back(child, tmp_path):
    """After ``close()`` and ``del``, the tables that exports have read take no memory."""
    path = receipts(tmp_path / "warm.zip", 3_000)
    for name in range(16):
        shutil.copy(path, tmp_path / f"{name}.zip")
    before, full, after = child(SESSION, tmp_path / "a.zip")
    assert full > before + 10 * MB
    assert after <= before + 4 * MB


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """An archive of more than fits into the memory that is left."""
    return receipts(tmp_path_factory.mktemp("large") / "a.zip", 300_000, 20)


@LINUX
@pytest.mark.parametrize(
    ("what", "limit"),
    [
        ("pandas", 4),
        ("pandas", 60),
        ("pandas", 150),
        ("pyarrow", 60),
        ("prove", 60),
        ("parquet", 60),
    ],
)
def test_too_little_memory_is_a_documented_error(child, large, limit, what):
    """Under a limit, an error says that there is too little memory."""
    said = child(LIMITED, large, limit, what)
    assert said.startswith("There is not enough memory to ")


@pytest.mark.parametrize(
    "error",
    [MemoryError(), OSError(12, "Cannot allocate memory"), RuntimeError("can't start new thread")],
)
def test_every_kind_of_memory_error_is_documented(error):
    """Whatever raises for want of memory becomes an error of this package with advice."""
    matching = pytest.raises(OutOfMemoryError, match="read the table")
    with matching as caught, memory_errors("read the table"):
        raise error
    assert isinstance(caught.value, MemoryError)
    assert isinstance(caught.value, IntercomExportError)
    assert "to_parquet" in str(caught.value)


def test_other_errors_pass_as_they_are():
    """An error that is not about memory is not renamed."""
    for error in (OSError(2, "No such file"), RuntimeError("another"), KeyError("x")):
        with pytest.raises(type(error)) as caught, memory_errors("read the table"):
            raise error
        assert caught.value is error


@pytest.mark.parametrize("column", [Instants, Strings])
@pytest.mark.parametrize("expected", [0, 1_000_000])
def test_a_column_of_few_values_is_an_array_of_few(column, expected):
    """However many rows are expected, the finished column has the bytes of those that came."""
    pa = pytest.importorskip("pyarrow")
    values = pa.array(["abc"] * 10)
    if column is Instants:
        values = pa.array([1527811200] * 10).cast(pa.timestamp("us", "UTC"))
    filled = column(expected)
    for _ in range(3):
        filled.add(values)
    assert filled.arrow().get_total_buffer_size() <= 31 * 8 + 90


def test_a_short_member_takes_a_short_block():
    """The memory of a block follows from the data, not from how long blocks may be."""
    assert len(next(cut_blocks([b"a,b\n1,2\n"], 1 << 30)).obj) < 100
