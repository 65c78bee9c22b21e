"""Run All twice costs nothing: what is on disk, whole and final, is not exported another."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from conftest import DELIVERIES, one_more
from shares import windows_shares  # noqa: F401 - a fixture

from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.cache import Cache
from intercom_export_widgets.data.ingest import prove
from intercom_export_widgets.jobs.progress import Stage

pytestmark = pytest.mark.usefixtures("windows_shares")

SANDBOX = DELIVERIES
JUNE = "2018-06-01 2018-06-02"


def creates(sandbox):
    return len([request for request in sandbox.requests if request.call == "create"])


def test_the_same_range_is_read_from_disk_with_a_word_that_says_so(session, another, sandbox):
    """In this session and the next nothing is submitted, however the instants are written."""
    first = session.submit(JUNE).wait(30)
    assert first.progress.kept_since is None
    assert session.submit(JUNE) is first
    assert session.submit("1527811200 1527983999").wait(30).job_identifier == first.job_identifier
    second = another.submit(JUNE)
    assert second.done
    assert second.progress.kept_since == pytest.approx(first.progress.finished_at, abs=1)
    assert second.receipts.equals(first.receipts)
    assert creates(sandbox) == 1


def test_what_is_whole_is_not_parsed_again(session, another):
    """A file with the checksum of its download is opened by what was kept of it, unread."""
    first = session.submit(JUNE).wait(30)
    path, tables = first.progress.path, first.tables
    cache = Cache(path, tables.zone)
    prove(Archive.open(path), cache, least=0)
    before = {file: file.stat().st_ino for file in cache.folder.iterdir()}
    second = another.submit(JUNE)
    assert second.progress.rows == first.progress.rows
    assert second.receipts.equals(first.receipts)
    assert {file: file.stat().st_ino for file in cache.folder.iterdir()} == before


def test_a_damaged_or_missing_file_is_exported_anew(session, another, sandbox):
    """A byte that has changed is noticed by the checksum, a file that is gone by its absence."""
    path = session.submit(JUNE).wait(30).progress.path
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    renewed = another.submit(JUNE).wait(30)
    assert creates(sandbox) == 2
    Path(renewed.progress.path).unlink()
    with one_more(session) as third:
        third.submit(JUNE).wait(30)
    assert creates(sandbox) == 3


def test_a_range_that_had_not_ended_is_exported_anew(session, sandbox):
    """Today's engagement goes on: what was exported during the range is not final."""
    today = dt.datetime.now(dt.UTC).date()
    session.submit(f"{today} {today}").wait(30)
    session.submit(f"{today} {today}").wait(30)
    assert creates(sandbox) == 2


def test_another_observed_until_is_another_export(session, sandbox):
    """The same range with its opens counted for longer is not the same data."""
    session.submit(JUNE).wait(30)
    session.submit(JUNE, observe="30d").wait(30)
    session.submit(JUNE, observe="2018-07-02").wait(30)
    assert creates(sandbox) == 2


def test_a_range_without_data_is_not_asked_for_again(session, another, sandbox):
    """That there was nothing is known too."""
    sandbox.switch(no_data=1)
    session.submit(JUNE).wait(30)
    found = another.submit(JUNE).wait(30)
    assert found.progress.stage is Stage.NO_DATA
    assert found.receipts.empty
    assert creates(sandbox) == 1


def test_fresh_exports_anew_and_a_workspace_gets_its_own_data(session, another, sandbox):
    """Another workspace's newer export hides nothing, and its file is never given out for ours."""
    first = session.submit(JUNE).wait(30)
    second = session.submit(JUNE, fresh=True).wait(30)
    assert creates(sandbox) == 2
    assert first.job_identifier != second.job_identifier
    assert first.progress.path.exists()
    session.ledger.update(second.number, workspace_id="another")
    assert another.submit(JUNE).job_identifier == first.job_identifier
    assert creates(sandbox) == 2
    session.ledger.update(first.number, workspace_id="another")
    session.submit(JUNE).wait(30)
    assert creates(sandbox) == 3
