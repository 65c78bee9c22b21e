"""The slot and the queue through %intercom_export, in a real IPython shell and real kernels."""

from __future__ import annotations

import pytest
from conftest import DELIVERIES, come_about
from test_kernel import execute, kernel_environment, shown  # noqa: F401 - a fixture
from test_magic import run, shell, value  # noqa: F401 - fixtures
from test_queue import until

from intercom_export_widgets import errors
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.notebook.form import ExportForm

SANDBOX = DELIVERIES


@pytest.fixture
def holder(run, sandbox):  # noqa: F811 - a fixture
    """A job that holds the slot until it is canceled."""
    sandbox.switch(stuck=1)
    return value(run, "%intercom_export 2018-06-01")


def test_when_free_waits_in_the_queue_and_is_shown_there(run, holder):  # noqa: F811 - a fixture
    """--when-free returns at once; `queue` and `status` list the range and what it waits for."""
    export = value(run, "%intercom_export 2018-06-05 --when-free")
    assert export.progress.stage is Stage.QUEUED
    for line in ("queue", "status"):
        _, error, said = run(f"%intercom_export {line}")
        assert error is None
        assert "2018-06-05 (UTC)" in said
    value(run, f"%intercom_export cancel {holder.job_identifier}")
    assert export.wait(30).progress.stage is Stage.DONE
    assert "No range waits" in repr(value(run, "%intercom_export queue"))


def test_cancel_holder_takes_its_place(run, holder):  # noqa: F811 - a fixture
    """--cancel-holder ID cancels that job and exports; another name cancels nothing."""
    _, error, _ = run("%intercom_export 2018-06-05 --cancel-holder nothing0")
    assert isinstance(error, errors.JobNotFoundError)
    assert not holder.done
    line = f"%intercom_export 2018-06-05 --cancel-holder {holder.job_identifier} --wait"
    assert value(run, line).progress.stage is Stage.DONE
    assert isinstance(holder.error, errors.JobCanceledError)


def test_what_waits_is_taken_out_by_its_name_or_all_at_once(run, holder):  # noqa: F811 - a fixture
    """`queue remove N` and `queue clear` end the wait of what they name."""
    first = value(run, "%intercom_export 2018-06-05 --when-free")
    second = value(run, "%intercom_export 2018-06-06 --when-free")
    assert "called 1" in repr(value(run, "%intercom_export queue remove 1"))
    with pytest.raises(errors.JobCanceledError):
        first.wait(30)
    assert "1 range" in repr(value(run, "%intercom_export queue clear"))
    with pytest.raises(errors.JobCanceledError):
        second.wait(30)
    value(run, f"%intercom_export cancel {holder.job_identifier}")


def test_a_queue_line_that_means_nothing_is_said(run):  # noqa: F811 - a fixture
    """Each is one sentence, which begins with the word that was probably meant."""
    for line in ("remove", "remove x", "off", "remove 9"):
        _, error, _ = run(f"%intercom_export queue {line}")
        assert isinstance(error, errors.UsageError), line
    for word, meant in (("claer", "clear"), ("remvoe 1", "remove")):
        _, error, _ = run(f"%intercom_export queue {word}")
        assert str(error).startswith(f"Did you mean {meant!r}? Write it as: %intercom_export queue")


def test_the_form_offers_to_follow_to_wait_and_to_cancel(session, sandbox):
    """The alert names the holder and has the three choices; canceling asks first."""
    sandbox.switch(stuck=1)
    running = session.submit("2018-06-01")
    form = ExportForm(session)
    form.receive({"do": "export", "first": "2018-06-05", "last": "2018-06-05", "zone": "UTC"})
    come_about(lambda: form.alert.get("actions"))
    labels = [action["label"] for action in form.alert["actions"]]
    assert labels == ["Follow it", "Wait, then export", "Cancel it, then export"]
    assert running.job_identifier in form.alert["text"]
    form.receive({**form.alert["actions"][2]})
    assert form.alert["title"] == f"Cancel job {running.job_identifier}?"
    assert not running.done
    yes = form.alert["actions"][0]
    form._line_up(yes)
    assert form.export.wait(30).progress.stage is Stage.DONE
    assert form.alert == {}
    form.close()


def test_the_form_lists_what_waits_and_takes_it_out(session, sandbox):
    """A queued range is a row with its number, not a card; *Remove* ends its wait."""
    sandbox.lock()
    form = ExportForm(session)
    form.receive({"do": "export", "first": "2018-06-05", "last": "2018-06-05", "zone": "UTC"})
    come_about(lambda: form.alert.get("actions"))
    assert [action["label"] for action in form.alert["actions"]] == ["Wait, then export"]
    form._line_up({"do": "when free"})
    until(lambda e: "later" in e.progress.note, form.export)
    form.refresh()
    (row,) = form.queue
    assert row["label"] == "2018-06-05 (UTC)"
    assert form.cards == []
    assert "2018-06-05" in form.as_text()
    assert "2018-06-05" in form.as_html()
    form._line_up({"do": "remove", "number": row["number"]})
    with pytest.raises(errors.JobCanceledError):
        form.export.wait(30)
    form.refresh()
    assert form.queue == []
    form.close()


@pytest.mark.kernel
def test_a_restarted_kernel_takes_the_queue_up(kernel_environment, sandbox):  # noqa: F811 - a fixture
    """After a kernel has ended, `status` in the next one submits what waited in it."""
    lock = sandbox.lock()
    line = "export = %intercom_export 2018-06-05 --when-free"
    refused = "import time\nwhile 'later' not in export.progress.note: time.sleep(0.05)"
    _, error = execute(kernel_environment, line, refused)
    assert error is None
    sandbox.unlock(lock)
    notebook, error = execute(
        kernel_environment,
        "exports = %intercom_export status\nexports[0].nudge()\nprint(len(exports), exports.queue)",
        "session = get_ipython().magics_manager.registry['IntercomExportMagics'].session\n"
        "queue = session.lineup.queue\n"
        "for ticket in queue.tickets(): queue.update(ticket.number, next_try_at=None)\n"
        "exports[0].nudge()\n"
        "print(exports[0].wait(60).progress.stage)",
    )
    assert error is None
    assert shown(notebook.cells[1]).startswith("1 ")
    assert shown(notebook.cells[2]).strip() == "done"
    assert [r.method for r in sandbox.requests].count("POST") == 2
