"""A backfill's windows that come cut off, or whose submission's answer is lost: kept, and said."""

from __future__ import annotations

from conftest import come_about
from test_backfill import MIXING, RANGE, creations
from test_magic import run, shell  # noqa: F401 - fixtures

from intercom_export_widgets.jobs.turn import POLITE
from intercom_export_widgets.notebook.backfillview import backfill_line, describe

FIRST = "2018-06-01 to 2018-06-02 (UTC)"
AGAIN = f"{FIRST}: the answer to its submission was lost"
TWICE = f"{FIRST} was submitted twice, since the first answer was lost"


def hurry(session):
    """Let what waits politely be tried now."""
    for place in session.lineup.places():
        session.lineup.queue.update(place.number, next_try_at=None)
    for export in session.exports:
        export.nudge()


def waits(session, sentence):
    """Wait until the first in the queue says this, and when it is tried next; return that."""
    found = []

    def look():
        found[:] = [p for p in session.lineup.places() if sentence in p.note and p.next_try_at]
        return found

    come_about(look)
    return found[0].next_try_at


@MIXING
def test_a_window_whose_answer_was_lost_is_sent_again_after_another(session, sandbox):
    """That shows that the slot was free; card, text, record and dataset say so once."""
    sandbox.switch(lost_answer=1)
    backfill = session.backfill(RANGE, "2d", mixed=True).wait(60)
    first, second, third = sorted(set(creations(sandbox)))
    assert creations(sandbox) == [first, second, first, third]
    assert backfill.count == (3, 3)
    (note,) = backfill.notes
    assert note.startswith(TWICE)
    assert describe(backfill).problem == note
    assert note in backfill_line(backfill, session.now())
    receipts = backfill.receipts
    assert receipts.attrs["window_notes"] == [note]
    assert receipts["receipt_id"].is_unique
    tickets = session.lineup.queue.tickets(backfill=backfill.plan.number)
    assert [ticket.note for ticket in tickets] == [note, "", ""]
    assert session.backfill(RANGE, "2d").wait(60).notes == (note,)


def test_nothing_of_it_is_sent_while_the_lost_job_holds_the_slot(session, sandbox):
    """The next window waits politely; only when that was let in is the lost one sent again."""
    sandbox.switch(lost_answer=1, stuck=1)
    backfill = session.backfill(RANGE, "2d", mixed=True)
    waits(session, "a submission whose answer was lost")
    first, second = creations(sandbox)
    assert first != second
    assert backfill.notes[0].startswith(AGAIN)
    assert AGAIN in describe(backfill).problem
    hurry(session)
    come_about(lambda: len(creations(sandbox)) == 3)
    assert creations(sandbox) == [first, second, second]
    waits(session, "a submission whose answer was lost")
    sandbox.unlock()
    hurry(session)
    assert backfill.wait(60).count == (3, 3)
    assert creations(sandbox)[3:5] == [second, first]
    assert creations(sandbox).count(first) == 2


def test_where_no_other_window_is_left_it_waits_a_minute_at_least(session, sandbox):
    """Nothing shows that the slot is free: it is tried as for a holder that nobody knows."""
    sandbox.switch(lost_answer=1, stuck=1)
    begun = session.now()
    backfill = session.backfill("2018-06-01 2018-06-02", "2d")
    assert waits(session, AGAIN) >= begun + POLITE
    assert len(creations(sandbox)) == 1
    hurry(session)
    assert waits(session, "a submission whose answer was lost") >= begun + 1.5 * POLITE
    sandbox.unlock()
    hurry(session)
    assert backfill.wait(60).count == (1, 1)
    assert backfill.notes[0].startswith(TWICE)


def test_an_answer_that_is_lost_twice_is_left_out_and_the_others_come(session, sandbox):
    """It is sent once more, and then said to be missing."""
    sandbox.switch(lost_answer=1, stuck=2)
    backfill = session.backfill(RANGE, "2d", mixed=True)
    waits(session, "a submission whose answer was lost")
    sandbox.unlock()
    hurry(session)
    come_about(lambda: backfill.exports and backfill.exports[-1].job_identifier)
    sandbox.switch(lost_answer=1)
    backfill.exports[-1].cancel()
    backfill.wait(60)
    assert creations(sandbox).count(min(creations(sandbox))) == 2
    assert f"{FIRST} failed twice and is left out" in " ".join(backfill.notes)
    assert AGAIN not in " ".join(backfill.notes)
    assert FIRST in [window.label for window in backfill.missing]
    assert backfill.count == (1, 3)


def test_another_notebook_waits_likewise(session, sandbox, another):
    """A kernel that was closed meanwhile leaves the lost window to the next, once."""
    sandbox.switch(lost_answer=1, stuck=1)
    backfill = session.backfill("2018-06-01 2018-06-02", "2d")
    before = waits(session, AGAIN)
    session.close()
    assert not backfill.count[0]
    another.lineup.take_up()
    (mine,) = another.lineup.backfills
    come_about(lambda: waits(another, AGAIN) > before)
    assert len(creations(sandbox)) == 1
    sandbox.unlock()
    hurry(another)
    assert mine.wait(60).count == (1, 1)
    assert mine.notes[0].startswith(TWICE)
    assert [entry.status for entry in another.ledger.entries()] == ["unknown", "completed"]


@MIXING
def test_the_line_says_so_while_it_waits_and_at_the_end(run, shell, sandbox):  # noqa: F811 - fixtures
    """What the magic prints holds the sentence."""
    sandbox.switch(lost_answer=1)
    _, error, said = run(f"%intercom_export {RANGE} --every 2d --mixed --wait")
    assert error is None
    assert TWICE in said


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
