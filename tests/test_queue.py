"""The slot and the queue: who holds it, who waits, and that nobody submits twice."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from conftest import DELIVERIES, TOKEN
from hypothesis import given
from hypothesis import strategies as st

from intercom_export_widgets import errors
from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.jobs.lease import LEASE
from intercom_export_widgets.jobs.ledger import Ledger
from intercom_export_widgets.jobs.progress import Progress, Stage
from intercom_export_widgets.jobs.queue import Queue
from intercom_export_widgets.jobs.schedule import Schedule
from intercom_export_widgets.jobs.ticket import Owner, Slot
from intercom_export_widgets.jobs.tools import Tools
from intercom_export_widgets.jobs.turn import Turn, await_turn, politely
from intercom_export_widgets.notebook.card import describe

SANDBOX = DELIVERIES
JUNE = "2018-06-01 2018-06-02"
DEAD = f"{socket.gethostname()}:999999999"
SLOT = Slot("https://api.intercom.io", "abc")
DAYS = [Timeframe.parse(f"2018-06-0{day}") for day in range(1, 6)]


@pytest.fixture
def queue(tmp_path):
    """A queue without a session."""
    return Queue(Ledger(tmp_path / "ledger.sqlite"))


def creations(sandbox):
    """Return the ranges that were asked for, in order."""
    return [
        json.loads(request.body)["created_at_after"]
        for request in sandbox.requests
        if (request.method, request.path) == ("POST", "/export/content/data")
    ]


def until(event_of, export):
    """Wait until a property of an export holds, by its own changes."""
    seen = threading.Event()

    def look(_):
        if event_of(export):
            seen.set()

    export.observe(look, ["progress", "error"])
    look(None)
    assert seen.wait(30)


# Who holds the slot ----------------------------------------------------------------------


def test_the_holder_is_named_with_its_origin(session, sandbox):
    """The job lock says identifier, range, status, age, and that this kernel began it."""
    sandbox.switch(stuck=1)
    holder = session.submit(JUNE)
    with pytest.raises(errors.JobLockedError) as caught:
        session.submit("2018-06-05")
    said = caught.value.held
    for part in (holder.job_identifier, "2018-06-01 to 2018-06-02 (UTC)", "in progress", " s ago"):
        assert part in said
    assert "in this kernel" in said
    assert "--when-free" in str(caught.value)
    assert f"--cancel-holder {holder.job_identifier}" in str(caught.value)
    holder.cancel()


@pytest.mark.parametrize(
    ("origin", "notebook", "said"),
    [
        (DEAD, "", "in a kernel on this machine that has ended"),
        (f"{socket.gethostname()}:{os.getppid()}", "", "in another kernel on this machine"),
        ("elsewhere:1", "mail.ipynb", "on the machine elsewhere (mail.ipynb)"),
    ],
)
def test_where_the_holder_was_started_is_said(session, sandbox, origin, notebook, said):
    """Another kernel, one that has ended and another machine are told apart."""
    sandbox.switch(stuck=1)
    holder = session.submit(JUNE)
    session.ledger.update(holder.number, origin=origin, notebook=notebook)
    with pytest.raises(errors.JobLockedError) as caught:
        session.submit("2018-06-05")
    assert said in caught.value.held
    holder.cancel()


def test_a_holder_that_nobody_knows_comes_from_elsewhere(session, sandbox):
    """Then the web page, a colleague and a lost answer are named, and how to wait."""
    sandbox.lock()
    with pytest.raises(
        errors.JobLockedError, match="web page, a colleague, a submission"
    ) as caught:
        session.submit(JUNE)
    assert "--when-free" in caught.value.advice
    assert caught.value.job_identifier == ""


def test_the_holder_is_canceled_when_that_was_asked_for(session, sandbox, another):
    """Another notebook's job is canceled, and the range submitted after it."""
    sandbox.switch(stuck=1)
    holder = session.submit(JUNE)
    another.lineup.cancel_holder(holder.job_identifier, another.connection)
    export = another.start("2018-06-05", when_free=True).wait(30)
    assert export.progress.stage is Stage.DONE
    with pytest.raises(errors.JobCanceledError):
        holder.wait(30)


