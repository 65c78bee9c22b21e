"""Downloads a job's data to a file, over broken and stalled connections.

A download is resumed where it broke off if the server can, and restarted if it can't. Its size
is bounded by what the disk can hold and by what a header or earlier exports suggest. Of what
the bytes are, only a web page is recognized.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import (
    ConnectionFailedError,
    DownloadExpiredError,
    FileError,
    NotReadyError,
    ServiceError,
    UnreadableAnswerError,
    WaitInterruptedError,
)
from intercom_export_widgets.intercom.deadline import Deadline
from intercom_export_widgets.intercom.models import JobStatus, quote_identifier
from intercom_export_widgets.intercom.partial_file import Download, Partial
from intercom_export_widgets.intercom.redact import one_line
from intercom_export_widgets.intercom.responses import Call, error_from, sentence_of
from intercom_export_widgets.intercom.retry import ATTEMPTS, TEMPORARY, delay
from intercom_export_widgets.intercom.transport import (
    Faults,
    Lost,
    Route,
    blocks,
    close,
    read_answer,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from intercom_export_widgets.errors import IntercomExportError, JobError
    from intercom_export_widgets.intercom.deadline import Limits
    from intercom_export_widgets.intercom.models import Job
    from intercom_export_widgets.intercom.transport import Endpoint, Reply

    Progress = Callable[[int, int | None], None]

__all__ = ["Download", "Downloader", "Meter", "Room"]

PROGRESS_BYTES: Final = 256 * 1024
PROGRESS_SECONDS: Final = 0.1


class Meter:
    """Tell how far a download is, at most every 256 KB or 0.1 s.

    Parameters
    ----------
    progress : callable or None
        Called with the bytes so far and the bytes in all, or None.
    now : callable
        Returns the current time in seconds.
    """

    def __init__(self, progress: Progress | None, now: Callable[[], float]) -> None:
        self._progress = progress
        self._now = now
        self._told: tuple[int, float] | None = None

    def tell(self, partial: Partial, *, always: bool = False) -> None:
        """Tell it, if it is time to, or in any case at the end."""
        if self._progress is None:
            return
        size, when = partial.size, self._now()
        if self._told is not None and not always:
            near = abs(size - self._told[0]) < PROGRESS_BYTES
            if near and 0 <= when - self._told[1] < PROGRESS_SECONDS:
                return
        self._told = size, when
        self._progress(size, partial.total)


SMALL: Final = 16_000_000
"""Bytes that a download may bring on any disk, and between two looks at the disk."""


class Room:
    """Checks the size of a download while it grows.

    Parameters
    ----------
    folder : Path
        Where it is written.
    limits : Limits
        ``free`` and ``largest`` are used.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._next_look = SMALL

    def begin(self, partial: Partial) -> None:
        """Check whether a body whose length is known fits on the disk.

        Raises
        ------
        FileError
            If it does not; nothing of it has been read.
        """
        self._next_look = partial.size + SMALL
        if partial.total is not None and partial.total > SMALL:
            self._check_disk(partial, partial.total - partial.size)

    def check(self, partial: Partial) -> None:
        """Check what has been written.

        Raises
        ------
        FileError
            If the disk is nearly full.
        UnreadableAnswerError
            If the body seems to have no end: its length was not told, and it is larger than
            any export. It is removed.
        """
        largest = self._limits.largest
        if partial.total is None and partial.size > largest:
            partial.restart("", None)
            raise UnreadableAnswerError(
                f"The download was stopped after {_size(largest)}: its length is not known, and "
                "no export is expected to be that large",
                advice="What came was removed. Check base_url and a proxy, if you use one. "
                "A larger limit: ExportSession(limits=Limits(largest=...)).",
            )
        if partial.size >= self._next_look:
            self._next_look = partial.size + SMALL
            self._check_disk(partial, 0)

    def _check_disk(self, partial: Partial, more: int) -> None:
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError:  # a file system that does not tell
            return
        if free - more >= self._limits.free:
            return
        kept = "what has been downloaded is kept"
        if not partial.validator:  # it can't be resumed
            partial.restart("", None)
            kept = "it begins from the start then"
        raise FileError(
            f"The download would leave less than {_size(self._limits.free)} free on the disk of "
            f"{self._folder}",
            advice=f"Free some space or choose another folder, then load it again; {kept}.",
        )


