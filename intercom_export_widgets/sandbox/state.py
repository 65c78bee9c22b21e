"""What a running sandbox keeps: its jobs, the requests it got, and the rate limit's windows.

A job is never moved on: its state follows from when it was created, what was done to it, and
the injected clock. The value of an Authorization header is never kept.

    pending ──▶ in_progress ──▶ completed | no_data | failed
       └────────────┴─────────▶ canceled
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from intercom_export_widgets.sandbox.options import Switches

__all__ = ["ExportJob", "JobBook", "SeenRequest", "Traffic", "Written"]

log = logging.getLogger(__name__)

ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
DAY: Final = 86400
ENDED: Final = frozenset({"completed", "no_data", "failed", "canceled"})


@dataclass(frozen=True, slots=True)
class Written:
    """An archive on disk.

    Parameters
    ----------
    path : Path
        Where it lies.
    rows : dict[str, int]
        Rows of each group, without the header.
    size : int
        Bytes.
    middle : int
        The offset of a byte in the midst of the largest member's data.
    """

    path: Path
    rows: dict[str, int]
    size: int
    middle: int


@dataclass(slots=True)
class ExportJob:
    """One job.

    Parameters
    ----------
    identifier : str
        Fifteen letters and digits, such as ``v5xsp8c19ji0s82``.
    after, before : int
        The range asked for: Unix seconds, both inclusive.
    created : float
        Unix seconds.
    seconds : float
        How long it takes; the first third of it is pending.
    switches : Switches
        As they stood when it was created: they decide the shape of its archive.
    fate : str
        ``""``, or ``"failed"``, ``"no_data"``, ``"stuck"`` whatever the range holds.
    archive : Future[Written], optional
        What a thread is writing.
    canceled : bool
        Whether it was canceled while active.
    foreign : bool
        Whether it was created elsewhere, so that no call can name it.
    key : str
        The secret in its address at the storage.
    stop : threading.Event
        Set when its archive is not wanted any more.
    """

    identifier: str
    after: int
    before: int
    created: float
    seconds: float
    switches: Switches
    fate: str = ""
    archive: Future[Written] | None = None
    canceled: bool = False
    foreign: bool = False
    key: str = field(default_factory=secrets.token_urlsafe, repr=False)
    stop: threading.Event = field(default_factory=threading.Event)

    def due(self, now: float) -> bool:
        """Return whether its time has passed."""
        return not self.canceled and self.fate != "stuck" and now >= self.created + self.seconds

    def status(self, now: float) -> str:
        """Return its state in the documented words."""
        if self.canceled:
            return "canceled"
        if not self.due(now):
            return "pending" if now < self.created + self.seconds / 3 else "in_progress"
        if self.fate:
            return self.fate
        if self.archive is None or not self.archive.done():
            return "in_progress"
        if self.archive.cancelled() or self.archive.exception() is not None:
            return "failed"
        return "completed" if any(self.archive.result().rows.values()) else "no_data"

    @property
    def expires(self) -> int:
        """The Unix second at which its data goes."""
        if self.switches.expiry == "one-week":
            return int(self.created) + 7 * DAY
        return int(self.created + self.seconds) + 2 * DAY

    def written(self, now: float) -> Written | None:
        """Return the archive if it can be downloaded now."""
        if self.archive is None or self.status(now) != "completed" or now > self.expires:
            return None
        return self.archive.result()


class JobBook:
    """All the jobs of a workspace, of which one may be active.

    Parameters
    ----------
    write : callable
        ``write(job) -> Written``: makes a job's archive, in a thread of its own; gives
        up soon after ``job.stop`` is set.
    """

    def __init__(self, write: Callable[[ExportJob], Written]) -> None:
        self._write = write
        self._jobs: dict[str, ExportJob] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.RLock()

    def find(self, identifier: str) -> ExportJob | None:
        """Return the job of that name, if there is one."""
        return self._jobs.get(identifier)

    def active(self, now: float) -> ExportJob | None:
        """Return the job that holds the slot, if one does."""
        with self._lock:
            jobs = list(self._jobs.values())
        return next((job for job in jobs if job.status(now) not in ENDED), None)

    def open(self, job: ExportJob) -> ExportJob:
        """Take up a job and begin its archive, unless it will have none."""
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            self._jobs[job.identifier] = job
            if not job.fate:
                job.archive = Future()
                thread = threading.Thread(
                    target=self._fill, args=(job, job.archive), name="sandbox-export", daemon=True
                )
                self._threads.append(thread)
                thread.start()
        return job

    def cancel(self, job: ExportJob, now: float) -> None:
        """Cancel a job; one that has ended stays as it is (2.17)."""
        with self._lock:
            if job.status(now) not in ENDED:
                job.canceled = True
                job.stop.set()

    def close(self) -> None:
        """Give up all archives in the making and wait for their threads."""
        with self._lock:
            jobs, threads = list(self._jobs.values()), list(self._threads)
        for job in jobs:
            job.stop.set()
        for thread in threads:
            thread.join(timeout=10)

    def _fill(self, job: ExportJob, archive: Future[Written]) -> None:
        try:
            archive.set_result(self._write(job))
        except InterruptedError as error:
            archive.set_exception(error)
        except Exception as error:
            log.exception("The sandbox could not write the archive of %s.", job.identifier)
            archive.set_exception(error)


def new_identifier() -> str:
    """Return an identifier like those of the documentation."""
    return "".join(secrets.choice(ALPHABET) for _ in range(15))


WINDOW: Final = 10
"""Seconds in which requests are counted together."""

SECRET: Final = frozenset({"authorization", "proxy-authorization", "cookie"})


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request as it came in.

    Parameters
    ----------
    method : str
        ``"GET"``, ``"POST"`` …
    path : str
        The path, with the query if there was one.
    headers : Mapping[str, str]
        Lower-case names; without the values that could hold a token.
    body : bytes
        The whole body.
    time : float
        Unix seconds, by the sandbox's clock.
    authorized : bool
        Whether an Authorization header came with it, right or wrong.
    call : str
        ``"create"``, ``"show"``, ``"cancel"``, ``"download"``, ``"me"``, ``"storage"`` (where
        redirects lead), ``"page"``, or ``"other"``.
    host : str
        The Host header: which origin the client believed it was speaking to.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    time: float
    authorized: bool
    call: str
    host: str


def without_secrets(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the headers without those that hold a secret."""
    return {name: value for name, value in headers if name.lower() not in SECRET}


class Traffic:
    """The last requests, and the count of the current window.

    Parameters
    ----------
    keep : int
        How many requests are remembered; older ones are forgotten.
    """

    def __init__(self, keep: int = 10_000) -> None:
        self._seen: deque[SeenRequest] = deque(maxlen=keep)
        self._window = 0
        self._count = 0
        self._lock = threading.Lock()

    @property
    def seen(self) -> tuple[SeenRequest, ...]:
        """The remembered requests, oldest first."""
        with self._lock:
            return tuple(self._seen)

    def record(self, request: SeenRequest) -> None:
        """Remember one request."""
        with self._lock:
            self._seen.append(request)

    def forget(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._seen.clear()

    def count(self, now: float) -> int:
        """Count one more request and return how many the current window has seen."""
        with self._lock:
            window = int(now // WINDOW)
            if window != self._window:
                self._window, self._count = window, 0
            self._count += 1
            return self._count


def window_end(now: float) -> int:
    """Return the Unix second at which the current window ends."""
    return (int(now // WINDOW) + 1) * WINDOW
