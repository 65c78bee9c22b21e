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
from intercom_export_widgets.intercom.job import Job, JobStatus
from intercom_export_widgets.intercom.refusals import error_from, sentence_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Answer", "read_job", "read_object", "read_submission"]

LONGEST_SENTENCE: Final = 300
LONGEST_BODY: Final = 1_000_000
"""Bytes of an answer that is not a download: jobs and errors are a few hundred."""

IDENTIFIER: Final = re.compile(rb'"job_identi?fier"\s*:\s*"([A-Za-z0-9._~-]{1,200})"')
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
                return json.loads(self.body)
            except (ValueError, RecursionError):
                pass
        if not self.body:
            kind = "empty"
        elif self.body.lstrip()[:1] == b"<":
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

    def line(self, text: object) -> str:
        """Return a server's text on one line, without the token, cut to length."""
        words = "".join(sign if sign.isprintable() else " " for sign in str(text))
        line = self.hide(" ".join(words.split()))
        return line if len(line) <= LONGEST_SENTENCE else line[: LONGEST_SENTENCE - 1] + "…"


def read_object(answer: Answer, now: float) -> dict[str, Any]:
    """Return the JSON object of a 2xx answer.

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
        raise error_from(answer, now=now)
    value = answer.json()
    if not isinstance(value, dict):
        raise UnreadableAnswerError("The answer is not a JSON object.")
    return value


def read_job(answer: Answer, job_identifier: str, now: float) -> Job:
    """Return the job that an answer to *show* or *cancel* describes.

    A 504 carries "the job itself, with status: failed"; so any 5xx is looked into.

    Parameters
    ----------
    answer : Answer
        The answer.
    job_identifier : str
        The job that was asked about.
    now : float
        Unix seconds, to judge a server's hint when to come back.

    Raises
    ------
    IntercomExportError
        As `error_from` says; UnreadableAnswerError if it describes another job.
    """
    job = _job_of_fault(answer)
    if job is None:
        if not answer.is_success:
            raise error_from(answer, job_identifier=job_identifier, now=now)
        job = Job.from_json(answer.json())
    if job.job_identifier != job_identifier:
        raise UnreadableAnswerError(
            "The answer's job_identifier is another job's: "
            f"asked for {job_identifier}, answered {answer.line(job.job_identifier)}."
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
        raise error_from(answer, now=now)
    said = "" if answer.is_success else f": {sentence_of(answer)}"
    raise SubmissionUnknownError(
        f"The submission was answered with HTTP {answer.status} and no job_identifier{said}"
    )


def _job_of_fault(answer: Answer) -> Job | None:
    """Return the job in a 5xx answer, if there is one."""
    if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    try:
        return Job.from_json(answer.json())
    except UnreadableAnswerError:
        return None


def _job_of_success(answer: Answer) -> Job | None:
    """Return the job in a 2xx answer, or as much as can be saved of it."""
    if not answer.is_success:
        return None
    try:
        return Job.from_json(answer.json())
    except UnreadableAnswerError:
        found = IDENTIFIER.search(answer.body)
    return Job(found[1].decode("ascii"), JobStatus.UNKNOWN) if found else None
