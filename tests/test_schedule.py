"""The schedule: soon at first, more rarely later, and not for ever."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from intercom_export_widgets.jobs.schedule import Schedule


def test_asks_soon_at_first_and_rarely_later():
    """Pauses begin at a second and grow with the age of the job up to the longest."""
    schedule = Schedule(longest=30.0)
    assert schedule.pause(0) == 1.0
    assert schedule.pause(100) == 10.0
    assert schedule.pause(7200) == 30.0


def test_a_day_of_waiting_costs_few_questions():
    """A job that runs twelve hours is asked about no more than once per longest pause."""
    schedule, elapsed, asked = Schedule(longest=30.0), 0.0, 0
    while elapsed < 12 * 3600:
        elapsed += schedule.pause(elapsed)
        asked += 1
    assert asked <= 12 * 3600 / 30 + 60


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=2), st.floats(0.1, 3600))
def test_pauses_never_shrink_nor_exceed_the_longest(elapsed, longest):
    """An older job is never asked about more often, and no pause is over the longest."""
    schedule = Schedule(longest=longest)
    pauses = [schedule.pause(age) for age in sorted(elapsed)]
    assert all(0 < pause <= longest for pause in pauses)
    assert all(a <= b for a, b in itertools.pairwise(pauses))


def test_a_clock_set_back_is_no_error():
    """A negative age counts as zero."""
    assert Schedule().pause(-5000) == Schedule().pause(0)
    assert not Schedule().is_over(-5000)


def test_gives_up_after_the_limit():
    """A job older than the limit is over, one just as old is not."""
    assert Schedule(limit=10).is_over(10.1)
    assert not Schedule(limit=10).is_over(10)
