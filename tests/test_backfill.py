"""Backfills: windows one after the other, stopped and taken up, ending as one dataset."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import zipfile

import pandas as pd
import pytest
from conftest import DELIVERIES, TOKEN, come_about, one_more
from test_magic import run, shell, value  # noqa: F401 - fixtures

from intercom_export_widgets import errors
from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.notes import reading_notes
from intercom_export_widgets.data.reading import Reading
from intercom_export_widgets.data.tables import Tables
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.jobs.session import ExportSession
from intercom_export_widgets.notebook.backfillview import card_of_backfill, describe
from intercom_export_widgets.sandbox import Sandbox

RANGE = "2018-06-01 2018-06-04"
SANDBOX = DELIVERIES

MIXING = pytest.mark.filterwarnings("ignore::intercom_export_widgets.errors.ExportWarning")


def creations(sandbox):
    """Return the first instants that were asked for, in order."""
    return [
        json.loads(request.body)["created_at_after"]
        for request in sandbox.requests
        if (request.method, request.path) == ("POST", "/export/content/data")
    ]


def first_done(backfill):
    """Wait until a window is on disk."""
    seen = threading.Event()

    def look(_):
        if backfill.count[0]:
            seen.set()

    backfill.observe(look, ["exports", "notes"])
    while not seen.wait(0.05):
        look(None)


@pytest.fixture(scope="module")
def done(shared_session):
    """A backfill of two windows that has ended."""
    return shared_session.backfill(RANGE, "2d").wait(60)


def test_a_long_range_ends_as_one_dataset(session, sandbox):
    """Windows give the same deliveries as the whole range does, in the same order."""
    sandbox.switch(container="zip")
    backfill = session.backfill(RANGE, "2d", mixed=True).wait(60)
    assert [export.timeframe.literal for export in backfill.exports] == [
        "2018-06-01 2018-06-02", "2018-06-03 2018-06-04",
    ]  # fmt: skip
    assert backfill.count == (2, 2)
    assert backfill.missing == ()
    assert creations(sandbox) == sorted(set(creations(sandbox)))
    whole = session.submit(RANGE).wait(30)
    receipts = backfill.receipts
    assert list(receipts["receipt_id"]) == list(whole.receipts["receipt_id"])
    assert dict(receipts.dtypes.drop("observed_until")) == dict(whole.receipts.dtypes)
    assert receipts.attrs["received_from"] == "2018-06-01T00:00:00Z"
    assert receipts.attrs["received_until"] == "2018-06-04T23:59:59Z"
    assert receipts.attrs["windows"] == 2
    assert receipts.attrs["missing_windows"] == []
    assert set(backfill.tables) <= set(whole.tables)


def test_windows_that_can_not_be_compared_are_not_mixed_silently(done):
    """Different observed-until ask for a word; then each row says until when it counts."""
    with pytest.raises(errors.InputError, match=r"2018-06-02T23:59:59Z to 2018-06-04T23:59:59Z"):
        _ = done.receipts
    mixed = done.read("receipt", columns=["receipt_id"], mixed=True)
    assert mixed.attrs["observed_until"] == ""
    assert mixed["observed_until"].nunique() == 2
    assert str(mixed["observed_until"].dtype) == "datetime64[us, UTC]"


def test_windows_that_count_until_one_moment_need_no_word(shared_session):
    """With --observe every window is observed until the same, and is trimmed to its own days."""
    timeframe = shared_session.timeframe("2018-06-01 2018-06-02").observed("2018-06-04")
    backfill = shared_session.backfill(timeframe, "1d").wait(60)
    with pytest.warns(errors.ExportWarning, match="outside the range"):
        receipts = backfill.receipts
    assert receipts["receipt_id"].is_unique
    assert receipts["received_at"].max() <= pd.Timestamp("2018-06-02 23:59:59", tz="UTC")
    assert receipts.attrs["observed_until"] == "2018-06-04T23:59:59Z"


def test_data_asked_for_too_early_is_an_error(session, sandbox):
    """A backfill that runs has no tables yet, and says so."""
    sandbox.switch(stuck=1)
    backfill = session.backfill(RANGE, "2d")
    with pytest.raises(errors.NotReadyError, match=r"backfill\.wait"):
        _ = backfill.tables
    with pytest.raises(errors.WaitTimeoutError, match="runs on"):
        backfill.wait(0.01)
    backfill.cancel()


def test_the_next_window_is_prepared_while_the_last_is_downloaded(session, sandbox):
    """A download that does not come to an end holds no submission up."""
    sandbox.switch(bytes_per_second=100)
    backfill = session.backfill("2018-06-01 2018-06-02", "1d", mixed=True)
    overlapped = threading.Event()

    def look(_):
        stages = [export.progress.stage for export in backfill.exports]
        if len(stages) == 2 and stages[0] is Stage.DOWNLOADING:
            overlapped.set()

    backfill.observe(look, "exports")
    assert overlapped.wait(60)
    sandbox.switch(bytes_per_second=0)
    backfill.wait(120)


def test_the_last_notification_comes_when_all_is_done(session):
    """An observer that redraws at each change has drawn the end."""
    backfill, seen = session.backfill("2018-06-01 2018-06-02", "1d", mixed=True), []

    def look(change):
        seen.append((change.name, backfill.count, backfill.done))

    backfill.observe(look, ["exports", "count", "notes", "error", "finished_at"])
    backfill.wait(60)
    assert ("count", (2, 2), False) in seen
    assert seen[-1] == ("finished_at", (2, 2), True)


def test_the_same_backfill_twice_costs_nothing(done, shared_session, shared_sandbox):
    """What is on disk is read from there, by this notebook and by another."""
    shared_sandbox.forget_requests()
    receipts = done.read(mixed=True)
    with one_more(shared_session) as another:
        for opened in (shared_session, another):
            again = opened.backfill(RANGE, "2d", mixed=True).wait(60)
            assert again.receipts.equals(receipts)
    assert creations(shared_sandbox) == []


def test_a_window_that_some_export_has_brought_is_not_exported_again(session, sandbox):
    """A range that was exported on its own serves as a window."""
    session.submit("2018-06-03 2018-06-04").wait(30)
    session.backfill(RANGE, "2d").wait(60)
    assert len(creations(sandbox)) == 2


def test_a_window_without_data_is_a_window(session, sandbox):
    """no_data is an end like another, and is not asked for again."""
    sandbox.switch(no_data=1)
    backfill = session.backfill(RANGE, "2d", mixed=True).wait(60)
    assert [e.progress.stage for e in backfill.exports] == [Stage.NO_DATA, Stage.DONE]
    assert backfill.receipts["received_at"].min() >= pd.Timestamp("2018-06-03", tz="UTC")
    sandbox.forget_requests()
    session.backfill(RANGE, "2d").wait(60)
    assert creations(sandbox) == []


@pytest.mark.parametrize("fault", [{"failed": 1}, {"corrupt": 2}])
def test_a_window_that_fails_is_exported_once_more(session, sandbox, fault):
    """A second job, or a second download, brings it, and that is said."""
    sandbox.switch(**fault)
    backfill = session.backfill(RANGE, "2d", mixed=True).wait(60)
    assert backfill.count == (2, 2)
    (note,) = backfill.notes
    assert note.startswith("2018-06-01 to 2018-06-02 (UTC) failed and is exported once more")
    assert len(creations(sandbox)) == 2 + ("failed" in fault)


def test_a_window_that_fails_twice_is_left_out_and_said(session, sandbox):
    """The others go on; the dataset warns of what is missing; the same call tries it again."""
    sandbox.switch(failed=2)
    backfill = session.backfill(RANGE, "2d", mixed=True).wait(60)
    assert backfill.count == (1, 2)
    assert "failed twice and is left out" in backfill.notes[-1]
    with pytest.warns(errors.ExportWarning, match="2018-06-01 to 2018-06-02"):
        receipts = backfill.receipts
    assert receipts.attrs["missing_windows"] == ["2018-06-01 to 2018-06-02 (UTC)"]
    sandbox.forget_requests()
    assert session.backfill(RANGE, "2d").wait(60).count == (2, 2)
    assert len(creations(sandbox)) == 1


def test_what_no_window_would_escape_stops_it_and_it_goes_on_later(session, sandbox):
    """A token that may not export ends the backfill; nothing is lost of the rest."""
    sandbox.switch(forbidden="1@create")
    backfill = session.backfill(RANGE, "2d")
    with pytest.raises(errors.AccessDeniedError):
        backfill.wait(60)
    assert session.backfill(RANGE, "2d").wait(60).count == (2, 2)


def test_a_backfill_that_was_canceled_goes_on_when_asked_again(session, sandbox):
    """cancel() ends the running job and submits no more; the same call does the rest."""
    sandbox.switch(stuck=1)
    backfill = session.backfill(RANGE, "2d")
    while not any(export.job_identifier for export in backfill.exports):
        threading.Event().wait(0.01)
    backfill.cancel()
    backfill.wait(30)
    assert backfill.count == (0, 2)
    assert not session.lineup.places()
    assert session.lineup.take_up() == []
    assert session.backfill(RANGE, "2d").wait(60).count == (2, 2)


def test_a_window_can_be_taken_out_of_the_queue(session, sandbox):
    """The others go on without it."""
    sandbox.switch(stuck=1)
    backfill = session.backfill("2018-06-01 2018-06-03", "1d")
    while not any(export.job_identifier for export in backfill.exports):
        threading.Event().wait(0.01)
    place = session.lineup.places()[-1]
    session.lineup.remove(place.number)
    backfill.exports[0].cancel()
    backfill.wait(60)
    assert backfill.count == (1, 3)


def test_an_interrupt_stops_the_waiting_and_nothing_else(session, sandbox):
    """Ctrl-C says that the backfill goes on, and how to wait for it again."""
    backfill = session.backfill(RANGE, "2d")

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(errors.WaitInterruptedError, match="Run the same line again"):
        backfill.wait(callback=interrupt)
    assert session.backfill(RANGE, "2d").wait(60).count == (2, 2)
    assert len(creations(sandbox)) == 2


# Its faces -------------------------------------------------------------------------------


def test_the_magic_runs_a_backfill_and_returns_its_table(run, shell, sandbox):  # noqa: F811 - fixtures
    """--every with --wait gives the handle, with --table --mixed the one DataFrame."""
    line = f"%intercom_export {RANGE} --every 2d"
    windows = value(run, f"{line} --dry-run")
    head, *rows, foot = repr(windows).splitlines()
    assert head.split() == ["Window", "UTC", "created_at_after", "created_at_before"]
    assert rows[0].split()[-2:] == ["1527811200", "1527983999"]
    assert "2018-06-01 00:00:00 to 2018-06-02 23:59:59 UTC" in rows[0]
    assert foot.endswith("counted until the end of each window.")
    assert len(rows) == 2
    _, error, _ = run(f"{line} --table receipt")
    assert isinstance(error, errors.UsageError)
    assert "needs --mixed" in str(error)
    assert "Nothing was submitted" in str(error)
    assert not sandbox.requests
    _, error, said = run(f"{line} --wait")
    assert error is None
    assert "2 of 2 windows" in said
    value(run, f"mail = {line} --table receipt --mixed")
    assert shell.user_ns["mail"].attrs["windows"] == 2
    assert len(creations(sandbox)) == 2
    for strange in ("--every 2d --when-free", "--every fortnight", "--every"):
        _, error, _ = run(f"%intercom_export {RANGE} {strange}")
        assert isinstance(error, errors.InputError)
    _, _, said = run("%intercom_export status")
    assert "every 2d" in said


def test_time_is_counted_from_when_this_kernel_began(session, another):
    """What was on disk for a year adds none of it to the line about the backfill."""
    first = session.backfill(RANGE, "2d").wait(60)
    for export in first.exports:
        session.ledger.update(export.number, submitted_at=1_700_000_000.0)
    again = another.backfill(RANGE, "2d").wait(60)
    assert again.finished_at - again.begun_at < 60
    card = describe(again)
    assert (card.started_at, card.finished_at) == (again.begun_at, again.finished_at)


def test_the_magic_cancels_a_backfill(run, sandbox):  # noqa: F811 - a fixture
    """`cancel` without a name stops the one that runs."""
    sandbox.switch(stuck=1)
    backfill = value(run, f"%intercom_export {RANGE} --every 2d")
    while not any(export.job_identifier for export in backfill.exports):
        threading.Event().wait(0.01)
    assert value(run, "%intercom_export cancel") is backfill
    assert backfill.wait(30).count == (0, 2)


@MIXING
def test_the_line_on_the_card_gives_the_deliveries(run, shell, sandbox):  # noqa: F811 - fixtures
    """Pasted into a cell it reads all windows, and exports nothing again."""
    for line in (f"{RANGE} --every 2d", "2018-06-01 2018-06-02 --every day --observe 3d"):
        backfill = value(run, f"%intercom_export {line} --wait")
        sandbox.forget_requests()
        _, error, _ = run(describe(backfill).code)
        assert error is None
        assert len(shell.user_ns["receipts"]) == len(backfill.read(mixed=True))
        assert not creations(sandbox)


def test_a_backfill_is_a_card_text_and_html(done):
    """The live card has the whole first; text and HTML say the same."""
    card = card_of_backfill(done)
    assert card.cards[0]["status"] == "2 of 2 windows"
    assert len(card.cards) == 3
    for shown in (card.as_text(), card.as_html(), repr(done)):
        assert "2018-06-01 to 2018-06-04 (UTC)" in shown
    assert card_of_backfill(done) is card
    card.close()


CHILD = """
import os, signal, sys, threading
from intercom_export_widgets import ExportSession
base_url, token, folder, ledger = sys.argv[1:]
session = ExportSession(token, base_url=base_url, folder=folder, ledger=ledger, poll_interval=0.05)
backfill = session.backfill("2018-06-01 2018-06-04", "1d")
while backfill.count[0] < 1:
    threading.Event().wait(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.kernel
@pytest.mark.parametrize("sandbox", [0.3], indirect=True)
@pytest.mark.parametrize("how", ["the same call", "take up"])
def test_another_kernel_goes_on_after_a_crash(session, sandbox, how):
    """What was on disk is not exported again; every window is there once."""
    arguments = [session.connection.base_url, TOKEN, str(session.folder), str(session.ledger.path)]
    done = subprocess.run([sys.executable, "-c", CHILD, *arguments], check=False)
    assert done.returncode == -signal.SIGKILL
    # A job whose identifier died with the process would be waited for, for a minute.
    come_about(lambda: sandbox._book.active(sandbox.clock()) is None)
    if how == "take up":
        session.lineup.take_up()
        (backfill,) = session.lineup.backfills
    else:
        backfill = session.backfill(RANGE, "1d")
    backfill.wait(60)
    lost = len(backfill.notes)  # the crash may have come between a submission and its response
    assert backfill.count == (4 - lost, 4)
    sent = creations(sandbox)
    assert len(sent) == len(set(sent)) == 4
    if lost:
        backfill = session.backfill(RANGE, "1d").wait(60)
    assert backfill.read("receipt", mixed=True)["receipt_id"].is_unique


@pytest.mark.kernel
def test_a_backfill_whose_last_job_was_running_is_taken_up(session, sandbox):
    """Its kernel died while nothing waited any more: the handle is there, and the window ends."""
    sandbox.switch(stuck=1)
    arguments = [session.connection.base_url, TOKEN, str(session.folder), str(session.ledger.path)]
    code = CHILD.replace("2018-06-01 2018-06-04", "2018-06-01 2018-06-01").replace(
        "backfill.count[0] < 1", "not any(export.job_identifier for export in backfill.exports)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=False)
    assert done.returncode == -signal.SIGKILL
    session.lineup.take_up()
    (backfill,) = session.lineup.backfills
    while not backfill.exports:
        threading.Event().wait(0.01)
    assert [export.job_identifier for export in session.exports] == [
        backfill.exports[0].job_identifier
    ]
    backfill.exports[0].cancel()
    backfill.wait(30)
    assert backfill.count == (0, 1)
    assert len(creations(sandbox)) == 1


@pytest.mark.kernel
def test_a_process_that_ends_leaves_its_windows_to_the_next(tmp_path):
    """A script that exits in the middle submits nothing more, and the next call goes on."""
    ahead, step = [0], [0]

    def clock():
        ahead[0] += step[0]
        return time.time() + 60 * ahead[0]

    with Sandbox(token=TOKEN, job_seconds=60.0, clock=clock) as sandbox:
        folder, ledger = tmp_path / "exports", tmp_path / "ledger.sqlite"
        arguments = [sandbox.base_url, TOKEN, str(folder), str(ledger)]
        code = CHILD.replace("os.kill(os.getpid(), signal.SIGKILL)", "")
        with subprocess.Popen([sys.executable, "-c", code, *arguments]) as script:
            come_about(lambda: creations(sandbox))
            ahead[0] = 1  # the first job ends; the second does not
        assert script.returncode == 0
        assert len(creations(sandbox)) < 3
        step[0] = 1  # from here on each ends as soon as it is asked about
        with ExportSession(
            TOKEN, base_url=sandbox.base_url, folder=folder, ledger=ledger, poll_interval=0.05
        ) as session:
            session.lineup.take_up()
            (backfill,) = session.lineup.backfills
            assert backfill.wait(60).count == (4, 4)
        assert len(creations(sandbox)) == 4


def test_two_notebooks_do_not_run_the_same_backfill(session, sandbox, another):
    """The second is told that the first is at it, until that closes."""
    sandbox.switch(stuck=1)
    backfill = session.backfill(RANGE, "2d")
    with pytest.raises(errors.UsageError, match="Another notebook"):
        another.backfill(RANGE, "2d")
    assert session.backfill(RANGE, "2d") is backfill
    while not any(export.job_identifier for export in backfill.exports):
        threading.Event().wait(0.01)
    identifier = backfill.exports[0].job_identifier
    session.close()
    session.connection.client().cancel(identifier)
    assert another.backfill(RANGE, "2d").wait(60).count[1] == 2


def test_a_window_that_promises_too_many_rows_is_split_and_said(session):
    """From the windows seen so far the next is expected to be too large, and is cut."""
    session.submit("2018-05-31").wait(30)
    backfill = session.backfill("2018-06", "month", mixed=True, row_limit=1_000)
    backfill.wait(60)
    assert backfill.count[0] == backfill.count[1] > 1
    assert "2018-06-01 to 2018-06-30 (UTC) was split into" in backfill.notes[0]
    assert "1,000 at most" in backfill.notes[0]
    assert backfill.receipts["receipt_id"].is_unique


def test_a_window_that_came_cut_off_is_exported_again_in_parts(session, sandbox):
    """A table of exactly the most rows makes two windows of one."""
    sandbox.switch(container="zip")
    whole = session.submit("2018-06-01 2018-06-02").wait(30)
    rows = max(whole.progress.rows.values())
    backfill = session.backfill("2018-06-01 2018-06-02", "week", mixed=True, row_limit=rows)
    backfill.wait(60)
    assert backfill.count[0] == backfill.count[1] > 1
    assert backfill.receipts["receipt_id"].is_unique
    assert len(backfill.receipts) == len(whole.receipts)


def test_a_table_of_exactly_the_most_rows_raises_the_alarm(done):
    """What was probably cut off is said; one row less is not."""
    reading = Reading(done.exports[0].tables.archive, "receipt")
    rows = reading.table().num_rows
    assert any("rows are probably missing" in note for note in reading_notes(reading, rows))
    assert not any("missing" in note for note in reading_notes(reading, rows + 1))


# More rows than Intercom returns ---------------------------------------------------------


@pytest.fixture
def narrow(session):
    """The session, as if Intercom returned 50 rows at most, once it has seen a day's."""
    session.submit("2018-05-31").wait(30)
    session.row_limit = 50
    return session


def test_a_plain_range_that_promises_too_many_rows_is_split_and_said(narrow, sandbox):
    """A submission becomes a backfill of its parts, and a second one costs nothing."""
    split = narrow.submit(RANGE).wait(60)
    assert split.count[0] == split.count[1] > 1
    assert "2018-06-01 to 2018-06-04 (UTC) was split into" in split.notes[0]
    assert split.plan.name == "2018-06-01 to 2018-06-04 (UTC)"
    with pytest.raises(errors.InputError, match="different moments"):
        _ = split.receipts
    assert split.read("receipt", mixed=True)["receipt_id"].is_unique
    sandbox.forget_requests()
    assert narrow.submit(RANGE).wait(60).count == split.count
    assert not creations(sandbox)


def test_a_range_that_promises_few_rows_asks_nobody_whose_it_is(narrow, sandbox):
    """The workspace is asked for only where the answer matters."""
    sandbox.forget_requests()
    export = narrow.submit("2018-06-08")
    assert next(r.call for r in sandbox.requests) == "create"
    export.wait(30)


def test_the_magic_says_that_it_has_split_a_range(run, sandbox):  # noqa: F811 - a fixture
    """The handle, the progress line and, with the word, the table are a backfill's."""
    value(run, "%intercom_export 2018-05-31 --wait")
    code = "magics = get_ipython().magics_manager.registry['IntercomExportMagics']"
    _, error, _ = run(f"{code}; magics.session.row_limit = 50")
    assert error is None
    _, error, said = run(f"%intercom_export {RANGE} --wait")
    assert error is None
    assert "was split into" in said
    _, error, _ = run(f"%intercom_export {RANGE} --table receipt")
    assert "until its own end" in str(error)
    _, error, _ = run(f"mail = %intercom_export {RANGE} --table receipt --mixed")
    assert error is None


def test_a_range_that_splitting_does_not_help_is_said(narrow):
    """Observed until one moment, each part would be asked for until then: it goes out whole."""
    timeframe = narrow.timeframe("2018-06-01 2018-06-02").observed("2018-06-20")
    with pytest.warns(errors.ExportWarning, match="splitting does not help"):
        export = narrow.submit(timeframe)
    assert export.wait(30).progress.stage is Stage.DONE
    again = narrow.timeframe("2018-06-03 2018-06-04").observed("2018-06-20")
    backfill = narrow.backfill(again, "day").wait(60)
    assert backfill.count == (2, 2)
    assert len([note for note in backfill.notes if "splitting does not help" in note]) == 2


def test_a_fresh_backfill_that_runs_is_the_same_when_it_is_asked_for_again(session, sandbox):
    """fresh=True twice while the first runs gives one backfill, and each window is one job."""
    sandbox.job_seconds = 0.2
    first = session.backfill(RANGE, "2d", fresh=True)
    assert session.backfill(RANGE, "2d", fresh=True) is first
    first.wait(60)
    assert len(creations(sandbox)) == 2


def test_a_backfill_is_exported_anew_when_asked_to(session, sandbox):
    """fresh=True repeats what is on disk, once; the plain call then finds the newer data."""
    session.backfill(RANGE, "2d").wait(60)
    sandbox.forget_requests()
    session.backfill(RANGE, "2d", fresh=True).wait(60)
    assert len(creations(sandbox)) == 2
    session.backfill(RANGE, "2d").wait(60)
    assert len(creations(sandbox)) == 2


def test_ten_million_rows_raise_the_alarm_when_they_are_loaded(tmp_path, monkeypatch):
    """The number is Intercom's own, and the alarm comes on every way to read the table."""
    assert reading_notes.__defaults__ == (10_000_000,)
    monkeypatch.setattr(reading_notes, "__defaults__", (1_000,))
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tour_step_20180601-000000.csv", "step\n" + "1\n" * 1_000)
    for read in (
        lambda tables: tables["tour_step"],
        lambda tables: tables.to_parquet(tmp_path / "out.parquet", "tour_step"),
    ):
        with pytest.warns(errors.ExportWarning, match="exactly 1,000 rows"):
            read(Tables(Archive.open(path)))
