"""No wait without an end: limits of requests and downloads, and what is said meanwhile."""

from __future__ import annotations

import gzip
import random
import shutil
import socket
import threading

import pytest
from conftest import TOKEN, come_about
from wire import Clock, Reply, WireServer, error, file, job

from intercom_export_widgets import ExportSession, Limits
from intercom_export_widgets.errors import (
    ConnectionFailedError,
    FileError,
    InputError,
    RedirectedError,
    ServerFaultError,
    SubmissionUnknownError,
    UnreadableAnswerError,
    WaitInterruptedError,
)
from intercom_export_widgets.intercom.models import Job, JobStatus
from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.jobs import parting
from intercom_export_widgets.jobs.connection import Connection
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.jobs.schedule import Schedule
from intercom_export_widgets.jobs.watch import watch
from intercom_export_widgets.notebook.card import describe
from intercom_export_widgets.notebook.notices import workspace_of

JUNE = Timeframe.parse("2018-06")
JOB = Job("v5xsp8c19ji0s82", JobStatus.COMPLETED)
DATA = b"PK\x03\x04" + random.Random(4).randbytes(400_000)  # noqa: S311 - any bytes
TAG = {"ETag": '"one"'}
SHORT = Limits(request=0.3)
HEADERS_WITHOUT_END = {
    "a byte at a time": Reply(200, job(), slow_head=True),
    "processing for ever": Reply(early=True),
    "silence": Reply(stall=True),
}


# Requests ------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", HEADERS_WITHOUT_END.values(), ids=HEADERS_WITHOUT_END)
def test_a_request_whose_headers_never_end_has_an_end(play, clock, reply):
    """The limit of a request counts from its first byte, whatever the server sends meanwhile."""
    server, client = play(reply, limits=SHORT)
    with pytest.raises(SubmissionUnknownError, match=r"longer than 0\.3 s"):
        client.submit(JUNE)
    assert len(server.requests) == 1
    with pytest.raises(ConnectionFailedError, match=r"longer than 0\.3 s"):
        client.refresh("x")
    assert len(server.requests) == 2
    assert clock.pauses == []


def test_a_host_whose_name_is_never_found_has_an_end(play, monkeypatch):
    """Looking a name up counts too, though it can't be interrupted: nothing was submitted."""
    released = threading.Event()

    def never(*_, **__):
        released.wait(30)
        raise socket.gaierror

    _, client = play(Reply(200, job()), limits=SHORT)
    monkeypatch.setattr(socket, "getaddrinfo", never)
    with pytest.raises(ConnectionFailedError, match=r"Nothing was submitted.*longer than 0\.3 s"):
        client.submit(JUNE)
    released.set()


def test_attempts_share_the_limit_of_a_request(play, clock):
    """Slow faults are not repeated five times: all attempts together take one limit."""
    taken = Clock()

    def slow(_):
        taken.pause(50)
        return Reply(503)

    server, client = play(slow, monotonic=taken.now)
    with pytest.raises(ServerFaultError):
        client.refresh("x")
    assert len(server.requests) == 2
    assert len(clock.pauses) == 1


@pytest.mark.parametrize("name", Limits.__slots__)
@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), "90", None, True])
def test_a_limit_is_a_positive_number(name, value):
    """Anything else is refused by its name, before there is a client."""
    with pytest.raises(InputError, match=name):
        Limits(**{name: value})


def test_a_redirected_poll_is_not_repeated(play, clock):
    """A redirect in answer to a poll ends the watch at once, and says what to check."""
    server, client = play(Reply(302, b"", {"Location": "https://example.com"}))
    pending = Job.from_json(job())
    steps = watch(client, pending, schedule=Schedule(), now=clock.now, since=clock.now())
    assert next(steps) is pending
    clock.pause(next(steps).seconds)
    with pytest.raises(RedirectedError, match=r"not followed\. Check base_url"):
        next(steps)
    assert len(server.requests) == 1


# Downloads -----------------------------------------------------------------------------


STALLING = Limits(stall=0.2, slowest=1_000_000)


def test_a_stalled_download_is_resumed_and_said(play, tmp_path):
    """Less than the slowest speed for a while is a stall: it goes on from there, in a new try."""
    said = []
    server, client = play(
        file(DATA, headers=TAG, drip=1000), file(DATA, headers=TAG), limits=STALLING
    )
    client.download(JOB, tmp_path / "x.zip", trouble=said.append)
    assert said == ["The download stalled, trying again, attempt 2 of 5."]
    assert (tmp_path / "x.zip").read_bytes() == DATA
    assert server.requests[1].headers["range"].startswith("bytes=")


