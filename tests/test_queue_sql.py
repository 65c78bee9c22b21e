"""What the queue reads of its table: the rows that are asked for, by an index, and no others."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import sys

import pytest

from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.jobs.files import checksum
from intercom_export_widgets.jobs.lease import LEASE
from intercom_export_widgets.jobs.ledger import Ledger
from intercom_export_widgets.jobs.ledgerfile import STEPS
from intercom_export_widgets.jobs.lineup import SHOWN
from intercom_export_widgets.jobs.plan import Plan, add_plan, find_plan, plan_of
from intercom_export_widgets.jobs.queue import KEPT, Queue
from intercom_export_widgets.jobs.ticket import Owner, Slot
from intercom_export_widgets.jobs.waiters import passed_over, places_of
from intercom_export_widgets.notebook.queueview import queue_note

SLOT = Slot("https://api.intercom.io", "abc")
OWNER = Owner("mine")
DAY = 86_400
FIRST = 1_400_025_600


class TracedLedger(Ledger):
    """A ledger that notes every statement, how it finds its rows, and how much SQLite does."""

    def __init__(self, path):
        super().__init__(path)
        self.statements = []
        self.plans = []
        self.steps = 0
        self.transactions = 0

    @contextlib.contextmanager
    def transaction(self, **options):
        self.transactions += 1
        with super().transaction(**options) as connection:
            connection.set_trace_callback(self.statements.append)
            connection.set_progress_handler(self._step, 10)
            noted = len(self.statements)
            yield connection
            connection.set_trace_callback(None)
            connection.set_progress_handler(None, 10)
            for statement in dict.fromkeys(self.statements[noted:]):
                self.plans += connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()

    def _step(self):
        self.steps += 10

    def steps_of(self, call):
        """Return how many instructions SQLite executes in a call."""
        self.steps = 0
        call()
        return self.steps


def days(count):
    """Return so many windows of a day."""
    return [
        Timeframe(start, start + DAY - 1)
        for start in range(FIRST, FIRST + count * DAY, DAY)
    ]  # fmt: skip


@pytest.fixture
def queue(tmp_path):
    return Queue(TracedLedger(tmp_path / "ledger.sqlite"))


def test_adding_windows_reads_none_of_the_others(queue):
    """Each window is one INSERT; what waits already makes no statement and no step more."""
    empty = queue.ledger.steps_of(lambda: queue.add(SLOT, OWNER, days(200), now=0.0, backfill=1))
    assert sum("SELECT" in statement for statement in queue.ledger.statements) == 1
    assert sum("INSERT" in statement for statement in queue.ledger.statements) == 200
    behind = queue.ledger.steps_of(lambda: queue.add(SLOT, OWNER, days(200), now=0.0, backfill=2))
    assert behind < 1.2 * empty


def test_added_windows_are_returned_as_they_are_stored(queue):
    """INSERT … RETURNING gives the rows that a later look finds, in order."""
    added = queue.add(SLOT, OWNER, days(3), now=5.0, backfill=1)
    assert added == queue.tickets(SLOT) == queue.tickets(backfill=1)
    assert [ticket.timeframe for ticket in added] == days(3)


def everything(queue, tickets, now=1.0):
    """Do all that is done with a queue."""
    first, last = tickets[0], tickets[-1]
    queue.tickets()
    queue.tickets(SLOT)
    queue.tickets(base_url=SLOT.base_url, limit=2)
    queue.tickets(backfill=1)
    queue.ticket(last.number)
    queue.place(last, now)
    queue.count(SLOT.base_url)
    queue.owned(SLOT.base_url, now)
    queue.renew(OWNER, now)
    queue.claim(first.number, OWNER, now)
    queue.update(first.number, state="waiting")
    queue.replace(tickets[1], days(2), now=now)
    queue.release(OWNER, [last.number])
    queue.adopt(SLOT, OWNER, now)
    queue.adopt(SLOT, OWNER, now, backfill=1)
    queue.remove(last.number)
    queue.add(SLOT, OWNER, days(1), now=now)
    queue.clear(SLOT.base_url)


def test_every_statement_finds_its_rows_by_an_index(queue):
    """No statement of the queue scans the table, by SQLite's own account."""
    windows = queue.add(SLOT, OWNER, days(4), now=0.0, backfill=1)
    queue.ledger.plans.clear()
    everything(queue, windows)
    details = [plan[-1] for plan in queue.ledger.plans]
    assert len(details) > 15
    assert not [detail for detail in details if re.match("SCAN queue(?!.* INDEX)", detail)]


