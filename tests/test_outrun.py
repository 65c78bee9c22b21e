"""What is said of an export that another kernel has overtaken, or that the API forgot."""

from __future__ import annotations

import pytest
from conftest import come_about
from test_queue import DAYS, JUNE, SLOT, creations
from wire import Reply, error, job

from intercom_export_widgets.errors import (
    JobNotFoundError,
    SubmissionUnknownError,
    WaitInterruptedError,
)
from intercom_export_widgets.intercom.models import Job, JobStatus
from intercom_export_widgets.jobs.export import run
from intercom_export_widgets.jobs.lease import LEASE
from intercom_export_widgets.jobs.ledger import Ledger
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.jobs.queue import Queue
from intercom_export_widgets.jobs.schedule import Schedule
from intercom_export_widgets.jobs.session import ExportSession
from intercom_export_widgets.jobs.ticket import Owner
from intercom_export_widgets.jobs.tools import Tools
from intercom_export_widgets.notebook.card import describe
from intercom_export_widgets.notebook.text import line

SAID = "Another notebook exported this range, as job {}. Its data are used here"


@pytest.fixture
def queue(tmp_path):
    """A queue without a session."""
    return Queue(Ledger(tmp_path / "ledger.sqlite"))


@pytest.fixture
def frozen(session, sandbox, another):
    """A range that waits in one kernel, which is then frozen while another takes the range."""
    lock = sandbox.lock()
    export = session.start(JUNE, when_free=True)
    come_about(lambda: "later" in export.progress.note)
    (ticket,) = session.lineup.queue.tickets()
    # The other kernel sees it as it does after the lease of another machine has run out.
    session.lineup.queue.update(ticket.number, origin="", next_try_at=None)
    sandbox.unlock(lock)
    return export


# Overtaken -------------------------------------------------------------------------------------


def test_a_kernel_that_was_frozen_names_the_job_and_gives_its_data(frozen, sandbox, another):
    """Another kernel exported the range meanwhile: its file is read, and nothing submitted."""
    sandbox.forget_requests()
    (theirs,) = another.lineup.take_up()
    theirs.wait(30)
    frozen.nudge()
    assert frozen.wait(30).progress.stage is Stage.DONE
    assert frozen.job_identifier == theirs.job_identifier
    assert frozen.receipts.equals(theirs.receipts)
    assert frozen.cautions == (SAID.format(theirs.job_identifier) + "; nothing was submitted.",)
    for shown in (describe(frozen).detail, line(frozen)):
        assert theirs.job_identifier in shown
    assert len(creations(sandbox)) == 1


def test_a_job_that_the_other_kernel_still_waits_for_is_followed(frozen, sandbox, another):
    """It is polled to its end here too."""
    sandbox.switch(stuck=1)
    (theirs,) = another.lineup.take_up()
    theirs.wait_submitted()
    frozen.nudge()
    come_about(lambda: frozen.job_identifier == theirs.job_identifier)
    assert frozen.progress.stage is Stage.WAITING
    theirs.cancel()
    with pytest.raises(Exception, match="was canceled"):
        frozen.wait(30)


def test_that_the_other_kernel_found_no_data_serves_too(frozen, sandbox, another):
    """It is not asked for again."""
    sandbox.switch(no_data=1)
    (theirs,) = another.lineup.take_up()
    theirs.wait(30)
    frozen.nudge()
    assert frozen.wait(30).progress.stage is Stage.NO_DATA
    assert theirs.job_identifier in frozen.cautions[0]


def test_a_response_that_the_other_kernel_lost_is_said(frozen, sandbox, another):
    """The range is not sent again."""
    sandbox.switch(lost_answer=1)
    (theirs,) = another.lineup.take_up()
    with pytest.raises(SubmissionUnknownError):
        theirs.wait(30)
    sent = len(creations(sandbox))
    frozen.nudge()
    with pytest.raises(SubmissionUnknownError, match="Another notebook submitted this range"):
        frozen.wait(30)
    assert len(creations(sandbox)) == sent


