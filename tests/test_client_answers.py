import gzip
import json

import pytest
from conftest import TOKEN
from wire import Reply, WireServer, error, file, job

from intercom_export_widgets.errors import (
    AccessDeniedError,
    ConnectionFailedError,
    DownloadExpiredError,
    JobLockedError,
    JobNotFoundError,
    NotReadyError,
    RequestRefusedError,
    ServerFaultError,
    SubmissionUnknownError,
    ThrottledError,
    UnreadableAnswerError,
    WaitInterruptedError,
)
from intercom_export_widgets.intercom.deadline import Limits
from intercom_export_widgets.intercom.models import Job, JobStatus
from intercom_export_widgets.intercom.timeframe import Timeframe

IDENTIFIER = "v5xsp8c19ji0s82"
JUNE = Timeframe.parse("2018-06")
DATA = b"PK\x03\x04" + bytes(range(256)) * 400
LOCK = "Exceeded rate limit of 1 pending message data export jobs"
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}


def refusal(ask, kind):
    """Return the error that a call raises."""
    with pytest.raises(kind) as caught:
        ask()
    return caught.value


# A job that is named is not lost -------------------------------------------------------


@pytest.mark.parametrize(
    "identifier",
    ["x" * 300, "x" * 4096, "ab\x07c", "a\0b", "a\nb", " pad ded ", "a/b?c#%2F", "jöb-🎉", "-a"],
)
def test_whatever_names_a_job_is_kept_and_asked_about(play, identifier):
    """A created job's identifier is kept as it came, and its job is found again by it."""
    server, client = play(Reply(200, job(identifier)), Reply(200, job(identifier, "completed")))
    assert client.submit(JUNE).job_identifier == identifier
    assert client.refresh(identifier).status is JobStatus.COMPLETED
    assert server.requests[1].path.isascii()
    assert server.requests[1].path.rpartition("/")[0] == "/export/content/data"


@pytest.mark.parametrize("identifier", [IDENTIFIER, "x" * 300, "ab\x07c", 'a"b\\c', "é"])
def test_a_name_in_a_broken_answer_is_kept_as_it_came(play, identifier):
    """A body that breaks off behind the identifier names the job to the letter."""
    whole = json.dumps(job(identifier))
    _, client = play(Reply(200, whole[: whole.index('"status"') + 12], length=900, cut=900))
    assert client.submit(JUNE) == Job(identifier, JobStatus.UNKNOWN)


def test_a_control_character_in_a_string_does_not_lose_a_job(play):
    """JSON with a bare control character in it, which JSON forbids, is read all the same."""
    _, client = play(Reply(200, '{"job_identifier": "x", "status": "pen\tding\n"}'))
    assert client.submit(JUNE).job_identifier == "x"


BODY = json.dumps(job(note="x" * 50_000)).encode()
ENCODED = gzip.compress(BODY)


@pytest.mark.parametrize("claim", ["gzip", "deflate", "br", "zstd", "identity", ""])
@pytest.mark.parametrize("body", [BODY, ENCODED], ids=["plain", "gzip"])
def test_the_bytes_decide_what_they_are(play, claim, body):
    """JSON is read plain or gzipped, whatever Content-Encoding claims."""
    headers = {"Content-Encoding": claim} if claim else {}
    _, client = play(Reply(200, body, headers))
    assert client.submit(JUNE) == Job(IDENTIFIER, JobStatus.PENDING, "pending")


def test_a_gzip_that_breaks_off_still_names_its_job(play):
    """What can be inflated of a gzip that is cut or damaged is looked into."""
    body = gzip.compress(json.dumps(job()).encode() + bytes(range(256)) * 90, compresslevel=0)
    _, client = play(Reply(200, body, length=len(body), cut=9000), Reply(200, body[:9000] + b"!"))
    assert client.submit(JUNE).job_identifier == IDENTIFIER
    assert client.submit(JUNE).job_identifier == IDENTIFIER


def test_a_gzip_without_end_is_bounded(play):
    """A small gzip of a huge body is inflated up to the bound, and is unreadable."""
    bomb = gzip.compress(b'{"x": "' + b"x" * 100_000_000)
    assert len(bomb) < 200_000
    _, client = play(Reply(200, bomb, {"Content-Encoding": "gzip"}))
    refusal(lambda: client.identify(attempts=1), UnreadableAnswerError)


def test_a_shown_job_need_not_be_named(play, clock):
    """An answer to show without an identifier is about the job that was asked about."""
    _, client = play(
        Reply(200, {"status": "completed", "download_url": 5, "download_expires_at": [1]})
    )
    assert client.refresh("ours") == Job("ours", JobStatus.COMPLETED, "completed")
    assert client.cancel("ours").job_identifier == "ours"
    assert clock.pauses == []


