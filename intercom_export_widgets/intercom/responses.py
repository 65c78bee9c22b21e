"""HTTP response to a value, or to the error that its status and error code mean.

Pure functions over a status, headers and bytes, in the order of the API's error tables and in
Intercom's own sentences. A server's text is put on one line, cut to length, and never assumed
to be JSON.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
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
    SubmissionUnknownError,
    ThrottledError,
    TokenRejectedError,
    UnreadableAnswerError,
)
from intercom_export_widgets.intercom.models import Job
from intercom_export_widgets.intercom.redact import one_line, text_of
from intercom_export_widgets.intercom.retry import reset_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from intercom_export_widgets.errors import IntercomExportError

__all__ = [
    "NAMELESS",
    "Answer",
    "Call",
    "error_from",
    "read_job",
    "read_object",
    "read_submission",
    "sentence_of",
]

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


LONGEST_BODY: Final = 1_000_000
"""Bytes of an answer that is not a download: jobs and errors are a few hundred."""

IDENTIFIER: Final = re.compile(r'"job_identi?fier"\s*:\s*("(?:[^"\\]|\\.)+"|[0-9]+(?=\s*[,}]))')
"""The key that names a job and its JSON value, wherever in a broken answer."""
NAMELESS: Final = "The workspace's name is not known"
"""What ``null`` in answer to ``/me`` means; it is documented, and no fault."""
REDIRECTS: Final = frozenset(range(300, 400))


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came, its body read up to a bound.

    Attributes
    ----------
    status : int
        HTTP status.
    headers : mapping
        HTTP headers, their names in lower case.
    body : bytes
        At most ``LONGEST_BODY`` bytes.
    broken : str
        Why the body ended early, or ``""``.
    hide : callable
        Takes the token out of a text, should a server repeat it.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    broken: str = ""
    hide: Callable[[str], str] = field(default=str, repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_page(self) -> bool:
        """Whether the body is markup, such as a proxy's web page."""
        return self.body.lstrip()[:1] == b"<"

    @property
    def is_redirect(self) -> bool:
        """Whether the status is 3xx."""
        return self.status in REDIRECTS

    def json(self) -> Any:  # noqa: ANN401 - the JSON boundary
        """Return the body's JSON value.

        Raises
        ------
        UnreadableAnswerError
            If it is not JSON, or nested without measure.
        """
        if self.body:
            try:
                # Not strict: a control character within a string is no reason to lose a job.
                return json.loads(self.body, strict=False)
            except (ValueError, RecursionError):
                pass
        if not self.body:
            kind = "empty"
        elif self.is_page:
            kind = "a web page, not the API's JSON"
        else:
            kind = "not JSON that can be read"
        cut = f" ({self.broken})" if self.broken else ""
        raise UnreadableAnswerError(f"The answer (HTTP {self.status}) is {kind}{cut}.")

    def value(self) -> object:
        """Return the body's JSON value, or None if it can't be read."""
        try:
            return self.json()
        except UnreadableAnswerError:
            return None

    def text(self) -> str:
        """Return the body as text, whatever it is."""
        return self.body.decode("utf-8", "replace")

    def line(self, text: object) -> str:
        """Return a server's text on one line, without the token, cut to length."""
        return one_line(text_of(text), self.hide)


def read_object(answer: Answer, now: float) -> dict[str, Any]:
    """Return the JSON object of an answer to *me*.

    Parameters
    ----------
    answer : Answer
        The answer.
    now : float
        Unix seconds, to judge a server's hint when to come back.

    Raises
    ------
    IntercomExportError
        What another status means, see `error_from`; UnreadableAnswerError if the
        answer is no object.
    """
    if not answer.is_success:
        raise error_from(answer, Call.IDENTIFY, now=now)
    value = answer.json()
    if value is None:  # documented: `/me` may be null
        raise UnreadableAnswerError(
            NAMELESS, advice="Intercom answered without one. Exports work all the same."
        )
    if not isinstance(value, dict):
        raise UnreadableAnswerError("The answer is not a JSON object.")
    return value


def read_job(answer: Answer, job_identifier: str, now: float, call: Call = Call.SHOW) -> Job:
    """Return the job that an answer to *show* or *cancel* describes.

    A 504 carries "the job itself, with status: failed"; so any 5xx is looked into. A
    2xx that has a status but names no job is about the job that was asked about.

    Parameters
    ----------
    answer : Answer
        The answer.
    job_identifier : str
        The job that was asked about.
    now : float
        Unix seconds, to judge a server's hint when to come back.
    call : Call
        What was asked of the job.

    Raises
    ------
    IntercomExportError
        As `error_from` says; UnreadableAnswerError if it describes another job.
    """
    job = _job_of_fault(answer)
    if job is None:
        if not answer.is_success:
            raise error_from(answer, call, job_identifier=job_identifier, now=now)
        job = Job.from_json(answer.json(), asked=job_identifier, hide=answer.hide)
    if job.job_identifier != job_identifier:
        raise UnreadableAnswerError(
            "The answer's job_identifier is another job's: "
            f"asked for {answer.line(job_identifier)}, "
            f"answered {answer.line(job.job_identifier)}."
        )
    return job


def read_submission(answer: Answer, now: float) -> Job:
    """Return the job that a submission began.

    The API can neither list jobs nor take a submission twice, so an identifier is
    taken even from an answer that is otherwise broken: the job is then ``unknown``
    until it is asked about.

    Raises
    ------
    IntercomExportError
        As `error_from` says, if the API refused; SubmissionUnknownError if a job may
        have begun that the answer doesn't name.
    """
    job = _job_of_fault(answer) or _job_of_success(answer)
    if job is not None:
        return job
    refused = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    # RFC 9110, 15.4.4: 303 is how a server answers a POST that it has acted upon. The
    # other redirects ask for the request to be made elsewhere: nothing has begun.
    moved = answer.is_redirect and answer.status != HTTPStatus.SEE_OTHER
    if refused or moved:
        raise error_from(answer, Call.SUBMIT, now=now)
    raise SubmissionUnknownError(_nameless(answer))


def _nameless(answer: Answer) -> str:
    """Return what came in answer to a submission in place of a job."""
    cut = f" (it broke off: {answer.broken})" if answer.broken else ""
    if answer.is_page:
        return (
            f"The submission was answered by a web page (HTTP {answer.status}), "
            f"perhaps of a proxy{cut}"
        )
    said = f"The submission was answered with HTTP {answer.status} and no job_identifier{cut}"
    if not answer.is_success:
        return f"{said}: {sentence_of(answer)}"
    named = _identifier_in(answer)
    return f"{said} that can be used: {answer.line(ascii(named))}" if named else said


def _job_of_fault(answer: Answer) -> Job | None:
    """Return the job in a 5xx answer, if there is one."""
    if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    try:
        return Job.from_json(answer.json(), hide=answer.hide)
    except UnreadableAnswerError:
        return None


def _job_of_success(answer: Answer) -> Job | None:
    """Return the job in a 2xx answer, or as much as can be saved of it."""
    if not answer.is_success:
        return None
    try:
        return Job.from_json(answer.json(), hide=answer.hide)
    except UnreadableAnswerError:
        named = {"job_identifier": _identifier_in(answer)}
    try:
        return Job.from_json(named, hide=answer.hide)
    except UnreadableAnswerError:
        return None


def _identifier_in(answer: Answer) -> str:
    """Return the identifier that stands anywhere in a body, or ``""``."""
    found = IDENTIFIER.search(answer.text())
    try:
        return str(json.loads(found[1], strict=False)) if found else ""
    except ValueError:
        return ""
