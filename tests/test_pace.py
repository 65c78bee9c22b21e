"""How often a page is told: in time that is injected, not slept."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intercom_export_widgets.notebook.pace import Pace


class Time:
    """A clock that only `pass_to` moves, and what is due on it."""

    def __init__(self):
        self.now = 0.0
        self.due = []

    def later(self, seconds, work):
        self.due.append((self.now + seconds, work))

    def pass_to(self, instant):
        for when, work in [each for each in self.due if each[0] <= instant]:
            self.due.remove((when, work))
            self.now = when
            work()
        self.now = instant


@pytest.fixture
def time():
    return Time()


def paced(time, shortest=0.3):
    """Return a pace, and the instants at which it has sent."""
    sent = []
    pace = Pace(
        lambda: sent.append(round(time.now, 6)),
        shortest,
        now=lambda: time.now,
        later=time.later,
    )
    return pace, sent


def test_the_first_request_is_passed_on_at_once(time):
    """A page is told of the first change without delay."""
    pace, sent = paced(time)
    pace.ask()
    assert sent == [0.0]


def test_requests_that_come_together_are_sent_as_one_and_the_last_is_not_lost(time):
    """A hundred changes within the shortest time make two updates: the first and one more."""
    pace, sent = paced(time)
    for step in range(100):
        time.pass_to(step / 1000)
        pace.ask()
    time.pass_to(10)
    assert sent == [0.0, 0.3]


@given(st.lists(st.floats(0, 5, allow_nan=False), min_size=1, max_size=60))
def test_a_page_is_never_told_too_often_nor_left_with_an_old_state(instants):
    """Whenever the changes come, updates keep their distance, and one follows the last change."""
    time = Time()
    pace, sent = paced(time)
    for instant in sorted(instants):
        time.pass_to(instant)
        pace.ask()
    time.pass_to(100)
    assert all(b - a >= 0.3 - 1e-6 for a, b in pairwise(sent))
    assert sent[-1] >= max(instants) - 1e-6
    assert sent[-1] <= max(instants) + 0.3 + 1e-6


def test_many_threads_asking_at_once_are_answered_by_few_updates():
    """From fifty threads the page is told at once and, at most, once more."""
    due = []
    sent = []
    pace = Pace(lambda: sent.append(1), 60.0, later=lambda _, work: due.append(work))
    threads = [threading.Thread(target=pace.ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(sent), len(due)) == (1, 1)
    due[0]()
    assert len(sent) == 2
