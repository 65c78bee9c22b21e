import threading

import httpx
import pytest
from conftest import TOKEN
from wire import Reply, WireServer, error, job

from intercom_export_widgets.errors import (
    ConnectionFailedError,
    InputError,
    JobLockedError,
    JobNotFoundError,
    RequestRefusedError,
    ServerFaultError,
    SubmissionUnknownError,
    ThrottledError,
    UnreadableAnswerError,
)
from intercom_export_widgets.intercom.client import IntercomClient
from intercom_export_widgets.intercom.credentials import Token
from intercom_export_widgets.intercom.models import Job, JobStatus
from intercom_export_widgets.intercom.timeframe import Timeframe

IDENTIFIER = "v5xsp8c19ji0s82"
JUNE = Timeframe.parse("2018-06-01 2018-06-30")
HTML = Reply(200, "<html>Sign in to the network</html>", {"Content-Type": "text/html"})
LOCK = error(
    429, "rate_limit_exceeded", "Exceeded rate limit of 1 pending message data export jobs"
)
THROTTLE = error(429, "rate_limit_exceeded", "Exceeded rate limit of 167 in 10_seconds")


def test_a_submission_on_the_wire(play):
    """A submission is the documented POST: its path, its two keys, its headers."""
    server, client = play(Reply(200, job()))
    found = client.submit(JUNE)
    assert (found.job_identifier, found.status) == (IDENTIFIER, JobStatus.PENDING)
    [asked] = server.requests
    assert (asked.method, asked.path) == ("POST", "/export/content/data")
    assert asked.json == {"created_at_after": 1527811200, "created_at_before": 1530403199}
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["accept"] == "application/json"
    assert asked.headers["content-type"] == "application/json"


def test_every_call_has_its_method_path_and_version(play, tmp_path):
    """Each call uses its documented path, and each sends the version."""
    steps = [
        Reply(200, job()),
        Reply(200, job(status="completed")),
        Reply(200, job(status="canceled")),
        Reply(200, {"type": "admin", "app": {"id_code": "abc"}}),
        Reply(200, b"PK data"),
    ]
    server, client = play(*steps)
    client.submit(JUNE)
    done = client.refresh(IDENTIFIER)
    assert client.cancel(IDENTIFIER).status is JobStatus.CANCELED
    client.identify()
    client.download(done, tmp_path / "export.zip")
    assert [(asked.method, asked.path) for asked in server.requests] == [
        ("POST", "/export/content/data"),
        ("GET", f"/export/content/data/{IDENTIFIER}"),
        ("POST", f"/export/cancel/{IDENTIFIER}"),
        ("GET", "/me"),
        ("GET", f"/download/content/data/{IDENTIFIER}"),
    ]
    assert {asked.headers["intercom-version"] for asked in server.requests} == {"2.14"}
    assert server.requests[2].body == b""
    assert server.requests[4].headers["accept"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (LOCK, JobLockedError, "1 pending message data export jobs"),
        (THROTTLE, ThrottledError, "167 in 10_seconds"),
        (Reply(429, "<html>slow down"), ThrottledError, "HTTP 429"),
        (error(400, "bad_request", "bad 'x' parameter"), RequestRefusedError, "bad 'x' parameter"),
        (Reply(500), SubmissionUnknownError, "HTTP 500"),
        (Reply(502, "<html>Bad gateway"), SubmissionUnknownError, "web page (HTTP 502)"),
        (Reply(504), SubmissionUnknownError, "HTTP 504"),
        (HTML, SubmissionUnknownError, "web page (HTTP 200), perhaps of a proxy"),
        (Reply(200, '{"broken'), SubmissionUnknownError, "no job_identifier"),
        (Reply(200, job("")), SubmissionUnknownError, "no job_identifier"),
        (Reply(200, job(None)), SubmissionUnknownError, "no job_identifier"),
        (Reply(200, job("\ud800")), SubmissionUnknownError, r"can be used: '\ud800'"),
        (Reply(200, job("..")), SubmissionUnknownError, "can be used: '..'"),
        (Reply(204), SubmissionUnknownError, "no job_identifier"),
        (Reply(silent=True), SubmissionUnknownError, "was lost"),
        (Reply(reset=True), SubmissionUnknownError, "was lost"),
        (Reply(200, job(), cut=0, length=100), SubmissionUnknownError, "no job_identifier"),
        (Reply(307, b"", {"Location": "/elsewhere"}), ServerFaultError, "not followed"),
        (Reply(301, b"", {"Location": "https://example.com/"}), ServerFaultError, "not followed"),
        (Reply(303, b"", {"Location": "/export/x"}), SubmissionUnknownError, "no job_identifier"),
        (Reply(407), ConnectionFailedError, "proxy"),
    ],
)
def test_a_submission_is_sent_once_whatever_comes(play, clock, reply, kind, said):
    """No answer, of whatever kind, makes a submission go out a second time."""
    server, client = play(reply, Reply(200, job("second")))
    with pytest.raises(kind) as caught:
        client.submit(JUNE)
    assert said in caught.value.message
    assert len(server.requests) == 1
    assert clock.pauses == []


