"""A ledger that is locked or full when an answer comes: no identifier is lost, none sent twice."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import threading
import warnings
from contextlib import ExitStack, contextmanager

import pytest
from conftest import TOKEN, come_about, one_more
from test_recovery import ROWS, archive_of
from wire import Reply, WireServer, error, file, job

from intercom_export_widgets.errors import (
    AccessDeniedError,
    ExportWarning,
    LedgerError,
    SubmissionUnknownError,
)
from intercom_export_widgets.jobs import ledger as ledgers
from intercom_export_widgets.jobs import ledgerfile, parting, turn, unwritten
from intercom_export_widgets.jobs.ledger import Ledger
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.jobs.queue import Queue
from intercom_export_widgets.jobs.session import ExportSession
from intercom_export_widgets.notebook.card import describe

JUNE = "2018-06-01 2018-06-02"
AFTER = 1527811200
NAME = f"job{AFTER}"

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


class Intercom(WireServer):
    """A server that locks the ledger before it answers a submission, until it is told."""

    def __init__(self, ledger, answer=None):
        self.ledger = ledger
        self.locking = True
        self.created = []
        self.status = "completed"
        self._answer = answer
        self._holder = None
        super().__init__(self.answer)

    def answer(self, asked):
        """Return the answer to one request."""
        identifier = asked.path.rpartition("/")[2]
        if asked.method == "POST":
            after = asked.json["created_at_after"]
            self.created.append(after)
            if self.locking:
                self.lock()
            return self._answer or Reply(200, job(f"job{after}"))
        if asked.path.startswith("/export"):
            return Reply(200, job(identifier, self.status, download_expires_at="4000000000"))
        if asked.path.startswith("/download"):
            return file(archive_of(int(identifier.removeprefix("job"))))(asked)
        return Reply(200, {"app": {"id_code": "abc", "name": "Example", "timezone": "UTC"}})

    def lock(self):
        """Let another program hold the ledger."""
        self.locking = False
        self._holder = sqlite3.connect(
            self.ledger, isolation_level=None, check_same_thread=False, timeout=30
        )
        self._holder.execute("BEGIN EXCLUSIVE")

    def unlock(self):
        """Let go of the ledger."""
        if self._holder is not None:
            self._holder.close()
            self._holder = None

    def close(self):
        """Stop, and let go of the ledger."""
        self.unlock()
        super().close()


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """Return a function that makes such a server and a session; locks are not waited for long."""
    monkeypatch.setattr(ledgerfile, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(ledgers, "SHORT_PATIENCE", 0.02)
    monkeypatch.setattr(unwritten, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(turn, "LEDGER_PAUSE", 0.02)
    with ExitStack() as opened:

        def start(answer=None):
            server = opened.enter_context(Intercom(tmp_path / "ledger.sqlite", answer))
            session = ExportSession(
                TOKEN,
                base_url=server.url,
                folder=tmp_path / "exports",
                ledger=tmp_path / "ledger.sqlite",
                poll_interval=0.02,
                pause=lambda _: None,
            )
            return server, opened.enter_context(session)

        yield start


def folder_of(session):
    """Return where changes are kept that could not be written."""
    return session.ledger.path.with_name("ledger.sqlite.unwritten")


def is_written(session):
    """Return whether nothing is kept any more."""
    return not unwritten.unwritten_of(session.ledger.path).changes()


@contextmanager
def quiet():
    """Leave warnings out that another test is about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExportWarning)
        yield


# At once ---------------------------------------------------------------------------------------


def test_an_export_goes_on_while_its_ledger_is_locked(locked):
    """Its identifier is kept, named in one warning, and written when that is possible again."""
    server, session = locked()
    with pytest.warns(ExportWarning, match=f"Note it down: {NAME}") as seen:
        export = session.submit(JUNE)
    export.wait(30)
    assert session.submit(JUNE) is export  # either would raise, if it warned again
    assert [str(warning.message) for warning in seen] == [*export.cautions]
    assert export.progress.stage is Stage.DONE
    assert len(export.receipts) == ROWS
    assert NAME in describe(export).detail
    (kept,) = folder_of(session).glob("*.json")
    assert TOKEN not in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    server.unlock()
    come_about(lambda: is_written(session))
    entry = session.ledger.entry(export.number)
    assert (entry.job_identifier, entry.status) == (NAME, "completed")
    assert entry.path == str(export.progress.path)
    assert entry.finished_at is not None
    come_about(lambda: not folder_of(session).exists())


