"""The client of Intercom's content data export: five calls, each one method.

A `Timeframe` becomes a `Job`, a `Job` a file. This module decides what is requested, and
what may be requested again; its time is injected.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import httpx

from intercom_export_widgets.errors import SubmissionUnknownError, forgetting_locals
from intercom_export_widgets.intercom.deadline import Limits, stop_of_thread
from intercom_export_widgets.intercom.download import Download, Downloader, Meter, Room
from intercom_export_widgets.intercom.hosts import (
    REGIONS,
    check_base_url,
    is_loopback,
    region_url,
)
from intercom_export_widgets.intercom.models import Workspace, quote_identifier
from intercom_export_widgets.intercom.proxies import new_http
from intercom_export_widgets.intercom.redact import hide_in_logs
from intercom_export_widgets.intercom.responses import Call, read_job, read_object, read_submission
from intercom_export_widgets.intercom.retry import ATTEMPTS, seconds_ahead
from intercom_export_widgets.intercom.transport import VERSION, Endpoint, Lost, TokenAuth, origin_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from intercom_export_widgets.intercom.credentials import Token
    from intercom_export_widgets.intercom.models import Job
    from intercom_export_widgets.intercom.responses import Answer
    from intercom_export_widgets.intercom.timeframe import Timeframe

__all__ = ["REGIONS", "VERSION", "Download", "IntercomClient", "Workspace", "check_base_url"]


class IntercomClient:
    """Intercom's export API in one region, for one token.

    It can be shared between threads. `refresh`, `cancel`, `download` and `identify` are
    safe to repeat: up to five attempts, with growing pauses and as the server hints. A
    submission is sent exactly once. Every request ends within ``limits.request``.

    Parameters
    ----------
    token : Token
        The access token. It goes to the API's origin and nowhere else.
    region : str
        ``"us"``, ``"eu"`` or ``"au"``.
    base_url : str, optional
        Another address of the API: https on a host of Intercom's, or this machine.
    http : httpx.Client, optional
        To be used in place of a new one, and then not closed with this. Its sockets don't
        know ``limits``: a header that never ends has no time limit then.
    pause : callable
        Waits some seconds.
    now, monotonic : callable
        Return the current time in Unix seconds, and seconds that never go back.
    version : str
        The ``Intercom-Version``.
    limits : Limits, optional
        How long a request may take, and how much a download may bring.

    Raises
    ------
    SettingError
        If the region or the base_url can't be used.
    ConnectionFailedError
        If the environment names a proxy or certificates that can't be used.
    PackageMissingError
        If it names a SOCKS proxy, and the package ``socksio`` is not installed.
    """

    def __init__(
        self,
        token: Token,
        *,
        region: str = "us",
        base_url: str | None = None,
        http: httpx.Client | None = None,
        pause: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        version: str = VERSION,
        limits: Limits | None = None,
    ) -> None:
        hide_in_logs(token)
        self._region = region.strip().lower()
        self._base_url = check_base_url(base_url or region_url(region))
        self._now = now
        url = httpx.URL(self._base_url)
        self._loopback = is_loopback(url.host)
        self._owned = http is None
        self._endpoint = Endpoint(
            http=http or new_http(url.host),
            auth=TokenAuth(token, origin_of(url)),
            token=token,
            base_url=self._base_url,
            version=version,
            limits=limits or Limits(),
            pause=pause,
            now=now,
            monotonic=monotonic,
        )

    @property
    def base_url(self) -> str:
        """The address of the API, without a trailing slash."""
        return self._base_url

    @property
    def region(self) -> str:
        """The region, as given; ``base_url`` wins over it."""
        return self._region

    @property
    def limits(self) -> Limits:
        """How long a request may take, and how much a download may bring."""
        return self._endpoint.limits

    def __repr__(self) -> str:
        """Return the address, without the token."""
        return f"{type(self).__name__}(base_url={self._base_url!r})"

    def __enter__(self) -> Self:
        """Return the client, to be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the client."""
        self.close()

    def close(self) -> None:
        """Close the connections, unless the HTTP client was given. Again is harmless."""
        if self._owned:
            self._endpoint.http.close()

    def submit(self, timeframe: Timeframe) -> Job:
        """Begin an export of a range, by one POST that is never sent again.

        ``POST /export/content/data``. "The only parameters you need to provide are the
        range of dates that you want exported." (Creating an export job.)

        Parameters
        ----------
        timeframe : Timeframe
            The range; its two numbers go out as they are.

        Returns
        -------
        Job
            With its identifier, which nothing else will ever tell: write it down.

        Raises
        ------
        JobLockedError
            "You can only have one active job per workspace."
        ThrottledError
            Too many requests; nothing began.
        RequestRefusedError
            The API refused the range; ``field`` names the picker, if it can be told.
        TokenRejectedError, AccessDeniedError
            The token is wrong, or may not export.
        ConnectionFailedError
            No connection came about: nothing was submitted.
        ServerFaultError
            A redirect, which is not followed: nothing was submitted.
        SubmissionUnknownError
            The answer was lost, or has no identifier: a job may exist all the same.
        """
        body = {
            "created_at_after": timeframe.created_at_after,
            "created_at_before": timeframe.request_end,
        }
        answer = self._endpoint.once("POST", "/export/content/data", json.dumps(body).encode())
        if isinstance(answer, Lost):
            if answer.sent:
                raise SubmissionUnknownError(
                    f"The answer to the submission was lost: {answer.reason}."
                )
            raise answer.error("Nothing was submitted")
        return read_submission(answer, self._now())

    def refresh(
        self, job_identifier: str, *, attempts: int = ATTEMPTS, timeout: float | None = None
    ) -> Job:
        """Return a job as it is now: ``GET /export/content/data/{job_identifier}``.

        A 504 that carries the job, "with status: failed", is an answer, not a fault.

        Parameters
        ----------
        job_identifier : str
            The job.
        attempts : int
            How often it is asked at most.
        timeout : float, optional
            Seconds for each attempt, if fewer than the usual ones.

        Raises
        ------
        InputError
            If it is no identifier; nothing is sent.
        JobNotFoundError
            "Export job not found for identifier".
        AccessError, RateLimitError, ServiceError, RequestRefusedError
            As the API answered, after the attempts that are safe.
        """
        path = f"/export/content/data/{quote_identifier(job_identifier)}"
        return self._endpoint.ask(
            "GET",
            path,
            lambda answer: read_job(answer, job_identifier, self._now()),
            attempts=attempts,
            timeout=timeout,
        )

    def cancel(self, job_identifier: str) -> Job:
        """Cancel a job, and return it: ``POST /export/cancel/{job_identifier}``.

        "Cancelling a finished job returns it unchanged" (2.17), so that it may be asked
        again, unlike a submission.

        Raises
        ------
        IntercomExportError
            As in `refresh`.
        """
        path = f"/export/cancel/{quote_identifier(job_identifier)}"
        return self._endpoint.ask(
            "POST", path, lambda answer: read_job(answer, job_identifier, self._now(), Call.CANCEL)
        )

    def identify(self, attempts: int = ATTEMPTS, timeout: float | None = None) -> Workspace:
        """Return the workspace that the token belongs to: ``GET /me``.

        Parameters
        ----------
        attempts, timeout : int, float
            As in `refresh`.

        Raises
        ------
        AccessError, RateLimitError, ServiceError, RequestRefusedError
            As the API answered, after the attempts that are safe.
        """

        def read(answer: Answer) -> Workspace:
            now = self._now()
            found, ahead = read_object(answer, now), seconds_ahead(answer.headers, now)
            return Workspace.from_json(
                found, loopback=self._loopback, hide=answer.hide, ahead=ahead
            )

        return self._endpoint.ask("GET", "/me", read, attempts=attempts, timeout=timeout)

    def download(
        self,
        job: Job,
        path: Path,
        *,
        progress: Callable[[int, int | None], None] | None = None,
        trouble: Callable[[str], None] | None = None,
        stop: Callable[[], bool] | None = None,
        largest: int | None = None,
    ) -> Download:
        """Download a job's data to a file, in bounded memory.

        ``GET /download/content/data/{job_identifier}``; if that is gone, the job's
        ``download_url``. It goes to ``<path>.part`` first, and becomes ``path`` when it is
        whole. A connection that breaks or stalls (see `Limits`) is resumed, if the server
        can, up to five attempts; so is a ``.part`` of an earlier call.

        Parameters
        ----------
        job : Job
            The job.
        path : Path
            Where the data goes; its folder is made if it is not there.
        progress : callable, optional
            Called with the bytes so far and the bytes in all (or None), at most every
            256 KB or 0.1 s. The first may shrink, when the download is restarted.
        trouble : callable, optional
            Called with a sentence when an attempt has failed and is repeated.
        stop : callable, optional
            Called between blocks; once true, the download ends and keeps its ``.part``.
        largest : int, optional
            Bytes at which a body without a length is taken for endless, if more than
            ``limits.largest``.

        Raises
        ------
        DownloadExpiredError
            The API no longer has the data; half a minute's patience if it says it does.
        NotReadyError
            The API has no data, and the job has not ended yet.
        WaitInterruptedError
            ``stop`` returned true.
        FileError
            The disk refused, or would have less than ``limits.free`` left.
        UnreadableAnswerError
            The body is no data, or larger than ``largest`` without a length.
        AccessError, RateLimitError, ServiceError, RequestRefusedError
            As the API answered, after the attempts that are safe.
        """
        limits = self.limits
        loader = Downloader(
            endpoint=self._endpoint,
            job=job,
            meter=Meter(progress, self._now),
            room=Room(path.parent, replace(limits, largest=max(limits.largest, largest or 0))),
            trouble=trouble or (lambda _: None),
            stop=stop or stop_of_thread(),
        )
        with forgetting_locals():  # they are blocks of the archive
            return loader.fetch(path)
