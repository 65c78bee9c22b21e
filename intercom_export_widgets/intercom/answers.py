"""What an answer of the API means: a value, or the error that `refusals` makes of it.

Pure functions over a status, headers and bytes: no connection, and no clock beyond
the ``now`` that is passed in. A server's words are put on one line, cut to length,
and never trusted to be JSON.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from intercom_export_widgets.errors import SubmissionUnknownError, UnreadableAnswerError
from intercom_export_widgets.intercom.job import Job
from intercom_export_widgets.intercom.refusals import Call, error_from, sentence_of
from intercom_export_widgets.intercom.words import one_line, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["NAMELESS", "Answer", "read_job", "read_object", "read_submission"]

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
