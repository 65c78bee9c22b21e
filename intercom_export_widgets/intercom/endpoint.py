"""The API's address, and all that it takes to ask it something.

One question, asked once or as often as is safe. It attaches the token, the version
and the headers; what is asked is `client`'s affair, what the answer means `answers`'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from intercom_export_widgets.errors import ServiceError
from intercom_export_widgets.intercom.bodies import ANSWER_SECONDS, Deadline, read_answer
from intercom_export_widgets.intercom.retries import ATTEMPTS, TEMPORARY, delay
from intercom_export_widgets.intercom.wire import Lost, request, send

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from intercom_export_widgets.errors import IntercomExportError
    from intercom_export_widgets.intercom.answers import Answer
    from intercom_export_widgets.intercom.credentials import Token

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
    pause, now, monotonic : callable
        Wait some seconds; return the current time in Unix seconds; return seconds that
        never go back.
    """

    http: httpx.Client
    auth: httpx.Auth
    token: Token
    base_url: str
    version: str
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
        """Ask once, and return the answer or how it was lost."""
        headers = self.headers()
        if body is not None:
            headers["Content-Type"] = "application/json"
        asked = request(method, self.base_url + path, headers, body, timeout=timeout)
        deadline = self.deadline(timeout)
        response = send(self.http, asked, self.auth, self.token)
        if isinstance(response, Lost):
            return response
        return read_answer(response, self.token, deadline)

    def deadline(self, timeout: float | None = None) -> Deadline:
        """Return when an answer to what is asked now must have come, as a whole."""
        return Deadline(self.monotonic, min(ANSWER_SECONDS, timeout or ANSWER_SECONDS))

    def ask(
        self,
        method: str,
        path: str,
        read: Callable[[Answer], T],
        *,
        attempts: int = ATTEMPTS,
        timeout: float | None = None,
    ) -> T:
        """Ask until there is an answer that another try would not better.

        Parameters
        ----------
        method, path : str
            The question, which must be safe to ask again.
        read : callable
            Makes a value of an answer, or raises what it means.
        attempts : int
            How often at most, at least once.
        timeout : float, optional
            Seconds in which each attempt must connect, and be answered, if fewer than
            the usual ones.

        Raises
        ------
        IntercomExportError
            What ``read`` raised: at once, or for the last of the attempts if another
            try might have cured it. A redirect is not tried again.
        """
        fault: IntercomExportError = ServiceError("Nothing was asked.")
        for attempt in range(1, attempts + 1):
            answer = self.once(method, path, timeout=timeout)
            if isinstance(answer, Lost):
                fault = answer.error()
            else:
                try:
                    return read(answer)
                except TEMPORARY as error:
                    fault = error
                if answer.is_redirect:
                    break
            if attempt < attempts:
                self.pause(delay(fault, attempt, self.now()))
        raise fault
