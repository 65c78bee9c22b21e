"""Sends requests: authentication for one origin, bounded bodies, redirects, network errors.

The only file that calls the HTTP library. It follows no redirect by itself, sends nothing twice
unless that is safe, and attaches the token at the last moment, to one origin only: once a chain
of redirects has left that origin, the token is never sent again. Nothing goes over plain http,
except on this machine. No exception of the library leaves this file: the locals of their frames
hold headers.
"""

from __future__ import annotations

import contextlib
import re
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self, TypeVar

import httpx

from intercom_export_widgets.errors import (
    ConnectionFailedError,
    ServerFaultError,
    ServiceError,
    WaitInterruptedError,
)
from intercom_export_widgets.intercom.credentials import MASK
from intercom_export_widgets.intercom.deadline import TICK, Deadline, applied, never, stop_of_thread
from intercom_export_widgets.intercom.hosts import is_loopback
from intercom_export_widgets.intercom.redact import one_line
from intercom_export_widgets.intercom.responses import LONGEST_BODY, Answer
from intercom_export_widgets.intercom.retry import ATTEMPTS, TEMPORARY, delay

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from intercom_export_widgets.errors import IntercomExportError
    from intercom_export_widgets.intercom.credentials import Token
    from intercom_export_widgets.intercom.deadline import Limits

__all__ = [
    "VERSION",
    "Endpoint",
    "Faults",
    "Lost",
    "Origin",
    "Reply",
    "Route",
    "TokenAuth",
    "blocks",
    "close",
    "origin_of",
    "read_answer",
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
        """Raise again an interrupt that came during the block."""
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


GZIP_MAGIC: Final = b"\x1f\x8b"
GZIP_WBITS: Final = 31
INFLATED_AT_ONCE: Final = 1024


def read_answer(response: httpx.Response, token: Token, deadline: Deadline) -> Answer:
    """Read an answer up to a bound, until a deadline, and close it.

    If the body breaks off, or does not end in time, what came of it is kept: it may
    name a job.
    """
    faults = Faults(token.hide_in, deadline)
    body, broken = bytearray(), ""
    try:
        for block in blocks(response, faults):
            body += block[: LONGEST_BODY - len(body)]
            if len(body) >= LONGEST_BODY:
                break
            if broken := deadline.reason:
                break
    finally:
        close(response)
    if faults.lost is not None:
        broken = faults.lost.reason
    headers = {name: token.hide_in(text) for name, text in response.headers.items()}
    plain = _without(token, _plain(bytes(body)))
    return Answer(response.status_code, headers, plain, broken, token.hide_in)


def _without(token: Token, body: bytes) -> bytes:
    """Return a body without the token, whatever its bytes are.

    A verbose traceback prints the locals of those who read it.
    """
    text = body.decode("utf-8", "surrogateescape")
    return token.hide_in(text).encode("utf-8", "surrogateescape")


def _plain(body: bytes) -> bytes:
    """Return the bytes of a body, inflated up to the bound if they are gzip.

    No encoding was asked for (``Accept-Encoding: identity``): a ``Content-Encoding``
    that comes all the same is as often wrong as right, so the bytes themselves decide.
    """
    if not body.startswith(GZIP_MAGIC):
        return body
    inflater, plain = zlib.decompressobj(GZIP_WBITS), bytearray()
    with contextlib.suppress(zlib.error):  # what came before the damage is kept
        for start in range(0, len(body), INFLATED_AT_ONCE):
            piece = body[start : start + INFLATED_AT_ONCE]
            plain += inflater.decompress(piece, LONGEST_BODY - len(plain) or 1)
            if inflater.unconsumed_tail or inflater.eof:
                break
    return bytes(plain[:LONGEST_BODY])


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


MOST_REDIRECTS: Final = 5
LONGEST_HOST: Final = 80
HOST: Final = re.compile(rb"[A-Za-z0-9._:-]+")
MOVED: Final = frozenset({301, 302, 303, 307, 308})
FOREIGN_HEADERS: Final = {"Accept": "application/octet-stream", "Accept-Encoding": "identity"}
NO_AUTH: Final = httpx.Auth()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose body is yet to come.

    Attributes
    ----------
    response : httpx.Response
        To be closed by whoever asked.
    own : bool
        Whether the API itself answered, and not another host.
    direct : bool
        Whether it came without a redirect.
    """

    response: httpx.Response
    own: bool
    direct: bool


@dataclass(frozen=True, slots=True)
class Route:
    """The way from an address to the bytes behind it.

    Attributes
    ----------
    endpoint : Endpoint
        The API.
    """

    endpoint: Endpoint

    def allows(self, address: str) -> bool:
        """Return whether an address that the API gave may be asked at all."""
        try:
            self._joined(httpx.URL(self.endpoint.base_url), address)
        except ServerFaultError:
            return False
        return True

    def open(self, address: str, extra: Mapping[str, str], deadline: Deadline) -> Reply | Lost:
        """Request an address, and those that it redirects to, at most five.

        Parameters
        ----------
        address : str
            Where to ask first: the API's own address, or a ``download_url``.
        extra : mapping
            Headers that go to every host on the way.
        deadline : Deadline
            When the headers of the last answer must have come.

        Raises
        ------
        ServerFaultError
            If an address on the way is one that must not be asked.
        """
        base = httpx.URL(self.endpoint.base_url)
        url, own = self._joined(base, address), True
        http, auth, token = self.endpoint.http, self.endpoint.auth, self.endpoint.token
        for moves in range(MOST_REDIRECTS + 1):
            own = own and origin_of(url) == origin_of(base)
            headers = {**(self.endpoint.headers() if own else {}), **FOREIGN_HEADERS, **extra}
            asked = request("GET", url, headers, limits=self.endpoint.limits)
            response = send(http, asked, auth if own else NO_AUTH, token, deadline)
            if isinstance(response, Lost):
                return response
            location = token.hide_in(response.headers.get("location", ""))
            if response.status_code not in MOVED or not location:
                return Reply(response, own, direct=not moves)
            close(response)
            url = self._joined(url, location)
        raise ServerFaultError(f"The download was redirected more than {MOST_REDIRECTS} times.")

    def _joined(self, base: httpx.URL, address: str) -> httpx.URL:
        """Return an address, relative to another or not, if it may be asked."""
        url = None
        if MASK in address:
            raise ServerFaultError(
                "The download was redirected to an address with the token in it."
            )
        with contextlib.suppress(httpx.InvalidURL, ValueError):
            url = base.join(address)
        if url is None or not HOST.fullmatch(url.raw_host) or url.userinfo:
            raise ServerFaultError("The download was redirected to what is no plain address.")
        local = is_loopback(url.host)
        from_here = is_loopback(httpx.URL(self.endpoint.base_url).host)
        # Nobody but the sandbox, on this machine, may point at this machine.
        if local and from_here and url.scheme in {"http", "https"}:
            return url
        if url.scheme != "https" or local:
            host = one_line(url.host, self.endpoint.token.hide_in, LONGEST_HOST)
            raise ServerFaultError(
                f"The download was redirected to {url.scheme}://{host}, "
                "which is not asked: only https addresses of other machines are."
            )
        return url