# Waiting for it --------------------------------------------------------------------------


def test_a_free_slot_is_taken_at_once(session, sandbox):
    """A range that nobody is before is submitted like any other."""
    export = session.start(JUNE, when_free=True).wait(30)
    assert len(export.receipts) > 20
    assert len(creations(sandbox)) == 1
    assert not session.lineup.places()


def test_submission_follows_the_end_of_a_job_of_this_notebook(session, sandbox):
    """While a job holds the slot nothing is sent; the range goes out when it has ended."""
    sandbox.switch(stuck=1)
    holder = session.submit(JUNE)
    export = session.start("2018-06-05", when_free=True)
    until(lambda e: holder.job_identifier in e.progress.note, export)
    assert len(creations(sandbox)) == 1
    holder.cancel()
    assert export.wait(30).progress.stage is Stage.DONE
    assert len(creations(sandbox)) == 2


def test_submission_follows_the_end_of_a_job_of_another_notebook(session, sandbox, another):
    """A job that only the ledger knows is asked about, and named while it runs."""
    sandbox.switch(stuck=1)
    holder = session.submit(JUNE)
    export = another.start("2018-06-05", when_free=True)
    until(lambda e: f"held by job {holder.job_identifier}" in e.progress.note, export)
    assert len(creations(sandbox)) == 1
    holder.cancel()
    assert export.wait(30).progress.stage is Stage.DONE


def test_an_unknown_holder_is_asked_again_after_a_growing_minute(session, sandbox):
    """The time between two tries is a minute, then more, shown, and by the clock alone."""
    sandbox.lock()
    clock = [1_700_000_000.0]
    lineup, shown = session.lineup, []
    owner = Owner("waiting")
    (ticket,) = lineup.queue.add(
        Slot(sandbox.base_url, ""), owner, [Timeframe.parse(JUNE)], now=clock[0]
    )
    number = session.ledger.add(session="x", status="queued", base_url=sandbox.base_url)
    client = session.connection.client()
    tools = Tools(
        client, session.ledger, number, session.folder, Schedule(), now=lambda: clock[0],
        report=shown.append,
    )  # fmt: skip
    turn = Turn(lineup.queue, ticket.number, owner)

    def submit(progress):
        return replace(progress, job=client.submit(ticket.timeframe))

    progress = Progress(Stage.QUEUED, started_at=clock[0])
    tried = []
    for pause in await_turn(tools, turn, progress, submit):
        if len(creations(sandbox)) > len(tried):
            tried.append(clock[0])
            assert shown[-1].next_ask_at == clock[0] + politely(len(tried) - 1)
            assert "web page, a colleague" in shown[-1].note
        if len(tried) == 4:
            sandbox.unlock()
        clock[0] += pause.seconds
    gaps = [later - earlier for earlier, later in itertools.pairwise(tried)]
    assert gaps == [60.0, 90.0, 135.0]
    assert len(creations(sandbox)) == 5


@given(st.integers(0, 10_000))
def test_the_interval_never_shrinks_and_is_a_minute_at_least(tries):
    """However often the slot was taken, the pause is 60 to 900 seconds and grows."""
    assert 60.0 <= politely(tries) <= politely(tries + 1) <= 900.0


def test_waiting_for_nobody_knows_whom_can_be_canceled(session, sandbox):
    """Cancel takes the range out of the queue, and leaves no job in the log."""
    sandbox.lock()
    export = session.start(JUNE, when_free=True)
    until(lambda e: e.progress.stage is Stage.QUEUED and "later" in e.progress.note, export)
    assert export.cancel() is None
    with pytest.raises(errors.JobCanceledError, match="removed from the queue"):
        export.wait(30)
    assert export.progress.stage is Stage.CANCELED
    assert not session.lineup.places()
    assert session.log().empty
    assert len(creations(sandbox)) == 1


