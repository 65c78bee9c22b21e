"""What a refusal of the API means: an error, by who must act.

Pure: an answer in, an error out, in the order of the API's error tables and in
Intercom's own sentences. It raises nothing.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from intercom_export_widgets.errors import (
    AccessDeniedError,
    ConnectionFailedError,
    JobLockedError,
    JobNotFoundError,
    RedirectedError,
    RequestRefusedError,
    ServerFaultError,
    ThrottledError,
    TokenRejectedError,
    UnreadableAnswerError,
)
from intercom_export_widgets.intercom.retries import reset_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intercom_export_widgets.errors import (
        IntercomExportError,
    )
    from intercom_export_widgets.intercom.answers import Answer

__all__ = ["Call", "error_from", "sentence_of"]

# "Exceeded rate limit of 1 pending message data export jobs"; the reporting export
# says "5 pending reporting dataset export jobs".
JOB_LOCK: Final = re.compile(r"\bpending\b.*\bexport", re.IGNORECASE)
# The same, with its beginning, in whatever a proxy has wrapped around it.
WRAPPED_LOCK: Final = re.compile(
    r"exceeded\s+rate\s+limit\s+of\s+\d+\s+pending\s[\w\s]{1,80}?\bexport\s+jobs?", re.IGNORECASE
)
MOST_MESSAGES: Final = 5
CURABLE: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
"""The 4xx that ask for the same request once more: done where that is safe."""

PICKERS: Final = {"created_at_after": "first", "created_at_before": "last"}
"""The parameters that ``errors[].field`` may name, and the pickers that set them."""

VERSION_INVALID: Final = "intercom_version_invalid"
UPDATE: Final = "Update this package: pip install -U intercom-export-widgets."
CHECK_ADDRESS: Final = "Check base_url and region."
EITHER_LIMIT: Final = (
    "Nothing was submitted. Either too many requests were sent, or another export of the workspace "
    "is running and must end first. To wait for it: the same line with --when-free."
)
"""What to do about a 429 that gives no message."""


class Call(StrEnum):
    """What was asked, since the same answer means another thing to each."""

    SUBMIT = "submit"
    SHOW = "show"
    CANCEL = "cancel"
    IDENTIFY = "identify"
    DOWNLOAD = "download"


REFUSED: Final[Mapping[Call, str]] = {
    Call.SUBMIT: RequestRefusedError.advice,
    Call.SHOW: "The job itself is not affected: ask about it again in a minute.",
    Call.CANCEL: "The job was not canceled, and may run on: ask about it first.",
    Call.IDENTIFY: CHECK_ADDRESS,
    Call.DOWNLOAD: "Nothing is lost: try again while Intercom still keeps the data.",
}
"""What to do about a call that the API refused."""


def error_from(
    answer: Answer, call: Call, *, job_identifier: str = "", now: float = 0.0
) -> IntercomExportError:
    """Return the error that an answer means, in the API's own words.

    Parameters
    ----------
    answer : Answer
        An answer that is not the value hoped for.
    call : Call
        What was asked.
    job_identifier : str
        The job that the call was about, if it was about one.
    now : float
        Unix seconds, to judge a server's hint when to come back.
    """
    status, said = answer.status, sentence_of(answer)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _rate_limit(answer, call, said, now)
    if status == HTTPStatus.NOT_FOUND and job_identifier:
        advice, name = _signed(JobNotFoundError.advice, answer), answer.line(job_identifier)
        said = said if name in said else f"Job {name}: {said}"
        return JobNotFoundError(said, job_identifier=job_identifier, advice=advice)
    kind, field = _kind(status, call), _field(answer, said)
    if kind is ConnectionFailedError:
        said = "The proxy asks for a password (HTTP 407)"
    elif kind is RedirectedError:
        said = f"The API answered with a redirect (HTTP {status}), which is not followed"
    elif kind is UnreadableAnswerError:
        said = f"HTTP {status} is no answer that the API documents"
    return kind(said, advice=_advice(kind, answer, call), field=field)


def _kind(status: int, call: Call) -> type[IntercomExportError]:
    """Return the class of error that a status means, if it is about no job."""
    match status:
        case _ if status in CURABLE and call is not Call.SUBMIT:
            kind: type[IntercomExportError] = ServerFaultError
        case HTTPStatus.UNAUTHORIZED:
            kind = TokenRejectedError
        case HTTPStatus.FORBIDDEN:
            kind = AccessDeniedError
        case HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            kind = ConnectionFailedError
        case _ if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            kind = RequestRefusedError
        case _ if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            kind = RedirectedError
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            kind = ServerFaultError
        case _:
            kind = UnreadableAnswerError
    return kind


def _rate_limit(answer: Answer, call: Call, said: str, now: float) -> IntercomExportError:
    """Return which of the two 429s it is; they share a status and perhaps a code.

    "You will receive a HTTP status code of 429 with the message Exceeded rate limit of
    1 pending message data export jobs if you attempt to create a second concurrent
    job." (Creating an export job.) Any other message is ordinary throttling, and so is
    that one in answer to a call that creates nothing. A proxy may have put the sentence
    elsewhere than the documentation does, so that all of the body is searched for it.
    """
    if call is Call.SUBMIT:
        wrapped = WRAPPED_LOCK.search(answer.text())
        lock = said if JOB_LOCK.search(said) else answer.line(wrapped[0] if wrapped else "")
        if lock:
            return JobLockedError(lock, advice=_signed(JobLockedError.advice, answer))
        if not _has_message(answer):
            return _either_limit(answer, now)
    until, advice = reset_time(answer.headers, now), ThrottledError.advice
    if until is not None:
        advice = f"Wait {max(1, math.ceil(until - now))} s, then try again."
    return ThrottledError(said, reset_at=until, advice=_signed(advice, answer))


def _either_limit(answer: Answer, now: float) -> ThrottledError:
    """Return the error of a 429 whose reason is not said: both kinds have the same code.

    ``X-RateLimit-Reset`` comes with every answer and tells nothing; ``Retry-After`` does.
    """
    codes = [answer.line(error.get("code")) for error in _errors(answer)]
    code = next(filter(None, codes), "no code")
    told = {name: answer.headers.get(name, "") for name in ("retry-after", "date")}
    return ThrottledError(
        f"Intercom refused the submission with HTTP 429 ({code}) and no message",
        reset_at=reset_time(told, now),
        may_be_lock=True,
        advice=_signed(EITHER_LIMIT, answer),
    )


def _has_message(answer: Answer) -> bool:
    """Return whether an error answer says anything beside a code; a page does."""
    if any(answer.line(error.get("message")) for error in _errors(answer)):
        return True
    return answer.is_page or (not _errors(answer) and any(map(answer.line, _messages(answer))))


def sentence_of(answer: Answer) -> str:
    """Return what an error answer says: its messages, or the status in words."""
    told = answer.line("; ".join(filter(None, map(answer.line, _messages(answer)))))
    if told:
        return told
    try:
        phrase = f" ({HTTPStatus(answer.status).phrase})"
    except ValueError:
        phrase = ""
    return f"Intercom, or a proxy, answered HTTP {answer.status}{phrase} without a reason"


def _messages(answer: Answer) -> list[object]:
    """Return what may be the server's reasons, in the documented place or another.

    A plain text is a reason too, such as a firewall's before the API; a page is not.
    """
    found = [answer.line(error.get("message")) or error.get("code") for error in _errors(answer)]
    if any(map(answer.line, found)):
        return found
    value = answer.value()
    if isinstance(value, dict):
        error = value.get("error")
        inner = error.get("message") if isinstance(error, dict) else error
        return [next(filter(answer.line, (value.get("errors"), value.get("message"), inner)), "")]
    plain = answer.headers.get("content-type", "").lower().startswith("text/plain")
    return [answer.text()] if plain and not answer.is_page else []


def _errors(answer: Answer) -> list[dict[str, Any]]:
    """Return the objects of an error list; none if the body is something else."""
    value = answer.value()
    errors = value.get("errors") if isinstance(value, dict) else None
    if not isinstance(errors, list):
        return []
    return [error for error in errors[:MOST_MESSAGES] if isinstance(error, dict)]


def _advice(kind: type[IntercomExportError], answer: Answer, call: Call) -> str:
    """Return what to do about an error, as far as the call and the answer tell."""
    advice = kind.advice
    if kind is RequestRefusedError:
        codes = [error.get("code") for error in _errors(answer)]
        lost = answer.status == HTTPStatus.NOT_FOUND
        advice = UPDATE if VERSION_INVALID in codes else CHECK_ADDRESS if lost else REFUSED[call]
    return _signed(advice, answer)


def _signed(advice: str, answer: Answer) -> str:
    """Return an advice and the request's id, which Intercom's support asks for."""
    value = answer.value()
    found = value.get("request_id") if isinstance(value, dict) else None
    identifier = answer.line(found)[:80] if isinstance(found, str) else ""
    tail = f" Intercom's name for the request is {identifier}." if identifier else ""
    return f"{advice}{tail}".strip()


def _field(answer: Answer, said: str) -> str | None:
    """Return the input that a refusal is about, if it names it or its sentence tells."""
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return "token"
    for error in _errors(answer):
        # An array or an object can't be looked up.
        if picker := PICKERS.get(str(error.get("field"))):
            return picker
    if "is greater than created_at_before" in said or "'created_at_before'" in said:
        return "last"
    return "first" if "'created_at_after'" in said else None