def test_nothing_is_submitted_without_a_connection(clock):
    """Where no connection comes about, the error says that nothing was submitted."""
    with WireServer(Reply()) as server:
        url = server.url
    with (
        IntercomClient(Token(TOKEN), base_url=url, pause=clock.pause, now=clock.now) as client,
        pytest.raises(ConnectionFailedError, match="Nothing was submitted"),
    ):
        client.submit(JUNE)


def test_an_answer_that_never_comes_leaves_the_submission_unknown(clock):
    """After a read timeout a job may exist: the submission is unknown, and not repeated."""

    class Hasty(httpx.BaseTransport):
        """Give up on reading after a fifth of a second."""

        def __init__(self):
            self.inner = httpx.HTTPTransport()

        def handle_request(self, request):
            request.extensions = {"timeout": {"read": 0.2, "connect": 5, "write": 5, "pool": 5}}
            return self.inner.handle_request(request)

        def close(self):
            self.inner.close()

    with (
        WireServer(Reply(stall=True)) as server,
        httpx.Client(transport=Hasty()) as http,
        IntercomClient(
            Token(TOKEN), base_url=server.url, http=http, pause=clock.pause, now=clock.now
        ) as client,
    ):
        with pytest.raises(SubmissionUnknownError, match="ReadTimeout"):
            client.submit(JUNE)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, job(), length=500, cut=500),
        Reply(200, '{"job_identifier": "v5xsp8c19ji0s82", "status": "pend'),
        # The documentation's own example ends with a comma too many.
        Reply(200, '{\n  "job_identifier":"v5xsp8c19ji0s82",\n  "status":"pending",\n}'),
        Reply(200, {"job_identifier": IDENTIFIER, "status": ["pending"]}),
        Reply(200, {"job_identfier": IDENTIFIER}),
        Reply(500, job()),
    ],
)
def test_an_identifier_is_saved_from_a_broken_answer(play, reply):
    """A job that is named in an answer is not lost, whatever else is wrong with it."""
    _, client = play(reply)
    assert client.submit(JUNE).job_identifier == IDENTIFIER


def test_a_job_in_a_504_is_an_answer(play, clock):
    """A 504 that carries the job is the job, failed, for both calls."""
    server, client = play(Reply(504, job(status="failed")))
    assert client.submit(JUNE).status is JobStatus.FAILED
    assert client.refresh(IDENTIFIER).status is JobStatus.FAILED
    assert len(server.requests) == 2
    assert clock.pauses == []


