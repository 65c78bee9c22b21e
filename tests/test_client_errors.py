import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire import Clock, Reply, WireServer, error, job

from intercom_export_widgets.errors import (
    AccessDeniedError,
    ConnectionFailedError,
    IntercomExportError,
    JobLockedError,
    JobNotFoundError,
    RequestRefusedError,
    SubmissionUnknownError,
    ThrottledError,
    TokenRejectedError,
)
from intercom_export_widgets.intercom.client import IntercomClient
from intercom_export_widgets.intercom.credentials import Token
from intercom_export_widgets.intercom.responses import (
    Answer,
    Call,
    error_from,
    read_job,
    read_submission,
)
from intercom_export_widgets.intercom.timeframe import Timeframe

TOKEN = "dG9rOnRlc3QtdG9rZW4="  # noqa: S105 - no real token
JUNE = Timeframe.parse("2018-06")


def raised(reply, ask, kind):
    """Return the error that an answer raises over a real socket, and the requests made."""
    clock = Clock()
    with (
        WireServer(reply) as server,
        IntercomClient(
            Token(TOKEN), base_url=server.url, pause=clock.pause, now=clock.now
        ) as client,
    ):
        with pytest.raises(kind) as caught:
            ask(client)
        return caught.value, server.requests


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "field"),
    [
        (
            400,
            "bad_request",
            "created_at_after is greater than created_at_before",
            RequestRefusedError,
            "last",
        ),
        (
            400,
            "bad_request",
            "'created_at_before' is a required parameter",
            RequestRefusedError,
            "last",
        ),
        (
            400,
            "bad_request",
            "'created_at_after' is a required parameter",
            RequestRefusedError,
            "first",
        ),
        (400, "bad_request", "bad 'random_param' parameter", RequestRefusedError, None),
        (400, "intercom_version_invalid", "The version is invalid", RequestRefusedError, None),
        (
            429,
            "rate_limit_exceeded",
            "Exceeded rate limit of 1 pending message data export jobs",
            JobLockedError,
            None,
        ),
        (
            429,
            "rate_limit_exceeded",
            "Exceeded rate limit of 5 pending reporting dataset export jobs",
            JobLockedError,
            None,
        ),
        (
            429,
            "rate_limit_exceeded",
            "Exceeded rate limit of 167 in 10_seconds",
            ThrottledError,
            None,
        ),
        (401, "unauthorized", "Access Token Invalid", TokenRejectedError, "token"),
        (
            403,
            "token_unauthorized",
            "Not authorized to access resource",
            AccessDeniedError,
            "token",
        ),
        (403, "forbidden", "Not authorized to access resource", AccessDeniedError, "token"),
        (
            403,
            "api_plan_restricted",
            "Not authorized to access resource",
            AccessDeniedError,
            "token",
        ),
        (406, "media_type_not_acceptable", "Not acceptable", RequestRefusedError, None),
        (422, "unprocessable", "No", RequestRefusedError, None),
        (404, "not_found", "No such page", RequestRefusedError, None),
    ],
)
def test_each_row_of_the_error_table(status, code, message, kind, field):
    """Each documented refusal is its own error, in Intercom's own words, at its field."""
    found, requests = raised(error(status, code, message), lambda c: c.submit(JUNE), kind)
    assert found.message == message
    assert found.field == field
    assert "req-17" in found.advice
    assert len(requests) == 1


def test_the_jobs_own_404():
    """A 404 for a job is an error of that job, when it is shown and when it is canceled."""
    reply = error(404, "not_found", "Export job not found for identifier: x")
    for ask in (lambda c: c.refresh("x"), lambda c: c.cancel("x")):
        found, _ = raised(reply, ask, JobNotFoundError)
        assert found.message == "Export job not found for identifier: x"


