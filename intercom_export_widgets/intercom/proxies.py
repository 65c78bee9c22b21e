"""The HTTP client: which proxy of the environment is used, for which hosts, and its sockets.

The environment is read here and not by httpx, which fails on values that other programs
accept, such as ``NO_PROXY=[::1],fd00::/8``, and names no variable when it does.

httpx has time limits between two bytes only: a server that sends a byte a second, or
``102 Processing`` for ever, is waited for without an end. Here each wait is bounded by the
deadline of `deadline.current`, and ends early when the export is no longer followed.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import ipaddress
import math
import os
import ssl
import threading
import time
import urllib.request
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpcore
import httpx

from intercom_export_widgets.errors import ConnectionFailedError, PackageMissingError
from intercom_export_widgets.intercom.deadline import TICK, current, start_thread
from intercom_export_widgets.intercom.hosts import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["DeadlineBackend", "is_direct", "new_http"]

SHORTEST: Final = 0.001
"""Seconds: a timeout of 0 would make a socket non-blocking."""


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens sockets that keep the deadline of the thread that uses them.

    Parameters
    ----------
    inner : httpcore.NetworkBackend
        Opens them.
    """

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Return a connection to a host."""
        options = None if socket_options is None else list(socket_options)
        return _DeadlineStream(
            _in_time(
                lambda: self._inner.connect_tcp(host, port, timeout, local_address, options),
                timeout,
            )
        )


class _DeadlineStream(httpcore.NetworkStream):
    """A connection that keeps the deadline of the thread that uses it.

    It is closed when it is dropped: one that comes about while its client is closed, or whose
    client is never closed, is closed by nothing else.
    """

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        self._close = weakref.finalize(self, inner.close)
        self._close.atexit = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has come, after waiting for it."""
        end = _end_of(timeout)
        while True:
            wait = _next_wait(httpcore.ReadTimeout, end)
            with contextlib.suppress(httpcore.ReadTimeout):
                return self._inner.read(max_bytes, wait)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes; the requests of this package fit into the system's buffer."""
        end = _end_of(timeout)
        _next_wait(httpcore.WriteTimeout, end)
        deadline = current()
        left = min(end - time.monotonic(), math.inf if deadline is None else deadline.left)
        self._inner.write(buffer, None if left == math.inf else max(left, SHORTEST))

    def close(self) -> None:
        """Close the connection."""
        self._close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Return the connection, encrypted."""
        encrypted = _DeadlineStream(
            _in_time(lambda: self._inner.start_tls(ssl_context, server_hostname, timeout), timeout)
        )
        self._close.detach()  # it has the same socket
        return encrypted

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as httpcore has it
        """Return what is known of the connection."""
        return self._inner.get_extra_info(info)


def _end_of(timeout: float | None) -> float:
    return math.inf if timeout is None else time.monotonic() + timeout


def _next_wait(kind: type[httpcore.TimeoutException], end: float) -> float:
    """Return how many seconds to wait until the next look; raise if the time is up."""
    deadline = current()
    if deadline is not None and (reason := deadline.reason):
        raise kind(reason)
    left = end - time.monotonic()
    if left <= 0:
        raise kind("the time limit has passed")
    return max(SHORTEST, min(TICK, left, math.inf if deadline is None else deadline.left))


def _in_time(
    connect: Callable[[], httpcore.NetworkStream], timeout: float | None
) -> httpcore.NetworkStream:
    """Connect in a thread of its own, and leave it behind when the time is up.

    Looking a name up has no time limit in Python and can't be interrupted.
    """
    end = _end_of(timeout)
    attempt = _Attempt(connect)
    try:
        while not attempt.ended.wait(_next_wait(httpcore.ConnectTimeout, end)):
            pass
    except BaseException:  # also an interrupt
        attempt.abandon()
        raise
    return attempt.result()


class _Attempt:
    """A connection that comes about in a thread of its own.

    Parameters
    ----------
    connect : callable
        Returns it.
    """

    def __init__(self, connect: Callable[[], httpcore.NetworkStream]) -> None:
        self.ended = threading.Event()
        self._connect = connect
        self._lock = threading.Lock()
        self._abandoned = False
        self._stream: httpcore.NetworkStream | None = None
        self._error: BaseException | None = None
        # An ending process still submits what it has started; from Python 3.12 on without a thread.
        if not start_thread(self._run, name="intercom-export-connect"):
            self._run()

    def result(self) -> httpcore.NetworkStream:
        """Return the connection, or raise why there is none."""
        if self._stream is None:
            raise self._error or httpcore.ConnectError("no connection came about")
        return self._stream

    def abandon(self) -> None:
        """Close the connection as soon as it is there."""
        with self._lock:
            self._abandoned = True
            self._close()

    def _run(self) -> None:
        try:
            stream = self._connect()
        except Exception as error:  # noqa: BLE001 - raised again in the waiting thread
            self._error = error
        else:
            with self._lock:
                self._stream = stream
                if self._abandoned:
                    self._close()
        self.ended.set()

    def _close(self) -> None:
        if self._stream is not None:
            with contextlib.suppress(Exception):
                self._stream.close()


CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
"""The environment variables that OpenSSL and httpx read."""

PLAIN: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For http, where none is used; it trusts nobody."""


