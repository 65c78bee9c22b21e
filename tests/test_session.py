"""ExportSession and Export: the whole main job, and everything that can go wrong in it."""

from __future__ import annotations

import contextlib
import json
import socket
import stat
import subprocess
import sys
import threading

import pandas as pd
import pytest
from conftest import DELIVERIES, TOKEN, one_more
from shares import windows_shares  # noqa: F401 - a fixture

from intercom_export_widgets import errors
from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.jobs.ledger import Ledger
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.jobs.session import ExportSession

pytestmark = pytest.mark.usefixtures("windows_shares")

SANDBOX = DELIVERIES
JUNE = "2018-06-01 2018-06-02"


def creations(sandbox):
    """Return the requests that asked for a new job."""
    return [r for r in sandbox.requests if (r.method, r.path) == ("POST", "/export/content/data")]


@pytest.fixture(scope="module")
def done(shared_session):
    """An export that has ended, which tests only read."""
    return shared_session.submit(JUNE).wait(30)


# The main job ----------------------------------------------------------------------------


def test_two_dates_become_a_dataframe(done):
    """A submitted range ends as typed deliveries that know where they come from."""
    receipts = done.receipts
    assert len(receipts) == done.progress.rows["receipt"] > 20
    assert receipts["received_at"].between("2018-06-01", "2018-06-02 23:59:59Z").all()
    assert str(receipts["received_at"].dtype) == "datetime64[us, UTC]"
    assert receipts.attrs | {"archive": "", "workspace_id": ""} == {
        "job_identifier": done.job_identifier,
        "workspace": "Sandbox: synthetic data",
        "workspace_id": "",
        "received_from": "2018-06-01T00:00:00Z",
        "received_until": "2018-06-02T23:59:59Z",
        "observed_until": "2018-06-02T23:59:59Z",
        "zone": "UTC",
        "sandbox": True,
        "archive": "",
        "rows_trimmed": 0,
    }


def test_every_table_has_as_many_rows_as_were_counted(session, sandbox):
    """The rows counted while verifying are the rows that reading gives."""
    sandbox.switch(container="zip")
    export = session.submit(JUNE).wait(30)
    assert len(export.progress.rows) > 10
    assert {name: len(table) for name, table in export.tables.items()} == export.progress.rows


def test_the_numbers_that_go_out_are_the_documented_ones(session, sandbox):
    """2018-06-01 to 2018-06-30 in UTC goes out as 1527811200 and 1530403199."""
    sandbox.switch(stuck=1)
    session.submit("2018-06-01 2018-06-30").cancel()
    (created,) = creations(sandbox)
    assert json.loads(created.body) == {
        "created_at_after": 1527811200,
        "created_at_before": 1530403199,
    }


def test_the_log_tells_the_whole_story_of_a_job(session):
    """Every column of its row but the error is filled; its file is alone and its owner's only."""
    export = session.submit(JUNE).wait(30)
    row = session.log().iloc[0]
    assert row["job_identifier"] == export.job_identifier
    assert row["status"] == "completed"
    assert row["created_at_after"] == pd.Timestamp("2018-06-01", tz="UTC")
    assert row["rows"] == sum(export.progress.rows.values())
    assert row["bytes"] == export.progress.path.stat().st_size
    assert row["path"] == str(export.progress.path)
    assert bool(row["sandbox"])
    assert row.drop(["error", "region", "received_until"]).notna().all()
    assert pd.isna(row["error"])
    folder = export.progress.path.parent
    assert sys.platform == "win32" or stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == [export.progress.path.name]


def test_the_identifier_is_on_disk_before_anybody_hears_of_it(session):
    """Whenever a progress shows a job, the ledger holds its identifier already."""
    missing = []

    def look(change):
        job = change.new.job
        if job is not None and session.ledger.find(job.job_identifier) is None:
            missing.append(change.new)

    export = session.start(JUNE)
    export.observe(look, "progress")
    export.wait(30)
    assert not missing


def test_a_row_is_written_before_the_submission_leaves(session, sandbox):
    """If the answer is lost, the ledger still says that something was sent, and when."""
    sandbox.switch(lost_answer=1)
    with pytest.raises(errors.SubmissionUnknownError):
        session.submit(JUNE)
    (entry,) = session.entries()
    assert (entry.status, entry.job_identifier) == ("unknown", None)
    assert entry.submitted_at is not None
    assert "can't name" in entry.error