def _size(count: int) -> str:
    """Return a number of bytes in words, in decimal units."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"


PATIENCE: Final = 30.0
"""Seconds in which data that Intercom says it keeps may turn up at its address."""
HEADWAY: Final = 1 << 20
"""Bytes by which an attempt must get further for the failures to count from one again."""

GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
# What storage services answer for an address whose signature has run out.
LINK_GONE: Final = GONE | {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
}
CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
# A ZIP, a gzip and a CSV with a header begin with none of these.
NOT_DATA: Final = (b"<", b"{", b"[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloader:
    """One download.

    Attributes
    ----------
    endpoint : Endpoint
        The API.
    job : Job
        Whose data it is.
    meter : Meter
        Reports how far it is.
    room : Room
        Checks its size.
    trouble : callable
        Takes a sentence about each attempt that failed and is repeated.
    stop : callable
        Returns whether to stop.
    """

    endpoint: Endpoint
    job: Job
    meter: Meter
    room: Room
    trouble: Callable[[str], None]
    stop: Callable[[], bool]

    def fetch(self, path: Path) -> Download:
        """Return the job's data as a file; see `IntercomClient.download`."""
        segment = quote_identifier(self.job.job_identifier)
        own = f"{self.endpoint.base_url}/download/content/data/{segment}"
        addresses, other = [own], self.job.download_url
        if other not in {"", own} and Route(self.endpoint).allows(other):
            addresses.append(other)
        gone: JobError | None = None
        with Partial(path, self.job.job_identifier) as partial:
            for address in addresses:
                before = partial.size
                try:
                    self._run(address, partial, PATIENCE if address == own else 0.0)
                except DownloadExpiredError as error:
                    gone = gone or error
                except ServiceError:
                    # A download_url out of reach says less than the API's own 404 did.
                    if gone is None or partial.size != before:
                        raise
                    break
                else:
                    self.meter.tell(partial, always=True)
                    return partial.finish()
            else:
                partial.discard()
        raise gone or DownloadExpiredError("There is no address to ask.")

    def _run(self, address: str, partial: Partial, patience: float) -> None:
        """Request an address until all of its data has come.

        A long download may break more often than a small request may fail: while each
        attempt gets at least 1 MiB further than any before it, they don't add up. Data
        that is not there yet is waited for in seconds, as long as ``patience`` lasts.
        """
        failures, absences, furthest = 0, 0, partial.size
        while (fault := self._attempt(address, partial, patience)) is not None:
            self._check_stop()
            if isinstance(fault, DownloadExpiredError):
                self.trouble("Intercom does not send the data yet, trying again.")
                absences += 1
                pause = min(patience, delay(fault, absences, self.endpoint.now()))
                patience -= pause
            else:
                if partial.size - furthest >= HEADWAY:
                    failures = 0
                furthest = max(furthest, partial.size)
                failures += 1
                if failures >= ATTEMPTS:
                    raise fault
                what = fault.message.partition(":")[0].rstrip(".")
                self.trouble(f"{what}, trying again, attempt {failures + 1} of {ATTEMPTS}.")
                pause = delay(fault, failures, self.endpoint.now())
            self.endpoint.rest(pause)
            self._check_stop()

    def _attempt(
        self, address: str, partial: Partial, patience: float
    ) -> IntercomExportError | None:
        """Request it once; return a fault that another attempt may cure, or None if whole."""
        extra = {}
        if partial.size and partial.validator:
            # RFC 9110, 13.1.5: the rest, if the data is still the same, else all of it.
            extra = {"Range": f"bytes={partial.size}-", "If-Range": partial.validator}
        reply = Route(self.endpoint).open(address, extra, self._deadline(self._limits.request))
        if isinstance(reply, Lost):
            return reply.error("The download broke off")
        with contextlib.ExitStack() as stack:
            stack.callback(close, reply.response)
            status = reply.response.status_code
            if status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
                return self._save(reply.response, partial)
            if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and extra:
                partial.restart("", None)
                return UnreadableAnswerError("The server no longer has what was half downloaded.")
            return self._refusal(reply, patience)

    def _save(self, response: httpx.Response, partial: Partial) -> IntercomExportError | None:
        """Write what comes; return a fault that another attempt may cure, or None."""
        hide, stall = self.endpoint.token.hide_in, self._deadline(self._limits.stall)
        faults = Faults(hide, stall)
        stream = blocks(response, faults)
        first = next(stream, b"")
        if response.status_code == HTTPStatus.PARTIAL_CONTENT:
            if not _continues(response, partial, hide):
                partial.restart("", None)
                return UnreadableAnswerError("The server sent another part than was asked for.")
        elif first.lstrip()[:1] in NOT_DATA:
            return UnreadableAnswerError(
                f"The answer (HTTP {response.status_code}) is a page or a message "
                "in place of the data."
            )
        else:
            partial.restart(_validator(response, hide), _length(response))
        self.room.begin(partial)
        enough, came = self._limits.stall * self._limits.slowest, 0
        block: bytes | None = first
        while block:
            partial.write(block)
            self.meter.tell(partial)
            self._check_stop()
            self.room.check(partial)
            came += len(block)
            if came >= enough:
                stall.renew()
                came = 0
            if stall.passed and partial.size != partial.total:
                break
            block = next(stream, None)
        cut = block is not None or faults.lost is not None
        if stall.passed and cut:
            return ConnectionFailedError(
                f"The download stalled: less than {self._limits.slowest / 1000:g} kB/s for "
                f"{self._limits.stall:g} s."
            )
        return _shortfall(partial, faults)

    @property
    def _limits(self) -> Limits:
        return self.endpoint.limits

    def _deadline(self, seconds: float) -> Deadline:
        return Deadline(self.endpoint.monotonic, seconds)

    def _refusal(self, reply: Reply, patience: float) -> IntercomExportError:
        """Return a fault that another attempt may cure; raise any other.

        Another host was sent no token: its 401 or 403 says that the address has run
        out, and nothing about the token.
        """
        endpoint = self.endpoint
        answer = read_answer(reply.response, endpoint.token, self._deadline(self._limits.request))
        status, identifier = answer.status, self.job.job_identifier
        if status in (GONE if reply.own else LINK_GONE):
            said = sentence_of(answer)
            if self.job.status in {JobStatus.PENDING, JobStatus.IN_PROGRESS}:
                said = f"The job {self._name} has no data yet: {said}"
                raise NotReadyError(said, job_identifier=identifier)
            expired = DownloadExpiredError(said, job_identifier=identifier)
            if patience > 0 and reply.direct and self._should_be_there(status):
                return expired
            raise expired
        error = error_from(answer, Call.DOWNLOAD, job_identifier=identifier, now=endpoint.now())
        if answer.is_redirect or not isinstance(error, TEMPORARY):
            raise error
        return error

    def _should_be_there(self, status: int) -> bool:
        """Return whether a 404 contradicts the job, which says until when it has data."""
        until = self.job.download_expires_at
        missing = status == HTTPStatus.NOT_FOUND
        return missing and until is not None and until > self.endpoint.now()

    @property
    def _name(self) -> str:
        return one_line(self.job.job_identifier)

    def _check_stop(self) -> None:
        if self.stop():
            raise WaitInterruptedError(
                f"The download of job {self._name} was stopped.",
                job_identifier=self.job.job_identifier,
                advice=f"Take it up again: %intercom_export attach {self._name} --wait.",
            )


