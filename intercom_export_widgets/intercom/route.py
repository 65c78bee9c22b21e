"""The way to the bytes of a download: redirects, by hand, and who may see the token.

The token goes to the API's own origin, and once a chain of redirects has left that,
never again: another host does not choose what is asked in the token's name. Nothing
goes over plain http, except on this machine. It reads no body.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx

from intercom_export_widgets.errors import ServerFaultError
from intercom_export_widgets.intercom.credentials import MASK
from intercom_export_widgets.intercom.hosts import is_loopback
from intercom_export_widgets.intercom.wire import Lost, close, origin_of, request, send
from intercom_export_widgets.intercom.words import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intercom_export_widgets.intercom.deadline import Deadline
    from intercom_export_widgets.intercom.endpoint import Endpoint

__all__ = ["Reply", "Route"]

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