@pytest.mark.parametrize(
    "fault",
    [
        Reply(504),
        Reply(504, "<html>Gateway Time-out</html>"),
        error(500, "server_error", "Server error"),
        Reply(503),
        HTML,
        Reply(200, '{"broken'),
        Reply(200, b""),
        Reply(200, b"\xff\xfe\xfd"),
        Reply(200, "[" * 100_000),
        Reply(200, [1]),
        Reply(200, job("another")),
        Reply(200, {}),
        Reply(200, {"status": "ok"}),
        Reply(200, {"download_url": ""}),
        Reply(silent=True),
        Reply(reset=True),
        Reply(200, job(), cut=10),
        Reply(204),
        Reply(408),
        error(425, "too_early", "Too early"),
        THROTTLE,
        LOCK,
    ],
)
def test_a_question_is_asked_again_until_it_is_answered(play, clock, fault):
    """Every fault that another try may cure is tried again, with growing pauses."""
    server, client = play(fault, fault, Reply(200, job(status="in_progress"), chunked=True))
    assert client.refresh(IDENTIFIER).status is JobStatus.IN_PROGRESS
    assert len(server.requests) == 3
    first, second = clock.pauses
    assert 0.5 < first < second < 5


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Reply(504), ServerFaultError),
        (HTML, UnreadableAnswerError),
        (Reply(200, job("another")), UnreadableAnswerError),
        (Reply(silent=True), ConnectionFailedError),
        (THROTTLE, ThrottledError),
        (LOCK, ThrottledError),
        (Reply(408), ServerFaultError),
    ],
)
def test_a_question_is_given_up(play, clock, fault, kind):
    """A fault that stays is raised after five attempts, without a sixth or a last pause."""
    server, client = play(fault)
    for ask in (lambda: client.refresh(IDENTIFIER), lambda: client.cancel(IDENTIFIER)):
        with pytest.raises(kind):
            ask()
    assert len(server.requests) == 10
    assert len(clock.pauses) == 8
    assert sum(clock.pauses) < 50


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error(404, "not_found", "Export job not found for identifier: x"), JobNotFoundError),
        (error(400, "bad_request", "no"), RequestRefusedError),
        (Reply(302, b"", {"Location": "https://example.com/"}), ServerFaultError),
        (Reply(302, b"", {"Location": "https://["}), ServerFaultError),
    ],
)
def test_what_time_does_not_cure_is_not_asked_again(play, clock, reply, kind):
    """A refusal, the job lock and a redirect are raised at once."""
    server, client = play(reply)
    with pytest.raises(kind):
        client.refresh(IDENTIFIER)
    assert len(server.requests) == 1
    assert clock.pauses == []


def test_a_job_that_is_not_found_is_named(play):
    """The error of an unknown job carries its identifier and Intercom's sentence."""
    _, client = play(error(404, "not_found", f"Export job not found for identifier: {IDENTIFIER}"))
    with pytest.raises(JobNotFoundError, match="Export job not found for identifier") as caught:
        client.refresh(IDENTIFIER)
    assert caught.value.job_identifier == IDENTIFIER


@pytest.mark.parametrize("identifier", ["", ".", "..", "x" * 4097, "x\udfff"])
def test_no_request_is_made_for_what_is_no_identifier(play, tmp_path, identifier):
    """What can't be an identifier is refused before anything is sent."""
    server, client = play(Reply(200, job()))
    for ask in (
        client.refresh,
        client.cancel,
        lambda name: client.download(Job(name, JobStatus.COMPLETED), tmp_path / "x.zip"),
    ):
        with pytest.raises(InputError):
            ask(identifier)
    assert server.requests == []


def test_an_identifier_does_not_leave_its_place(play):
    """An identifier with slashes stays one segment of the path, on the wire too."""
    server, client = play(Reply(200, job("../../me?x#y")))
    client.refresh("../../me?x#y")
    assert server.requests[0].path == "/export/content/data/..%2F..%2Fme%3Fx%23y"