def test_a_refusal_that_the_other_kernel_met_is_said(frozen, sandbox, another):
    """The sentence is Intercom's."""
    sandbox.switch(forbidden="1@create")
    (theirs,) = another.lineup.take_up()
    come_about(lambda: theirs.done)
    frozen.nudge()
    with pytest.raises(WaitInterruptedError, match="Not authorized to access resource"):
        frozen.wait(30)


def test_a_job_that_was_forgotten_while_its_kernel_slept_is_read_from_disk(session, play, clock):
    """Another kernel fetched the data of the same job: they are used, and that is said."""
    done = session.submit(JUNE).wait(30)
    _, client = play(error(404, "not_found", "Export job not found"))
    said, shown = [], []
    tools = Tools(
        client, session.ledger, done.number, session.folder, Schedule(), now=clock.now,
        report=shown.append, say=said.append,
    )  # fmt: skip
    running = Job(done.job_identifier, JobStatus.PENDING)
    for pause in run(tools, timeframe=done.timeframe, job=running):
        clock.pause(pause.seconds)
    assert (shown[-1].stage, shown[-1].path) == (Stage.DONE, done.progress.path)
    assert said == [SAID.format(done.job_identifier) + "."]


# Whose range it is -----------------------------------------------------------------------------


def test_a_clock_that_is_ahead_takes_no_living_notebooks_range(session, sandbox, another):
    """The owner's process is asked, not the clock."""
    sandbox.lock()
    export = session.start(JUNE, when_free=True)
    come_about(lambda: "later" in export.progress.note)
    another.now = lambda: session.now() + LEASE + 100
    assert another.lineup.take_up() == []
    (ticket,) = session.lineup.queue.tickets()
    assert ticket.belongs_to(session.lineup.owner)
    export.cancel()


def test_an_owner_that_sleeps_holds_nobody_up_and_keeps_its_range(queue):
    """Others go first after its lease; what it was submitting is waited for while it lives."""
    asleep, mine = Owner("asleep"), Owner("mine")
    (first,) = queue.add(SLOT, asleep, DAYS[:1], now=0.0)
    (second,) = queue.add(SLOT, mine, DAYS[1:2], now=0.0)
    later = LEASE + 1
    queue.renew(mine, later)
    assert queue.adopt(SLOT, mine, later) == []
    assert queue.place(second, later) == 0
    queue.update(first.number, state="submitting")
    assert not queue.claim(second.number, mine, later)
    queue.update(first.number, state="waiting")
    assert queue.claim(second.number, mine, later)


# Forgotten -------------------------------------------------------------------------------------


@pytest.fixture
def forgetful(play, tmp_path):
    """A session on a server that creates jobs and then does not know them."""

    def answer(asked):
        if asked.method == "POST":
            return Reply(200, job(f"job{asked.json['created_at_after']}"))
        if asked.path.startswith("/me"):
            return Reply(200, {"app": {"id_code": "abc", "name": "Example", "timezone": "UTC"}})
        return error(404, "not_found", "Export job not found")

    server, client = play(answer)
    ticking = iter(range(1_700_000_000, 1_800_000_000, 5))
    with ExportSession(
        "a-token",
        base_url=client.base_url,
        folder=tmp_path / "exports",
        ledger=tmp_path / "ledger.sqlite",
        poll_interval=0.1,
        now=lambda: float(next(ticking)),
        pause=lambda _: None,
    ) as opened:
        opened.server = server
        yield opened


def test_a_job_that_the_api_does_not_know_is_not_said_to_run_on(forgetful):
    """The export has failed, and there is nothing to follow."""
    export = forgetful.submit(JUNE)
    with pytest.raises(JobNotFoundError) as caught:
        export.wait(30)
    said = str(caught.value)
    assert export.progress.stage is Stage.FAILED
    assert "runs on" not in said
    assert "attach" not in said
    assert "Run the same line again" in said
    (entry,) = forgetful.entries()
    assert entry.error == said


def test_a_window_whose_job_the_api_does_not_know_is_not_sent_again(forgetful):
    """It is left out with the reason, since the job may be running all the same."""
    backfill = forgetful.backfill(JUNE, "1d").wait(30)
    assert backfill.count == (0, 2)
    assert all("failed and is left out" in note for note in backfill.notes)
    posts = [asked.path for asked in forgetful.server.requests if asked.method == "POST"]
    assert len(posts) == 2