def test_a_fault_without_a_name_is_no_job(play):
    """A 5xx whose JSON has a status of its own kind is a fault, not the job."""
    _, client = play(Reply(500, {"status": "failed", "error": "Internal Server Error"}))
    found = refusal(lambda: client.refresh("ours", attempts=1), ServerFaultError)
    assert found.message == "Internal Server Error"


# The job lock and other reasons, wherever they stand -------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        Reply(429, LOCK, PLAIN),
        Reply(429, LOCK),
        Reply(429, f"<html><h1>429</h1>\n<p>{LOCK}</p>", {"Content-Type": "text/html"}),
        Reply(429, {"errors": LOCK}),
        Reply(429, {"errors": [LOCK]}),
        Reply(429, {"message": LOCK, "status": 429}),
        Reply(429, {"error": LOCK}),
        Reply(429, {"error": {"message": LOCK, "code": 429}}),
        Reply(429, {"errors": [{"code": "rate_limit_exceeded", "detail": LOCK.upper()}]}),
        Reply(429, gzip.compress(LOCK.encode()), {"Content-Encoding": "gzip"}),
    ],
)
def test_the_job_lock_is_known_in_any_shape(play, reply):
    """The lock's sentence means the lock, in the documented JSON or in anything else."""
    server, client = play(reply)
    found = refusal(lambda: client.submit(JUNE), JobLockedError)
    assert found.message.lower() == LOCK.lower()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body", ["<html>A pending order to export wine", "Exceeded rate limit of 167 in 10_seconds", ""]
)
def test_other_throttling_is_not_the_lock(play, body):
    """A 429 that doesn't have the lock's sentence in it is throttling."""
    _, client = play(Reply(429, body, PLAIN))
    refusal(lambda: client.submit(JUNE), ThrottledError)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(403, "Your IP address\nis not on the allowlist", PLAIN),
        Reply(403, {"message": "Your IP address is not on the allowlist"}),
        Reply(403, {"error": "Your IP address is not on the allowlist"}),
        Reply(403, {"errors": "Your IP address is not on the allowlist"}),
    ],
)
def test_a_reason_outside_of_an_error_list_is_said(play, reply):
    """The server's own sentence is the message, wherever the answer has it."""
    _, client = play(reply)
    found = refusal(lambda: client.submit(JUNE), AccessDeniedError)
    assert found.message == "Your IP address is not on the allowlist"


# What is asked at most, and how long ----------------------------------------------------


@pytest.mark.parametrize("ask", ["identify", "refresh"])
def test_one_attempt_within_a_moment(play, clock, ask):
    """With one attempt and a short timeout, a server that is silent is given up at once."""
    server, client = play(Reply(stall=True))
    calls = {
        "identify": lambda: client.identify(attempts=1, timeout=0.2),
        "refresh": lambda: client.refresh("x", attempts=1, timeout=0.2),
    }
    found = refusal(calls[ask], ConnectionFailedError)
    assert "longer than 0.2 s" in found.message
    assert len(server.requests) == 1
    assert clock.pauses == []


def test_as_many_attempts_as_were_asked_for(play, clock):
    """The number of attempts is the caller's to choose, and five if they don't."""
    server, client = play(Reply(503))
    refusal(lambda: client.refresh("x", attempts=2), ServerFaultError)
    assert (len(server.requests), len(clock.pauses)) == (2, 1)
    refusal(client.identify, ServerFaultError)
    assert (len(server.requests), len(clock.pauses)) == (7, 5)


SLOW = Reply(200, " " * 5000, drip=100)
SHORT = Limits(request=0.3)


def test_an_answer_that_drips_leaves_the_submission_unknown(play):
    """An answer that doesn't end within the limit is lost, though a byte comes now and then."""
    server, client = play(SLOW, limits=SHORT)
    found = refusal(lambda: client.submit(JUNE), SubmissionUnknownError)
    assert "longer than 0.3 s" in found.message
    assert len(server.requests) == 1


def test_what_dripped_in_time_may_name_the_job(play):
    """If the identifier came before the time was up, the job is not lost."""
    start = json.dumps(job()).removesuffix("}")
    _, client = play(Reply(200, start + " " * 5000, drip=100), limits=SHORT)
    assert client.submit(JUNE).job_identifier == IDENTIFIER


