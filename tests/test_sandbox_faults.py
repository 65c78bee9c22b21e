import contextlib
import io
import json
import threading
import time
import zipfile
import zlib

import httpx
import pytest
from sandbox_talk import Talk, fault

from intercom_export_widgets.sandbox import Fault


@pytest.fixture
def talk():
    with Talk() as talk:
        yield talk


def test_a_fault_happens_as_often_as_it_is_told(talk):
    """Faults are counted down, and what is left of them can be seen."""
    talk.sandbox.switch(throttle=2)
    assert [talk.http.get("/me").status_code for _ in range(3)] == [429, 429, 200]
    assert talk.sandbox.switches.throttle == Fault(0)


def test_a_fault_may_be_of_one_call(talk):
    """The next n requests of a call: others pass it by."""
    talk.sandbox.switch(server_error=Fault(1, "show"))
    assert talk.http.get("/me").status_code == 200
    assert talk.show("x").status_code == 500
    assert talk.show("x").status_code == 404


def test_throttling_is_not_the_lock(talk):
    """Its sentence is the ordinary one, and the headers say when it is over."""
    talk.sandbox.switch(throttle=1, retry_after=7)
    answer = talk.create()
    message = "Exceeded rate limit of 1667 in 10_seconds"
    assert fault(answer) == (429, "rate_limit_exceeded", message)
    assert answer.headers["retry-after"] == "7"
    reset = int(answer.headers["x-ratelimit-reset"])
    assert 0 < reset - talk.clock.now <= 10
    assert talk.create().status_code == 200


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_does_nothing(talk, status):
    """The status is the chosen one, there is no job in the body, and none was created."""
    talk.sandbox.switch(server_error=1, server_status=status)
    answer = talk.create()
    assert answer.status_code == status
    assert "job_identifier" not in answer.json()
    assert talk.create().status_code == 200


def test_a_proxy_answers_html(talk):
    """A page of HTML stands in place of JSON, with any status, and nothing was done."""
    talk.sandbox.switch(html=2)
    assert talk.create().status_code == 502
    talk.sandbox.switch(html_status=200)
    answer = talk.create()
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script>" in answer.text
    assert talk.create().json()["status"] == "pending"


@pytest.mark.parametrize("code", ["token_unauthorized", "forbidden", "api_plan_restricted"])
def test_access_may_be_denied(talk, code):
    """403 comes with each of the codes that the API has for it."""
    talk.sandbox.switch(forbidden=1, forbidden_code=code)
    assert fault(talk.create()) == (403, code, "Not authorized to access resource")


def test_broken_json_comes_after_the_deed(talk):
    """The answer can't be parsed, and the job exists all the same."""
    talk.sandbox.switch(broken_json=1)
    answer = talk.create()
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert talk.create().status_code == 429


def test_a_lost_answer_leaves_a_job_that_nobody_can_name(talk):
    """Create is carried out, the connection closes, and the slot is taken."""
    talk.sandbox.switch(lost_answer=1)
    assert talk.http.get("/me").status_code == 200
    with pytest.raises(httpx.RemoteProtocolError):
        talk.create()
    assert talk.create().status_code == 429
    talk.clock.move(3)
    assert talk.create().status_code == 200


def test_any_answer_can_be_lost(talk):
    """Another call is named for it."""
    talk.sandbox.switch(lost_answer="1@me")
    with pytest.raises(httpx.RemoteProtocolError):
        talk.http.get("/me")
    assert talk.http.get("/me").status_code == 200


def received(talk, job, **headers):
    """Return what comes of a download that breaks, and its head."""
    got = b""
    accept = {"Accept": "application/octet-stream"} | headers
    with talk.http.stream("GET", f"/download/content/data/{job}", headers=accept) as answer:
        try:
            for part in answer.iter_raw():
                got += part
        except httpx.RemoteProtocolError:
            return got, answer, True
    return got, answer, False


def test_a_download_breaks_and_can_be_resumed(talk):
    """Exactly so many bytes come, so many times; the rest can be asked for."""
    job = talk.export()
    whole = talk.raw(job)
    talk.sandbox.switch(broken_download=2, broken_after=4321)
    first, answer, broke = received(talk, job)
    assert broke
    assert first == whole[:4321]
    assert int(answer.headers["content-length"]) == len(whole)
    second, _, broke = received(talk, job, Range="bytes=4321-")
    assert broke
    assert second == whole[4321 : 2 * 4321]
    third, answer, broke = received(talk, job, Range=f"bytes={2 * 4321}-")
    assert (broke, answer.status_code) == (False, 206)
    assert first + second + third == whole


def test_a_truncated_archive_has_the_length_that_it_says(talk):
    """The transfer looks whole, and the archive is not."""
    job = talk.export()
    whole = talk.raw(job)
    talk.sandbox.switch(truncated=1)
    short, answer, broke = received(talk, job)
    assert not broke
    assert len(short) == int(answer.headers["content-length"]) < len(whole)
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(short))
    assert talk.raw(job) == whole


