"""The HTTP client: which proxy of the environment is used, and for which hosts.

The environment is read here and not by httpx, which fails on values that other programs
accept, such as ``NO_PROXY=[::1],fd00::/8``, and names no variable when it does.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import ipaddress
import os
import ssl
import threading
import urllib.request
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx

from intercom_export_widgets.errors import ConnectionFailedError, PackageMissingError
from intercom_export_widgets.intercom.backend import DeadlineBackend
from intercom_export_widgets.intercom.hosts import is_loopback

__all__ = ["is_direct", "new_http"]

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
