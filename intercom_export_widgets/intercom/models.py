"""An export job and a workspace, as the API last described them.

A job's life, from the API's pages ("Export Job Model", reference 2.5 to 2.17)::

    pending ──→ in_progress ──→ completed    its data can be downloaded
       │             │      ├─→ no_data      nothing was sent in the range
       │             │      └─→ failed       "a job that runs over 12 hours (or a day)"
       └─────────────┴────────→ canceled     by POST /export/cancel

A job may be seen at any of these stations first, and stations may be passed unseen
between two questions. The five on the right and below are final: "Cancelling a
finished job returns it unchanged" (2.17). A word that nobody documented is
``unknown``: it counts as still running, is shown as it came, and the overall time
limit of `jobs.schedule` bounds it.

Responses can overtake each other, when several threads poll one job; `TRANSITIONS` keeps a
late response from turning an ended job back into a running one.

A workspace is read from the response of ``GET /me``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from intercom_export_widgets.errors import InputError, TimeframeError, UnreadableAnswerError
from intercom_export_widgets.intercom.credentials import MASK
from intercom_export_widgets.intercom.redact import one_line, text_of
from intercom_export_widgets.intercom.zones import find_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["TRANSITIONS", "Job", "JobStatus", "Workspace", "quote_identifier"]


class JobStatus(StrEnum):
    """What a job is doing, in the API's words; ``UNKNOWN`` is any other word."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    NO_DATA = "no_data"
    FAILED = "failed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"

    @classmethod
    def read(cls, text: str) -> JobStatus:
        """Return the status that a word means, in any of its spellings.

        "complete" is the create page's word, "in-progress" the reporting export's.
        """
        word = re.sub(r"[\s_-]+", "_", text.strip().lower())
        word = SPELLINGS.get(word, word)
        return cls(word) if word in KNOWN_WORDS else cls.UNKNOWN

    @property
    def ended(self) -> bool:
        """Whether the job has come to its end, whichever."""
        return self in ENDS

    def can_become(self, other: JobStatus) -> bool:
        """Return whether a later answer may say the other status."""
        return other in TRANSITIONS[self]


SPELLINGS: Final[Mapping[str, str]] = {
    "complete": "completed",
    "cancelled": "canceled",
    "inprogress": "in_progress",
    "nodata": "no_data",
}
KNOWN_WORDS: Final = frozenset(JobStatus)
ENDS: Final = frozenset(
    {JobStatus.COMPLETED, JobStatus.NO_DATA, JobStatus.FAILED, JobStatus.CANCELED}
)

TRANSITIONS: Final[Mapping[JobStatus, frozenset[JobStatus]]] = {
    JobStatus.PENDING: frozenset(JobStatus),
    JobStatus.IN_PROGRESS: frozenset(JobStatus) - {JobStatus.PENDING},
    JobStatus.UNKNOWN: frozenset(JobStatus),
    JobStatus.COMPLETED: frozenset({JobStatus.COMPLETED}),
    JobStatus.NO_DATA: frozenset({JobStatus.NO_DATA}),
    JobStatus.FAILED: frozenset({JobStatus.FAILED}),
    JobStatus.CANCELED: frozenset({JobStatus.CANCELED}),
}
"""From each status, those that a later answer may say; itself is always one."""

LONGEST_IDENTIFIER: Final = 4096
LONGEST_STATUS: Final = 100
SHOWN: Final = 40
SURROGATE: Final = re.compile("[\ud800-\udfff]")
LONGEST_ADDRESS: Final = 8192
LATEST_SECOND: Final = 253_402_214_400
"""9999-12-31 in Unix seconds: the last that a ``datetime`` can hold in every zone."""


def quote_identifier(job_identifier: str) -> str:
    """Return an identifier as one segment of a URL's path.

    Raises
    ------
    InputError
        If it is empty, over 4096 characters, ``.`` or ``..`` (which a path would
        swallow), or half of a surrogate pair, which has no bytes in UTF-8.
    """
    problem = _identifier_problem(job_identifier)
    if problem:
        raise InputError(
            f"{job_identifier[:SHOWN]!r} is not a job identifier: it {problem}.",
            advice="Copy it from the log (%intercom_export log); it looks like v5xsp8c19ji0s82.",
        )
    return quote(job_identifier, safe="")


def _identifier_problem(text: str) -> str:
    """Return why a text can't be an identifier, or ``""``."""
    if not text.strip():
        return "is empty"
    if len(text) > LONGEST_IDENTIFIER:
        return f"is longer than {LONGEST_IDENTIFIER} characters"
    if text in {".", ".."}:
        return "is a step in a path"
    return "has half a character in it" if SURROGATE.search(text) else ""