def test_an_answer_that_drips_is_not_waited_for_twice(play, clock):
    """An attempt that took all of the time that a request may take is the last."""
    server, client = play(SLOW, limits=SHORT)
    found = refusal(lambda: client.refresh(IDENTIFIER), UnreadableAnswerError)
    assert "longer than 0.3 s" in found.message
    assert len(server.requests) == 1
    assert clock.pauses == []


def test_a_short_timeout_bounds_the_whole_answer(play):
    """The caller's timeout is the deadline of the whole answer too."""
    _, client = play(SLOW)
    found = refusal(lambda: client.identify(attempts=1, timeout=0.3), UnreadableAnswerError)
    assert "longer than 0.3 s" in found.message


# Data that is not there yet -------------------------------------------------------------


ABSENT = error(404, "not_found", "Object not found.")


def kept(clock, **options):
    """Return a job whose data Intercom says it keeps for an hour more."""
    return Job("x", JobStatus.COMPLETED, download_expires_at=int(clock.now()) + 3600, **options)


def test_data_that_should_be_there_is_waited_for(play, clock, tmp_path):
    """A 404 while the job says that its data is kept is tried again."""
    _, client = play(ABSENT, ABSENT, file(DATA))
    client.download(kept(clock), tmp_path / "x.zip")
    assert (tmp_path / "x.zip").read_bytes() == DATA
    assert len(clock.pauses) == 2


def test_data_that_stays_away_is_expired_after_half_a_minute(play, clock, tmp_path):
    """The patience with a 404 ends after 30 s, and leaves nothing behind."""
    server, client = play(ABSENT)
    found = refusal(lambda: client.download(kept(clock), tmp_path / "x.zip"), DownloadExpiredError)
    assert found.message == "Object not found."
    assert sum(clock.pauses) == pytest.approx(30)
    assert len(server.requests) == len(clock.pauses) + 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "steps",
    [
        [error(410, "gone", "Gone.")],
        [Reply(302, b"", {"Location": "/elsewhere"}), ABSENT],
    ],
)
def test_patience_is_for_a_plain_404_only(play, clock, tmp_path, steps):
    """A 410, and a 404 behind a redirect, are believed at once."""
    _, client = play(*steps)
    refusal(lambda: client.download(kept(clock), tmp_path / "x.zip"), DownloadExpiredError)
    assert clock.pauses == []


@pytest.mark.parametrize("ahead", [-1, 0])
def test_data_past_its_time_is_expired_at_once(play, clock, tmp_path, ahead):
    """A 404 after the time that the job says is believed at once."""
    _, client = play(ABSENT)
    late = Job("x", JobStatus.COMPLETED, download_expires_at=int(clock.now()) + ahead)
    refusal(lambda: client.download(late, tmp_path / "x.zip"), DownloadExpiredError)
    assert clock.pauses == []


def test_a_download_url_out_of_reach_does_not_hide_the_404(play, clock, tmp_path):
    """If the download_url can't be reached, the API's own 404 is what is said."""
    with WireServer(Reply()) as gone:
        url = gone.url
    server, client = play(ABSENT)
    lost = Job("x", JobStatus.COMPLETED, download_url=f"{url}/data")
    found = refusal(lambda: client.download(lost, tmp_path / "x.zip"), DownloadExpiredError)
    assert found.message == "Object not found."
    assert found.__context__ is None
    assert len(server.requests) == 1


def test_a_download_url_that_breaks_off_says_so(play, tmp_path):
    """A download_url that gave a part of the data is not called expired."""
    with WireServer(file(DATA, cut=5000)) as other:
        _, client = play(ABSENT)
        half = Job("x", JobStatus.COMPLETED, download_url=f"{other.url}/data")
        refusal(lambda: client.download(half, tmp_path / "x.zip"), ConnectionFailedError)


# What is shown and stored ---------------------------------------------------------------


def test_no_text_of_a_server_has_the_token(play, tmp_path):
    """Whatever a server puts the token into, in whatever case, comes out without it."""
    sly = TOKEN.lower()
    status = {"job_identifier": "x", "status": f"waiting {TOKEN}"}
    _, client = play(
        Reply(200, {**status, "download_url": f"https://x.example/?key={sly}"}),
        Reply(200, {"app": {"id_code": TOKEN, "name": f"Bearer {sly}", "region": TOKEN}}),
        Reply(302, b"", {"Location": f"http://{TOKEN.strip('=')}.example.com/{TOKEN}"}),
        Reply(200, b"", {f"Bad {TOKEN}": "x"}),
        Reply(200, job(TOKEN)),
        Reply(400, f"bad header {sly}", PLAIN),
    )
    found = client.refresh("x")
    assert found.status_text == "waiting ●●●●●●"
    assert found.download_url == ""
    shown = [repr(client.identify())]
    download = Job("x", JobStatus.COMPLETED), tmp_path / "x.zip"
    shown.append(str(refusal(lambda: client.download(*download), ServerFaultError)))
    kinds = (SubmissionUnknownError, SubmissionUnknownError, RequestRefusedError)
    shown += [str(refusal(lambda: client.submit(JUNE), kind)) for kind in kinds]
    assert len([text for text in shown if "●" in text]) >= 3
    assert TOKEN.lower().strip("=") not in " ".join(shown).lower().replace("●●●●●●", "")