@pytest.mark.parametrize("sandbox", [0.5], indirect=True)
def test_another_session_takes_up_a_running_job_side_by_side(session, sandbox, another):
    """attach() knows the range from the ledger and keeps the row; each has a thread of its own."""
    first = session.submit(JUNE)
    with pytest.raises(errors.JobLockedError):
        another.submit("2018-05-01")
    second = another.attach(first.job_identifier)
    assert second.timeframe == first.timeframe
    threads = {t.name for t in threading.enumerate() if t.name.startswith("intercom-export-")}
    assert len(threads) >= 1
    assert not first.done
    first.wait(30)
    second.wait(30)
    assert first.receipts.equals(second.receipts)
    assert len(another.log()) == len(session.log()) == 1


# Submitting ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("switches", "error"),
    [
        ({"lost_answer": 1}, errors.SubmissionUnknownError),
        ({"server_error": "1@create", "server_status": 502}, errors.SubmissionUnknownError),
        ({"html": "1@create", "html_status": 200}, errors.SubmissionUnknownError),
        ({"forbidden": "1@create"}, errors.AccessDeniedError),
    ],
)
def test_a_submission_is_sent_once_whatever_happens(session, sandbox, switches, error):
    """Each fault of the wire ends in its error after exactly one POST."""
    sandbox.switch(**switches)
    with pytest.raises(error):
        session.submit(JUNE)
    assert len(creations(sandbox)) == 1


def test_an_answer_cut_short_still_gives_its_identifier(session, sandbox):
    """An identifier that can be read in broken JSON is kept, and its job followed."""
    sandbox.switch(broken_json="1@create")
    assert len(session.submit(JUNE).wait(30).receipts) > 20
    assert len(creations(sandbox)) == 1


def test_a_refused_submission_leaves_no_job_in_the_log(session, sandbox):
    """The log lists jobs; what the API refused made none."""
    sandbox.lock()
    with pytest.raises(errors.JobLockedError):
        session.submit(JUNE)
    assert session.log().empty


def test_the_job_lock_names_the_job_that_holds_the_slot(session, sandbox):
    """A holder that was begun here is named, with its range and what to do."""
    sandbox.switch(stuck=1)
    holder = session.submit(JUNE)
    with pytest.raises(errors.JobLockedError) as caught:
        session.submit("2018-06-05")
    said = str(caught.value)
    assert said.startswith("Exceeded rate limit of 1 pending message data export jobs. ")
    assert f"%intercom_export attach {holder.job_identifier}" in said
    assert "2018-06-01 to 2018-06-02 (UTC)" in said
    assert caught.value.job_identifier == holder.job_identifier
    holder.cancel()


def test_a_job_that_ended_unseen_is_not_named(session, sandbox, another):
    """A row of the ledger that was never finished is asked about before it is named."""
    sandbox.switch(stuck=1)
    dead = session.submit(JUNE)
    session.connection.client().cancel(dead.job_identifier)
    sandbox.lock()
    session.ledger.update(dead.number, finished_at=None, status="pending")
    with pytest.raises(errors.JobLockedError, match="the API can't list it"):
        another.submit("2018-06-05")


def test_a_holder_from_elsewhere_is_not_made_up(done, shared_session, shared_sandbox):
    """If the ledger knows no running job, the error says that the API can't list it."""
    lock = shared_sandbox.lock()
    with pytest.raises(errors.JobLockedError, match="the API can't list it"):
        shared_session.submit("2018-06-05")
    shared_sandbox.unlock(lock)