def test_throttling_waits_until_the_reset(play, clock):
    """Throttling waits for the time that X-RateLimit-Reset says, and then asks again."""
    reset = str(int(clock.time) + 9)
    server, client = play(
        error(429, "rate_limit_exceeded", "Exceeded rate limit", X_RateLimit_Reset=reset),
        Reply(200, job()),
    )
    client.refresh(IDENTIFIER)
    assert clock.pauses == [9.0]
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("headers", "ahead"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "Tue, 26 Jun 2018 08:00:30 GMT"}, 30),
        ({"X-RateLimit-Reset": "1530000009", "Retry-After": "7"}, 9),
        ({"X-RateLimit-Reset": "1530000900"}, 120),
        ({"Retry-After": "3600"}, 120),
        ({"X-RateLimit-Reset": "1530000009000"}, None),
        ({"X-RateLimit-Reset": "1529999999"}, None),
        ({"X-RateLimit-Reset": "soon"}, None),
        ({"X-RateLimit-Reset": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "Tue, 99 Jun 2018"}, None),
        ({}, None),
    ],
)
def test_hints_are_bounded(play, clock, headers, ahead):
    """Hints of a server are clipped to two minutes, and nonsense is ignored."""
    _, client = play(Reply(429, THROTTLE.body, headers))
    with pytest.raises(ThrottledError) as caught:
        client.submit(JUNE)
    assert caught.value.reset_at == (None if ahead is None else clock.time + ahead)


def test_the_workspace(play):
    """Who am I reads the workspace under app, and tolerates what is not there."""
    whole = {"id_code": "abc12", "name": "Acme", "timezone": "Europe/Dublin", "region": "EU"}
    server, client = play(
        Reply(200, {"type": "admin", "app": whole}),
        Reply(200, {"app": {"id_code": "x", "name": None, "timezone": "Eastern Time (US)"}}),
        Reply(200, {"app": {"id_code": "sandbox_7"}}),
    )
    found = client.identify()
    assert (found.id_code, found.name, found.timezone) == ("abc12", "Acme", "Europe/Dublin")
    assert (found.region, found.sandbox) == ("eu", False)
    assert client.identify().timezone == ""
    assert client.identify().sandbox
    assert len(server.requests) == 3


@pytest.mark.parametrize("body", [{}, {"app": None}, {"app": []}, {"app": {"id_code": ""}}, []])
def test_an_answer_without_a_workspace(play, body):
    """An answer of /me that names no workspace raises, and says which key it misses."""
    _, client = play(Reply(200, body))
    with pytest.raises(UnreadableAnswerError, match=r"app|object"):
        client.identify()


def test_a_workspace_may_have_no_name(play):
    """``/me`` may be null: the sentence says what is not known, and that exports work."""
    _, client = play(Reply(200, "null"))
    with pytest.raises(UnreadableAnswerError, match="The workspace's name is not known") as caught:
        client.identify()
    assert "Exports work" in caught.value.advice


def test_a_huge_answer_is_not_read_to_its_end(play):
    """An answer that goes on for ever is cut at a megabyte, and is unreadable."""
    _, client = play(Reply(200, b'{"x": "' + b"x" * 20_000_000))
    with pytest.raises(UnreadableAnswerError):
        client.identify()


def test_a_client_can_be_shared_between_threads(play):
    """Many threads may ask at once, and each gets its own answer."""
    server, client = play(lambda asked: Reply(200, job(asked.path.rpartition("/")[2])))
    found = []
    threads = [
        threading.Thread(target=lambda name=f"job{n}": found.append(client.refresh(name)))
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert {one.job_identifier for one in found} == {f"job{n}" for n in range(12)}
    assert len(server.requests) == 12


def test_a_closed_client_says_so(play):
    """Asking a client that was closed is an error of the documented kind."""
    _, client = play(Reply(200, job()))
    client.close()
    client.close()
    with pytest.raises(ConnectionFailedError):
        client.refresh(IDENTIFIER)


def test_an_http_client_that_was_given_stays_open():
    """Closing does not close the HTTP client of somebody else."""
    with httpx.Client() as http:
        IntercomClient(Token(TOKEN), http=http).close()
        assert not http.is_closed
