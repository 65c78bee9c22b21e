"""HTTP 429 in answer to a submission: waited out as told, and said."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
from conftest import come_about
from wire import Reply, error, job

from intercom_export_widgets.errors import (
    JobCanceledError,
    JobLockedError,
    ThrottledError,
    WaitInterruptedError,
)
from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.jobs.export import run
from intercom_export_widgets.jobs.ledger import Ledger
from intercom_export_widgets.jobs.lost import settle_lost
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.jobs.queue import Queue
from intercom_export_widgets.jobs.schedule import Schedule
from intercom_export_widgets.jobs.ticket import Owner, Slot
from intercom_export_widgets.jobs.tools import Tools
from intercom_export_widgets.jobs.turn import POLITE, Turn
from intercom_export_widgets.notebook.card import describe
from intercom_export_widgets.notebook.notices import alert_of
from intercom_export_widgets.notebook.text import line

JUNE = Timeframe.parse("2018-06-01 2018-06-02")
SAID = "Exceeded rate limit of 167 in 10_seconds"
LOCK = error(
    429, "rate_limit_exceeded", "Exceeded rate limit of 1 pending message data export jobs"
)
BARE = {"type": "error.list", "errors": [{"code": "rate_limit_exceeded", "message": None}]}
CREATED = Reply(200, job())


def throttle(**headers):
    """Return ordinary throttling with these hints."""
    return error(429, "rate_limit_exceeded", SAID, **headers)


@pytest.fixture
def started(play, clock, tmp_path):
    """Return a function that makes an export of a script's answers, and what there is to see."""

    def start(*steps, queued=False):
        server, client = play(*steps)
        ledger = Ledger(tmp_path / "ledger.sqlite")
        number = ledger.add(
            session="a",
            status="queued" if queued else "submitting",
            base_url=client.base_url,
            submitted_at=clock.now(),
            origin="elsewhere:1",
        )
        seen = SimpleNamespace(server=server, ledger=ledger, number=number, shown=[], stop=False)
        turn = None
        if queued:
            queue, owner = Queue(ledger), Owner("a")
            slot = Slot(client.base_url, "")
            (ticket,) = queue.add(slot, owner, [JUNE], now=clock.now())
            turn = Turn(queue, ticket.number, owner)
        tools = Tools(
            client, ledger, number, tmp_path, Schedule(), now=clock.now, turn=turn,
            report=seen.shown.append, stopped=lambda: seen.stop,
        )  # fmt: skip
        seen.steps = run(tools, timeframe=JUNE)
        return seen

    return start


def submitted(seen, clock):
    """Let the time pass until there is a job; return when each submission was sent."""
    sent = []
    for step in seen.steps:
        posts = sum(asked.method == "POST" for asked in seen.server.requests)
        sent += [clock.now()] * (posts - len(sent))
        if seen.shown[-1].job is not None:
            return sent
        clock.pause(step.seconds)
    raise AssertionError("it has ended")


@pytest.mark.parametrize("queued", [False, True], ids=["at once", "queued"])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7),
        ({"Retry_After": "Tue, 26 Jun 2018 08:00:30 GMT"}, 30),
        ({"Retry_After": "Tue, 26 Jun 2018 08:00:30 -0000"}, 30),
        ({"X_RateLimit_Reset": "1530000009"}, 9),
        ({"X_RateLimit_Reset": "1530000109", "Date": "Tue, 26 Jun 2018 08:01:40 GMT"}, 9),
        ({"Retry_After": "90"}, 90),
        ({"Retry_After": "3600"}, 120),
        ({"Retry_After": "0"}, 1),
    ],
)
def test_a_throttled_submission_is_sent_again_when_it_was_told(
    started, clock, headers, seconds, queued
):
    """It waits as long as the API says, two minutes at most, by the server's clock."""
    seen = started(throttle(**headers), CREATED, queued=queued)
    begun = clock.now()
    first, second = submitted(seen, clock)
    assert first == begun
    assert second - first == pytest.approx(seconds)
    (told,) = {p.note for p in seen.shown if SAID in p.note}
    assert "Nothing was submitted; it is sent again in" in told
    assert seen.shown[-1].note == ""
    assert seen.ledger.entry(seen.number).job_identifier == "v5xsp8c19ji0s82"


