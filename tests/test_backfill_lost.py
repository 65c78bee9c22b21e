"""A backfill's windows that come cut off, or whose submission got no response."""

from __future__ import annotations

import pytest
from conftest import DELIVERIES, TOKEN, come_about
from test_backfill import MIXING, RANGE, creations
from test_magic import run, shell  # noqa: F401 - fixtures
from wire import Reply, WireServer

from intercom_export_widgets.errors import ExportWarning, RedirectedError
from intercom_export_widgets.jobs.session import ExportSession
from intercom_export_widgets.notebook.backfillview import backfill_line, describe

SANDBOX = DELIVERIES
DAYS = "2018-06-01 2018-06-02"
FIRST = "2018-06-01 to 2018-06-02 (UTC)"
LOST = f"{FIRST} is missing: Intercom's response to its submission was lost"


@pytest.mark.parametrize(
    "fault",
    [{"lost_answer": 1}, {"server_error": "1@create", "server_status": 503}],
    ids=["no response", "503"],
)
def test_a_window_without_a_response_is_missing_until_the_next_identical_call(
    session, sandbox, fault
):
    """Card, text, record and data name it and say why; the next call tries it and says nothing."""
    sandbox.switch(**fault)
    backfill = session.backfill(RANGE, "2d", mixed=True).wait(60)
    assert len(creations(sandbox)) == len(set(creations(sandbox))) == 2
    assert backfill.count == (1, 2)
    assert [window.label for window in backfill.missing] == [FIRST]
    (note,) = backfill.notes
    assert note.startswith(LOST)
    assert "not sent again by itself" in note
    assert describe(backfill).problem == note
    assert note in backfill_line(backfill, session.now())
    with pytest.warns(ExportWarning, match="1 window is missing: 2018-06-01"):
        receipts = backfill.receipts
    assert receipts.attrs["window_notes"] == [note]
    assert receipts.attrs["missing_windows"] == [FIRST]
    (ticket, *_) = session.lineup.queue.tickets(backfill=backfill.plan.number)
    assert (ticket.state, ticket.note) == ("unknown", note)
    again = session.backfill(RANGE, "2d", mixed=True).wait(60)
    assert (again.count, again.missing, again.notes) == ((2, 2), (), ())
    assert len(creations(sandbox)) == 3
    assert again.receipts["receipt_id"].is_unique


def test_a_submission_that_is_redirected_ends_the_backfill(tmp_path):
    """Each of the other windows would be redirected too: none is sent, and none twice."""
    moved = Reply(307, b"", {"Location": "/elsewhere"})
    me = Reply(200, {"app": {"id_code": "abc", "name": "Example"}})
    with (
        WireServer(lambda asked: moved if asked.method == "POST" else me) as server,
        ExportSession(
            TOKEN,
            base_url=server.url,
            folder=tmp_path / "exports",
            ledger=tmp_path / "ledger.sqlite",
        ) as session,
    ):
        with pytest.raises(RedirectedError):
            session.backfill(RANGE, "2d").wait(60)
        assert sum(asked.method == "POST" for asked in server.requests) == 1


def test_the_next_call_waits_until_the_slot_is_free(session, sandbox):
    """While the lost job holds the slot the window waits politely."""
    sandbox.switch(lost_answer=1, stuck=1)
    session.backfill(DAYS, "2d").wait(60)
    again = session.backfill(DAYS, "2d")
    come_about(lambda: [place for place in session.lineup.places() if place.next_try_at])
    (place,) = session.lineup.places()
    assert "a submission whose response was lost" in place.note
    assert len(creations(sandbox)) == 2
    sandbox.unlock()
    session.lineup.queue.update(place.number, next_try_at=None)
    for export in session.exports:
        export.nudge()
    assert again.wait(60).count == (1, 1)


def test_what_a_dead_kernel_was_submitting_is_reported_before_it_is_tried(session, sandbox):
    """The call that finds the loss lists the window as missing; the call after it tries it."""
    lineup = session.lineup
    backfill = session.backfill(RANGE, "2d").wait(60)
    (ticket, *_) = lineup.queue.tickets(backfill=backfill.plan.number)
    (row, *_) = session.ledger.entries()
    session.ledger.update(row.number, job_identifier=None, path=None, status="submitting")
    lineup.queue.update(ticket.number, state="submitting", origin="")
    sandbox.forget_requests()
    told = session.backfill(RANGE, "2d").wait(60)
    assert told.count == (1, 2)
    assert told.notes[0].startswith(LOST)
    assert not creations(sandbox)
    assert session.backfill(RANGE, "2d").wait(60).count == (2, 2)
    assert len(creations(sandbox)) == 1


def test_another_kernel_does_not_send_a_lost_window(session, sandbox, another):
    """Resuming what others left reports it and submits nothing for it."""
    sandbox.switch(lost_answer=1)
    session.backfill(DAYS, "2d").wait(60)
    session.close()
    assert another.lineup.take_up() == []
    assert another.lineup.backfills == ()
    assert len(creations(sandbox)) == 1


@MIXING
def test_the_line_names_a_lost_window_at_the_end(run, shell, sandbox):  # noqa: F811 - fixtures
    """What the magic prints holds the sentence."""
    sandbox.switch(lost_answer=1)
    _, error, said = run(f"%intercom_export {RANGE} --every 2d --mixed --wait")
    assert error is None
    assert LOST in said


@MIXING
def test_a_window_that_is_cut_off_and_can_not_be_divided_is_recorded(session):
    """It is there, and backfill, queue and dataset say that rows are probably missing."""
    window = session.timeframe("2018-06-01 2018-06-02").observed("30d", now=session.now())
    rows = max(session.submit(window).wait(30).progress.rows.values())
    backfill = session.backfill(window, "week", row_limit=rows).wait(60)
    assert backfill.count == (1, 1)
    note = backfill.notes[-1]
    assert f"came with exactly {rows:,} rows" in note
    assert "rows are probably missing" in note
    (ticket,) = session.lineup.queue.tickets(backfill=backfill.plan.number)
    assert (ticket.state, ticket.note) == ("done", note)
    assert note in backfill.read("receipt").attrs["window_notes"]
    assert note in describe(backfill).problem
