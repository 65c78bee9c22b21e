"""Large files of every shape, by every way out, against Python's csv module as the referee."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from intercom_export_widgets.data.archive import BLOCK_SIZE, Archive
from intercom_export_widgets.data.cache import Cache
from intercom_export_widgets.data.ingest import Passed, prove, take_in
from intercom_export_widgets.data.tables import Tables, read_arrow, read_table
from intercom_export_widgets.errors import ArchiveError, ExportWarning

FIRST = 1_527_811_200
NAME = "receipt_20260114-183225.csv"
HEADER = [
    "receipt_id", "company_id", "name", "content_type", "received_at", "first_open",
    "first_click", "first_hologram", "brand_new", "brand_new", "",
]  # fmt: skip
INSTANTS = {"received_at", "first_open", "first_click", "first_hologram"}
MARKED = {"company_id"}

LARGE = settings(
    max_examples=max(2, settings.default.max_examples // 50),
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # megabytes take too long to shrink
    suppress_health_check=list(HealthCheck),
)
WIDE = 4_000
"""Bytes of a row's last value: few rows fill a block, since the referee is slow."""

TEXT = st.text(alphabet='ab,"\n\r\t é😀0-\ufeff', max_size=30)
IDS = st.sampled_from(["", "-1", "007", "1e5", "9223372036854775808", "0012345678901234567", "NA"])
SECONDS = st.integers(0, 2**31).map(str) | st.just("")
MILLISECONDS = st.integers(10**11, 10**12).map(str)
CLOCKS = st.datetimes(datetime(1971, 1, 1), datetime(2090, 1, 1)).map(  # noqa: DTZ001 - the texts name the zone
    lambda moment: f"{moment:%Y-%m-%d %H:%M:%S} UTC"
)
ROWS = st.tuples(IDS, IDS, TEXT, TEXT, SECONDS, SECONDS, SECONDS, SECONDS, TEXT, TEXT, IDS).map(
    list
)
LATE = st.tuples(
    IDS, IDS, TEXT, TEXT, CLOCKS, MILLISECONDS, CLOCKS, SECONDS, TEXT, TEXT, IDS
).map(list)  # fmt: skip


def filler(count):
    """Return rows whose columns of engagement are empty; `widened` makes them long."""
    return [
        [f"{n:019}", "-1", f'Ada "{n}", once\nmore', "email", str(FIRST + n), *[""] * 5, "x"]
        for n in range(count)
    ]


def written(rows, ending):
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator=ending, quoting=csv.QUOTE_MINIMAL).writerows(rows)
    return buffer.getvalue().encode()


def widened(rows, ending):
    """Return rows written with a last value of WIDE bytes, where it is one x."""
    end = ending.encode()
    return written(rows, ending).replace(b",x" + end, b"," + b"x" * WIDE + end)