def test_finished_windows_cost_those_who_wait_nothing(queue):
    """A backfill of 300 windows that is done makes no look at the queue longer."""
    waiting = queue.add(SLOT, OWNER, days(3), now=0.0)
    now = 1.0
    looks = [
        lambda: queue.tickets(SLOT),
        lambda: queue.ticket(waiting[-1].number),
        lambda: queue.place(waiting[-1], now),
        lambda: queue.count(SLOT.base_url),
        lambda: queue.owned(SLOT.base_url, now),
        lambda: queue.renew(OWNER, now),
        lambda: queue.adopt(SLOT, OWNER, now),
    ]
    before = [queue.ledger.steps_of(look) for look in looks]
    queue.add(SLOT, OWNER, days(300), now=0.0, backfill=1)
    with queue.ledger.transaction() as connection:
        connection.execute("UPDATE queue SET state = 'done' WHERE backfill = 1")
    assert [queue.ledger.steps_of(look) for look in looks] == before


def test_where_a_range_stands_is_one_number_of_sqlite(queue):
    """How many come first is counted by SQL: one row for each owner is read, not each range."""
    tickets = queue.add(SLOT, OWNER, days(300), now=0.0)
    queue.ledger.statements.clear()
    assert queue.place(tickets[-1], 1.0) == 299
    (look,) = [said for said in queue.ledger.statements if "SELECT" in said]
    with queue.ledger.transaction(write=False) as connection:
        assert len(connection.execute(look).fetchall()) == 1


def test_only_what_is_shown_is_read(queue):
    """The first ranges are shown, and the others counted, in text and HTML."""
    queue.add(SLOT, OWNER, days(1500), now=0.0)
    few = queue.ledger.steps_of(lambda: queue.tickets(base_url=SLOT.base_url, limit=50))
    assert few < queue.ledger.steps_of(lambda: queue.tickets(base_url=SLOT.base_url)) / 2
    places = places_of(queue.tickets(base_url=SLOT.base_url, limit=50))
    note = queue_note(places, 1.0, waiting=queue.count(SLOT.base_url))
    assert len(places) == 50
    assert "… and 1,450 more." in note.text
    assert "… and 1,450 more." in note.html
    assert "more." not in queue_note(places, 1.0, waiting=50).text


def test_a_session_shows_the_first_ranges(session):
    """The queue's places are the first by default, or all, and `waiting` counts them."""
    lineup = session.lineup
    lineup.queue.add(Slot(session.connection.address, "x"), OWNER, days(60), now=session.now())
    assert [place.label for place in lineup.places()] == [day.label for day in days(SHOWN)]
    assert len(lineup.places(limit=None)) == lineup.waiting == 60


def test_who_is_passed_over_is_counted_without_orphans(queue):
    """The sentence counts the ranges that have owners, and names the first of them."""
    assert passed_over(*queue.owned(SLOT.base_url, 1.0)) == ""
    queue.add(SLOT, Owner("gone", "elsewhere:1"), days(1), now=-1000.0)
    queue.add(SLOT, OWNER, days(3)[1:], now=0.0)
    said = passed_over(*queue.owned(SLOT.base_url, 1.0))
    assert said.startswith(f"2 ranges wait, {days(2)[1].label} first,")