def test_an_identifier_that_is_written_is_not_said_to_be_missing(locked):
    """A lock that comes while the job runs keeps its end back only, which is written later."""
    server, session = locked()
    server.locking, server.status = False, "in_progress"
    export = session.submit(JUNE)
    server.lock()
    server.status = "completed"
    export.wait(30)
    assert export.cautions == ()
    server.unlock()
    come_about(lambda: is_written(session))
    assert session.ledger.find(NAME).status == "completed"


def test_a_short_lock_is_waited_for_when_the_identifier_is_safe(locked, monkeypatch):
    """The file is written before the long wait, and nothing need be said in the end."""
    server, session = locked()
    monkeypatch.setattr(ledgerfile, "BUSY_SECONDS", 30)
    export = session.start(JUNE)
    come_about(lambda: list(folder_of(session).glob("*.json")))
    assert export.job is None
    server.unlock()
    assert len(export.wait(30).receipts) == ROWS
    assert export.cautions == ()
    assert is_written(session)


def test_the_same_range_finds_what_is_not_in_the_ledger(locked):
    """The session returns its export while the ledger is locked, and nothing is sent again."""
    server, session = locked()
    with quiet():
        export = session.submit(JUNE)
        assert session.submit(JUNE) is export
        export.wait(30)
        assert session.submit(JUNE) is export
        with pytest.raises(LedgerError, match="kept locked"):
            session.submit("2018-06-05")
    assert server.created == [AFTER]


def test_another_session_finds_what_is_not_in_the_ledger(locked, monkeypatch):
    """Rows are read as they will be, also where the file itself does not say so yet."""
    monkeypatch.setattr(unwritten, "RETRY_SECONDS", 60)
    server, session = locked()
    with quiet():
        export = session.submit(JUNE).wait(30)
    server.unlock()
    with one_more(session) as another:
        assert another.ledger.find(NAME).number == export.number
        assert another.ledger.entries(status="submitting") == []
        assert [entry.job_identifier for entry in another.entries(everything=True)] == [NAME]
        assert len(another.submit(JUNE).receipts) == ROWS
    assert server.created == [AFTER]


def test_what_is_kept_is_written_before_anything_else_is_submitted(locked, monkeypatch):
    """The transaction that writes the next row begins with what could not be written before."""
    monkeypatch.setattr(unwritten, "RETRY_SECONDS", 60)
    server, session = locked()
    with quiet():
        session.submit(JUNE).wait(30)
    server.unlock()
    with one_more(session) as another:
        another.submit("2018-06-05")
    with sqlite3.connect(session.ledger.path) as plain:
        rows = plain.execute("SELECT job_identifier FROM jobs ORDER BY number").fetchall()
    plain.close()
    assert rows[0] == (NAME,)
    assert len(server.created) == 2


def test_a_lost_response_is_written_later(locked):
    """The row says unknown as soon as it can be written, and no warning names an identifier."""
    server, session = locked(Reply(503))
    with pytest.raises(SubmissionUnknownError, match="kept locked"):
        session.submit(JUNE)
    server.unlock()
    come_about(lambda: is_written(session))
    (entry,) = session.ledger.entries()
    assert entry.status == "unknown"
    assert len(session.lineup.lost()) == 1


def test_the_row_of_a_refused_submission_is_removed_later(locked):
    """It must not look like a submission without a response."""
    server, session = locked(error(403, "forbidden", "Not authorized to access resource"))
    with pytest.raises(AccessDeniedError):
        session.submit(JUNE)
    server.unlock()
    come_about(lambda: is_written(session))
    assert session.ledger.entries() == []


# From the queue and in a backfill --------------------------------------------------------------