def test_the_same_range_waits_once(session, sandbox):
    """Asking twice for a range that waits returns the same export."""
    sandbox.lock()
    export = session.start(JUNE, when_free=True)
    until(lambda e: e.progress.stage is Stage.QUEUED, export)
    assert session.start(JUNE, when_free=True) is export
    export.cancel()


def test_a_submission_that_waiting_does_not_cure_leaves_the_queue(session, sandbox):
    """A 403 ends the range, and the next in the queue goes on."""
    sandbox.switch(forbidden="1@create")
    first = session.start(JUNE, when_free=True)
    second = session.start("2018-06-05", when_free=True)
    ends = []
    for export in (first, second):
        try:
            ends.append(export.wait(30).progress.stage)
        except errors.AccessDeniedError:
            ends.append("denied")
    assert sorted(ends) == ["denied", Stage.DONE]
    assert not session.lineup.places()


def test_an_answer_that_was_lost_is_not_asked_for_again(session, sandbox):
    """The range leaves the queue as unknown, after one POST."""
    sandbox.switch(lost_answer=1)
    export = session.start(JUNE, when_free=True)
    with pytest.raises(errors.SubmissionUnknownError):
        export.wait(30)
    assert len(creations(sandbox)) == 1
    assert session.log().iloc[0]["status"] == "unknown"
    assert not session.lineup.places()


def test_who_submits_past_the_queue_is_told(session, sandbox):
    """A plain submission while a range waits says so, on its card too; a queued one is silent."""
    lock = sandbox.lock()
    waiting = session.start(JUNE, when_free=True)
    until(lambda e: "later" in e.progress.note, waiting)
    sandbox.unlock(lock)
    with pytest.warns(errors.ExportWarning, match="2018-06-01 to 2018-06-02 .UTC. waits"):
        export = session.submit("2018-06-05")
    assert "past the queue" in describe(export.wait(30)).detail
    assert waiting.cautions == ()
    waiting.cancel()


# In order, on disk -----------------------------------------------------------------------


def test_ranges_of_two_notebooks_go_out_in_order_and_once_each(session, sandbox, another):
    """Three ranges of two sessions are submitted in the order in which they were put in."""
    lock = sandbox.lock()
    exports = []
    for index, day in enumerate(DAYS[:3]):
        exports.append((session, another)[index % 2].start(day, when_free=True))
    until(lambda e: "later" in e.progress.note, exports[0])
    sandbox.unlock(lock)
    queue = session.lineup.queue
    for ticket in queue.tickets():
        queue.update(ticket.number, next_try_at=None)
    for export in exports:
        export.nudge()
    for export in exports:
        export.wait(60)
    after = [day.created_at_after for day in DAYS[:3]]
    sent = creations(sandbox)
    assert sorted(set(sent)) == after
    assert [first for i, first in enumerate(sent) if first not in sent[:i]] == after
    assert len(session.log(everything=True)) == 3


def test_a_claim_is_given_to_one_thread_only(queue):
    """However many ask at once for the first range, one is told that it is theirs."""
    owner = Owner("a")
    (ticket,) = queue.add(SLOT, owner, DAYS[:1], now=0.0)
    gate, given_to = threading.Barrier(8), []

    def ask():
        gate.wait()
        given_to.append(queue.claim(ticket.number, owner, 1.0))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given_to) == [False] * 7 + [True]


def test_only_the_first_may_be_claimed_and_only_by_its_owner(queue):
    """The second waits for the first, and nobody takes another's."""
    one, two = Owner("one"), Owner("two")
    (first,) = queue.add(SLOT, one, DAYS[:1], now=0.0)
    (second,) = queue.add(SLOT, two, DAYS[1:2], now=0.0)
    assert not queue.claim(second.number, two, 1.0)
    assert not queue.claim(first.number, two, 1.0)
    assert queue.claim(first.number, one, 1.0)
    assert not queue.claim(second.number, two, 1.0)
    queue.update(first.number, state="submitted")
    assert queue.claim(second.number, two, 1.0)


