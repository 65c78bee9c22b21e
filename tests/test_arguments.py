"""Whatever is passed by mistake gets a sentence that names it and says what to pass."""

from __future__ import annotations

import datetime as dt
import math

import pytest

from intercom_export_widgets import ExportSession, combine
from intercom_export_widgets.errors import FileError, InputError, IntercomExportError
from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.sandbox import Sandbox

JUNE = dt.date(2018, 6, 1)
SECRET = 123456789
"""In the place of what may be a token, passed as something else than text."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A session with an export and a backfill, both ended."""
    folder = tmp_path_factory.mktemp("arguments")
    with (
        Sandbox(token="dG9rOmFyZ3VtZW50cw", job_seconds=0.0) as sandbox,  # noqa: S106 - the sandbox's own
        ExportSession(
            sandbox.token,
            base_url=sandbox.base_url,
            folder=folder / "exports",
            ledger=folder / "ledger.sqlite",
            poll_interval=0.05,
        ) as session,
    ):
        export = session.submit("2018-06-01").wait()
        yield session, export, session.backfill("2018-06-02 2018-06-03", "day").wait()


CALLS = {
    "timeframe": [
        lambda session, *_: session.submit(JUNE),
        lambda session, *_: session.submit((JUNE, JUNE)),
        lambda session, *_: session.submit(None),
        lambda session, *_: session.backfill(None),
        lambda *_: Timeframe.parse(2018),
    ],
    "observe": [
        lambda session, *_: session.submit("2018-06-05", observe=5),
        lambda *_: Timeframe.parse("2018").observed(b"30d"),
    ],
    "every": [
        lambda session, *_: session.backfill("2018-06-01 2018-06-02", None),
        lambda session, *_: session.backfill("2018-06-01 2018-06-02", 30),
    ],
    "row_limit": [lambda s, *_: s.backfill("2018-06-01 2018-06-02", "day", row_limit="many")],
    "first": [lambda *_: Timeframe.of_days("2018-06-01", JUNE)],
    "last": [lambda *_: Timeframe.of_days(JUNE, 5)],
    "zone": [
        lambda *_: Timeframe.parse("2018", zone=None),
        lambda *_: ExportSession(zone=5),
    ],
    "job_identifier": [
        lambda session, *_: session.attach(5),
        lambda session, *_: session.attach(None),
    ],
    "what": [lambda session, *_: session.load(None), lambda session, *_: session.load(b"x")],
    "timeout": [
        lambda _, export, __: export.wait("long"),
        lambda _, __, backfill: backfill.wait("long"),
    ],
    "table": [
        lambda _, export, __: export.read(None),
        lambda _, export, __: export.tables[5],
        lambda _, export, __: export.show(5),
        lambda _, __, backfill: backfill.read(b"click", mixed=True),
    ],
    "columns": [
        lambda _, export, __: export.read("receipt", columns="email"),
        lambda _, export, __: export.read("receipt", columns=5),
        lambda _, export, __: export.show(columns="email"),
        lambda _, export, __: export.dask(columns="email"),
    ],
    "a name in columns": [lambda _, export, __: export.read("receipt", columns=["email", 5])],
    "dtype_backend": [
        lambda _, export, __: export.read("click", dtype_backend="polars"),
        lambda _, export, __: export.read("click", dtype_backend=5),
    ],
    "rows": [lambda _, export, __: export.show(rows="all")],
    "name": [lambda _, export, __: export.chart(5)],
    "parts": [
        lambda _, export, __: combine(export),
        lambda _, export, __: combine(export.receipts),
        lambda *_: combine(None),
    ],
    "path": [
        lambda _, export, __: export.to_parquet(None),
        lambda _, export, __: export.tables.to_parquet(5),
        lambda _, __, backfill: backfill.to_parquet(b"mail", mixed=True),
    ],
    "client": [lambda _, __, b: b.to_parquet("mail", mixed=True, client="tcp://scheduler:8786")],
    "an option": [lambda _, export, __: export.dask(blocksise="64MB")],
    "token": [lambda *_: ExportSession(SECRET), lambda *_: ExportSession(str(SECRET).encode())],
    "region": [lambda *_: ExportSession(region=None)],
    "base_url": [lambda *_: ExportSession(base_url=5)],
    "poll_interval": [
        lambda *_: ExportSession(poll_interval="often"),
        lambda *_: ExportSession(poll_interval=-1),
        lambda *_: ExportSession(poll_interval=math.nan),
        lambda *_: ExportSession(poll_interval=True),
    ],
    "folder": [lambda *_: ExportSession(folder=5)],
    "ledger": [lambda *_: ExportSession(ledger=b"ledger.sqlite")],
}


@pytest.mark.parametrize(
    ("field", "call"), [(field, call) for field, calls in CALLS.items() for call in calls]
)
def test_a_wrong_argument_is_named_with_what_to_pass(finished, field, call):
    """The sentence begins with the argument's name and goes on with what fits, not its value."""
    with pytest.raises(InputError) as caught:
        call(*finished)
    assert str(caught.value).startswith(f"{field} can't be ")
    assert caught.value.advice.startswith("Pass ")
    assert str(SECRET) not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "No file or folder can be called ''."),
        ("a\0b", "No file or folder can be called 'a\\x00b'."),
        ("n" * 300, "There can't be a folder"),
        ("http://example.com/mail", "Nothing can be written to http://example.com/mail."),
        ("s3://", "s3:// names no bucket."),
        (__file__, f"{__file__} is a file, and a folder is wanted."),
    ],
)
def test_nothing_is_written_where_no_folder_can_be(finished, address, said):
    """An export and a backfill say alike why there can be no folder of that name."""
    _, export, backfill = finished
    for write in (export.to_parquet, lambda path: backfill.to_parquet(path, mixed=True)):
        with pytest.raises(FileError) as caught:
            write(address)
        assert str(caught.value).startswith(said)


@pytest.mark.parametrize("name", ["a\0b", "", "n" * 300])
def test_a_name_that_no_file_has_is_no_export(finished, name):
    """What can't be a file is said not to be there, as any other name."""
    with pytest.raises(FileError, match=r"no downloaded export|No file or folder"):
        finished[0].load(name)


def test_a_column_that_is_nearly_there_is_asked_for(finished, tmp_path):
    """A misspelt column brings the one that was meant, wherever the table is read."""
    _, export, _ = finished
    for read in (export.read, lambda *a, **k: export.dask(*a, path=tmp_path, **k)):
        with pytest.raises(IntercomExportError, match="Did you mean 'clicked_at'"):
            read("click", columns=["clickd_at"])


def test_a_table_is_no_attribute(finished):
    """Who asks for `tables.open` is told how it is read; other names are as unknown as ever."""
    tables = finished[1].tables
    with pytest.raises(AttributeError, match=r"read the table: tables\['open'\]"):
        _ = tables.open
    assert not hasattr(tables, "nothing")