def test_a_queued_range_goes_on_while_the_ledger_is_locked(locked):
    """Its place in the queue is given up when the ledger can be written again."""
    server, session = locked()
    export = session.start(JUNE, when_free=True)
    with quiet():
        assert len(export.wait(30).receipts) == ROWS
    server.unlock()
    come_about(lambda: is_written(session))
    (ticket,) = session.lineup.queue.tickets(states=["submitted"])
    assert ticket.job == export.number
    assert session.ledger.entry(export.number).job_identifier == NAME


def test_a_queued_range_waits_while_the_ledger_is_locked_and_says_so(locked, monkeypatch):
    """Locked after its turn was granted: it is submitted once, when its row can be written."""
    server, session = locked()
    claim = Queue.claim

    def claim_and_lock(*given):
        granted = claim(*given)
        if granted and server.locking:
            server.lock()
        return granted

    monkeypatch.setattr(Queue, "claim", claim_and_lock)
    export = session.start(JUNE, when_free=True)
    come_about(lambda: "Nothing is submitted until" in export.progress.note)
    assert server.created == []
    server.unlock()
    assert len(export.wait(30).receipts) == ROWS
    assert server.created == [AFTER]


def test_a_lock_that_comes_just_after_a_range_was_queued(locked, monkeypatch):
    """Its row is written with it, so that nothing is left in the queue that nobody submits."""
    server, session = locked()
    plain = Ledger.transaction

    @contextmanager
    def transaction(ledger, **options):
        with plain(ledger, **options) as connection:
            yield connection
            queued = connection.execute("SELECT count(*) FROM queue").fetchone() != (0,)
        if queued and server.locking:
            server.lock()

    monkeypatch.setattr(Ledger, "transaction", transaction)
    export = session.start(JUNE, when_free=True)
    come_about(lambda: "kept locked" in export.progress.note)
    server.unlock()
    assert len(export.wait(30).receipts) == ROWS
    assert server.created == [AFTER]
    assert session.lineup.waiting == 0


@pytest.mark.parametrize("queued", [False, True], ids=["polled", "queued"])
def test_a_session_is_closed_while_the_ledger_is_locked(locked, monkeypatch, queued):
    """Whatever waits for the lock then ends, and does not keep the process from ending."""
    server, session = locked()
    server.status, server.locking = "in_progress", False
    export = session.submit(JUNE)
    if queued:
        export = session.start("2018-06-05", when_free=True)
        come_about(lambda: export.progress.note)
    monkeypatch.setattr(ledgerfile, "BUSY_SECONDS", 3600)
    server.lock()
    server.status = "completed"
    come_about(lambda: list(folder_of(session).glob("*.json")))
    session.close()
    assert all(export.done for export in session.exports)


def test_a_backfill_goes_on_after_a_lock(locked):
    """It waits with the next window, and ends with all of them, each sent once."""
    server, session = locked()
    backfill = session.backfill(JUNE, "1d", mixed=True)
    come_about(lambda: any("No window is submitted until" in note for note in backfill.notes))
    server.unlock()
    with quiet():
        assert backfill.wait(30).count == (2, 2)
    assert len(server.created) == len(set(server.created)) == 2


# After the process -----------------------------------------------------------------------------

CHILD = """
import signal, sys, time, warnings
from intercom_export_widgets import ExportSession
from intercom_export_widgets.jobs import ledgerfile, warming
warnings.simplefilter("ignore")
warming.NEEDED = ()
base_url, folder, ledger, token = sys.argv[1:]
ledgerfile.BUSY_SECONDS = 0.05
session = ExportSession(token, base_url=base_url, folder=folder, ledger=ledger, poll_interval=0.02)
HOW
print(session.exports[0].job_identifier, flush=True)
"""


def child(session, how):
    """Run a process on the same ledger and return its output and exit code."""
    places = [session.connection.base_url, str(session.folder), str(session.ledger.path), TOKEN]
    command = [sys.executable, "-c", CHILD.replace("HOW", how), *places]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert not done.stderr, done.stderr
    return done.stdout, done.returncode