def test_the_queue_is_emptied_in_one_transaction(queue):
    """Taking out what waits is one lock on the file; what is being submitted stays."""
    tickets = queue.add(SLOT, OWNER, days(100), now=0.0)
    assert queue.claim(tickets[0].number, OWNER, 1.0)
    before = queue.ledger.transactions
    assert queue.clear(SLOT.base_url) == 99
    assert queue.ledger.transactions == before + 1
    assert [ticket.number for ticket in queue.tickets()] == [tickets[0].number]


# Rows that are finished ------------------------------------------------------------------


def rows(path):
    """Return the numbers that are in the table."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM queue ORDER BY 1")]


@pytest.mark.parametrize("state", ["submitted", "failed", "unknown"])
def test_a_range_that_is_finished_is_removed_a_day_later(queue, state):
    """It waits no more, and the next range but a day later removes it; windows are kept."""
    (single,) = queue.add(SLOT, OWNER, days(1), now=0.0)
    (window,) = queue.add(SLOT, OWNER, days(1), now=0.0, backfill=1)
    for ticket in (single, window):
        queue.update(ticket.number, state=state)
    assert queue.tickets() == []
    (soon,) = queue.add(SLOT, OWNER, days(1), now=DAY)
    assert rows(queue.ledger.path) == [single.number, window.number, soon.number]
    (later,) = queue.add(SLOT, OWNER, days(1), now=LEASE + KEPT + 1)
    assert rows(queue.ledger.path) == [window.number, soon.number, later.number]


def test_an_older_file_gets_the_indexes(tmp_path):
    """A ledger of the version before is used, and its looks use the index from then on."""
    path = tmp_path / "ledger.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for step in STEPS[:4]:
            connection.executescript(step)
        connection.execute("PRAGMA user_version = 4")
    queue = Queue(TracedLedger(path))
    assert queue.tickets(SLOT) == []
    (plan, *_) = queue.ledger.plans
    assert "USING INDEX queue_by_slot" in plan[-1]


# Beside the queue ------------------------------------------------------------------------


def test_a_plan_is_found_without_reading_the_others(queue):
    """The newest plan for the same range is one row, however many there are."""
    ledger = queue.ledger
    plans = [add_plan(ledger, Plan(0, SLOT, day, "day"), now=0.0) for day in days(20)]
    again = add_plan(ledger, Plan(0, SLOT, days(1)[0], "day"), now=0.0)
    ledger.statements.clear()
    assert find_plan(ledger, Plan(0, SLOT, days(1)[0], "day")) == again
    assert find_plan(ledger, Plan(0, SLOT, days(1)[0], "week")) is None
    assert plan_of(ledger, plans[7].number) == plans[7]
    looks = [said for said in ledger.statements if "SELECT" in said]
    with ledger.transaction(write=False) as connection:
        assert [len(connection.execute(look).fetchall()) for look in looks] == [1, 0, 1]


def test_an_export_on_disk_is_hashed_once(session, another):
    """After a restart, the same line reads the archive's checksum once and has its rows."""
    export = session.submit("2018-06-01").wait(30)
    calls = []

    def count(frame, event, _):
        if event == "call" and frame.f_code is checksum.__code__:
            calls.append(os.fspath(frame.f_locals["path"]))

    sys.setprofile(count)
    try:
        again = another.submit("2018-06-01")
    finally:
        sys.setprofile(None)
    assert calls == [os.fspath(export.progress.path)]
    assert again.progress.rows == export.progress.rows


def test_a_changed_archive_is_exported_again(session, another, sandbox):
    """A file whose checksum is not the download's is not taken for the export."""
    export = session.submit("2018-06-01").wait(30)
    data = bytearray(export.progress.path.read_bytes())
    data[len(data) // 2] ^= 1
    export.progress.path.write_bytes(data)
    assert another.submit("2018-06-01").wait(30).job_identifier != export.job_identifier
