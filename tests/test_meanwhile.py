"""A range that waits while another notebook exports it: it is not exported twice."""

from __future__ import annotations

import threading

from test_queue import DEAD, JUNE, creations, until

from intercom_export_widgets.jobs.meanwhile import PATIENCE, Meanwhile
from intercom_export_widgets.jobs.progress import Stage


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


def test_what_is_being_fetched_is_waited_for(session, sandbox, another):
    """The slot is free, and yet nothing is sent: the data of the same range are on their way."""
    sandbox.switch(bytes_per_second=15_000)
    first = session.submit(JUNE)
    until(lambda e: e.progress.stage is Stage.DOWNLOADING, first)
    export = another.start(JUNE, when_free=True)
    until(lambda e: "are being fetched in this kernel" in e.progress.note, export)
    assert export.wait(60).job_identifier == first.wait(60).job_identifier
    assert len(creations(sandbox)) == 1


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


def test_a_download_that_was_given_up_is_waited_for_by_nobody(session, sandbox):
    """A kernel that has ended fetches nothing, and patience ends after a quarter of an hour."""
    export = session.submit(JUNE).wait(30)
    session.ledger.update(export.number, finished_at=None)
    meanwhile = Meanwhile(session.ledger, session.connection, session.timeframe(JUNE))
    assert "are being fetched" in meanwhile.coming(0.0)
    assert meanwhile.coming(PATIENCE) == ""
    session.ledger.update(export.number, origin=DEAD)
    assert meanwhile.coming(0.0) == ""