@pytest.mark.parametrize(
    ("named", "field"),
    [
        ("created_at_after", "first"),
        ("created_at_before", "last"),
        ("email", None),
        (None, None),
        (["created_at_after"], None),
    ],
)
def test_a_field_that_is_named_is_the_picker_at_fault(named, field):
    """``errors[].field`` decides, whatever the sentence says; other parameters have no picker."""
    body = {"errors": [{"code": "bad_request", "message": "is too old", "field": named}]}
    found, _ = raised(Reply(400, body), lambda c: c.submit(JUNE), RequestRefusedError)
    assert found.field == field
    assert found.message == "is too old"


def test_several_messages_are_all_said():
    """An error list with several errors says all of them."""
    body = {"errors": [{"message": "one"}, {"code": "two"}, {"message": None}, "three"]}
    found, _ = raised(Reply(400, body), lambda c: c.submit(JUNE), RequestRefusedError)
    assert found.message == "one; two"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        "<html><body>Forbidden</body></html>",
        '{"broken',
        "null",
        "[]",
        {"errors": None},
        {"errors": "no"},
        {"errors": [None, 5, {}]},
        {"errors": [{"message": {"a": 1}}], "request_id": 5},
    ],
)
@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, RequestRefusedError), (401, TokenRejectedError), (403, AccessDeniedError)],
)
def test_a_refusal_without_an_error_list(status, kind, body):
    """A refusal that is no error list is still its own error, without markup in it."""
    found, _ = raised(Reply(status, body), lambda c: c.submit(JUNE), kind)
    assert "<" not in found.message
    assert str(found)


def test_a_servers_words_are_bounded_and_on_one_line():
    """A server's text is cut to length, on one line, and without control characters."""
    long = "\x1b[31mone\ntwo\u202e\0 " * 1000
    found, _ = raised(
        Reply(400, {"errors": [{"message": long}] * 9, "request_id": "r" * 9999}),
        lambda c: c.submit(JUNE),
        RequestRefusedError,
    )
    assert len(str(found)) < 600
    assert found.message.isprintable()


def test_a_server_that_repeats_the_token():
    """A server that says the token in its error does not get it shown."""
    body = {"errors": [{"message": f"Token {TOKEN} is bad"}], "request_id": TOKEN}
    for status in (400, 401, 403, 429, 500):
        found, _ = raised(Reply(status, body), lambda c: c.submit(JUNE), IntercomExportError)
        assert TOKEN not in str(found)
        assert TOKEN not in repr(found)
    found, _ = raised(Reply(200, job(TOKEN)), lambda c: c.refresh("x"), IntercomExportError)
    assert TOKEN not in str(found)


@given(st.integers(100, 999), st.binary(max_size=200), st.text(max_size=5))
def test_any_answer_is_a_job_or_a_documented_error(status, body, hint):
    """Nothing but the documented errors comes out, for any status, body and hint."""
    answer = Answer(status, {"retry-after": hint, "x-ratelimit-reset": hint}, body)
    for read in (lambda: read_submission(answer, 0.0), lambda: read_job(answer, "x", 0.0)):
        try:
            read()
        except IntercomExportError as caught:
            assert str(caught)  # noqa: PT017 - the property is about either end


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["errors", "code"]), inner),
        max_leaves=8,
    ),
    st.sampled_from([400, 401, 403, 404, 407, 408, 429, 500, 504]),
    st.sampled_from(Call),
)
def test_any_error_list_makes_one_sentence(value, status, call):
    """Whatever an error list holds, its error is one printable line of bounded length."""
    answer = Answer(status, {}, json.dumps({"errors": value, "request_id": value}).encode())
    found = error_from(answer, call, job_identifier="x")
    assert found.message.isprintable()
    assert 0 < len(str(found)) < 700


def test_only_client_errors_say_that_nothing_began():
    """A 4xx to a submission is a refusal; a lost or strange answer leaves it unknown."""
    for status in (200, 202, 303, 500, 502, 503, 504, 599):
        raised(Reply(status), lambda c: c.submit(JUNE), SubmissionUnknownError)
    raised(Reply(407), lambda c: c.submit(JUNE), ConnectionFailedError)
