"""Jobs of a sandbox that has stopped, and a range that is asked for while it is exported."""

from __future__ import annotations

from test_queue import creations

from intercom_export_widgets.jobs.recent import recent_jobs
from intercom_export_widgets.notebook.doctor import _jobs


def test_jobs_of_a_sandbox_that_stopped_are_marked_and_not_counted(session, sandbox):
    """The log says so; the doctor does not count them, and a glance tells whose they are."""
    sandbox.switch(stuck=1)
    export = session.submit("2018-06-01")
    assert "1 not seen to end" in _jobs(session).found
    assert session.log(everything=True)["error"].isna().all()
    session.ledger.update(export.number, base_url="http://127.0.0.1:9", sandbox=1)
    assert "0 not seen to end" in _jobs(session).found
    (error,) = session.log(everything=True)["error"]
    assert "another sandbox" in error
    (job,) = recent_jobs(session.ledger.path)
    assert job.sandbox == "http://127.0.0.1:9"
    export.cancel()


def test_a_range_that_is_being_exported_is_followed_not_sent_again(session, sandbox):
    """The same range gives the handle that runs, without a lock; --fresh meets the lock."""
    sandbox.switch(stuck=1)
    first = session.submit("2018-06-01")
    assert session.submit("2018-06-01") is first
    assert session.start("2018-06-01") is first
    assert len(creations(sandbox)) == 1
    first.cancel()
