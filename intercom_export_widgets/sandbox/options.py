"""How the sandbox behaves: its options, and faults that are counted.

Where sources about Intercom disagree, an option chooses the reading; a fault breaks a call a
counted number of times. The values are frozen. Only `Controls`, which hands out the next
fault under a lock, is mutable.
"""

from __future__ import annotations

import difflib
import threading
from dataclasses import dataclass, fields, replace
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["CALLS", "CHOICES", "NEVER", "Controls", "Fault", "Switches"]

CALLS: Final = ("create", "show", "cancel", "download", "me")
"""The five calls of the API, as a fault names them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The next so many requests of a call go wrong.

    Parameters
    ----------
    times : int
        How many more times; 0 is never.
    call : str
        One of :data:`CALLS`, or ``"any"``. Faults of jobs (``failed``, ``no_data``,
        ``stuck``) and of downloads have only one call and take no notice of it.
    """

    times: int = 0
    call: str = "any"

    def __post_init__(self) -> None:
        """Refuse a negative count and an unknown call."""
        if self.times < 0:
            raise ValueError(f"A fault can't happen {self.times} times.")
        if self.call not in ("any", *CALLS):
            raise ValueError(f"{self.call!r} is no call; the calls are {', '.join(CALLS)}.")

    @classmethod
    def of(cls, value: Fault | int | str) -> Fault:
        """Read ``3``, ``"3"`` or ``"3@show"``."""
        if isinstance(value, Fault):
            return value
        times, _, call = str(int(value) if isinstance(value, bool) else value).partition("@")
        try:
            return cls(int(times), call or "any")
        except ValueError as error:
            if not times.strip().lstrip("+-").isdigit():
                raise ValueError(f"{value!r} is no fault; write 2, or 2@show.") from error
            raise

    def __str__(self) -> str:
        """Return the text that :meth:`of` reads back."""
        return f"{self.times}" if self.call == "any" else f"{self.times}@{self.call}"


NEVER: Final = Fault()


CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "container": ("zip", "zip-streamed", "zip-stored", "gzip", "csv", "tar.gz"),
    "content_encoding": ("auto", "zip", "gzip", "none"),
    "member_names": ("singular", "plural"),
    "timestamps": ("unix", "iso", "utc", "naive", "offset"),
    "rounding": ("seconds", "days"),
    "expiry": ("two-days", "one-week"),
    "accept": ("octet-stream", "matching", "anything"),
    "request_id": ("text", "null", "absent"),
    "redirect": ("no", "same", "elsewhere"),
    "download_url": ("api", "elsewhere", "empty"),
}
"""The words that a switch of words may have."""


