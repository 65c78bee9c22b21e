"""Canceling a queued range at the worst moment."""

from __future__ import annotations

import threading

from wire import Reply, WireServer, error, job

from intercom_export_widgets import ExportSession
from intercom_export_widgets.jobs.progress import Stage

TOKEN = "dG9rOmNhbmNlbA"  # noqa: S105 - the server takes any
LOCK = error(
    429, "rate_limit_exceeded", "Exceeded rate limit of 1 pending message data export jobs"
)


def canceled_while_submitting(tmp_path, reply):
    """Cancel a queued range while the server holds its submission back; return the export."""
    asked, canceling = threading.Event(), threading.Event()
    paths = []

    def answer(request):
        paths.append(request.path)
        if request.path.startswith("/export/cancel/"):
            return Reply(200, job(status="canceled"))
        if request.method == "POST":
            asked.set()
            canceling.wait(30)
            return reply
        return Reply(200, job()) if request.path.startswith("/export/") else Reply(200, "null")

    def cancel():
        canceling.set()
        export.cancel()

    with (
        WireServer(answer) as server,
        ExportSession(
            TOKEN,
            base_url=server.url,
            folder=tmp_path / "exports",
            ledger=tmp_path / "ledger.sqlite",
            poll_interval=0.1,
        ) as session,
    ):
        export = session.start("2018-06-01", when_free=True)
        assert asked.wait(30)
        thread = threading.Thread(target=cancel, daemon=True)
        thread.start()
        thread.join(30)
        assert not thread.is_alive()
        assert export.wait_left(30)
        assert not session.lineup.places()
    return export, paths


def test_a_range_that_is_refused_while_it_is_canceled_does_not_wait_again(tmp_path):
    """cancel() during a submission that meets the job lock ends the wait, and returns."""
    export, paths = canceled_while_submitting(tmp_path, LOCK)
    assert export.progress.stage is Stage.CANCELED
    assert paths.count("/export/content/data") == 1


def test_a_range_that_is_accepted_while_it_is_canceled_is_canceled_at_intercom(tmp_path):
    """cancel() during a submission that succeeds cancels its job."""
    export, paths = canceled_while_submitting(tmp_path, Reply(200, job()))
    assert export.progress.stage is Stage.CANCELED
    assert "/export/cancel/v5xsp8c19ji0s82" in paths