@dataclass(frozen=True, slots=True)
class Job:
    """A snapshot of one export job.

    Attributes
    ----------
    job_identifier : str
        Its name; the API has no other way to find it again.
    status : JobStatus
        What it is doing.
    status_text : str
        The status as it came, on one line of at most 100 characters.
    download_url : str
        Where the API says the data is, or ``""``. It is not shown in the ``repr``:
        an address may be a key to the data.
    download_expires_at : int or None
        When the data is gone, in Unix seconds; None until it is known.
    """

    job_identifier: str
    status: JobStatus
    status_text: str = ""
    download_url: str = field(default="", repr=False)
    download_expires_at: int | None = None

    @classmethod
    def from_json(cls, value: object, *, asked: str = "", hide: Callable[[str], str] = str) -> Job:
        """Return the job that a JSON value describes.

        ``job_identfier``, a misspelling of some schema versions, counts too. An optional
        key that is absent, null, or of a type that nobody documented is unset, since a
        job must not be lost over it; an identifier is kept as it came.

        Parameters
        ----------
        value : object
            Whatever ``json.loads`` returned.
        asked : str
            The job that was asked about: it is meant if the value has one of the API's
            statuses and names no job.
        hide : callable
            Takes the token out of a text, should the server repeat it.

        Raises
        ------
        UnreadableAnswerError
            If it describes no job; the message names the key at fault.
        """
        if not isinstance(value, dict):
            raise _unreadable("answer", "not an object")
        word = text_of(value.get("status"))
        status = JobStatus.read(word)
        meant = asked if status is not JobStatus.UNKNOWN else ""
        identifier = _identifier(value, hide) or meant
        if not identifier:
            raise _unreadable("job_identifier", "missing")
        return cls(
            job_identifier=identifier,
            status=status,
            status_text=one_line(word, hide, LONGEST_STATUS),
            download_url=_address(value.get("download_url"), hide),
            download_expires_at=_expiry(value.get("download_expires_at")),
        )

    def follows(self, newer: Job) -> bool:
        """Return whether a newer answer may take this snapshot's place.

        It may not if it is about another job, or would turn an ended job back.
        """
        same = self.job_identifier == newer.job_identifier
        return same and self.status.can_become(newer.status)

    def updated(self, newer: Job) -> Job:
        """Return the newer snapshot if it may take this one's place, else this one."""
        return newer if self.follows(newer) else self


def _identifier(value: dict[str, object], hide: Callable[[str], str]) -> str:
    """Return the identifier under either spelling of its key, or ``""``."""
    for key in ("job_identifier", "job_identfier"):
        found = value.get(key)
        if found is None or found == "":
            continue
        text = str(found) if type(found) is int else found
        if not isinstance(text, str):
            raise _unreadable(key, "not a string")
        problem = _identifier_problem(text) or ("repeats the token" if MASK in hide(text) else "")
        if problem:
            raise _unreadable(key, f"no identifier: it {problem}")
        return text
    return ""


def _address(found: object, hide: Callable[[str], str]) -> str:
    """Return an address if it is one that can be kept and asked, else ``""``."""
    text = found.strip() if isinstance(found, str) else ""
    fit = text.isprintable() and len(text) <= LONGEST_ADDRESS and MASK not in hide(text)
    return text if fit else ""


def _expiry(found: object) -> int | None:
    """Return an expiry in Unix seconds: a string or a number of them, or ISO 8601."""
    if isinstance(found, bool):
        return None
    seconds = found if isinstance(found, int | float) else _seconds(text_of(found))
    # Not a number and infinity are outside of this range too.
    return int(seconds) if 0 < seconds < LATEST_SECOND else None


def _seconds(text: str) -> float:
    """Return the Unix seconds that a text says, or NaN."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
        return moment.timestamp() if moment.tzinfo else math.nan
    except (ValueError, OverflowError):
        return math.nan


def _unreadable(key: str, problem: str) -> UnreadableAnswerError:
    return UnreadableAnswerError(f"The answer describes no export job: {key} is {problem}.")


LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace, as ``/me`` describes it under ``app``.

    Attributes
    ----------
    id_code : str
        Its identifier, as in the web application's addresses.
    name : str
        Its name, or ``""``.
    timezone : str
        IANA name of its time zone, or ``""`` if it is absent or no IANA name.
    region : str
        Such as ``"us"``, in lower case, or ``""``.
    sandbox : bool
        Whether it is the sandbox's synthetic workspace on this machine.
    ahead : float or None
        How far the server's clock was ahead of this machine's when it answered, in
        seconds; None if it did not say.
    """

    id_code: str
    name: str = ""
    timezone: str = ""
    region: str = ""
    sandbox: bool = False
    ahead: float | None = field(default=None, compare=False)

    @classmethod
    def from_json(
        cls,
        value: object,
        *,
        loopback: bool,
        hide: Callable[[str], str] = str,
        ahead: float | None = None,
    ) -> Workspace:
        """Return the workspace that the answer of ``/me`` describes.

        Parameters
        ----------
        value : object
            Whatever ``json.loads`` returned.
        loopback : bool
            Whether this machine answered: nobody else can be the sandbox.
        hide : callable
            Takes the token out of a text, should the server repeat it.
        ahead : float, optional
            As the attribute.

        Raises
        ------
        UnreadableAnswerError
            If ``app`` or ``app.id_code`` is not there.
        """
        app = value.get("app") if isinstance(value, dict) else None
        if not isinstance(app, dict):
            raise UnreadableAnswerError("The answer names no workspace: app is missing.")

        def line(key: str) -> str:
            found = app.get(key)
            return one_line(found, hide, LONGEST_NAME) if isinstance(found, str) else ""

        id_code = line("id_code")
        if not id_code:
            raise UnreadableAnswerError("The answer names no workspace: app.id_code is missing.")
        return cls(
            id_code=id_code,
            name=line("name"),
            timezone=_zone(line("timezone")),
            region=line("region").lower(),
            sandbox=loopback and id_code.startswith("sandbox"),
            ahead=ahead,
        )


def _zone(name: str) -> str:
    try:
        return find_zone(name).key
    except TimeframeError:
        return ""