@pytest.mark.parametrize("container", ["zip", "zip-streamed", "zip-stored", "gzip"])
def test_a_corrupt_archive_has_one_wrong_byte_in_its_data(talk, container):
    """The directory can be read, and the checksum of a member does not match."""
    talk.sandbox.switch(container=container, corrupt=1)
    job = talk.export()
    bad = talk.raw(job)
    whole = talk.raw(job)
    assert sum(one != two for one, two in zip(bad, whole, strict=True)) == 1
    if container == "gzip":
        with pytest.raises((zlib.error, OSError)):
            zlib.decompress(bad, 31)
        return
    with zipfile.ZipFile(io.BytesIO(bad)) as file, contextlib.suppress(zlib.error):
        assert file.testzip() is not None


def test_data_may_have_expired_early(talk):
    """A completed job's data is gone: ``Object not found.``, so many times."""
    talk.sandbox.switch(expired=1)
    job = talk.export()
    assert fault(talk.download(job)) == (404, "not_found", "Object not found.")
    assert talk.download(job).status_code == 200


def test_a_failed_job_is_shown_in_a_504(talk):
    """Show answers 504 with the job itself, not an error list, each time; the slot is free."""
    talk.sandbox.switch(failed=1)
    job = talk.export()
    for _ in range(2):
        answer = talk.show(job)
        assert answer.status_code == 504
        assert answer.json() == {
            "job_identifier": job,
            "status": "failed",
            "download_expires_at": "",
            "download_url": "",
        }
    assert talk.download(job).status_code == 404
    assert talk.show(talk.export()).json()["status"] == "completed"


def test_a_job_may_have_no_data(talk):
    """The next job ends as no_data, with a URL as little as a pending one."""
    talk.sandbox.switch(no_data=1)
    job = talk.export()
    shown = talk.show(job)
    assert (shown.status_code, shown.json()["status"]) == (200, "no_data")
    assert shown.json()["download_url"] == ""
    assert talk.download(job).status_code == 404


def test_a_stuck_job_never_ends(talk):
    """It is in progress for ever, holds the slot, and can be cancelled."""
    talk.sandbox.switch(stuck=1)
    job = talk.export()
    talk.clock.move(10**6)
    assert talk.show(job).json()["status"] == "in_progress"
    assert talk.create().status_code == 429
    assert talk.cancel(job).json()["status"] == "canceled"
    assert talk.create().status_code == 200


def test_a_job_from_elsewhere_holds_the_slot(talk):
    """Its name leads nowhere, and it goes by the clock or when it is unlocked."""
    foreign = talk.sandbox.lock(seconds=60)
    assert talk.create().status_code == 429
    assert talk.show(foreign).status_code == 404
    assert talk.cancel(foreign).status_code == 404
    talk.clock.move(60)
    assert talk.create().status_code == 200
    talk.clock.move(3)
    again = talk.sandbox.lock()
    talk.clock.move(10**6)
    assert talk.create().status_code == 429
    talk.sandbox.unlock(again)
    assert talk.create().status_code == 200


def test_a_slow_download_takes_its_time(talk):
    """Bytes come at the rate that the switch says, in small pieces."""
    job = talk.export()
    size = len(talk.raw(job))
    talk.sandbox.switch(bytes_per_second=size * 4)
    began = time.perf_counter()
    assert len(talk.raw(job)) == size
    assert 0.2 < time.perf_counter() - began < 2


def test_a_slow_download_does_not_hold_up_others(talk):
    """While one is sent slowly, other calls are answered, and stopping does not wait for it."""
    job = talk.export()
    talk.sandbox.switch(bytes_per_second=100)
    failures = []

    def fetch():
        try:
            httpx.get(
                f"{talk.sandbox.base_url}/download/content/data/{job}",
                headers={
                    "Authorization": f"Bearer {talk.sandbox.token}",
                    "Accept": "application/octet-stream",
                },
                trust_env=False,
                timeout=60,
            )
        except httpx.HTTPError as error:
            failures.append(error)

    reader = threading.Thread(target=fetch)
    reader.start()
    while not any(seen.call == "download" for seen in talk.sandbox.requests):
        assert talk.http.get("/me").status_code == 200
    began = time.perf_counter()
    talk.sandbox.stop()
    assert time.perf_counter() - began < 2
    reader.join(30)
    assert len(failures) == 1


def test_faults_taken_by_many_threads_are_taken_once(talk):
    """A hundred requests at once find exactly the faults that there were."""
    talk.sandbox.switch(server_error=37)
    statuses = []

    def ask():
        with httpx.Client(base_url=talk.sandbox.base_url, trust_env=False) as client:
            client.headers = talk.http.headers
            statuses.extend(client.get("/me").status_code for _ in range(10))

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (statuses.count(500), statuses.count(200)) == (37, 63)