def instant(text):
    """Return what a referee's text means, in the simplest way there is."""
    if text.isdigit():
        number = int(text)
        return datetime.fromtimestamp(0, UTC) + (
            timedelta(seconds=number) if number < 10**11 else timedelta(milliseconds=number)
        )
    return datetime.strptime(text.removesuffix(" UTC"), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def referee(data):
    """Return the columns that Python's csv module and this file's few rules find."""
    text = data.decode("utf-8-sig", "replace")
    rows = list(csv.reader(io.StringIO(text, newline="")))[1:]
    names = [*HEADER[:-2], "brand_new.1", "column 11"]
    columns = {}
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        missing = {"", "-1"} if name in MARKED else {""}
        made = instant if name in INSTANTS else str
        columns[name] = [None if value in missing else made(value) for value in values]
    return columns


def ways(path):
    """Yield what each way out of an archive gives: Arrow, passing, the cache, Parquet, pandas."""
    archive = Archive.open(path)
    yield read_arrow(archive, "receipt", notes=[])
    yield parquet.read_table(*Tables(archive).to_parquet(path.with_suffix(".parquet")))
    frame = read_table(archive, "receipt", notes=[])
    cache = Cache(path, "UTC")
    with path.open("rb") as file:
        passed = Passed()
        take_in(file, path.name, cache, passed)
        rows = passed.keep(archive, cache)
    assert rows == prove(archive)
    table = cache.reading("receipt").table()
    yield table
    for from_disk in (frame, Tables(archive)["receipt"]):
        yield {
            name: column.astype(object).where(column.notna(), None).tolist()
            for name, column in from_disk.items()
        }


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("referee") / "export.zip"


@LARGE
@given(
    st.lists(ROWS, max_size=5),
    st.lists(ROWS, min_size=1, max_size=12),
    st.lists(LATE, max_size=5),
    st.tuples(
        st.integers(-300, 300),
        st.sampled_from(["\r\n", "\n"]),
        st.sampled_from([b"", b"\xef\xbb\xbf"]),
    ),
)
@pytest.mark.filterwarnings("ignore::intercom_export_widgets.errors.ExportWarning")
def test_every_way_out_gives_the_referees_values(path, first, border, late, form):
    """Whatever lies across the border of a block, columns that fill or change form after it too."""
    shift, ending, mark = form
    if ending == "\n":  # Python's writer leaves a bare return without quotes then
        border = [[cell.replace("\r", "") for cell in row] for row in border]
        first = [[cell.replace("\r", "") for cell in row] for row in first]
        late = [[cell.replace("\r", "") for cell in row] for row in late]
    head = mark + written([HEADER, *first], ending)
    between, long = written(border, ending), len(widened(filler(1), ending))
    count = (BLOCK_SIZE - len(head)) // long
    before = widened(filler(count), ending)
    cut = max(0, len(head) + len(before) + len(between) - BLOCK_SIZE + shift) // long
    before = widened(filler(max(0, count - cut)), ending)
    data = head + before + between + widened(filler(300), ending) + written(late, ending)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(NAME, data)
    expected = referee(data)
    for found in ways(path):
        columns = found if isinstance(found, dict) else found.to_pydict()
        assert list(columns) == list(expected)
        for name, values in expected.items():
            assert list(columns[name]) == values, name


def test_column_that_fills_in_after_many_blocks(tmp_path):
    """A column without a value in millions of bytes keeps its first one, by every way out."""
    path = tmp_path / "export.zip"
    rows = filler(2 * BLOCK_SIZE // WIDE)
    rows[-2][6], rows[-1][7] = "1527811300", "1527811400"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(NAME, widened([HEADER, *rows], "\n"))
    for found in ways(path):
        columns = found if isinstance(found, dict) else found.to_pydict()
        assert [value for value in columns["first_click"] if value] == [instant("1527811300")]
        assert [value for value in columns["first_hologram"] if value] == [instant("1527811400")]
        assert len(columns["receipt_id"]) == len(rows)


@pytest.mark.filterwarnings("ignore::intercom_export_widgets.errors.ExportWarning")
def test_bytes_that_are_no_utf8_far_from_the_start(tmp_path):
    """Invalid bytes after many blocks become what the referee makes of them."""
    path = tmp_path / "export.zip"
    data = widened([HEADER, *filler(2 * BLOCK_SIZE // WIDE)], "\r\n")
    data = data[:-20] + b"\xff\xfe\xe9" + data[-17:]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(NAME, data)
    expected = referee(data)
    for found in ways(path):
        columns = found if isinstance(found, dict) else found.to_pydict()
        assert {name: list(column) for name, column in columns.items()} == expected


ROWS_HARMED = 2 * BLOCK_SIZE // WIDE


@pytest.fixture(scope="module")
def containers():
    """The bytes of a ZIP and of a gzip."""
    packed = io.BytesIO()
    content = widened([HEADER, *filler(ROWS_HARMED)], "\n")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(NAME, content)
    return [packed.getvalue(), gzip.compress(content, 1)]


@settings(LARGE, max_examples=max(3, settings.default.max_examples // 25))
@given(data=st.data())
def test_harm_anywhere_is_never_half_a_table(path, containers, data):
    """An archive cut or changed in any place is an error, or the whole truth, by every way out."""
    whole = data.draw(st.sampled_from(containers))
    at = data.draw(st.integers(0, len(whole) - 1))
    harmed = data.draw(
        st.sampled_from([whole[:at], whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :]])
    )
    path.write_bytes(harmed)
    taken = []
    for way in (_proven, _passed, _framed, _filed):
        try:
            taken.append(way(path))
        except (ArchiveError, ExportWarning, UnicodeDecodeError):
            continue
    assert set(taken) <= {ROWS_HARMED}


def _proven(path):
    return prove(Archive.open(path), Cache(path, "UTC"))["receipt"]


def _passed(path):
    passed, cache = Passed(), Cache(path, "UTC")
    try:
        with path.open("rb") as file:
            take_in(file, path.name, cache, passed)
        return passed.keep(Archive.open(path), cache)["receipt"]
    finally:
        passed.abandon()


def _framed(path):
    return len(read_table(Archive.open(path), "receipt", notes=[]))


def _filed(path):
    (file,) = Tables(Archive.open(path)).to_parquet(path.with_suffix(".parquet"))
    return parquet.read_metadata(file).num_rows
