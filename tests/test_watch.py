"""watch(): the loop that follows a job, against the sandbox, on a clock of its own."""

from __future__ import annotations

import pytest

from intercom_export_widgets.errors import (
    JobNotFoundError,
    TokenRejectedError,
    WaitTimeoutError,
)
from intercom_export_widgets.intercom.client import IntercomClient
from intercom_export_widgets.intercom.credentials import Token
from intercom_export_widgets.intercom.models import Job, JobStatus
from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.jobs.schedule import Schedule
from intercom_export_widgets.jobs.watch import Pause, watch
from intercom_export_widgets.sandbox import Sandbox

JUNE = Timeframe.parse("2018-06-01 2018-06-02")
BEGIN = 1_700_000_000.0


class Clock:
    """A clock that moves only when somebody pauses."""

    def __init__(self):
        self.now = BEGIN
        self.pauses = []

    def __call__(self):
        return self.now

    def pause(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def slow(clock):
    """A sandbox on that clock, whose jobs take ten minutes."""
    with Sandbox(job_seconds=600, clock=clock) as running:
        yield running


@pytest.fixture
def client(slow):
    with IntercomClient(
        Token(slow.token), base_url=slow.base_url, pause=lambda _: None
    ) as connected:
        yield connected


def follow(client, clock, job, **more):
    """Watch a job to its end on the clock."""
    options = {"schedule": Schedule(longest=30), "now": clock}
    for step in watch(client, job, **{**options, "since": BEGIN, **more}):
        if isinstance(step, Pause):
            clock.pause(step.seconds)
        else:
            yield step


def test_follows_a_job_through_its_states_to_the_end(client, clock):
    """Snapshots begin with the one given and end with the first that is an end."""
    seen = [job.status for job in follow(client, clock, client.submit(JUNE))]
    assert list(dict.fromkeys(seen)) == [
        JobStatus.PENDING,
        JobStatus.IN_PROGRESS,
        JobStatus.COMPLETED,
    ]
    assert seen.count(JobStatus.COMPLETED) == 1


def test_the_end_is_noticed_within_the_poll_interval(client, clock):
    """The clock stands at most one longest pause after the job's end."""
    list(follow(client, clock, client.submit(JUNE)))
    assert 600 <= clock.now - BEGIN <= 630
    assert clock.pauses[0] == 1.0
    assert max(clock.pauses) <= 30


def test_an_ended_job_is_not_asked_about(client, clock, slow):
    """A job that has ended is yielded once, without a question or a pause."""
    job = Job.from_json({"job_identifier": "abc", "status": "no_data"})
    assert list(follow(client, clock, job)) == [job]
    assert not clock.pauses
    assert not slow.requests


def test_an_outage_is_waited_out_and_reported(client, clock, slow):
    """Answers of 503 longer than the client's own patience don't end the watch."""
    job = client.submit(JUNE)
    slow.switch(server_error="12@show", server_status=503)
    faults = []
    seen = list(follow(client, clock, job, trouble=faults.append))
    assert seen[-1].status is JobStatus.COMPLETED
    assert faults


def test_a_word_that_nobody_knows_is_still_running(client, clock, slow):
    """An unknown status is shown as it came, and the watch goes on to the end."""
    slow.switch(in_progress_word="marinating")
    texts = [job.status_text for job in follow(client, clock, client.submit(JUNE))]
    assert "marinating" in texts
    assert texts[-1] == "completed"


def test_a_job_that_never_ends_is_given_up_after_the_limit(client, clock, slow):
    """The overall limit holds, and the error names the job."""
    slow.switch(stuck=1)
    job = client.submit(JUNE)
    with pytest.raises(WaitTimeoutError, match="2 hours") as caught:
        list(follow(client, clock, job, schedule=Schedule(longest=60, limit=7200)))
    assert caught.value.job_identifier == job.job_identifier
    assert 7200 < clock.now - BEGIN <= 7200 + 60


def test_a_newborn_job_may_be_unknown_for_a_moment(client, clock, slow):
    """A 404 right after the creation is waited out, a late one is an error."""
    ghost = Job.from_json({"job_identifier": "ghost", "status": "pending"})
    with pytest.raises(JobNotFoundError):
        list(follow(client, clock, ghost))
    assert 30 < clock.now - BEGIN < 40
    shows = [seen for seen in slow.requests if "ghost" in seen.path]
    assert len(shows) > 5


def test_what_asking_again_can_not_cure_ends_the_watch(clock, slow):
    """A token that is no longer accepted raises at the first question."""
    with IntercomClient(Token("another"), base_url=slow.base_url) as stranger:
        job = Job.from_json({"job_identifier": "abc", "status": "pending"})
        with pytest.raises(TokenRejectedError):
            list(follow(stranger, clock, job))
    assert len(clock.pauses) == 1


@pytest.mark.parametrize("jump", [3 * 86400, 10 * 365 * 86400, -3600, -10 * 365 * 86400])
def test_a_clock_that_jumps_does_not_end_the_watch(client, clock, jump):
    """Asleep for days, or set forth or back: the job is asked about, and followed to its end."""
    job = client.submit(JUNE)
    steps = watch(client, job, schedule=Schedule(longest=30), now=clock, since=BEGIN)
    seen = [next(steps)]
    wait = next(steps)
    clock.pause(wait.seconds + jump)
    begun = clock.now
    for step in steps:
        if isinstance(step, Pause):
            # The sandbox lives on the same clock: set back, its job begins later.
            clock.pause(step.seconds if jump > 0 else step.seconds - min(0, jump))
        else:
            seen.append(step)
    assert seen[-1].status is JobStatus.COMPLETED
    assert clock.now >= begun


def test_a_laptop_that_wakes_without_a_network_does_not_give_up(client, clock, slow):
    """Awake after the limit, but answered by an outage only, the watch goes on."""
    job = client.submit(JUNE)
    steps = watch(client, job, schedule=Schedule(longest=30), now=clock, since=BEGIN)
    next(steps)
    clock.pause(next(steps).seconds + 30 * 3600)
    slow.switch(server_error="20@show", server_status=503)
    for step in steps:
        if isinstance(step, Pause):
            clock.pause(step.seconds)
    assert step.status is JobStatus.COMPLETED


def test_an_old_job_is_followed_for_an_hour_at_least(client, clock, slow):
    """A job that the clock calls ten years old is asked about, as the API says that it runs."""
    slow.switch(stuck=1)
    job = client.submit(JUNE)
    with pytest.raises(WaitTimeoutError):
        list(follow(client, clock, job, since=BEGIN - 10 * 365 * 86400))
    assert 3600 < clock.now - BEGIN < 3600 + 60