def new_http(host: str) -> httpx.Client:
    """Return an HTTP client that uses the environment's proxies, but not for loopback.

    ``HTTPS_PROXY`` is used, else ``ALL_PROXY``, for hosts that ``NO_PROXY`` does not name
    (names and their subdomains, addresses, networks, ``*``). ``HTTP_PROXY`` is not: nothing
    but loopback is asked over plain http. A ``.netrc`` is not read.

    Parameters
    ----------
    host : str
        Host of the API. If it is loopback, the environment is not read.

    Raises
    ------
    ConnectionFailedError
        If the environment names a proxy or certificates that can't be used; the variable is
        named, its value is not repeated. A proxy matters if `host` is not in ``NO_PROXY``.
    PackageMissingError
        If it names a SOCKS proxy, and the package ``socksio`` is not installed.
    """
    if is_loopback(host):
        return httpx.Client(transport=_Routes(None), trust_env=False)
    failed, refused, proxy = False, "", None
    try:
        proxy = _proxy_of_environment()
    except (ConnectionFailedError, PackageMissingError) as error:
        if not is_direct(host):
            raise
        refused = error.message
    routes = _Routes(proxy, refused)
    try:
        routes.prepare()
    except (OSError, ValueError):
        failed = True
    if failed:
        names = [name for name in CERTIFICATES if os.environ.get(name)]
        raise ConnectionFailedError(
            f"The certificates of {', '.join(names) or 'this Python'} can't be read.",
            advice="Correct the variable or unset it, then restart the kernel.",
        )
    return httpx.Client(transport=routes, trust_env=False)


@dataclass(frozen=True, slots=True)
class _Proxy:
    """A proxy, and the environment variable that names it."""

    proxy: httpx.Proxy
    variable: str


@functools.cache
def _tls_context(*_: str | None) -> ssl.SSLContext:
    """Return the TLS settings for these values of `CERTIFICATES`: reading them takes 40 ms."""
    return httpx.create_ssl_context()


class _Routes(httpx.BaseTransport):
    """Sends each request directly or by way of the proxy.

    Parameters
    ----------
    proxy : _Proxy or None
        The proxy.
    refused : str
        Why the environment's proxy can't be used, if there is one. The API's host does not
        need it, but a download may be elsewhere.
    """

    def __init__(self, proxy: _Proxy | None, refused: str = "") -> None:
        self._proxy = proxy
        self._refused = refused
        self._made: dict[tuple[bool, bool], httpx.HTTPTransport] = {}
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Read the certificates now, to fail early."""
        self._transport(encrypted=True, proxied=self._proxy is not None)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        host, encrypted = request.url.host, request.url.scheme == "https"
        direct = is_loopback(host) or is_direct(host)
        if self._refused and not direct:
            raise httpx.ProxyError(self._refused)
        proxy = None if direct else self._proxy
        if proxy is None:
            return self._transport(encrypted=encrypted, proxied=False).handle_request(request)
        try:
            return self._transport(encrypted=encrypted, proxied=True).handle_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            said = f"{error}, by way of the proxy that {proxy.variable} names"
            raise httpx.ProxyError(said) from None

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for transport in self._made.values():
                transport.close()

    def _transport(self, *, encrypted: bool, proxied: bool) -> httpx.HTTPTransport:
        with self._lock:
            made = self._made.get((encrypted, proxied))
            if made is None:
                context = _tls_context(*map(os.environ.get, CERTIFICATES)) if encrypted else PLAIN
                proxy = self._proxy.proxy if self._proxy is not None and proxied else None
                made = _with_deadlines(httpx.HTTPTransport(verify=context, proxy=proxy))
                self._made[encrypted, proxied] = made
            return made


def _with_deadlines(transport: httpx.HTTPTransport) -> httpx.HTTPTransport:
    """Let a transport's sockets keep the deadlines of its requests."""
    # httpx has no argument for httpcore's network_backend.
    pool = transport._pool  # noqa: SLF001 - see above
    pool._network_backend = DeadlineBackend(pool._network_backend)  # noqa: SLF001 - see above
    return transport


def _proxy_of_environment() -> _Proxy | None:
    """Return the proxy for https, with the variable that names it, or None."""
    given = urllib.request.getproxies()
    scheme = next((name for name in ("https", "all") if given.get(name)), None)
    if scheme is None:
        return None
    found, variable = None, _variable(f"{scheme}_proxy")
    address = given[scheme] if "://" in given[scheme] else f"http://{given[scheme]}"
    with contextlib.suppress(httpx.InvalidURL, ValueError):
        if urlsplit(address).port != 0:  # httpx looks at neither brackets nor the port's range
            found = httpx.Proxy(address)
    if found is None or not found.url.host:
        raise ConnectionFailedError(
            f"The environment variable {variable} names a proxy that can't be used.",
            advice="Set it to an address such as http://proxy.example:8080 or "
            "socks5h://127.0.0.1:1080, or unset it, then restart the kernel.",
        )
    if found.url.scheme.startswith("socks") and not _is_installed("socksio"):
        raise PackageMissingError.of(
            f"The proxy that the environment variable {variable} names", "socksio", "httpx[socks]"
        )
    return _Proxy(found, variable)


def _variable(name: str) -> str:
    """Return a variable as the environment spells it; lower case wins, as in urllib."""
    spelt = [each for each in os.environ if each.lower() == name and os.environ[each]]
    return name if name in spelt or not spelt else spelt[0]


def _is_installed(package: str) -> bool:
    try:
        importlib.import_module(package)
    except ImportError:
        return False
    return True


def is_direct(host: str) -> bool:
    """Return whether ``NO_PROXY``, or the system's settings, take a host out."""
    entries = [each.strip() for each in urllib.request.getproxies().get("no", "").split(",")]
    if "*" in entries or urllib.request.proxy_bypass(host):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in map(_network, entries) if network is not None)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return an entry of ``NO_PROXY`` as a network, if it is one: ``fd00::/8``, ``[::1]``."""
    try:
        return ipaddress.ip_network(text.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return None