def test_the_row_of_a_throttled_submission_says_that_nothing_was_sent(started, clock):
    """While it waits the row is queued; if its process ends then, nothing is kept as lost."""
    seen = started(throttle(Retry_After="7"), CREATED)
    next(seen.steps)
    entry = seen.ledger.entry(seen.number)
    assert (entry.status, entry.submitted_at) == ("queued", None)
    seen.ledger.update(seen.number, origin="")
    settle_lost(seen.ledger)
    assert seen.ledger.entry(seen.number).status == "queued"
    assert submitted(seen, clock)


def test_throttling_that_does_not_end_is_raised_after_a_few_times(started, clock):
    """After five submissions the error comes, and no row is left of them."""
    seen = started(throttle())
    with pytest.raises(ThrottledError, match="167 in 10_seconds"):
        submitted(seen, clock)
    assert len(seen.server.requests) == 5
    assert sum(clock.pauses) < 30
    assert seen.ledger.entries() == []


@pytest.mark.parametrize("hint", [{}, {"Retry_After": "1"}], ids=["no hint", "a hint"])
def test_a_queued_range_that_is_throttled_without_an_end_becomes_polite(started, clock, hint):
    """It is sent again soon, a few times, and then a minute later and more."""
    seen = started(*[throttle(**hint)] * 7, CREATED, queued=True)
    sent = submitted(seen, clock)
    gaps = [later - earlier for earlier, later in itertools.pairwise(sent)]
    assert max(gaps[:5]) < 25
    assert min(gaps[5:]) >= POLITE


@pytest.mark.parametrize("body", [BARE, {"errors": [{"code": "x"}]}, {}, ""], ids=str)
def test_a_refusal_without_a_message_may_be_either_limit(started, clock, body):
    """The sentence names both, advises no few seconds, and the range is not sent again."""
    reset = {"X-RateLimit-Reset": "1530000009"}
    seen = started(Reply(429, body, reset), CREATED)
    with pytest.raises(ThrottledError) as caught:
        submitted(seen, clock)
    assert len(seen.server.requests) == 1
    assert caught.value.may_be_lock
    said = str(caught.value)
    for part in ("HTTP 429", "too many requests", "another export of the workspace", "--when-free"):
        assert part in said
    assert "few seconds" not in said
    buttons = [action["label"] for action in alert_of(caught.value)["actions"]]
    assert buttons == ["Wait, then export"]
    assert "Wait 9 s" not in said


def test_a_queued_range_that_meets_either_limit_waits_as_for_an_unknown_job(started, clock):
    """It is tried a minute later, unless the API says when."""
    bare = Reply(429, BARE)
    seen = started(bare, Reply(429, BARE, {"Retry-After": "5"}), CREATED, queued=True)
    first, second, third = submitted(seen, clock)
    assert (second - first, third - second) == (POLITE, 5)


def test_the_job_lock_is_not_waited_out(started, clock):
    """A range that is submitted at once gets the error at once, whatever the hint."""
    seen = started(
        Reply(429, LOCK.body, {"Retry-After": "1", "X-RateLimit-Reset": "1530000001"}), CREATED
    )
    with pytest.raises(JobLockedError):
        submitted(seen, clock)
    assert len(seen.server.requests) == 1


def test_a_throttled_submission_can_be_canceled(started):
    """It ends at the next step, and leaves no row."""
    seen = started(throttle(Retry_After="7"), CREATED)
    next(seen.steps)
    seen.stop = True
    with pytest.raises(JobCanceledError, match="before it was submitted"):
        next(seen.steps)
    assert seen.ledger.entries() == []


def test_a_session_that_is_closed_meanwhile_submits_nothing_and_says_so(started):
    """Neither does it say that a job runs on."""
    seen = started(throttle(Retry_After="7"), CREATED)
    next(seen.steps)
    with pytest.raises(WaitInterruptedError, match="Nothing was submitted") as caught:
        seen.steps.throw(WaitInterruptedError("closed"))
    assert "attach" not in str(caught.value)
    assert seen.ledger.entries() == []
    assert len(seen.server.requests) == 1


def test_card_and_line_say_that_a_submission_is_throttled(session, sandbox):
    """With the API's words and when it is sent again; a cancel does not wait for that."""
    sandbox.switch(throttle="1@create", retry_after=100)
    export = session.start("2018-06-01")
    come_about(lambda: export.progress.next_ask_at)
    assert session.start("2018-06-01") is export
    card = describe(export)
    assert card.next_ask_at is not None
    for said in (card.problem, line(export, session.now())):
        assert "Exceeded rate limit of" in said
        assert "it is sent again in 1 min 40 s" in said
    assert export.cancel() is None
    assert export.progress.stage is Stage.CANCELED
    assert session.entries() == []
