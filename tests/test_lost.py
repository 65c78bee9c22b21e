"""Submissions whose answer was lost: which are noted as such, and which are left alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest
from test_magic import run, shell  # noqa: F401 - fixtures

from intercom_export_widgets.errors import SubmissionUnknownError
from intercom_export_widgets.jobs.ledger import Ledger
from intercom_export_widgets.jobs.lost import LOST, settle_lost
from intercom_export_widgets.jobs.slot import find_lost
from intercom_export_widgets.notebook.form import ExportForm

HOST = socket.gethostname()


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.sqlite")


@pytest.fixture
def ended():
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def submitted(ledger, origin, at=None, **more):
    """Write the row of a submission that has no answer yet, and return what becomes of it."""
    number = ledger.add(
        session="a",
        status="submitting",
        base_url="x",
        origin=origin,
        submitted_at=time.time() if at is None else at,
        **more,
    )
    settle_lost(ledger)
    return ledger.entry(number)


def test_a_dead_process_has_lost_its_answer(ledger, ended):
    """The row is kept, as unknown, with a sentence about what may be going on."""
    entry = submitted(ledger, f"{HOST}:{ended}", created_at_after=1, created_at_before=2)
    assert (entry.status, entry.error) == ("unknown", LOST)
    assert (entry.created_at_after, entry.created_at_before) == (1, 2)


def test_another_process_of_the_same_number_is_not_the_one(ledger):
    """In a container that starts again, the first process has the number of the one before."""
    entry = submitted(ledger, f"{HOST}:{os.getpid()}", at=time.time() - 10 * 86400)
    assert entry.status == "unknown"


@pytest.mark.parametrize(
    "origin",
    [f"{HOST}:{os.getpid()}", "elsewhere:1", f"{HOST}:x", "", HOST],
    ids=["alive", "elsewhere", "no number", "nothing", "no process"],
)
def test_who_may_still_be_waiting_is_left_alone(ledger, origin):
    """A living process, another machine's, and whatever can't be told, count as waiting."""
    assert submitted(ledger, origin).status == "submitting"


def test_an_answer_that_came_in_time_is_not_overwritten(ledger):
    """Between the look and the note, the answer may have been written down."""
    number = ledger.add(session="a", status="submitting", base_url="x")
    ledger.update(number, status="pending", job_identifier="v5x")
    ledger.give_up(number, LOST)
    entry = ledger.entry(number)
    assert (entry.status, entry.job_identifier, entry.error) == ("pending", "v5x", None)


# Said where one looks --------------------------------------------------------------------------


def test_a_lost_answer_is_announced_until_the_slot_was_free_again(session, another, sandbox):
    """Another notebook is told of the range and what it may block, and not after the next job."""
    sandbox.switch(lost_answer=1)
    with pytest.raises(SubmissionUnknownError):
        session.submit("2018-06-01")
    (said,) = another.lineup.lost()
    assert "2018-06-01 (UTC)" in said
    assert "may hold the workspace's one slot" in said
    form = ExportForm(another)
    form.refresh()
    assert form.lost == [said]
    assert said in form.as_text()
    assert "may hold the workspace&#x27;s one slot" in form.as_html()
    form.close()
    another.start("2018-06-02", when_free=True).wait(30)
    assert another.lineup.lost() == []


def test_the_queue_and_the_status_announce_it_too(run, sandbox):  # noqa: F811 - a fixture
    """Both verbs begin with what was lost."""
    sandbox.switch(lost_answer=1)
    _, error, _ = run("%intercom_export 2018-06-01")
    assert isinstance(error, SubmissionUnknownError)
    for verb in ("queue", "status"):
        _, error, said = run(f"%intercom_export {verb}")
        assert error is None
        assert "Intercom's response to the submission for 2018-06-01 (UTC)" in said


def test_a_day_later_nothing_is_blocked_any_more(ledger):
    """No job runs for longer."""
    ledger.add(session="a", status="unknown", base_url="x", submitted_at=1_700_000_000.0)
    assert len(find_lost(ledger, "x", 1_700_000_000.0 + 86_400)) == 1
    assert find_lost(ledger, "x", 1_700_000_000.0 + 2 * 86_400) == []
    assert find_lost(ledger, "y", 1_700_000_000.0) == []
