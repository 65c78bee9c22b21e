"""The API's address, and sending it a request, once or as often as is safe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from intercom_export_widgets.errors import ServiceError, WaitInterruptedError
from intercom_export_widgets.intercom.bodies import read_answer
from intercom_export_widgets.intercom.deadline import TICK, Deadline, never, stop_of_thread
from intercom_export_widgets.intercom.retries import ATTEMPTS, TEMPORARY, delay
from intercom_export_widgets.intercom.wire import Lost, request, send

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from intercom_export_widgets.errors import IntercomExportError
    from intercom_export_widgets.intercom.answers import Answer
    from intercom_export_widgets.intercom.credentials import Token
    from intercom_export_widgets.intercom.limits import Limits

__all__ = ["VERSION", "Endpoint"]

VERSION: Final = "2.14"
"""The ``Intercom-Version`` sent: with none, the workspace's own default answers, which
may not know these calls (400 ``intercom_version_invalid``)."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the API is and how it is spoken to.

    Attributes
    ----------
    http : httpx.Client
        Sends requests.
    auth : httpx.Auth
        Attaches the token, to the API's origin.
    token : Token
        To be taken out of what a server says.
    base_url : str
        The API's address, without a trailing slash.
    version : str
        The ``Intercom-Version`` of every request.
    limits : Limits
        How long a request may take.
    pause, now, monotonic : callable
        Wait some seconds; return the current time in Unix seconds; return seconds that
        never go back.
    """

    http: httpx.Client
    auth: httpx.Auth
    token: Token
    base_url: str
    version: str
    limits: Limits
    pause: Callable[[float], None]
    now: Callable[[], float]
    monotonic: Callable[[], float]

    def headers(self) -> dict[str, str]:
        """Return the headers of every request to the API."""
        return {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Intercom-Version": self.version,
            "User-Agent": "intercom-export-widgets",
        }

    def once(
        self, method: str, path: str, body: bytes | None = None, *, timeout: float | None = None
    ) -> Answer | Lost:
        """Send a request once, and return the answer or how it was lost.

        One with a ``body`` is a submission, and is not interrupted.
        """
        headers = self.headers()
        if body is not None:
            headers["Content-Type"] = "application/json"
        limits = self._limits(timeout)
        asked = request(method, self.base_url + path, headers, body, limits=limits)
        stopped = None if body is None else never
        deadline = Deadline(self.monotonic, limits.request, stopped)
        response = send(self.http, asked, self.auth, self.token, deadline)
        if isinstance(response, Lost):
            return response
        return read_answer(response, self.token, deadline)

    def _limits(self, timeout: float | None) -> Limits:
        if timeout is None or timeout >= self.limits.request:
            return self.limits
        return replace(self.limits, request=timeout)

    def rest(self, seconds: float) -> None:
        """Pause before another attempt, until the export is stopped at most."""
        stopped = stop_of_thread()
        step = seconds if stopped is never else TICK
        while seconds > 0 and not stopped():
            self.pause(min(step, seconds))
            seconds -= step

    def ask(
        self,
        method: str,
        path: str,
        read: Callable[[Answer], T],
        *,
        attempts: int = ATTEMPTS,
        timeout: float | None = None,
    ) -> T:
        """Send a request until there is an answer that another attempt would not better.

        No further attempt follows once the attempts together have taken as long as a single
        request may take; the pauses between them don't count.

        Parameters
        ----------
        method, path : str
            The request, which must be safe to send again.
        read : callable
            Makes a value of an answer, or raises what it means.
        attempts : int
            How many at most, at least one.
        timeout : float, optional
            Seconds that one attempt may take, if fewer than ``limits.request``.

        Raises
        ------
        WaitInterruptedError
            If the export that it is for is no longer followed.
        IntercomExportError
            What ``read`` raised: at once, or for the last of the attempts if another
            attempt might have cured it. A redirect is not tried again.
        """
        fault: IntercomExportError = ServiceError("Nothing was sent.")
        budget = self._limits(timeout).request
        for attempt in range(1, attempts + 1):
            began = self.monotonic()
            answer = self.once(method, path, timeout=timeout)
            budget -= self.monotonic() - began
            if isinstance(answer, Lost):
                fault = answer.error()
            else:
                try:
                    return read(answer)
                except TEMPORARY as error:
                    fault = error
                if answer.is_redirect:
                    break
            if stop_of_thread()():
                raise WaitInterruptedError("The request was stopped.")
            if attempt == attempts or budget <= 0:
                break
            self.rest(delay(fault, attempt, self.now()))
        raise fault
