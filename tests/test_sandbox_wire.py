import re
import socket

import httpx
import pytest
from sandbox_talk import JUNE, START, Talk, fault

LOCKED = "Exceeded rate limit of 1 pending message data export jobs"


@pytest.fixture
def talk():
    with Talk() as talk:
        yield talk


def test_a_created_job_is_as_documented(talk):
    """Create answers 200 with four strings, the last two empty, in the documented order."""
    answer = talk.create()
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["job_identifier", "status", "download_expires_at", "download_url"]
    assert re.fullmatch("[a-z0-9]{15}", body.pop("job_identifier"))
    assert body == {"status": "pending", "download_expires_at": "", "download_url": ""}


def test_a_job_goes_through_pending_and_in_progress_to_completed(talk):
    """The states follow the clock: a third pending, then in progress, then completed."""
    job = talk.create().json()["job_identifier"]
    assert talk.show(job).json()["status"] == "pending"
    talk.clock.move(1.5)
    assert talk.show(job).json()["status"] == "in_progress"
    talk.clock.move(1.4)
    assert talk.show(job).json()["status"] == "in_progress"
    talk.clock.move(0.2)
    shown = talk.show(job)
    assert shown.status_code == 200
    assert shown.json() == {
        "job_identifier": job,
        "status": "completed",
        "download_expires_at": str(START + 3 + 2 * 86400),
        "download_url": f"{talk.sandbox.base_url}/download/content/data/{job}",
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "'created_at_after' is a required parameter"),
        ({"created_at_after": 1}, "'created_at_before' is a required parameter"),
        ({"created_at_before": 1}, "'created_at_after' is a required parameter"),
        ({"created_at_after": None, "created_at_before": 1}, "'created_at_after' is a required "),
        (JUNE | {"random_param": 1}, "bad 'random_param' parameter"),
        (
            {"created_at_after": 2, "created_at_before": 1},
            "created_at_after is greater than created_at_before",
        ),
        ({"created_at_after": "1", "created_at_before": 2}, "'created_at_after' must be an "),
        ({"created_at_after": 1, "created_at_before": 2.5}, "'created_at_before' must be an "),
        ({"created_at_after": 1, "created_at_before": True}, "'created_at_before' must be an "),
        ([1, 2], "'created_at_after' is a required parameter"),
        (7, "'created_at_after' is a required parameter"),
    ],
)
def test_a_wrong_range_is_refused_word_for_word(talk, body, message):
    """A wrong body gets 400 bad_request with the documentation's sentence, and no job."""
    status, code, said = fault(talk.create(body))
    assert (status, code) == (400, "bad_request")
    assert said.startswith(message)
    assert talk.create().status_code == 200


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_lacks_its_parameters(talk, content):
    """A body that can't be read is one without parameters, never a server error."""
    headers = {"Content-Type": "application/json"}
    answer = talk.http.post("/export/content/data", content=content, headers=headers)
    assert fault(answer)[2] == "'created_at_after' is a required parameter"


def test_json_must_be_sent_as_json(talk):
    """A body without a JSON Content-Type is not read, as by the framework of the original."""
    answer = talk.http.post("/export/content/data", content=b'{"created_at_after": 1}')
    assert fault(answer)[2] == "'created_at_after' is a required parameter"


@pytest.mark.parametrize(("after", "before"), [(-(10**30), -1), (10**30, 10**31), (0, 1)])
def test_a_range_of_any_size_is_survived(talk, after, before):
    """A range far from all data ends as no_data."""
    job = talk.export({"created_at_after": after, "created_at_before": before})
    assert talk.show(job).json()["status"] == "no_data"


@pytest.mark.parametrize(
    "given", [None, "", "Bearer", "Bearer wrong", "Basic abc", "Bearer ünï", "token x"]
)
def test_another_token_is_turned_away(talk, given):
    """Without the token every call answers 401, and tells nothing of rate limits."""
    headers = {} if given is None else {"Authorization": given.encode()}
    with httpx.Client(base_url=talk.sandbox.base_url, trust_env=False) as stranger:
        for method, path in (
            ("POST", "/export/content/data"),
            ("GET", "/export/content/data/x"),
            ("POST", "/export/cancel/x"),
            ("GET", "/download/content/data/x"),
            ("GET", "/me"),
            ("GET", "/nothing"),
        ):
            answer = stranger.request(method, path, headers=headers)
            assert fault(answer) == (401, "unauthorized", "Access Token Invalid")
            assert "x-ratelimit-limit" not in answer.headers


def test_the_documentation_writes_bearer_without_a_space(talk):
    """``Authorization:Bearer TOKEN`` is let in, and the scheme's case does not matter."""
    given = {"Authorization": f"bearer  {talk.sandbox.token}"}
    assert talk.http.get("/me", headers=given).status_code == 200


def test_one_job_holds_the_slot(talk):
    """A second create gets 429 with the sentence until the first job has ended."""
    job = talk.create().json()["job_identifier"]
    assert fault(talk.create()) == (429, "rate_limit_exceeded", LOCKED)
    talk.clock.move(2.9)
    assert talk.create().status_code == 429
    talk.clock.move(0.1)
    assert talk.create().status_code == 200
    assert talk.show(job).json()["status"] == "completed"


def test_a_wrong_range_is_told_before_the_lock(talk):
    """Validation comes first: a wrong range is 400 although a job is active."""
    talk.create()
    assert talk.create({}).status_code == 400


def test_cancelling_frees_the_slot(talk):
    """Cancel answers the job as canceled, for good, and another can be created."""
    job = talk.create().json()["job_identifier"]
    assert talk.cancel(job).json()["status"] == "canceled"
    assert talk.create().status_code == 200
    talk.clock.move(100)
    assert talk.show(job).json()["status"] == "canceled"
    assert talk.download(job).status_code == 404


