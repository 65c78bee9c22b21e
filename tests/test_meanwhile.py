"""A range that waits while another notebook exports it: it is not exported twice."""

from __future__ import annotations

import threading

import pytest
from conftest import DELIVERIES
from shares import windows_shares  # noqa: F401 - a fixture
from test_queue import DEAD, JUNE, creations, until

from intercom_export_widgets.jobs.meanwhile import Meanwhile
from intercom_export_widgets.jobs.progress import Stage

SANDBOX = DELIVERIES
pytestmark = pytest.mark.usefixtures("windows_shares")


def test_a_day_that_another_notebooks_backfill_brought_is_read_from_disk(session, sandbox, another):
    """It waits behind the window of the same day, and then takes what that has exported."""
    sandbox.switch(stuck=1)
    holder = session.submit("2018-05-01")
    backfill = session.backfill("2018-06-01 2018-06-02", "1d", mixed=True)
    while len(session.lineup.places()) < 2:
        threading.Event().wait(0.01)
    export = another.start("2018-06-02", when_free=True)
    until(lambda e: "first" in e.progress.note, export)
    holder.cancel()
    window = backfill.wait(30).exports[1]
    assert export.wait(30).progress.stage is Stage.DONE
    assert len(creations(sandbox)) == len(set(creations(sandbox))) == 3
    assert export.job_identifier == window.job_identifier
    assert export.number == window.number
    assert export.receipts.equals(window.receipts)
    assert not another.lineup.places()
    assert another.log(everything=True)["job_identifier"].is_unique


def test_a_range_without_data_is_not_asked_for_again(session, sandbox, another):
    """That another notebook found nothing serves as well."""
    sandbox.switch(stuck=1)
    holder = session.submit("2018-05-01")
    first = session.start("2018-06-01", when_free=True)
    until(lambda e: holder.job_identifier in e.progress.note, first)
    second = another.start("2018-06-01", when_free=True)
    sandbox.switch(no_data=1)
    holder.cancel()
    assert first.wait(30).progress.stage is Stage.NO_DATA
    assert second.wait(30).progress.stage is Stage.NO_DATA
    assert len(creations(sandbox)) == 2


def test_what_was_asked_for_afresh_is_exported_afresh(session, sandbox, another):
    """Data that were there before do not serve then."""
    first = session.submit(JUNE).wait(30)
    export = another.start(JUNE, fresh=True, when_free=True).wait(30)
    assert export.job_identifier != first.job_identifier
    assert len(creations(sandbox)) == 2


@pytest.mark.parametrize("when_free", [False, True], ids=["at once", "queued"])
def test_a_fetch_of_hours_is_waited_for_and_nothing_is_exported_twice(
    session, sandbox, another, when_free
):
    """The slot is free, yet another notebook's job of the same range is followed, not repeated."""
    sandbox.switch(bytes_per_second=100)
    first = session.submit(JUNE)
    until(lambda e: e.progress.stage is Stage.DOWNLOADING, first)
    session.ledger.update(first.number, submitted_at=another.now() - 3 * 3600)
    export = another.start(JUNE, when_free=when_free)
    until(lambda e: "Another notebook is downloading it" in e.progress.note, export)
    sandbox.switch(bytes_per_second=0)
    assert export.wait(60).number == first.wait(60).number
    assert export.job_identifier == first.job_identifier
    assert export.receipts.equals(first.receipts)
    assert len(creations(sandbox)) == 1
    assert len(another.log(everything=True)) == 1


@pytest.mark.parametrize("when_free", [False, True], ids=["at once", "queued"])
def test_what_a_dead_kernel_was_fetching_is_fetched_not_exported_again(
    session, sandbox, another, when_free
):
    """Its job has ended and its data are still there: they are brought, from that job."""
    first = session.submit(JUNE).wait(30)
    first.progress.path.unlink()
    session.ledger.update(first.number, finished_at=None, path=None, origin=DEAD)
    export = another.start(JUNE, when_free=when_free).wait(30)
    assert (export.number, export.job_identifier) == (first.number, first.job_identifier)
    assert export.progress.path.exists()
    assert session.ledger.entry(first.number).finished_at is not None
    assert len(creations(sandbox)) == 1


@pytest.mark.parametrize(
    "facts",
    [{"error": "The download failed."}, {"expires_at": 1.0}, {"job_identifier": "of-nobody"}],
    ids=["failed", "expired", "unknown"],
)
def test_a_job_whose_data_can_not_be_had_is_followed_by_nobody(session, another, sandbox, facts):
    """The range is exported again."""
    first = session.submit(JUNE).wait(30)
    session.ledger.update(first.number, **{"finished_at": None, "path": None} | facts)
    assert another.start(JUNE).wait(30).number != first.number
    assert len(creations(sandbox)) == 2


@pytest.mark.parametrize("when_free", [False, True], ids=["at once", "queued"])
def test_data_kept_between_two_looks_are_found(session, sandbox, another, when_free, monkeypatch):
    """The download ends after the look for a file and before the look for a job."""
    sandbox.switch(bytes_per_second=100)
    first = session.submit(JUNE)
    until(lambda e: e.progress.stage is Stage.DOWNLOADING, first)
    look = Meanwhile.ended

    def look_late(*arguments):
        sandbox.switch(bytes_per_second=0)
        first.wait(60)
        return look(*arguments)

    monkeypatch.setattr(Meanwhile, "ended", look_late)
    export = another.start(JUNE, when_free=when_free).wait(60)
    assert export.job_identifier == first.job_identifier
    assert len(creations(sandbox)) == 1
