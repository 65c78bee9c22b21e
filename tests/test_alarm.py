"""One clock for all that waits, and the exports that wait on it."""

from __future__ import annotations

import threading
import time

import pytest
from wire import Reply, WireServer, job

from intercom_export_widgets.jobs.alarm import Alarm
from intercom_export_widgets.jobs.session import ExportSession

MANY = 30


def test_what_is_due_first_is_called_first_from_one_thread():
    """Calls come in the order of their instants, whatever the order in which they were asked."""
    alarm, called, done = Alarm(), [], threading.Event()

    def note(name):
        called.append((name, threading.get_ident()))
        if len(called) == 3:
            done.set()

    for name, seconds in (("late", 0.2), ("soon", 0.0), ("middle", 0.1)):
        alarm.after(seconds, lambda name=name: note(name))
    assert done.wait(30)
    assert [name for name, _ in called] == ["soon", "middle", "late"]
    assert len({thread for _, thread in called}) == 1


def test_a_call_that_is_hurried_is_made_at_once_and_once():
    """An hour's wait ends when it is asked to, and is not made again."""
    alarm, called, done = Alarm(), [], threading.Event()
    call = alarm.after(3600, lambda: (called.append(1), done.set()))
    alarm.hurry(call)
    assert done.wait(30)
    alarm.hurry(call)
    after = threading.Event()
    alarm.after(0, after.set)
    assert after.wait(30)
    assert called == [1]


def test_a_call_that_fails_does_not_stop_the_clock(caplog):
    """A fault is logged, and what is due next is called."""
    alarm, done = Alarm(), threading.Event()
    alarm.after(0, lambda: 1 / 0)
    alarm.after(0.01, done.set)
    assert done.wait(30)
    assert "ZeroDivisionError" in caplog.text


@pytest.fixture
def crowd(tmp_path):
    """A session that follows many old jobs, none of which ends by itself."""

    def answer(asked):
        identifier = asked.path.rsplit("/", 1)[1]
        status = "canceled" if asked.path.startswith("/export/cancel") else "in_progress"
        if asked.path == "/me":
            return Reply(200, {"app": {"id_code": "abc", "name": "Acme"}})
        return Reply(200, job(identifier, status))

    with WireServer(answer) as server:
        session = ExportSession(
            "token",
            base_url=server.url,
            folder=tmp_path / "exports",
            ledger=tmp_path / "ledger.sqlite",
            poll_interval=3600,
        )
        long_ago = time.time() - 7200
        for number in range(MANY):
            session.ledger.add(
                session="old",
                status="in_progress",
                job_identifier=f"job{number}",
                base_url=server.url,
                submitted_at=long_ago,
            )
        yield session
        session.close()


def threads_of_exports():
    """Return the threads of this package, once those that were at work have ended."""
    found = [each for each in threading.enumerate() if each.name.startswith("intercom-export-")]
    for each in found:
        if each.name != "intercom-export-alarm":
            each.join(30)
    return [each.name for each in found if each.is_alive()]


def test_many_watched_jobs_cost_one_thread(crowd):
    """However many jobs are waited for, one thread does the waiting; each can be canceled."""
    exports = [crowd.attach(f"job{number}") for number in range(MANY)]
    resting = threading.Event()
    while not all(export.progress.next_ask_at for export in exports):
        resting.wait(0.05)
    assert set(threads_of_exports()) == {"intercom-export-alarm"}
    exports[17].cancel()
    while not exports[17].done:
        resting.wait(0.05)
    assert exports[17].job.status.value == "canceled"
    assert sum(export.done for export in exports) == 1
    assert set(threads_of_exports()) == {"intercom-export-alarm"}