def test_other_workspaces_do_not_wait_for_each_other(queue):
    """Each workspace has a slot of its own."""
    owner = Owner("one")
    queue.add(SLOT, owner, DAYS[:1], now=0.0)
    (other,) = queue.add(Slot(SLOT.base_url, "other"), owner, DAYS[1:2], now=0.0)
    assert queue.claim(other.number, owner, 1.0)


@pytest.mark.parametrize(
    ("owner", "later"), [(Owner("dead", DEAD), 1.0), (Owner("asleep", "far:1"), LEASE + 1)]
)
def test_what_nobody_renews_does_not_hold_others_up(queue, owner, later):
    """A range of a process that ended, or whose lease ran out, is passed, and can be adopted."""
    mine = Owner("mine")
    queue.add(SLOT, owner, DAYS[:1], now=0.0)
    (ticket,) = queue.add(SLOT, mine, DAYS[1:2], now=0.0)
    queue.renew(mine, later)
    assert queue.claim(ticket.number, mine, later)
    queue.update(ticket.number, state="submitted")
    (adopted,) = queue.adopt(SLOT, mine, later)
    assert adopted.timeframe == DAYS[0]
    assert adopted.belongs_to(mine)
    assert queue.adopt(SLOT, Owner("other"), later) == []


def test_a_range_that_no_export_is_at_holds_nobody_up(session, sandbox):
    """Only its own export renews its lease: one that could not be begun is passed in the end."""
    lineup = session.lineup
    slot = lineup.slot_of(session.connection, session.connection.client())
    lineup.queue.add(slot, lineup.owner, DAYS[:1], now=0.0)
    session.start(DAYS[1], when_free=True).wait(10)
    assert creations(sandbox) == [DAYS[1].created_at_after]


def test_a_range_whose_submission_was_cut_off_is_unknown_not_sent_again(queue):
    """A crash between claim and answer leaves a row that says so, and an empty queue."""
    number = queue.ledger.add(session="dead", status="submitting", base_url=SLOT.base_url)
    dead = Owner("dead", DEAD)
    (ticket,) = queue.add(SLOT, dead, DAYS[:1], now=0.0)
    queue.update(ticket.number, job=number, state="submitting")
    assert queue.adopt(SLOT, Owner("mine"), 1.0) == []
    assert queue.tickets() == []
    assert queue.ticket(ticket.number).state == "unknown"
    assert queue.ledger.entry(number).status == "unknown"


def test_several_ranges_take_the_place_of_one(queue):
    """What replaces a range stands where it stood, in order."""
    owner = Owner("a")
    tickets = queue.add(SLOT, owner, DAYS[:3], now=0.0)
    queue.replace(tickets[1], [DAYS[3], DAYS[4]], now=0.0)
    assert [t.timeframe for t in queue.tickets()] == [DAYS[0], DAYS[3], DAYS[4], DAYS[2]]


# Another kernel --------------------------------------------------------------------------

CHILD = """
import os, signal, sys
from intercom_export_widgets import ExportSession
base_url, token, folder, ledger, how = sys.argv[1:]
session = ExportSession(token, base_url=base_url, folder=folder, ledger=ledger, poll_interval=0.05)
if how == "die":
    session.submit("2018-06-01")
    session.start("2018-06-02", when_free=True)
    session.start("2018-06-03", when_free=True)
    os.kill(os.getpid(), signal.SIGKILL)
days = [session.start(f"2018-06-{day:02}", fresh=True, when_free=True) for day in range(11, 14)]
for day in days:
    day.wait(60)
"""


def child(session, how):
    """Start a real process on the same ledger."""
    arguments = [
        session.connection.base_url, TOKEN, str(session.folder), str(session.ledger.path), how,
    ]  # fmt: skip
    return subprocess.Popen([sys.executable, "-c", CHILD, *arguments])


