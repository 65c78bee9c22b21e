"""Disks that fill up, folders that can't be written, ledgers that are locked or damaged."""

from __future__ import annotations

import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading

import pytest
from conftest import TOKEN
from shares import windows_shares  # noqa: F401 - a fixture
from test_session import creations

from intercom_export_widgets.errors import (
    DownloadExpiredError,
    IntercomExportError,
    LedgerError,
)
from intercom_export_widgets.jobs import ledgerfile as ledgers
from intercom_export_widgets.jobs.ledger import Ledger
from intercom_export_widgets.jobs.log import frame
from intercom_export_widgets.jobs.session import ExportSession
from intercom_export_widgets.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("windows_shares")
unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")

JUNE = "2018-06-01 2018-06-02"
WEEK = "2018-06-01 2018-06-07"
PROGRAM = f"""
import ctypes, json, os, resource, sys
import filelock, isal, pandas, psutil, pyarrow.csv, pyarrow.parquet
from intercom_export_widgets import ExportSession
from intercom_export_widgets.errors import IntercomExportError

def limit(size):
    "Let no file grow beyond so many bytes: what is written fails as on a full disk."
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

def obey():
    "Give up root's right to write where it may not."
    libc = ctypes.CDLL(None)
    libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())

def at_first_connection(work):
    "Do something when the submission is about to leave."
    done = []
    def hear(event, details):
        if event == "socket.connect" and not done:
            done.append(work())
    sys.addaudithook(hear)

for line in sys.stdin:
    code, environment, base_url, folder, ledger = json.loads(line)
    pipes = os.pipe(), os.pipe()
    if not os.fork():
        for number, (ours, theirs) in enumerate(pipes, 1):
            os.dup2(theirs, number)
        os.environ.update(environment)
        session = ExportSession({TOKEN!r}, base_url=base_url, folder=folder, ledger=ledger,
                                poll_interval=0.05, pause=lambda _: None)
        try:
            exec(code)
        except IntercomExportError as error:
            print(f"{{type(error).__name__}}: {{error}}")
        sys.stdout.flush()
        os._exit(0)
    found = []
    for ours, theirs in pipes:
        os.close(theirs)
        with open(ours) as file:
            found.append(file.read())
    print(json.dumps([os.waitstatus_to_exitcode(os.wait()[1]), *found]), flush=True)
"""
"""Runs lines in a fork, so that the libraries are imported once."""