SERVER_STATUSES: Final = (500, 502, 503, 504)
TRUE: Final = {"1": True, "true": True, "yes": True, "on": True}
FALSE: Final = {"0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """How the sandbox answers; every default is what production clients have seen.

    Parameters
    ----------
    container : str
        ``zip`` with one CSV per group; ``zip-streamed``, whose sizes follow the data;
        ``zip-stored``, not compressed; ``gzip`` or plain ``csv`` of the receipts alone;
        ``tar.gz``, the "gzipped folder" of an older page.
    content_encoding : str
        The header beside the data: ``zip``, ``gzip``, ``none``, or ``auto``, which goes by
        the container (``zip`` for a ZIP, as the 2.17 page has it).
    member_names : str
        ``singular`` as in production (``receipt_20260114-183225.csv``) or ``plural`` as
        documented (``receipts_20260114_183225.csv``).
    novelties : bool
        Whether the receipts have a column, and the ZIP a group, that nobody documented.
    receipt_left_out : bool
        Whether the receipts themselves are missing from the archive.
    timestamps : str
        ``unix`` seconds; ``iso`` 8601; text with ``UTC`` behind it; ``naive`` text in the
        workspace's zone; text with an ``offset``.
    timezone : str
        The workspace's IANA zone, in ``/me`` and in naive timestamps.
    rounding : str
        Whether the server compares exact ``seconds`` or widens to whole UTC ``days``.
    misspelt_key : bool
        Whether jobs say ``job_identfier``, as some versions of the schema do.
    pending_word, in_progress_word, completed_word, canceled_word : str
        The status words; ``complete`` and ``in-progress`` are in use elsewhere, and any
        other word is one that a client does not know.
    lock_code : str
        The error code of the 429 for a second active job.
    expiry : str
        ``two-days`` after completion (to 2.16) or ``one-week`` after creation (2.17).
    accept : str
        When a download gets 406: unless ``application/octet-stream`` is named; unless the
        Accept header has something ``matching`` it (``*/*``, or no header); never.
    version_required : bool
        Whether a request without ``Intercom-Version`` gets 400. Otherwise the workspace's
        own version, a new one, answers: the documentation's example sends no version.
    request_id : str
        Whether errors have a ``text`` request_id, a ``null`` one, or none.
    rate_limit : int
        Requests in ten seconds before ordinary throttling.
    retry_after : int
        Seconds in a ``Retry-After`` beside a throttling 429; 0 sends none.
    etag, ranges : bool
        Whether downloads have a strong ETag, and honour ``Range``.
    redirect : str
        Whether a download redirects, to the ``same`` origin or ``elsewhere``.
    download_url : str
        Where a job's ``download_url`` leads: the ``api``, ``elsewhere``, nowhere.
    bytes_per_second : int
        How slowly downloads are sent, those that have begun too; 0 is as fast as it goes.
    throttle : Fault
        429 ``Exceeded rate limit of … in 10_seconds``.
    server_error : Fault
        The status in ``server_status``, before anything is done.
    server_status : int
        500, 502, 503 or 504.
    forbidden : Fault
        403 ``Not authorized to access resource``, with ``forbidden_code``.
    forbidden_code : str
        ``token_unauthorized``, ``forbidden`` or ``api_plan_restricted``.
    html : Fault
        A proxy's page of HTML with ``html_status``, before anything is done.
    html_status : int
        502, or 200 for a page that asks to log in.
    broken_json : Fault
        The request is carried out, and its answer cut short.
    lost_answer : Fault
        The request is carried out, and the connection closed without an answer; of
        ``create``, unless another call is named.
    broken_download : Fault
        The connection breaks after ``broken_after`` bytes of the body.
    broken_after : int
        Bytes.
    truncated : Fault
        A short archive whose Content-Length says so.
    corrupt : Fault
        An archive with a wrong byte in its data.
    expired : Fault
        404 ``Object not found.`` for a download.
    failed, no_data, stuck : Fault
        The next jobs end so, or never.
    """

    container: str = "zip"
    content_encoding: str = "auto"
    member_names: str = "singular"
    novelties: bool = False
    receipt_left_out: bool = False
    timestamps: str = "unix"
    timezone: str = "Europe/Dublin"
    rounding: str = "seconds"
    misspelt_key: bool = False
    pending_word: str = "pending"
    in_progress_word: str = "in_progress"
    completed_word: str = "completed"
    canceled_word: str = "canceled"
    lock_code: str = "rate_limit_exceeded"
    expiry: str = "two-days"
    accept: str = "octet-stream"
    version_required: bool = False
    request_id: str = "text"
    rate_limit: int = 1667
    retry_after: int = 0
    etag: bool = True
    ranges: bool = True
    redirect: str = "no"
    download_url: str = "api"
    bytes_per_second: int = 0
    throttle: Fault | int | str = NEVER
    server_error: Fault | int | str = NEVER
    server_status: int = 500
    forbidden: Fault | int | str = NEVER
    forbidden_code: str = "token_unauthorized"
    html: Fault | int | str = NEVER
    html_status: int = 502
    broken_json: Fault | int | str = NEVER
    lost_answer: Fault | int | str = NEVER
    broken_download: Fault | int | str = NEVER
    broken_after: int = 1000
    truncated: Fault | int | str = NEVER
    corrupt: Fault | int | str = NEVER
    expired: Fault | int | str = NEVER
    failed: Fault | int | str = NEVER
    no_data: Fault | int | str = NEVER
    stuck: Fault | int | str = NEVER

    def __post_init__(self) -> None:
        """Read faults given as numbers or text, and refuse a word that nothing answers to."""
        for field in fields(self):
            if field.default.__class__ is Fault:
                fault = Fault.of(getattr(self, field.name))
                if field.name == "lost_answer" and fault.call == "any":
                    fault = Fault(fault.times, "create")
                object.__setattr__(self, field.name, fault)
            else:
                _check(field.name, field.default, getattr(self, field.name))
        if self.server_status not in SERVER_STATUSES:
            raise ValueError(f"server_status is 500, 502, 503 or 504, not {self.server_status}.")
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"There is no time zone {self.timezone!r}.") from error

    def fault(self, name: str) -> Fault:
        """Return one fault as it stands."""
        return Fault.of(getattr(self, name))

    def changed(self, **changes: object) -> Switches:
        """Return a copy with these switches changed.

        Raises
        ------
        ValueError
            If there is no such switch, or no such value.
        """
        names = [field.name for field in fields(self)]
        for name in changes:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f" Did you mean {near[0]}?" if near else ""
                raise ValueError(f"There is no switch {name!r}.{hint}")
        return replace(self, **changes)  # type: ignore[arg-type] # checked by name above, by value in __post_init__

    def parsed(self, text: str) -> Switches:
        """Return a copy with one switch changed by ``name=value``, as on a command line."""
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise ValueError(f"{text!r} is no switch; write name=value.")
        now = getattr(self, name, None)
        if isinstance(now, bool):
            return self.changed(**{name: (TRUE | FALSE).get(value.lower(), value)})
        if isinstance(now, int):
            return self.changed(**{name: int(value) if value.isdecimal() else value})
        return self.changed(**{name: value})


def _check(name: str, default: object, value: object) -> None:
    """Refuse a value that nothing answers to."""
    if name in CHOICES and value not in CHOICES[name]:
        raise ValueError(f"{name} can't be {value!r}; it is one of {', '.join(CHOICES[name])}.")
    if isinstance(default, bool) and not isinstance(value, bool):
        raise ValueError(f"{name} is true or false, not {value!r}.")  # noqa: TRY004 - one error for all that a command line gets wrong
    if type(default) is int and (type(value) is not int or value < 0):
        raise ValueError(f"{name} is a number from 0 on, not {value!r}.")
    if isinstance(default, str) and not isinstance(value, str):
        raise ValueError(f"{name} is a word, not {value!r}.")  # noqa: TRY004 - as above


class Controls:
    """The switches of a running sandbox; safe to use from any thread."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._lock = threading.Lock()

    @property
    def switches(self) -> Switches:
        """The switches as they stand; faults show how often they will still happen."""
        return self._switches

    def change(self, **changes: object) -> Switches:
        """Change some switches and return them all."""
        with self._lock:
            self._switches = self._switches.changed(**changes)
            return self._switches

    def take(self, name: str, call: str = "any") -> bool:
        """Return whether the fault happens to this request, and count it if so."""
        with self._lock:
            fault = self._switches.fault(name)
            if not fault.times or ("any" not in (fault.call, call) and fault.call != call):
                return False
            self._switches = self._switches.changed(**{name: replace(fault, times=fault.times - 1)})
            return True
