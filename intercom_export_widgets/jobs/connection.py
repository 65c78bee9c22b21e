"""Whose workspace: where the token came from, the client that holds it, the name.

A `Connection` is for one address; pointing a session elsewhere replaces it whole, and
exports that are under way keep the client they began with.
"""

from __future__ import annotations

import hmac
import os
import threading
import time
from typing import TYPE_CHECKING

from intercom_export_widgets.arguments import expect
from intercom_export_widgets.intercom.client import IntercomClient
from intercom_export_widgets.intercom.credentials import VARIABLES, Token, find_credential
from intercom_export_widgets.intercom.deadline import Limits
from intercom_export_widgets.intercom.hosts import check_base_url, region_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from intercom_export_widgets.intercom.credentials import Credential
    from intercom_export_widgets.intercom.models import Workspace

__all__ = ["Connection"]


class Connection:
    """One workspace of Intercom, or of the sandbox, as one token sees it.

    Parameters
    ----------
    token : str or Token, optional
        The access token; without it, one is looked for when first needed.
    region : {"us", "eu", "au"}
        Where the workspace is hosted.
    base_url : str, optional
        Another address for the API.
    ask : callable, optional
        Takes a prompt and returns a token typed by the user, or nothing.
    pause : callable, optional
        Waits some seconds before a request that failed is repeated.
    limits : Limits, optional
        How long a request may take, and how much a download may bring.

    Raises
    ------
    SettingError
        If the region or the address can't be used; credentials in it are not repeated.
    """

    def __init__(
        self,
        token: str | Token | None = None,
        *,
        region: str = "us",
        base_url: str | None = None,
        ask: Callable[[str], str] | None = None,
        pause: Callable[[float], None] = time.sleep,
        limits: Limits | None = None,
    ) -> None:
        expect(limits, (Limits, type(None)), "limits", "Limits(request=30), or nothing")
        expect(token, (str, Token, type(None)), "token", "a text, or nothing")
        expect(region, str, "region", "'us', 'eu' or 'au'")
        expect(
            base_url, (str, type(None)), "base_url", "an address such as 'http://127.0.0.1:8000'"
        )
        check_base_url(base_url or region_url(region))
        self._pause = pause
        self.limits = limits
        self.region = region
        self.base_url = base_url
        self._token = Token(token) if isinstance(token, str) else token
        self._ask = ask
        self._lock = threading.RLock()
        self._credential: Credential | None = None
        self._seen: object = None
        self._client: IntercomClient | None = None
        self._clients: list[IntercomClient] = []
        self._workspaces: dict[IntercomClient, Workspace] = {}

    def __repr__(self) -> str:
        """Return the address; never the token."""
        return f"Connection({self.base_url or self.region!r})"

    @property
    def address(self) -> str:
        """The API's address, whether there is a token or not.

        Raises
        ------
        SettingError
            If the region or the address can't be used.
        """
        return check_base_url(self.base_url or region_url(self.region))

    @property
    def token_source(self) -> str:
        """Where the token in use came from; empty before one was needed."""
        return "" if self._credential is None else self._credential.source

    @property
    def workspace(self) -> Workspace | None:
        """The workspace, if the API has been asked already."""
        return None if self._client is None else self._workspaces.get(self._client)

    def client(self, *, ask: bool = False) -> IntercomClient:
        """Return the client; the same one as long as the token is the same.

        Parameters
        ----------
        ask : bool
            Whether the user may be asked for a token: only where a cell is waiting.

        Raises
        ------
        TokenMissingError
            If no token is found.
        SettingError
            If the region or the address can't be used.
        """
        with self._lock:
            credential = self._find(ask=ask)
            if self._client is None or credential is not self._credential:
                self._client = IntercomClient(
                    credential.token,
                    region=self.region,
                    base_url=self.base_url,
                    pause=self._pause,
                    limits=self.limits,
                )
                self._clients.append(self._client)
                self._credential = credential
            return self._client

    def identify(self, *, attempts: int = 2, timeout: float = 10.0) -> Workspace:
        """Return the workspace that the token belongs to; the API is asked once.

        Parameters
        ----------
        attempts : int
            How often it is asked at most.
        timeout : float
            Seconds that one question may take.

        Raises
        ------
        IntercomExportError
            If there is no token, or the API does not accept it or does not answer.
        """
        return self.identify_for(self.client(), attempts=attempts, timeout=timeout)

    def identify_for(
        self, client: IntercomClient, *, attempts: int = 1, timeout: float = 5.0
    ) -> Workspace:
        """Return the workspace of a client that may no longer be the current one.

        Raises
        ------
        IntercomExportError
            As in `identify`.
        """
        known = self._workspaces.get(client)
        if known is None:
            known = client.identify(attempts=attempts, timeout=timeout)
            self._workspaces[client] = known
        return known

    def close(self) -> None:
        """Close the connections to the API; exports that still use them will fail."""
        with self._lock:
            for client in self._clients:
                client.close()
            self._clients.clear()
            self._client = self._credential = None

    def _find(self, *, ask: bool) -> Credential:
        """Return the credential in use, or another if the environment has changed."""
        seen = _fingerprint()
        known = self._credential
        if known is not None and seen == self._seen:
            return known
        found = find_credential(self._token, ask=self._ask if ask else None)
        self._seen = seen
        if known is not None and _same(found.token, known.token):
            return known
        return found


def _same(one: Token, other: Token) -> bool:
    """Return whether two tokens are one, in a time that does not tell how much of them."""
    return hmac.compare_digest(one.reveal().encode(), other.reveal().encode())


def _fingerprint() -> tuple[int, ...]:
    """Return what changes with the environment's tokens, and does not tell them."""
    return tuple(hash(os.environ.get(name)) for name in VARIABLES)