def test_a_validator_with_the_token_is_not_written_down(play, tmp_path):
    """An ETag that repeats the token is not kept beside the file."""
    _, client = play(file(DATA, headers={"ETag": f'"{TOKEN}"'}))
    seen = []

    def look(*_):
        seen.extend(one.read_bytes() for one in tmp_path.iterdir() if one.suffix == ".json")

    client.download(Job("x", JobStatus.COMPLETED), tmp_path / "x.zip", progress=look)
    assert TOKEN.encode() not in b"".join(seen)


def test_the_names_of_a_workspace_are_printable(play):
    """Control characters, surrogates and marks of direction are not in a workspace's names."""
    _, client = play(
        Reply(200, {"app": {"id_code": "a\x1b[31mb", "name": "Ac\ud800me\0\u202e\r\n" * 500}})
    )
    found = client.identify()
    assert found.id_code == "a [31mb"
    assert found.name.startswith("Ac me Ac me")
    assert found.name.isprintable()
    assert len(found.name) <= 200


# What to do next ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 406, 422])
def test_advice_fits_the_call(play, tmp_path, status):
    """Only a refused submission is told that nothing was exported."""
    _, client = play(error(status, "bad_request", "No"))
    said = [
        refusal(ask, RequestRefusedError).advice
        for ask in (
            lambda: client.refresh("x"),
            lambda: client.cancel("x"),
            client.identify,
            lambda: client.download(Job("x", JobStatus.COMPLETED), tmp_path / "x.zip"),
        )
    ]
    assert "Nothing was exported" not in " ".join(said)
    assert len(set(said)) == 4
    assert (
        "Nothing was exported" in refusal(lambda: client.submit(JUNE), RequestRefusedError).advice
    )


def test_advice_for_a_wrong_address_and_an_old_version(play):
    """A 404 points to the address, a refused version to an update of this package."""
    _, client = play(ABSENT, ABSENT, error(400, "intercom_version_invalid", "No such version"))
    for ask in (lambda: client.submit(JUNE), client.identify):
        advice = refusal(ask, RequestRefusedError).advice
        assert advice.startswith("Check base_url and region.")
    for ask in (lambda: client.submit(JUNE), client.identify, lambda: client.refresh("x")):
        advice = refusal(ask, RequestRefusedError).advice
        assert advice.startswith("Update this package: pip install -U intercom-export-widgets.")


def test_throttling_says_how_long(play, clock):
    """Where the server says when to come back, the advice says it in seconds."""
    _, client = play(Reply(429, "slow", {"Retry-After": "60", **PLAIN}), Reply(429, "slow", PLAIN))
    advice = refusal(lambda: client.submit(JUNE), ThrottledError).advice
    assert advice == "Wait 60 s, then try again."
    advice = refusal(lambda: client.submit(JUNE), ThrottledError).advice
    assert advice == "Wait a few seconds, then try again."


def test_errors_about_a_job_that_runs_on_name_it(play, tmp_path):
    """A job not found, not ready or not downloaded to the end is named, with what to do."""
    _, client = play(Reply(404, "<html>"), ABSENT, file(DATA))
    assert IDENTIFIER in refusal(lambda: client.refresh(IDENTIFIER), JobNotFoundError).message
    running, path = Job(IDENTIFIER, JobStatus.IN_PROGRESS), tmp_path / "x.zip"
    found = refusal(lambda: client.download(running, path), NotReadyError)
    assert found.message == f"The job {IDENTIFIER} has no data yet: Object not found."
    found = refusal(lambda: client.download(running, path, stop=lambda: True), WaitInterruptedError)
    assert IDENTIFIER in found.message
    assert found.advice == f"Take it up again: %intercom_export attach {IDENTIFIER} --wait."


def test_a_page_in_place_of_the_data_has_its_status(play, tmp_path):
    """A page in place of the data is told with its HTTP status."""
    _, client = play(Reply(200, "<html>"))
    done = Job("x", JobStatus.COMPLETED)
    found = refusal(lambda: client.download(done, tmp_path / "x.zip"), UnreadableAnswerError)
    assert "HTTP 200" in found.message