def test_a_button_clicked_twice_submits_once(session, sandbox):
    """Starts of the same range from many threads, while it is sent, give one export."""
    sandbox.switch(stuck=1)
    found, gate = [], threading.Barrier(8)

    def click():
        gate.wait()
        found.append(session.start(JUNE))

    clicks = [threading.Thread(target=click) for _ in range(8)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join()
    for export in set(found):
        with contextlib.suppress(errors.JobLockedError):
            export.wait_submitted()
    named = [export for export in set(found) if export.job_identifier]
    assert len(named) == 1
    assert len(creations(sandbox)) == len(set(found))
    named[0].cancel()


def test_a_range_that_ends_in_the_future_is_not_sent(session, sandbox):
    """It is refused here, since Intercom would accept it in silence."""
    with pytest.raises(errors.TimeframeError, match="future"):
        session.submit("2090-01-01 2090-01-02")
    assert not creations(sandbox)
    assert session.log().empty


def test_without_a_ledger_nothing_is_submitted(sandbox, tmp_path):
    """A ledger that can't be written stops the submission before it leaves."""
    (tmp_path / "file").write_text("")
    ledger = tmp_path / "file" / "ledger.sqlite"
    with (
        ExportSession(TOKEN, base_url=sandbox.base_url, ledger=ledger) as session,
        pytest.raises(errors.LedgerError),
    ):
        session.submit(JUNE)
    assert not creations(sandbox)


def test_without_a_token_nothing_is_sent_and_the_ways_are_named(sandbox, tmp_path):
    """The error says where a token was looked for."""
    session = ExportSession(base_url=sandbox.base_url, ledger=tmp_path / "ledger.sqlite")
    with pytest.raises(errors.TokenMissingError, match="INTERCOM_ACCESS_TOKEN"):
        session.submit(JUNE)
    assert not sandbox.requests


def test_a_token_that_appears_in_the_environment_is_found_then(sandbox, tmp_path, monkeypatch):
    """A variable set after a first failure is used by the next attempt."""
    session = ExportSession(base_url=sandbox.base_url, ledger=tmp_path / "ledger.sqlite")
    with pytest.raises(errors.TokenMissingError):
        session.connection.client()
    monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", TOKEN)
    assert session.connection.identify().sandbox
    assert "INTERCOM_ACCESS_TOKEN" in session.connection.token_source
    session.close()


# Ends ------------------------------------------------------------------------------------


def test_a_failed_job_raises_and_stands_in_the_log(session, sandbox):
    """A 504 with a failed job in it is the job's end, not a fault of the network."""
    sandbox.switch(failed=1)
    export = session.submit(JUNE)
    with pytest.raises(errors.JobFailedError):
        export.wait(30)
    row = session.log().iloc[0]
    assert row["status"] == "failed"
    assert export.job_identifier in row["error"]
    with pytest.raises(errors.JobFailedError):
        _ = export.receipts


def test_no_data_is_an_end_with_typed_empty_tables(session, sandbox):
    """A range without messages gives an empty DataFrame with the known columns."""
    sandbox.switch(no_data=1)
    export = session.submit(JUNE).wait(30)
    assert export.progress.stage is Stage.NO_DATA
    assert export.receipts.empty
    assert str(export.receipts["received_at"].dtype) == "datetime64[us, UTC]"
    assert dict(export.tables) == {}
    assert session.log().iloc[0]["status"] == "no_data"


def test_canceling_ends_the_export_and_frees_the_slot(session, sandbox):
    """After cancel() the export is canceled, wait() says so, and a new one may begin."""
    sandbox.switch(stuck=1)
    export = session.submit(JUNE)
    assert export.cancel().status_text == "canceled"
    with pytest.raises(errors.JobCanceledError):
        export.wait(30)
    assert export.progress.stage is Stage.CANCELED
    assert session.log().iloc[0]["status"] == "canceled"
    assert session.submit(JUNE).job_identifier


def test_a_closed_session_follows_nothing_and_ends_no_job(session, sandbox, another):
    """close() ends the threads at once; the job runs on, and can be taken up again."""
    sandbox.switch(stuck=1)
    export = session.submit(JUNE)
    session.close()
    assert export.done
    assert export.progress.stage is Stage.LEFT
    with pytest.raises(errors.WaitInterruptedError, match=f"attach {export.job_identifier}"):
        export.wait()
    taken = another.attach(export.job_identifier)
    assert not taken.done
    taken.cancel()


def test_canceling_an_ended_export_changes_nothing(done):
    """It is left as it is, however often it is called."""
    before = done.progress
    for _ in range(2):
        done.cancel()
    assert done.progress is before


def test_data_asked_for_too_early_is_an_error_that_sends_nothing(session, sandbox):
    """Properties never wait and never ask."""
    sandbox.switch(stuck=1)
    export = session.submit(JUNE)
    with pytest.raises(errors.NotReadyError, match=r"export\.wait"):
        _ = export.receipts
    export.cancel()


@pytest.mark.parametrize("sandbox", [0.6], indirect=True)
def test_a_wait_that_ends_early_leaves_the_export_running_and_says_so(session, sandbox):
    """After its time, or Ctrl-C, its error names the job; a later wait gets its end."""
    export = session.submit(JUNE)
    with pytest.raises(errors.WaitTimeoutError, match=export.job_identifier):
        export.wait(0.1)

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(errors.WaitInterruptedError) as caught:
        export.wait(callback=interrupt)
    assert f"%intercom_export attach {export.job_identifier}" in str(caught.value)
    assert export.wait(30).progress.stage is Stage.DONE


# Downloads -------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["truncated", "corrupt"])
def test_a_damaged_archive_is_downloaded_again(session, sandbox, fault):
    """One damaged file is set aside and fetched anew; the data are whole."""
    sandbox.switch(**{fault: 1})
    export = session.submit(JUNE).wait(30)
    assert len(export.receipts) == export.progress.rows["receipt"]
    assert list(session.folder.glob("*.damaged"))


def test_an_archive_that_stays_damaged_is_never_half_a_table(session, sandbox):
    """After a second damaged file the export fails, keeps the file and says so."""
    sandbox.switch(corrupt=9)
    export = session.submit(JUNE)
    with pytest.raises(errors.ArchiveDamagedError):
        export.wait(30)
    with pytest.raises(errors.ArchiveDamagedError):
        _ = export.tables
    assert session.log().iloc[0]["error"]
    sandbox.switch(corrupt=0)
    assert not list(session.folder.glob("*.zip"))


def test_a_broken_connection_loses_no_byte(session, sandbox):
    """A download that breaks twice is taken up where it broke."""
    sandbox.switch(broken_download=2, broken_after=500)
    export = session.submit(JUNE).wait(60)
    assert [request.call for request in sandbox.requests].count("download") == 3
    assert len(export.receipts) == export.progress.rows["receipt"]


def test_expired_data_say_so(session, sandbox):
    """A 404 for the data names the expiry and what to do."""
    sandbox.switch(expired=9)
    with pytest.raises(errors.DownloadExpiredError):
        session.submit(JUNE).wait(30)
    assert session.log().iloc[0]["status"] == "completed"


def test_a_folder_that_can_not_be_used_begins_no_job(session, sandbox, tmp_path):
    """It is refused before anything is submitted, since the data could not be kept."""
    (tmp_path / "file").write_text("")
    session.folder = tmp_path / "file" / "exports"
    with pytest.raises(errors.FileError, match="Nothing was submitted"):
        session.submit(JUNE)
    assert not creations(sandbox)


@pytest.mark.parametrize("sandbox", [0.6], indirect=True)
def test_a_folder_that_is_lost_meanwhile_loses_no_job(session, tmp_path):
    """The job stays in the ledger, and another folder can take it up."""
    export = session.submit(JUNE)
    session.folder.rmdir()
    session.folder.write_text("")
    with pytest.raises(errors.FileError, match="attach"):
        export.wait(30)
    session.folder = tmp_path / "elsewhere"
    again = session.attach(export.job_identifier).wait(30)
    assert again.progress.path.parent == tmp_path / "elsewhere"


def test_rows_outside_the_range_are_trimmed_aloud(session, sandbox):
    """A server that rounds to whole days gives no row that was not asked for."""
    sandbox.switch(rounding="days")
    timeframe = Timeframe.parse("2018-06-01T06:00Z 2018-06-01T17:59:59Z")
    export = session.submit(timeframe).wait(30)
    with pytest.warns(errors.ExportWarning, match="outside the range"):
        receipts = export.receipts
    assert receipts["received_at"].between("2018-06-01T06:00Z", "2018-06-01T17:59:59Z").all()
    assert receipts.attrs["rows_trimmed"] > 0
    assert len(receipts) + receipts.attrs["rows_trimmed"] == export.progress.rows["receipt"]


def test_timestamps_without_a_zone_are_the_workspaces_and_that_is_said(session, sandbox, another):
    """Naive text gives the instants that Unix seconds do, with a warning, on another day too."""
    plain = session.submit("2018-07-10").wait(30).receipts
    sandbox.switch(timestamps="naive", timezone="America/New_York")
    export = another.submit("2018-07-10", fresh=True).wait(30)
    with pytest.warns(errors.ExportWarning, match="America/New_York"):
        naive = export.receipts
    assert (naive["received_at"] == plain["received_at"]).all()
    with (
        one_more(session) as later,
        pytest.warns(errors.ExportWarning, match="America/New_York"),
    ):
        assert later.load(export.job_identifier).receipts.equals(naive)


# Another notebook, another day -----------------------------------------------------------


def test_a_job_from_elsewhere_can_be_taken_up(session, sandbox, tmp_path):
    """Without a row in the ledger the job is followed, and gets one."""
    begun = session.submit(JUNE)
    with ExportSession(
        TOKEN,
        base_url=sandbox.base_url,
        folder=tmp_path / "other",
        ledger=tmp_path / "other.sqlite",
        poll_interval=0.05,
    ) as stranger:
        taken = stranger.attach(begun.job_identifier).wait(30)
        assert taken.timeframe is None
        assert len(taken.receipts) > 20
        assert stranger.log().iloc[0]["status"] == "completed"


def test_a_job_that_is_on_disk_is_not_asked_for_again(done, shared_session, shared_sandbox):
    """attach() of a downloaded job, and load() of it or its path, read the disk alone."""
    shared_sandbox.forget_requests()
    with one_more(shared_session) as another:
        assert another.attach(done.job_identifier).receipts.equals(done.receipts)
        for what in (done.job_identifier, done.progress.path):
            loaded = another.load(what)
            assert loaded.receipts.equals(done.receipts)
            assert loaded.receipts.attrs == done.receipts.attrs
    assert not shared_sandbox.requests


def test_an_unknown_job_is_said_at_once(session):
    """attach() of an identifier that the API does not know raises, and leaves no row."""
    with pytest.raises(errors.JobNotFoundError):
        session.attach("nothing0of0the0kind")
    assert session.log(everything=True).empty


def test_an_archive_from_elsewhere_is_loaded_too(done, shared_session, tmp_path):
    """A file that the ledger does not know is read without a range."""
    copy = tmp_path / "download.bin"
    copy.write_bytes(done.progress.path.read_bytes())
    loaded = shared_session.load(copy)
    assert loaded.timeframe is None
    assert len(loaded.receipts) == len(done.receipts)


def test_what_is_not_there_can_not_be_loaded(session, tmp_path):
    """A missing file, and a file that is no export, are one sentence each."""
    with pytest.raises(errors.FileError, match="no downloaded export"):
        session.load(tmp_path / "missing.zip")
    (tmp_path / "page.html").write_text("<html><body>Please log in</body></html>")
    with pytest.raises(errors.ArchiveError):
        session.load(tmp_path / "page.html")


def test_a_file_that_is_gone_is_fetched_again_and_anothers_is_kept(session, another):
    """attach() downloads an archive anew, and never overwrites a file of another content."""
    done = session.submit(JUNE).wait(30)
    path, expected = done.progress.path, len(done.receipts)
    path.unlink()
    again = session.attach(done.job_identifier).wait(30)
    assert (again.progress.path, len(again.receipts)) == (path, expected)
    path.write_bytes(b"somebody else's file")
    session.ledger.update(done.number, path=None)
    again = another.attach(done.job_identifier).wait(30)
    assert again.progress.path != path
    assert path.read_bytes() == b"somebody else's file"


def test_an_identifier_that_could_not_be_written_is_written_later(session, sandbox):
    """A ledger that was busy when the answer came has the identifier in the end."""
    sandbox.switch(stuck=1)
    export = session.submit(JUNE)
    session.ledger.update(export.number, job_identifier=None)
    export.cancel()
    with pytest.raises(errors.JobCanceledError):
        export.wait(30)
    assert session.ledger.entry(export.number).job_identifier == export.job_identifier


def test_an_error_that_ends_the_following_does_not_end_the_job(session, sandbox):
    """After a 403 while polling the job is left, not failed: it holds the slot and is named."""
    sandbox.switch(stuck=1, forbidden="9@show")
    export = session.submit(JUNE)
    with pytest.raises(errors.AccessDeniedError, match=f"attach {export.job_identifier}"):
        export.wait(30)
    assert export.progress.stage is Stage.LEFT
    assert pd.isna(session.log().iloc[0]["finished"])
    sandbox.switch(forbidden=0)
    with pytest.raises(errors.JobLockedError) as caught:
        session.submit("2018-06-05")
    assert caught.value.job_identifier == export.job_identifier
    session.attach(export.job_identifier).cancel()


def test_a_cancel_that_fails_changes_nothing(session, sandbox):
    """The export goes on to its end after the API refused to cancel it."""
    sandbox.switch(stuck=1, forbidden="1@cancel")
    export = session.submit(JUNE)
    with pytest.raises(errors.AccessDeniedError):
        export.cancel()
    assert not export.done
    assert export.cancel().status_text == "canceled"


def test_a_cancel_that_comes_too_late_lets_the_data_come(session, sandbox):
    """A job that has ended meanwhile is returned unchanged, and its data are fetched."""
    session.poll_interval = 3600.0
    export = session.submit(JUNE)
    assert export.cancel().status_text == "completed"
    assert len(export.wait(30).receipts) > 20


@pytest.mark.parametrize(
    "switches", [{"completed_word": "complete"}, {"completed_word": "COMPLETED"}]
)
def test_the_log_has_the_documented_words_for_a_status(session, sandbox, switches):
    """Whatever spelling the API uses, the log's status is one to filter by."""
    sandbox.switch(**switches)
    session.submit(JUNE).wait(30)
    assert session.log().iloc[0]["status"] == "completed"


def test_a_submission_of_a_dead_process_is_named_when_the_slot_is_taken(session, sandbox):
    """A row that stayed `submitting` becomes `unknown`, and explains the lock."""
    number = session.ledger.add(
        session="dead",
        status="submitting",
        base_url=sandbox.base_url,
        submitted_at=session.now() - 180,
        created_at_after=1527811200,
        created_at_before=1530403199,
        origin=f"{socket.gethostname()}:999999999",
    )
    sandbox.lock()
    with pytest.raises(errors.JobLockedError, match="2018-06-01 to 2018-06-30") as caught:
        session.submit(JUNE)
    assert "response was lost" in str(caught.value)
    assert session.ledger.entry(number).status == "unknown"


def test_the_same_identifier_at_another_address_is_another_job(session, sandbox):
    """attach() never takes a file of one workspace for a job of another."""
    done = session.submit(JUNE).wait(30)
    session.ledger.update(done.number, base_url="https://api.intercom.io")
    done.address = "https://api.intercom.io"
    sandbox.forget_requests()
    session.attach(done.job_identifier).wait(30)
    assert [request.call for request in sandbox.requests if request.call == "show"]


def test_a_process_that_ends_waits_for_the_answer_to_its_submission(sandbox, tmp_path):
    """A script that exits while it submits still leaves the identifier in the ledger."""
    ledger = tmp_path / "ledger.sqlite"
    code = (
        "from intercom_export_widgets import ExportSession\n"
        f"session = ExportSession({TOKEN!r}, base_url={sandbox.base_url!r},"
        f" ledger={str(ledger)!r})\n"
        "session.start('2018-06-01')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    (entry,) = Ledger(ledger).entries()
    assert entry.job_identifier


# The token -------------------------------------------------------------------------------


def test_the_token_shows_nowhere(session, sandbox, caplog):
    """No repr, log line, error, row or file of a session holds it."""
    caplog.set_level("DEBUG")
    export = session.submit(JUNE).wait(30)
    sandbox.switch(forbidden="1@create")
    with pytest.raises(errors.AccessDeniedError) as caught:
        session.submit(JUNE, fresh=True)
    shown = [repr(x) for x in (session, export, session.connection, session.connection.client())]
    shown += [str(caught.value), repr(vars(caught.value)), session.log().to_string(), caplog.text]
    shown += [
        p.read_bytes().decode("latin-1") for p in session.folder.parent.rglob("*") if p.is_file()
    ]
    assert not [text for text in shown if TOKEN in text]


@pytest.mark.parametrize(
    "address", ["http://me:p4ssword@127.0.0.1:8000", "http://example.com", "gopher://127.0.0.1"]
)
def test_an_address_that_may_not_see_a_token_is_refused_when_it_is_given(address):
    """Before there is a session whose text could repeat what is in it."""
    with pytest.raises(errors.SettingError, match="base_url") as caught:
        ExportSession(TOKEN, base_url=address)
    assert "p4ssword" not in str(caught.value)
    with pytest.raises(errors.SettingError, match="Did you mean 'eu'"):
        ExportSession(TOKEN, region="europe")