@pytest.mark.kernel
def test_what_a_killed_kernel_left_is_taken_up(session, sandbox):
    """The running job is followed and both waiting ranges are submitted, each once."""
    sandbox.switch(stuck=1)
    assert child(session, "die").wait(60) < 0
    places = session.lineup.places()
    assert [place.label for place in places] == ["2018-06-02 (UTC)", "2018-06-03 (UTC)"]
    assert "has ended" in places[0].where
    taken = session.lineup.take_up()
    assert [export.timeframe.label[:10] for export in taken] == [
        "2018-06-01", "2018-06-02", "2018-06-03",
    ]  # fmt: skip
    taken[0].cancel()
    for export in taken[1:]:
        assert export.wait(60).progress.stage is Stage.DONE
    assert len(creations(sandbox)) == 3
    assert session.lineup.take_up() == []


@pytest.mark.kernel
def test_killed_at_any_moment_no_range_is_submitted_twice(session, sandbox, exhaustive):
    """A process that is killed while it submits leaves each range sent once, or not yet."""
    for turn, beat in enumerate(range(12) if exhaustive else (0, 2, 5)):
        process = child(session, "live")
        while len(session.ledger.entries()) <= 3 * turn:
            threading.Event().wait(0.005)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.03 * beat)
        process.kill()
        process.wait()
        for export in session.lineup.take_up():
            export.wait(60)
    assert not session.lineup.places()
    statuses = session.log(everything=True)["status"]
    assert set(statuses) <= {"completed", "unknown"}
    entries = session.ledger.entries()
    assert len(creations(sandbox)) <= len(entries) <= 36
    named = [entry.job_identifier for entry in entries if entry.job_identifier]
    assert len(set(named)) == len(named)


@pytest.mark.kernel
def test_two_processes_on_one_ledger_submit_each_range_once(session, sandbox):
    """Six ranges of two live processes go out once each, however the two are timed."""
    process = child(session, "live")
    mine = [session.start(f"2018-06-{day:02}", when_free=True) for day in range(21, 24)]
    for export in mine:
        export.wait(120)
    assert process.wait(120) == 0
    log = session.log(everything=True)
    assert list(log["status"]) == ["completed"] * 6
    assert log["job_identifier"].is_unique
    sent = creations(sandbox)
    assert len(set(sent)) == 6
    assert not session.lineup.places()


def test_a_closed_session_leaves_its_ranges_to_the_next(session, sandbox, another):
    """close() gives the lease back, and another notebook submits the range."""
    lock = sandbox.lock()
    export = session.start(JUNE, when_free=True)
    until(lambda e: "later" in e.progress.note, export)
    session.close()
    assert export.progress.stage is Stage.LEFT
    sandbox.unlock(lock)
    (place,) = another.lineup.places()
    another.lineup.queue.update(place.number, next_try_at=None)
    (taken,) = another.lineup.take_up()
    assert taken.wait(30).progress.stage is Stage.DONE


def test_a_range_is_taken_out_by_another_notebook(session, sandbox, another):
    """remove() ends the wait of the notebook that put it in."""
    sandbox.lock()
    export = session.start(JUNE, when_free=True)
    until(lambda e: "later" in e.progress.note, export)
    (place,) = another.lineup.places()
    assert another.lineup.remove(place.number) == 1
    export.nudge()
    with pytest.raises(errors.JobCanceledError):
        export.wait(30)
    with pytest.raises(errors.UsageError, match="No range"):
        another.lineup.remove(place.number)


def test_an_interrupted_wait_leaves_the_range_in_the_queue(session, sandbox):
    """Ctrl-C while waiting for the slot is one sentence that says so."""
    sandbox.lock()
    export = session.start(JUNE, when_free=True)

    def interrupt(_):
        raise KeyboardInterrupt

    until(lambda e: "later" in e.progress.note, export)
    with pytest.raises(errors.WaitInterruptedError, match="stays in the queue"):
        export.wait(callback=interrupt)
    assert len(session.lineup.places()) == 1
    export.cancel()
