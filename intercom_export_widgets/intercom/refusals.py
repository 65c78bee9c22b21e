"""What a refusal of the API means: an error, by who must act.

Pure: an answer in, an error out, in the order of the API's error tables and in
Intercom's own sentences. It raises nothing.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from intercom_export_widgets.errors import (
    AccessDeniedError,
    ConnectionFailedError,
    JobLockedError,
    JobNotFoundError,
    RequestRefusedError,
    ServerFaultError,
    ThrottledError,
    TokenRejectedError,
    UnreadableAnswerError,
)
from intercom_export_widgets.intercom.retries import reset_time

if TYPE_CHECKING:
    from intercom_export_widgets.errors import (
        IntercomExportError,
    )
    from intercom_export_widgets.intercom.answers import Answer

__all__ = ["error_from", "sentence_of"]

# "Exceeded rate limit of 1 pending message data export jobs"; the reporting export
# says "5 pending reporting dataset export jobs".
JOB_LOCK: Final = re.compile(r"\bpending\b.*\bexport", re.IGNORECASE)
MOST_MESSAGES: Final = 5


def error_from(
    answer: Answer, *, job_identifier: str = "", now: float = 0.0
) -> IntercomExportError:
    """Return the error that an answer means, in the API's own words.

    Parameters
    ----------
    answer : Answer
        An answer that is not the value hoped for.
    job_identifier : str
        The job that the call was about, if it was about one.
    now : float
        Unix seconds, to judge a server's hint when to come back.
    """
    status, said = answer.status, sentence_of(answer)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _rate_limit(answer, said, now)
    if status == HTTPStatus.NOT_FOUND and job_identifier:
        advice = _advice(JobNotFoundError, answer)
        return JobNotFoundError(said, job_identifier=job_identifier, advice=advice)
    kind, field = _kind(status), _field(status, said)
    if kind is ConnectionFailedError:
        said = "The proxy asks for a password (HTTP 407)"
    elif kind is ServerFaultError and answer.is_redirect:
        said = f"The API answered with a redirect (HTTP {status}), which is not followed"
    elif kind is UnreadableAnswerError:
        said = f"HTTP {status} is no answer that the API documents"
    advice = "Check base_url and region." if answer.is_redirect else _advice(kind, answer)
    return kind(said, advice=advice, field=field)


def _kind(status: int) -> type[IntercomExportError]:
    """Return the class of error that a status means, whatever was asked."""
    match status:
        case HTTPStatus.UNAUTHORIZED:
            kind: type[IntercomExportError] = TokenRejectedError
        case HTTPStatus.FORBIDDEN:
            kind = AccessDeniedError
        case HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            kind = ConnectionFailedError
        case _ if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            kind = RequestRefusedError
        case _ if status >= HTTPStatus.MULTIPLE_CHOICES:
            kind = ServerFaultError
        case _:
            kind = UnreadableAnswerError
    return kind


def _rate_limit(answer: Answer, said: str, now: float) -> IntercomExportError:
    """Return which of the two 429s it is; they share a status and perhaps a code.

    "You will receive a HTTP status code of 429 with the message Exceeded rate limit of
    1 pending message data export jobs if you attempt to create a second concurrent
    job." (Creating an export job.) Any other message is ordinary throttling.
    """
    if JOB_LOCK.search(said):
        return JobLockedError(said, advice=_advice(JobLockedError, answer))
    until = reset_time(answer.headers, now)
    return ThrottledError(said, reset_at=until, advice=_advice(ThrottledError, answer))


def sentence_of(answer: Answer) -> str:
    """Return what an error answer says: its messages, or the status in words."""
    said = (
        answer.line(error.get("message") or error.get("code") or "") for error in _errors(answer)
    )
    told = answer.line("; ".join(filter(None, said)))
    if told:
        return told
    try:
        phrase = f" ({HTTPStatus(answer.status).phrase})"
    except ValueError:
        phrase = ""
    return f"Intercom, or a proxy, answered HTTP {answer.status}{phrase} without a reason"


def _errors(answer: Answer) -> list[dict[str, Any]]:
    """Return the objects of an error list; none if the body is something else."""
    value = answer.value()
    errors = value.get("errors") if isinstance(value, dict) else None
    if not isinstance(errors, list):
        return []
    return [error for error in errors[:MOST_MESSAGES] if isinstance(error, dict)]


def _advice(kind: type[IntercomExportError], answer: Answer) -> str:
    """Return a class's own advice and the request's id, which Intercom's support asks for."""
    value = answer.value()
    found = value.get("request_id") if isinstance(value, dict) else None
    identifier = answer.line(found)[:80] if isinstance(found, str) else ""
    tail = f" Intercom's name for the request is {identifier}." if identifier else ""
    return f"{kind.advice}{tail}".strip()


def _field(status: int, said: str) -> str | None:
    """Return the input that a refusal is about, if it can be told."""
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return "token"
    if "is greater than created_at_before" in said or "'created_at_before'" in said:
        return "last"
    return "first" if "'created_at_after'" in said else None