@pytest.fixture(scope="module")
def forking():
    """A process that has imported the libraries, and forks when it is asked."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def elsewhere(forking, sandbox, tmp_path):
    """Return a function that runs lines in a process of its own and returns what they say."""

    def run(*lines):
        places = [str(tmp_path / "exports"), str(tmp_path / "ledger.sqlite")]
        asked = ["\n".join(lines), dict(os.environ), sandbox.base_url, *places]
        forking.stdin.write(json.dumps(asked) + "\n")
        forking.stdin.flush()
        status, said, errors = json.loads(forking.stdout.readline())
        assert status == 0, errors
        assert TOKEN not in said + errors
        return said.strip()

    return run


# The disk ----------------------------------------------------------------------------------


@unix
def test_a_disk_that_fills_up_keeps_what_fits(elsewhere, session, sandbox, tmp_path):
    """The error is one sentence, and the next session fetches the rest and no more."""
    session.log()
    said = elsewhere(f"limit({45_000})", f"session.submit({WEEK!r}).wait(60)")
    assert said.startswith("FileError: ")
    assert "can't be written" in said
    assert "what has been downloaded is kept" in said
    (part,) = (tmp_path / "exports").glob("*.part")
    assert part.stat().st_size == 45_000
    (entry,) = session.entries(everything=True)
    export = session.attach(entry.job_identifier).wait(60)
    assert len(export.receipts)
    assert len(creations(sandbox)) == 1
    assert "range" in sandbox.requests[-1].headers


@unix
def test_a_full_disk_submits_nothing(elsewhere, session, sandbox):
    """Where no row can be written, no job is begun."""
    said = elsewhere("limit(1)", f"session.submit({JUNE!r})")
    assert said.startswith("LedgerError: ")
    assert "Nothing is submitted without it" in said
    assert not creations(sandbox)


@unix
def test_a_disk_that_is_full_when_the_answer_comes_shows_the_identifier(
    elsewhere, session, sandbox
):
    """The one name of the job is in the error, and the job can be taken up by it."""
    said = elsewhere("at_first_connection(lambda: limit(1))", f"session.submit({JUNE!r}).wait(60)")
    (entry,) = session.entries(everything=True)
    assert (entry.status, entry.job_identifier) == ("unknown", None)
    identifier = said.partition("identifier ")[2].split()[0].strip(".:")
    assert len(session.attach(identifier).wait(60).receipts)
    assert len(creations(sandbox)) == 1


@unix
@pytest.mark.parametrize("place", ["exports", "."])
def test_a_read_only_folder_submits_nothing(elsewhere, sandbox, tmp_path, place):
    """Neither for archives nor for the ledger; the sentence names it, and the log is read."""
    folder = tmp_path / "exports"
    folder.mkdir()
    Ledger(tmp_path / "ledger.sqlite").add(session="a", status="completed", base_url="x")
    if place == ".":
        (tmp_path / "ledger.sqlite").chmod(0o400)
    (tmp_path / place).chmod(0o500)
    try:
        said = elsewhere("obey()", "print(len(session.entries(everything=True)))",
                         f"session.submit({JUNE!r})")  # fmt: skip
    finally:
        (tmp_path / place).chmod(0o700)
    count, _, error = said.partition("\n")
    assert count == "1"
    assert error.startswith("FileError: " if place == "exports" else "LedgerError: ")
    assert str(folder if place == "exports" else tmp_path / "ledger.sqlite") in error
    assert "%config IntercomExport." in error
    assert not creations(sandbox)


@unix
def test_what_is_written_is_for_its_owner_only_under_any_umask(elsewhere, tmp_path):
    """With umask 000, every file and every folder that was made is closed to others."""
    elsewhere(
        "import os, pathlib; os.umask(0)",
        f"session.folder = pathlib.Path({str(tmp_path / 'deep' / 'er' / 'exports')!r})",
        f"session.ledger.path = pathlib.Path({str(tmp_path / 'far' / 'ther' / 'l.sqlite')!r})",
        f"export = session.submit({JUNE!r}).wait(60)",
        "export.receipts, export.tables['open']",
    )
    made = [path for name in ("deep", "far") for path in (tmp_path / name).rglob("*")]
    assert {path.suffix for path in made} >= {".zip", ".sqlite"}
    for path in [*made, tmp_path / "deep", tmp_path / "far"]:
        assert path.stat().st_mode & 0o077 == 0, path


# The ledger ----------------------------------------------------------------------------------


def test_a_ledger_that_stays_locked_submits_nothing(session, sandbox, monkeypatch):
    """Another program that never lets go of the file is waited for, then named."""
    monkeypatch.setattr(ledgers, "BUSY_SECONDS", 0.05)
    session.ledger.add(session="a", status="completed", base_url="x")
    with sqlite3.connect(session.ledger.path, isolation_level=None) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LedgerError, match="locked") as caught:
            session.submit(JUNE)
        with pytest.raises(LedgerError, match="locked"):
            session.log()
        holder.execute("ROLLBACK")
    holder.close()
    assert "Nothing is submitted without it" in str(caught.value)
    assert not creations(sandbox)
    assert len(session.submit(JUNE).wait(60).receipts)


def test_a_slow_lock_is_waited_for(session, sandbox):
    """A lock that is let go of meanwhile costs time and nothing else."""
    session.ledger.add(session="a", status="completed", base_url="x")
    holder = sqlite3.connect(session.ledger.path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.3, holder.execute, ["ROLLBACK"])
    release.start()
    session.submit(JUNE).wait(60)
    release.join()
    holder.close()
    assert len(creations(sandbox)) == 1


@unix
def test_a_lock_of_the_file_system_is_named_as_one(session, sandbox, monkeypatch):
    """While another process holds the bytes that SQLite locks, nothing is sent, and it is said."""
    monkeypatch.setattr(ledgers, "BUSY_SECONDS", 0.05)
    session.ledger.add(session="a", status="completed", base_url="x")
    code = (
        "import fcntl, sys; file = open(sys.argv[1], 'r+b'); "
        "fcntl.lockf(file, fcntl.LOCK_EX, 512, 0x40000000); print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(session.ledger.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LedgerError, match="kept locked by another program") as caught:
            session.submit(JUNE)
        holder.communicate("\n")
    assert "one on a local disk" in str(caught.value)
    assert not creations(sandbox)
    assert len(session.submit(JUNE).wait(60).receipts)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("SQLITE_PROTOCOL", "can't be locked, as on some network drives (locking protocol)"),
        ("SQLITE_IOERR_RDLOCK", "can't be locked, as on some network drives"),
        ("SQLITE_IOERR_LOCK", "can't be locked"),
        ("SQLITE_READONLY_DIRECTORY", "can be read, but not written"),
        ("SQLITE_READONLY_CANTLOCK", "can be read, but not written"),
        ("SQLITE_IOERR_SHORT_READ", "its disk failed, or a network drive went away"),
        ("SQLITE_BUSY_SNAPSHOT", "kept locked by another program"),
        ("SQLITE_FULL", "its disk is full"),
        ("SQLITE_CORRUPT_INDEX", "is damaged"),
        ("SQLITE_NOTADB", "no ledger, or a damaged one"),
        ("SQLITE_CANTOPEN_ISDIR", "can't be opened or made"),
        ("SQLITE_SCHEMA", "can't be used"),
    ],
)
def test_what_a_drive_says_is_a_sentence_and_nothing_is_lost(tmp_path, code, said):
    """Each code of SQLite that a drive can bring on is told apart; the rows stay as they were.

    No drive here brings on all of them: the error is raised in the midst of a transaction.
    """
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.add(session="a", status="completed", base_url="x")
    fault = sqlite3.OperationalError("locking protocol")
    fault.sqlite_errorname = code

    def break_off():
        with ledger.transaction() as connection:
            connection.execute("DELETE FROM jobs")
            raise fault

    with pytest.raises(LedgerError) as caught:
        break_off()
    assert said in str(caught.value)
    assert str(ledger.path) in str(caught.value)
    assert "%config IntercomExport.ledger" in str(caught.value)
    assert "Nothing is submitted without it" in str(caught.value)
    assert len(ledger.entries()) == 1


@pytest.mark.parametrize("damage", ["newer", "text", "half", "empty header"])
def test_a_ledger_that_can_not_be_used_is_left_as_it_is(session, sandbox, damage):
    """Nothing is submitted, every question about it has one sentence, and no byte changes."""
    for number in range(50):
        session.ledger.add(session="a", status="pending", base_url="x", job_identifier=str(number))
    path = session.ledger.path
    whole = path.read_bytes()
    if damage == "newer":
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
    else:
        damaged = {
            "text": b"no ledger" * 999,
            "half": whole[: len(whole) // 2],
            "empty header": b"\0" * 100 + whole[100:],
        }
        path.write_bytes(damaged[damage])
    before = path.read_bytes()
    for ask in (
        lambda: session.submit(JUNE),
        session.log,
        lambda: session.attach("7"),
        lambda: session.load("7"),
    ):
        with pytest.raises(LedgerError) as caught:
            ask()
        assert str(path) in str(caught.value)
        assert "%config IntercomExport.ledger" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert not creations(sandbox)


def test_random_damage_of_a_ledger_is_a_ledger_error(tmp_path):
    """Whatever bytes are changed, rows of the right types come, or the documented error."""
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path)
    for number in range(20):
        ledger.add(
            session="a",
            status="pending",
            base_url="x",
            job_identifier=f"job{number}",
            submitted_at=1.5e9,
            rows=number,
        )
    whole = path.read_bytes()
    chance = random.Random(17)  # noqa: S311 - chooses bytes, keeps no secret
    read = written = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 40)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(LedgerError):
            entries = ledger.entries()
            assert all(isinstance(entry.status, str) for entry in entries)
            frame(entries)
            read += 1
        with contextlib.suppress(LedgerError):
            ledger.find("job3")
            ledger.add(session="b", status="x", base_url="x")
            written += 1
    assert 0 < read < 60
    assert 0 < written < 60


# The clock -----------------------------------------------------------------------------------


def test_a_laptop_asleep_over_the_expiry_is_told_so(tmp_path):
    """Awake days after the data were deleted, it is told in a sentence, and the range is kept."""
    time = [1_700_000_000.0]
    with (
        Sandbox(token=TOKEN, job_seconds=60, clock=lambda: time[0]) as sandbox,
        ExportSession(
            TOKEN,
            base_url=sandbox.base_url,
            folder=tmp_path / "exports",
            ledger=tmp_path / "ledger.sqlite",
            poll_interval=0.05,
            now=lambda: time[0],
            pause=lambda _: None,
        ) as session,
    ):
        export = session.submit(JUNE)
        time[0] += 30 * 86400
        with pytest.raises(IntercomExportError) as caught:
            export.wait(60)
        assert isinstance(caught.value, DownloadExpiredError)
        assert "export the range again" in str(caught.value)
        row = session.log().iloc[-1]
        assert row.error == str(caught.value)
        assert row.job_identifier == export.job_identifier
        assert session.submit(JUNE).wait_submitted().job_identifier != export.job_identifier