def test_cancelling_a_finished_job_changes_nothing(talk):
    """A finished job is returned unchanged (2.17)."""
    job = talk.export()
    assert talk.cancel(job).json() == talk.show(job).json()
    assert talk.show(job).json()["status"] == "completed"


def test_unknown_jobs_are_not_found(talk):
    """Show and cancel name the identifier; the download names no job."""
    message = "Export job not found for identifier: nope"
    assert fault(talk.show("nope")) == (404, "not_found", message)
    assert fault(talk.cancel("nope")) == (404, "not_found", message)
    missing = "The requested resource does not exist."
    assert fault(talk.download("nope")) == (404, "not_found", missing)
    assert fault(talk.http.get("/export/content/data")) == (404, "not_found", missing)
    assert fault(talk.http.delete("/me")) == (404, "not_found", missing)


def test_data_is_not_there_before_it_is_ready(talk):
    """A download before completion is not found."""
    job = talk.create().json()["job_identifier"]
    assert fault(talk.download(job)) == (404, "not_found", "Object not found.")


def test_data_is_gone_two_days_after_completion(talk):
    """At the returned second the data can be had, and a second later not."""
    job = talk.export()
    expires = int(talk.show(job).json()["download_expires_at"])
    talk.clock.now = expires
    assert talk.download(job).status_code == 200
    talk.clock.now = expires + 1
    assert fault(talk.download(job)) == (404, "not_found", "Object not found.")


def test_me_is_the_admin_with_the_workspace(talk):
    """``/me`` says whose token it is, and that the workspace is a sandbox."""
    me = talk.http.get("/me").json()
    assert me["type"] == "admin"
    assert me["app"]["id_code"].startswith("sandbox_")
    assert me["app"]["name"] == "Sandbox: synthetic data"
    assert (me["app"]["timezone"], me["app"]["region"]) == ("Europe/Dublin", "US")
    assert me["app"]["created_at"] == 1514764800


def test_the_same_data_is_the_same_workspace():
    """The workspace's identifier follows from its data, so that exports can be recognised."""
    with Talk(seed=5) as one, Talk(seed=5) as same, Talk(seed=6) as other:
        codes = [talk.http.get("/me").json()["app"]["id_code"] for talk in (one, same, other)]
    assert codes[0] == codes[1] != codes[2]


def test_rate_limits_are_counted_in_windows_of_ten_seconds(talk):
    """The headers count down, the limit refuses, and the next window begins anew."""
    talk.sandbox.switch(rate_limit=3)
    talk.clock.now = 1000.0
    left = [talk.http.get("/me").headers["x-ratelimit-remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    refused = talk.http.get("/me")
    message = "Exceeded rate limit of 3 in 10_seconds"
    assert fault(refused) == (429, "rate_limit_exceeded", message)
    assert refused.headers["x-ratelimit-limit"] == "3"
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert refused.headers["x-ratelimit-reset"] == "1010"
    talk.clock.now = 1010.0
    assert talk.http.get("/me").headers["x-ratelimit-remaining"] == "2"


@pytest.mark.parametrize(
    ("version", "status"),
    [(None, 200), ("2.14", 200), ("2.17", 200), ("Preview", 200), ("2.4", 400), ("9.9", 400)],
)
def test_versions_that_do_not_know_the_calls_are_refused(talk, version, status):
    """The workspace's own version is a new one; one that is too old or made up gets 400."""
    del talk.http.headers["Intercom-Version"]
    headers = {} if version is None else {"Intercom-Version": version}
    answer = talk.http.get("/me", headers=headers)
    assert answer.status_code == status
    if status == 400:
        assert fault(answer)[1] == "intercom_version_invalid"


@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1.evil.example.com:80", "", "[::1]"])
def test_a_foreign_host_is_refused(talk, host):
    """A name that somebody else made to point here gets nothing, with the token or without."""
    for path in ("/", "/me"):
        answer = talk.http.get(path, headers={"Host": host})
        assert answer.status_code == 403
        assert "sandbox_" not in answer.text


def test_it_listens_on_loopback_only(talk):
    """Nothing answers on the machine's other addresses."""
    port = int(talk.sandbox.base_url.rpartition(":")[2])
    with pytest.raises(OSError, match=r"refused|denied|unreachable|assign|timed out"):
        socket.create_connection(("127.0.0.2", port), timeout=2)


def test_the_page_says_what_this_is_and_keeps_the_token(talk):
    """The root page is HTML, needs no token and holds none."""
    page = httpx.get(talk.sandbox.base_url, trust_env=False)
    assert page.headers["content-type"].startswith("text/html")
    assert "Sandbox: synthetic data" in page.text
    assert talk.sandbox.token not in page.text


def test_requests_are_recorded_without_the_token(talk):
    """Each request is kept with body and headers; the token's value nowhere."""
    talk.create(headers={"X-Mine": "1"})
    (seen,) = talk.sandbox.requests
    assert (seen.method, seen.path, seen.call) == ("POST", "/export/content/data", "create")
    assert seen.headers["x-mine"] == "1"
    assert seen.headers["intercom-version"] == "2.14"
    assert b"1527811200" in seen.body
    assert seen.time == talk.clock.now
    assert seen.authorized
    assert "authorization" not in seen.headers
    assert talk.sandbox.token not in repr((seen, dict(seen.headers), seen.body))
    talk.sandbox.forget_requests()
    assert talk.sandbox.requests == ()


def test_a_huge_body_is_not_kept(talk):
    """What a body has beyond 64 KiB is read and dropped."""
    talk.http.post("/export/content/data", content=b"x" * 3_000_000)
    assert len(talk.sandbox.requests[0].body) == 65_536
