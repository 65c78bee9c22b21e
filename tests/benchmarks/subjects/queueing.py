"""Putting the windows of a long backfill into the queue, and looking at it."""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from result import Target, value

TITLE = "The queue, with 1,500 windows"
NEEDS_ARCHIVE = False
WINDOWS = 1500
DAY = 86_400
FIRST = 1_400_025_600
LOOKS = 20


@contextmanager
def queue_of(folder):
    """Give a session with an empty queue, its slot, and a function that fills it."""
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.intercom.windows import split
    from intercom_export_widgets.jobs.session import ExportSession
    from intercom_export_widgets.jobs.ticket import Slot

    with (
        tempfile.TemporaryDirectory(dir=folder) as place,
        ExportSession(folder=place, ledger=Path(place) / "ledger.sqlite") as session,
    ):
        slot = Slot(session.connection.address, "abc")
        lineup, whole = session.lineup, Timeframe(FIRST, FIRST + WINDOWS * DAY - 1)
        lineup.queue.clear(slot.base_url)  # makes the ledger

        def fill():
            windows = split(whole, "day")
            return lineup.queue.add(slot, lineup.owner, windows, now=session.now(), backfill=1)

        yield session, fill


def enqueue(archive):
    def run():
        with queue_of(archive.parent) as (_, fill):
            start = time.perf_counter()
            fill()
            return time.perf_counter() - start

    return run


def looking(at):
    """Return a contestant that takes the median of some looks; `at` gets a session and a range."""

    def contestant(archive):
        def run():
            with queue_of(archive.parent) as (session, fill):
                last, taken = fill()[-1], []
                for _ in range(LOOKS):
                    start = time.perf_counter()
                    at(session, last)
                    taken.append(time.perf_counter() - start)
                return statistics.median(taken)

        return run

    return contestant


def shown(session, _last):
    return session.lineup.places(), session.lineup.waiting


def place(session, last):
    return session.lineup.queue.place(last, session.now())


NAMES = ("enqueueing", "a look: what is shown, and how many wait", "a look: the last one's place")
CONTESTANTS = dict(zip(NAMES, (enqueue, looking(shown), looking(place)), strict=True))

TARGETS = [
    Target("enqueueing 1,500 windows", 0.2, value(NAMES[0]), "s"),
    Target("what is shown, and how many wait", 5, value(NAMES[1], times=1000), "ms"),
    Target("the last one's place", 5, value(NAMES[2], times=1000), "ms"),
]