def test_a_download_that_stays_stalled_is_given_up(play, clock, tmp_path):
    """After five attempts the error says what a stall is, and the part is kept."""
    server, client = play(file(DATA, headers=TAG, drip=100), limits=STALLING)
    with pytest.raises(ConnectionFailedError, match=r"stalled: less than 1000 kB/s for 0\.2 s"):
        client.download(JOB, tmp_path / "x.zip")
    assert len(server.requests) == 5
    assert (tmp_path / "x.zip.part").stat().st_size > 0


def test_a_body_without_an_end_is_ended(play, tmp_path):
    """At the largest size that is documented it is given up, said and removed."""
    server, client = play(
        Reply(200, DATA, headers=TAG, endless=True), limits=Limits(largest=1_000_000)
    )
    with pytest.raises(UnreadableAnswerError, match=r"stopped after 1\.0 MB.*Limits\(largest"):
        client.download(JOB, tmp_path / "x.zip")
    assert len(server.requests) == 1
    assert (tmp_path / "x.zip.part").stat().st_size == 0


@pytest.mark.parametrize("endless", [True, False])
def test_a_download_leaves_room_on_the_disk(play, tmp_path, monkeypatch, endless):
    """It ends before less than 1 GB is free, at once if its length says so."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_010_000_000))
    reply = Reply(200, DATA, TAG, length=20_000_000)
    if endless:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=999_999_999))
        reply = Reply(200, DATA, endless=True)
    server, client = play(reply)
    with pytest.raises(FileError, match=r"less than 1\.0 GB free.*Free some space"):
        client.download(JOB, tmp_path / "x.zip")
    assert len(server.requests) == 1
    assert (tmp_path / "x.zip.part").stat().st_size == 0


def test_a_small_download_needs_no_room(play, tmp_path, monkeypatch):
    """An export of up to 16 MB is saved on a disk with less than 1 GB free."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    _, client = play(file(DATA))
    assert client.download(JOB, tmp_path / "x.zip").size == len(DATA)


# Following and leaving ------------------------------------------------------------------


def workspace(**replies):
    """Return a step that answers each call with the reply of its name."""

    def step(asked):
        if asked.path == "/me":
            return Reply(200, "null")
        if asked.method == "POST":
            reply = replies.get("create", Reply(200, job()))
        elif asked.path.startswith("/download"):
            reply = replies["download"]
        else:
            reply = replies.get("show", Reply(200, job(status="completed")))
        return reply(asked) if callable(reply) else reply

    return step


@pytest.fixture
def follow(tmp_path):
    """Return a function that starts an export on a server of such replies."""
    opened = []

    def start(limits=None, **replies):
        server = WireServer(workspace(**replies))
        session = ExportSession(
            TOKEN,
            base_url=server.url,
            folder=tmp_path / "exports",
            ledger=tmp_path / "ledger.sqlite",
            poll_interval=0.05,
            limits=limits,
        )
        opened.extend([session, server])
        return server, session, session.start(JUNE)

    yield start
    for each in reversed(opened):
        each.close()


def asked_for(server, call):
    return any(call in asked.path and asked.method == "GET" for asked in server.requests)


LEFT_QUICKLY = {
    "a poll": ("/export/", {"show": Reply(stall=True)}),
    "a pause between two attempts": (
        "/export/",
        {"show": error(429, "x", "Slow down", Retry_After="100")},
    ),
    "a download": ("/download/", {"download": Reply(stall=True)}),
    "the body of a download": ("/download/", {"download": file(DATA, drip=1)}),
}


@pytest.mark.parametrize(("call", "replies"), LEFT_QUICKLY.values(), ids=LEFT_QUICKLY)
def test_what_is_no_submission_does_not_delay_the_end(follow, caplog, call, replies):
    """Closing a session interrupts polls and downloads: nothing is waited for, or announced."""
    server, session, export = follow(**replies)
    come_about(lambda: asked_for(server, call))
    session.close()
    assert export.done
    assert export.progress.stage is Stage.LEFT
    with pytest.raises(WaitInterruptedError, match="attach v5xsp8c19ji0s82"):
        export.wait()
    assert caplog.text == ""