def _continues(response: httpx.Response, partial: Partial, hide: Callable[[str], str]) -> bool:
    """Return whether a 206 goes on exactly where the file ends, with the same data."""
    found = CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    if found is None or int(found[1]) != partial.size or not partial.size:
        return False
    validator = _validator(response, hide)
    if validator and validator != partial.validator:
        return False
    if found[3] != "*":
        total = int(found[3])
        if partial.total not in {None, total}:
            return False
        partial.total = total
    return True


def _shortfall(partial: Partial, faults: Faults) -> IntercomExportError | None:
    """Return the fault if not all of the data has come, else None."""
    if faults.lost is not None:
        return faults.lost.error("The download broke off")
    if partial.total is not None and partial.size != partial.total:
        return ConnectionFailedError(
            f"The download ended after {partial.size} of {partial.total} bytes."
        )
    return None if partial.size else UnreadableAnswerError("The answer has no data.")


def _validator(response: httpx.Response, hide: Callable[[str], str]) -> str:
    """Return what marks this very data: a strong ``ETag``, else ``Last-Modified``.

    RFC 9110, 13.1.5: a weak one must not be used to go on with. One that repeats the
    token would be written beside the file, so it is none.
    """
    tag = response.headers.get("etag", "")
    strong = tag.startswith('"') and tag.isascii() and tag.isprintable()
    validator = str(tag if strong else response.headers.get("last-modified", ""))
    return validator if hide(validator) == validator else ""


def _length(response: httpx.Response) -> int | None:
    text = response.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None
