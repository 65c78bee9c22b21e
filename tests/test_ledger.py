"""The ledger and the log that is made of it."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
import threading

import pandas as pd
import pytest
from shares import windows_shares  # noqa: F401 - a fixture

from intercom_export_widgets.errors import LedgerError
from intercom_export_widgets.jobs.ledger import Ledger
from intercom_export_widgets.jobs.log import COLUMNS, frame

pytestmark = pytest.mark.usefixtures("windows_shares")


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "deep" / "ledger.sqlite")


def test_a_ledger_that_does_not_exist_is_empty_and_stays_unmade(ledger):
    """Reading makes no file."""
    assert ledger.entries() == []
    assert not ledger.path.exists()


def test_rows_come_back_as_they_were_written(ledger):
    """A row that was added and updated is found by number, identifier and session."""
    number = ledger.add(session="a", status="submitting", base_url="x", submitted_at=12.5)
    ledger.update(number, job_identifier="v5x", status="pending", bytes=3)
    entry = ledger.find("v5x")
    assert entry == ledger.entry(number)
    assert (entry.status, entry.bytes, entry.submitted_at) == ("pending", 3, 12.5)
    assert [e.number for e in ledger.entries(session="a")] == [number]
    assert ledger.entries(session="b") == []
    assert [e.number for e in ledger.entries(session="b", numbers=[number, 99])] == [number]
    for asked in ({"status": "pending"}, {"base_url": "http://127.0.0.1:1"}):
        rows = [e for e in ledger.entries() if all(getattr(e, k) == v for k, v in asked.items())]
        assert ledger.entries(**asked) == rows


def test_the_newest_row_of_an_identifier_is_found(ledger):
    """Two rows of one identifier: the later one counts."""
    for status in ("pending", "completed"):
        ledger.add(session="a", status=status, base_url="x", job_identifier="v5x")
    assert ledger.find("v5x").status == "completed"


def test_numbers_are_never_used_again(ledger):
    """A removed row's number does not return: a file may carry it."""
    first = ledger.add(session="a", status="submitting", base_url="x")
    ledger.remove(first)
    assert ledger.add(session="a", status="submitting", base_url="x") > first


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_only_the_owner_can_read_it(ledger):
    """The file and its folder are closed to others."""
    ledger.add(session="a", status="submitting", base_url="x")
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(ledger.path.parent.stat().st_mode) == 0o700


def test_threads_write_without_losing_a_row(ledger):
    """Eight threads that write at once leave every row."""

    def write(name):
        for _ in range(5):
            ledger.add(session=name, status="pending", base_url="x")

    threads = [threading.Thread(target=write, args=(str(i),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger.entries()) == 40


def test_a_ledger_of_a_newer_version_is_left_alone(ledger):
    """It is refused with a sentence, and not changed."""
    ledger.add(session="a", status="pending", base_url="x")
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = ledger.path.read_bytes()
    with pytest.raises(LedgerError, match="newer version"):
        ledger.entries()
    assert ledger.path.read_bytes() == before


def test_what_is_no_ledger_is_refused_with_its_path(tmp_path):
    """A file of something else is named in one sentence."""
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is no database, " * 100)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite"):
        Ledger(path).add(session="a", status="pending", base_url="x")


def test_a_place_that_can_not_be_written_is_refused(tmp_path):
    """A ledger below a file says that it can't be used, and what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError) as caught:
        Ledger(tmp_path / "file" / "ledger.sqlite").add(session="a", status="pending", base_url="x")
    assert "%config IntercomExport.ledger" in str(caught.value)


def test_a_column_that_is_none_is_a_mistake_of_ours(ledger):
    """Unknown columns never reach SQL."""
    with pytest.raises(TypeError, match="no column"):
        ledger.add(session="a", status="x", base_url="x", **{"path = '' --": "1"})


def test_the_log_has_its_documented_columns_and_dtypes_with_and_without_rows(ledger):
    """An empty log and one with a sparse row have the same columns and dtypes."""
    empty = frame(ledger.entries())
    ledger.add(session="a", status="submitting", base_url="x")
    for log in (empty, frame(ledger.entries())):
        assert {name: str(dtype) for name, dtype in log.dtypes.items()} == {
            name: dtype for name, (dtype, _) in COLUMNS.items()
        }


def test_the_log_says_when_in_utc_and_how_long(ledger):
    """Instants are timezone-aware and the duration is their difference."""
    ledger.add(
        session="a",
        status="completed",
        base_url="x",
        created_at_after=1527811200,
        created_at_before=1530403199,
        submitted_at=1_600_000_000.25,
        finished_at=1_600_000_010.75,
    )
    row = frame(ledger.entries()).iloc[0]
    assert row.created_at_after == pd.Timestamp("2018-06-01", tz="UTC")
    assert row.created_at_before == pd.Timestamp("2018-06-30 23:59:59", tz="UTC")
    assert row.duration == pd.Timedelta(seconds=10.5)
    assert pd.isna(row.error)


def test_an_entry_survives_the_process(ledger):
    """What another process wrote is there."""
    child = os.fork() if hasattr(os, "fork") else None
    if child is None:
        pytest.skip("no fork on this system")
    if child == 0:
        ledger.add(session="child", status="pending", base_url="x", job_identifier="c1")
        os._exit(0)
    os.waitpid(child, 0)
    assert ledger.find("c1").session == "child"
