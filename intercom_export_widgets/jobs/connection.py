"""Whose workspace: where the token came from, the client that holds it, the name.

A `Connection` is for one address; pointing a session elsewhere replaces it whole, and
exports that are under way keep the client they began with.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from intercom_export_widgets.intercom.client import IntercomClient
from intercom_export_widgets.intercom.credentials import find_credential
from intercom_export_widgets.intercom.hosts import check_base_url, region_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from intercom_export_widgets.intercom.credentials import Credential, Token
    from intercom_export_widgets.intercom.workspace import Workspace

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
        Takes a prompt and returns a token typed by the user; called at most once.
    """

    def __init__(
        self,
        token: str | Token | None = None,
        *,
        region: str = "us",
        base_url: str | None = None,
        ask: Callable[[str], str] | None = None,
    ) -> None:
        self.region = region
        self.base_url = base_url
        self._token = token
        self._ask = ask
        self._lock = threading.RLock()
        self._credential: Credential | None = None
        self._client: IntercomClient | None = None
        self._clients: list[IntercomClient] = []
        self._was_asked_for = False
        self._workspace: Workspace | None = None

    def __repr__(self) -> str:
        """Return the address; never the token."""
        return f"Connection({self.base_url or self.region!r})"

    @property
    def token_source(self) -> str:
        """Where the token in use came from; empty before one was needed."""
        return "" if self._credential is None else self._credential.source

    @property
    def workspace(self) -> Workspace | None:
        """The workspace, if the API has been asked already."""
        return self._workspace

    def client(self) -> IntercomClient:
        """Return the client; the same one as long as the token is the same.

        Raises
        ------
        TokenMissingError
            If no token is found.
        SettingError
            If the region or the address can't be used.
        """
        with self._lock:
            found = self._find()
            known = self._credential
            if self._client is None or known is None or found.token != known.token:
                self._client = IntercomClient(
                    found.token, region=self.region, base_url=self.base_url
                )
                self._clients.append(self._client)
                self._workspace = None
            self._credential = found
            return self._client

    @property
    def address(self) -> str:
        """The API's address, whether there is a token or not.

        Raises
        ------
        SettingError
            If the region or the address can't be used.
        """
        return check_base_url(self.base_url or region_url(self.region))

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
        client = self.client()
        known = self._workspace
        if known is not None:
            return known
        workspace = client.identify(attempts=attempts, timeout=timeout)
        with self._lock:
            if client is self._client:
                self._workspace = workspace
        return workspace

    def close(self) -> None:
        """Close the connections to the API; exports that still use them will fail."""
        with self._lock:
            for client in self._clients:
                client.close()
            self._clients.clear()
            self._client = None

    def _find(self) -> Credential:
        """Look again, since the environment may have changed; never ask twice."""
        known = self._credential
        if known is not None and self._was_asked_for:
            return known
        asked = False

        def ask(prompt: str) -> str:
            nonlocal asked
            asked = True
            return self._ask(prompt) if self._ask is not None else ""

        found = find_credential(self._token, ask=ask if self._ask is not None else None)
        self._was_asked_for = asked
        return found
