"""The hands of the client: one request out, one answer or its loss back.

The only place that calls the HTTP library, with `route`. It follows no redirect,
asks nothing twice, and attaches the token at the last moment, to one origin only.
Exceptions of the library don't leave it: the locals of their frames hold headers.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import httpx

from intercom_export_widgets.errors import ConnectionFailedError
from intercom_export_widgets.intercom.hosts import is_loopback
from intercom_export_widgets.intercom.words import one_line

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Generator, Iterator, Mapping

    from intercom_export_widgets.intercom.credentials import Token

__all__ = [
    "Faults",
    "Lost",
    "Origin",
    "TokenAuth",
    "blocks",
    "close",
    "new_http",
    "origin_of",
    "request",
    "send",
]

Origin = tuple[str, str, int | None]

TIMEOUT: Final = httpx.Timeout(connect=10.0, read=60.0, write=30.0, pool=10.0)
"""Seconds to connect, between two reads, between two writes, for a free connection."""

LIBRARY_FAULTS: Final = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    RuntimeError,  # a client that another thread has closed
    OSError,
    ValueError,  # header lines and names of hosts that can't be encoded
)
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


@functools.cache
def _tls_context(cert_file: str | None, cert_dir: str | None) -> ssl.SSLContext:  # noqa: ARG001 - the cache's key; httpx reads both variables itself
    """Return the TLS settings for these variables: reading all authorities takes 40 ms."""
    return httpx.create_ssl_context()


def new_http(host: str) -> httpx.Client:
    """Return an HTTP client that uses the environment's proxies, but not for loopback.

    httpx (0.28) reads ``HTTP_PROXY`` and its like by itself, but ``.netrc`` only where a
    `httpx.NetRCAuth` asks for it, so no other password is added.

    Parameters
    ----------
    host : str
        Host of the API, which is reached directly if it is loopback.

    Raises
    ------
    ConnectionFailedError
        If the environment names a proxy or certificates that can't be used.
    """
    direct = {"localhost", "127.0.0.1", "[::1]"}
    if is_loopback(host):
        direct.add(f"[{host}]" if ":" in host else host)
    mounts: dict[str, httpx.BaseTransport | None] = {f"all://{name}": None for name in direct}
    with contextlib.suppress(ImportError, OSError, ValueError):
        certificates = _tls_context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        return httpx.Client(
            verify=certificates, timeout=TIMEOUT, follow_redirects=False, mounts=mounts
        )
    raise ConnectionFailedError(
        "The environment names a proxy or certificates that can't be used.",
        advice="Check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
    )


def request(
    method: str,
    url: str | httpx.URL,
    headers: Mapping[str, str],
    content: bytes | None = None,
    *,
    timeout: float | None = None,
) -> httpx.Request:
    """Return a request with these headers and no others.

    It is built without the client, whose cookies and default headers may be meant for
    another host. A ``timeout`` in seconds shortens those of ``TIMEOUT``.
    """
    limits = {
        step: min(usual, timeout or math.inf) for step, usual in TIMEOUT.as_dict().items() if usual
    }
    extensions = {"timeout": limits}
    return httpx.Request(method, url, headers=headers, content=content, extensions=extensions)


class Faults:
    """Catch what the HTTP library raises in a ``with`` block, to be read after it.

    Only after the block, when none of its exceptions is being handled any more, does
    a new exception have no ``__context__``, and with it no frames of the library: a
    verbose traceback prints their locals, and among them the header with the token.

    Parameters
    ----------
    hide : callable
        Takes the token out of what the library says, should a server have repeated it.

    Attributes
    ----------
    lost : Lost or None
        What was caught.
    """

    def __init__(self, hide: Callable[[str], str]) -> None:
        self._hide = hide
        self.lost: Lost | None = None
        self._interrupted = False

    def __enter__(self) -> Self:
        """Begin to catch."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> bool:
        """Keep the meaning of a fault, and swallow it; others pass."""
        if isinstance(error, LIBRARY_FAULTS):
            self.lost = Lost(_reason(error, self._hide), sent=not isinstance(error, UNSENT_FAULTS))
            return True
        self._interrupted = isinstance(error, KeyboardInterrupt)
        return self._interrupted

    def settle(self) -> None:
        """Raise an interrupt anew that came during the block."""
        if self._interrupted:
            raise KeyboardInterrupt


def send(
    http: httpx.Client, asked: httpx.Request, auth: httpx.Auth, token: Token
) -> httpx.Response | Lost:
    """Send a request once, and return its answer with the body yet to come, or its loss."""
    faults = Faults(token.hide_in)
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