@pytest.mark.kernel
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("end", ["", "; import os; os.kill(os.getpid(), signal.SIGKILL)"])
def test_the_next_kernel_reads_what_the_last_could_not_write(locked, end):
    """Though the ledger stays locked until that has ended, killed or not, its job is found."""
    server, session = locked()
    _, code = child(session, f"session.submit({JUNE!r}){end}")
    assert code == (-signal.SIGKILL if end else 0)
    assert len(list(folder_of(session).glob("*.json"))) == 1
    server.unlock()
    assert len(session.submit(JUNE).wait(30).receipts) == ROWS
    assert server.created == [AFTER]
    (entry,) = session.ledger.entries()
    assert (entry.job_identifier, entry.status) == (NAME, "completed")
    assert not folder_of(session).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_a_disk_that_was_full_when_the_response_came(locked):
    """Nothing could be written anywhere then; what was kept is written when there is room."""
    server, session = locked()
    server.locking = False
    lines = f"""
import resource
def hear(event, details):
    if event == "socket.connect":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
sys.addaudithook(hear)
export = session.submit({JUNE!r})
assert session.ledger.find({NAME!r}) is not None
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
hear = None
"""
    said, code = child(session, lines)
    assert (said.strip(), code) == (NAME, 0)
    assert session.ledger.find(NAME) is not None
    assert len(session.submit(JUNE).wait(30).receipts) == ROWS
    assert server.created == [AFTER]


def test_a_job_gets_a_row_in_a_ledger_that_was_moved_away(locked):
    """A new ledger begins its numbers again: no other row is changed."""
    server, session = locked()
    with quiet():
        session.submit(JUNE).wait(30)
    server.unlock()
    come_about(lambda: is_written(session))
    row = session.ledger.find(NAME)
    session.ledger.path.rename(session.ledger.path.with_name("away"))
    fresh = Ledger(session.ledger.path)
    other = fresh.add(session="b", status="completed", base_url="y")
    assert other == row.number
    for status in ("pending", "completed"):
        assert fresh.settle(row, job_identifier=NAME, status=status) is None
    assert fresh.entry(other).base_url == "y"
    assert [entry.status for entry in fresh.entries(base_url=row.base_url)] == ["completed"]
    assert fresh.find(NAME).created_at_after == AFTER


@pytest.mark.skipif(sys.platform == "win32", reason="Windows asks for rights to make links")
def test_a_link_in_the_place_of_the_folder_is_not_followed(locked, tmp_path):
    """What is kept stays in memory then, and is written from there."""
    server, session = locked()
    (tmp_path / "theirs").mkdir()
    folder_of(session).symlink_to(tmp_path / "theirs")
    with quiet():
        export = session.submit(JUNE).wait(30)
    assert list((tmp_path / "theirs").iterdir()) == []
    server.unlock()
    come_about(lambda: is_written(session))
    assert session.ledger.entry(export.number).job_identifier == NAME


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"row": 1, "values": 2}', '{"row": {"number": "1"}, "values": {}}'],
)
def test_a_damaged_file_is_passed_over(tmp_path, text):
    """Neither it nor a row of other columns keeps the ledger from being used."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    number = ledger.add(session="a", status="submitting", base_url="x")
    folder = tmp_path / "ledger.sqlite.unwritten"
    folder.mkdir()
    (folder / "1.json").write_text(text)
    row = json.dumps({"row": {"number": 1}, "values": {"path": "'; DROP TABLE jobs"}})
    (folder / "2.json").write_text(row)
    ledger.update(number, status="pending")
    assert [entry.status for entry in ledger.entries()] == ["pending"]


def test_what_is_kept_is_saved_though_the_wait_at_the_end_is_interrupted(monkeypatch):
    """Who presses Ctrl-C while the process ends still reads which identifiers were not saved."""
    saved = threading.Event()

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(parting, "leave_all", interrupted)
    monkeypatch.setattr(parting, "write_all", saved.set)
    with pytest.raises(KeyboardInterrupt):
        parting._part()
    assert saved.is_set()
