"""Sends one request, and returns its answer or how it was lost.

The only place that calls the HTTP library. It follows no redirect, sends nothing twice, and
attaches the token at the last moment, to one origin only. No exception of the library leaves
it: the locals of their frames hold headers.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import httpx

from intercom_export_widgets.errors import ConnectionFailedError
from intercom_export_widgets.intercom.deadline import applied
from intercom_export_widgets.intercom.words import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from intercom_export_widgets.intercom.credentials import Token
    from intercom_export_widgets.intercom.deadline import Deadline
    from intercom_export_widgets.intercom.limits import Limits

__all__ = [
    "Faults",
    "Lost",
    "Origin",
    "TokenAuth",
    "blocks",
    "close",
    "origin_of",
    "request",
    "send",
]

Origin = tuple[str, str, int | None]

UNSENT_FAULTS: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
LONGEST_REASON: Final = 200
DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer came, or it broke off before its status.

    Attributes
    ----------
    reason : str
        Why, on one line.
    sent : bool
        Whether a part of the request may have reached the server.
    """

    reason: str
    sent: bool

    def error(self, said: str = "No answer came") -> ConnectionFailedError:
        """Return it as an error, which says first what it means."""
        return ConnectionFailedError(f"{said}: {self.reason}.")


class TokenAuth(httpx.Auth):
    """Attach the token, if the request goes to its own origin.

    Parameters
    ----------
    token : Token
        The token.
    origin : Origin
        Scheme, host and port of the API: the one place that may see it.
    """

    def __init__(self, token: Token, origin: Origin) -> None:
        self._token = token
        self._origin = origin

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request, with the token where it belongs and without elsewhere."""
        request.headers.pop("authorization", None)
        if origin_of(request.url) == self._origin:
            request.headers["authorization"] = f"Bearer {self._token.reveal()}"
        try:
            yield request
        finally:
            request.headers.pop("authorization", None)


def origin_of(url: httpx.URL) -> Origin:
    """Return the scheme, host and port of an address."""
    return url.scheme, url.host.lower(), url.port or DEFAULT_PORTS.get(url.scheme)


def request(
    method: str,
    url: str | httpx.URL,
    headers: Mapping[str, str],
    content: bytes | None = None,
    *,
    limits: Limits,
) -> httpx.Request:
    """Return a request with these headers and no others.

    It is built without the client, whose cookies and default headers may be meant for
    another host.
    """
    # Of a client that was passed in, these are the only limits: between two bytes each.
    waits = {
        "connect": min(limits.connect, limits.request),
        "read": limits.request,
        "write": limits.request,
        "pool": limits.request,
    }
    return httpx.Request(
        method, url, headers=headers, content=content, extensions={"timeout": waits}
    )


class Faults:
    """Catch whatever the HTTP library raises in a ``with`` block, to be read after it.

    Only after the block, when none of its exceptions is being handled any more, does
    a new exception have no ``__context__``, and with it no frames of the library: a
    verbose traceback prints their locals, and among them the header with the token.

    Parameters
    ----------
    hide : callable
        Takes the token out of what the library says, should a server have repeated it.
    deadline : Deadline
        When what happens in the block must have ended.

    Attributes
    ----------
    lost : Lost or None
        What was caught.
    """

    def __init__(self, hide: Callable[[str], str], deadline: Deadline) -> None:
        self._hide = hide
        self._deadline = deadline
        self.lost: Lost | None = None
        self._interrupted = False

    def __enter__(self) -> Self:
        """Begin to catch, and apply the deadline."""
        self._applied = applied(self._deadline)
        self._applied.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> bool:
        """Keep the meaning of a fault, and swallow it."""
        self._applied.__exit__(None, None, None)
        # Also what is no httpx.HTTPError: the library lets an OSError of the system, a
        # ValueError about a header and an AssertionError about a SOCKS proxy through.
        if isinstance(error, Exception):
            self.lost = Lost(_reason(error, self._hide), sent=not isinstance(error, UNSENT_FAULTS))
            return True
        self._interrupted = isinstance(error, KeyboardInterrupt)
        return self._interrupted

    def settle(self) -> None:
        """Raise an interrupt anew that came during the block."""
        if self._interrupted:
            raise KeyboardInterrupt


def send(
    http: httpx.Client, asked: httpx.Request, auth: httpx.Auth, token: Token, deadline: Deadline
) -> httpx.Response | Lost:
    """Send a request once, and return its answer with the body yet to come, or its loss."""
    faults = Faults(token.hide_in, deadline)
    response = None
    with faults:
        response = http.send(asked, auth=auth, stream=True, follow_redirects=False)
    faults.settle()
    return response or faults.lost or Lost("the request ended in nothing", sent=True)


def blocks(response: httpx.Response, faults: Faults) -> Iterator[bytes]:
    """Yield the raw bytes of an answer as they come, ending early at a fault.

    Without a size of one's own: gathering them costs httpx half of its speed. What
    the caller does with a block, and raises over it, happens outside of ``faults``.
    """
    stream = response.iter_raw()
    while True:
        block = None
        with faults:
            block = next(stream, None)
        faults.settle()
        if block is None:
            return
        yield block


def close(response: httpx.Response) -> None:
    """Close an answer whose body is not wanted; a connection that breaks is no matter."""
    with contextlib.suppress(httpx.HTTPError, httpx.StreamError, OSError, RuntimeError):
        response.close()


def _reason(error: Exception, hide: Callable[[str], str]) -> str:
    """Return a library's exception in words, on one line, without the token."""
    words = one_line(str(error), hide, LONGEST_REASON).rstrip(".")
    kind = type(error).__name__
    return f"{words} ({kind})" if words else kind