def test_a_canceled_download_is_interrupted_at_once(follow):
    """A download that is silent does not hold up its own cancelation."""
    server, _, export = follow(download=Reply(stall=True))
    come_about(lambda: asked_for(server, "/download/"))
    export.cancel()
    with pytest.raises(WaitInterruptedError, match="was stopped"):
        export.wait(5)
    assert export.progress.stage is Stage.CANCELED


def test_a_queued_range_is_not_submitted_by_leaving_it(tmp_path):
    """A poll of the slot's holder that is interrupted does not say that the slot is free."""
    with WireServer(workspace(show=Reply(stall=True))) as server:
        options = {"base_url": server.url, "folder": tmp_path, "ledger": tmp_path / "ledger.sqlite"}
        with ExportSession(TOKEN, **options) as session:
            session.ledger.add(
                session="another",
                status="pending",
                base_url=server.url,
                job_identifier="held",
                submitted_at=session.now(),
            )
            export = session.start(JUNE, when_free=True)
            come_about(lambda: asked_for(server, "held"))
        assert export.progress.stage is Stage.LEFT
        assert [asked.path for asked in server.requests if asked.method == "POST"] == []


def test_a_connection_needs_no_thread_of_its_own(play, monkeypatch):
    """Where no thread can be started, as at the interpreter's end, a submission goes out."""

    def refuse(_):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    _, client = play(Reply(200, job()))
    start = threading.Thread.start
    connecting = "intercom-export-connect"
    monkeypatch.setattr(
        threading.Thread, "start", lambda t: (refuse if t.name == connecting else start)(t)
    )
    assert client.submit(JUNE).job_identifier


def test_a_submission_is_waited_for_and_that_is_said(follow, caplog, monkeypatch):
    """Its answer may name the job: whatever ends waits for it, says so, and keeps the name."""
    monkeypatch.setattr(parting, "QUICK", 0.1)
    answered = threading.Event()

    def create(_):
        answered.wait(30)
        return Reply(200, job())

    server, session, export = follow(create=create)
    come_about(lambda: server.requests)
    closing = threading.Thread(target=session.close)
    closing.start()
    come_about(lambda: "Waiting up to 90 s for Intercom's response" in caplog.text)
    answered.set()
    closing.join(30)
    assert export.progress.stage is Stage.LEFT
    assert session.ledger.entry(export.number).job_identifier == JOB.job_identifier


def test_a_submission_is_not_waited_for_beyond_its_limit(follow, caplog):
    """A submission that is never answered is unknown when its time is over, also at the end."""
    server, session, export = follow(SHORT, create=Reply(early=True))
    come_about(lambda: server.requests)
    session.close()
    assert export.done
    with pytest.raises(SubmissionUnknownError, match=r"longer than 0\.3 s"):
        export.wait()
    assert session.ledger.entry(export.number).status == "unknown"
    assert caplog.text == ""


# What is shown -------------------------------------------------------------------------


def test_a_stall_stands_on_the_card_until_data_comes(follow):
    """The note is there while the attempt is repeated, and gone when it gets further."""
    data = gzip.compress(b"receipt_id,received_at\n" + b"1,1527811200\n" * 40_000, 0)
    slow, quick = file(data, headers=TAG, drip=1000), file(data, headers=TAG)
    seen = []
    _, _, export = follow(
        STALLING, download=lambda asked: (quick if "range" in asked.headers else slow)(asked)
    )
    export.observe(lambda change: seen.append((change.new, describe(export).problem)), "progress")
    export.wait(30)
    said = "The download stalled, trying again, attempt 2 of 5."
    shown = [problem for progress, problem in seen if progress.note == said]
    assert shown
    assert set(shown) == {said}
    assert export.progress.stage is Stage.DONE
    assert export.progress.note == ""


def test_a_workspace_without_a_name_is_no_fault():
    """``null`` from /me is shown as one sentence in the form, and as nothing wrong."""
    with WireServer(Reply(200, "null")) as server:
        connection = Connection(TOKEN, base_url=server.url)
        shown = workspace_of(connection)
        connection.close()
    assert shown == {
        "state": "unknown",
        "text": "The workspace's name is not known. Intercom answered without one. "
        "Exports work all the same.",
    }
