"""Which hosts there are, and which of them may see a token.

Pure rules over text, shared by the client and by the settings. It opens no
connection and does not import the HTTP library.
"""

from __future__ import annotations

import contextlib
import difflib
import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from intercom_export_widgets.errors import SettingError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

__all__ = ["REGIONS", "check_base_url", "is_loopback", "region_url"]

REGIONS: Final = {
    "us": "https://api.intercom.io",
    "eu": "https://api.eu.intercom.io",
    "au": "https://api.au.intercom.io",
}
"""Each region of Intercom's hosting and the address of its API (REST API reference)."""

INTERCOM_DOMAIN: Final = ".intercom.io"
ADVICE: Final = (
    "Use an https address of an Intercom host, such as https://api.intercom.io, "
    "or http on this machine, such as http://127.0.0.1:8000."
)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine: localhost, 127.0.0.0/8 or ::1.

    Parameters
    ----------
    host : str
        A name or an address, without port; an IPv6 address with or without brackets.
    """
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return address.is_loopback and not getattr(address, "ipv4_mapped", None)


def region_url(region: str) -> str:
    """Return the address of a region's API.

    Raises
    ------
    SettingError
        If there is no such region.
    """
    given = region.strip().lower()
    url = REGIONS.get(given)
    if url is not None:
        return url
    # "europe", "australia" and "us-east-1" begin as what is meant.
    close = [name for name in REGIONS if given.startswith(name)]
    close = close or difflib.get_close_matches(given, REGIONS, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    raise SettingError(
        f"There is no region {region[:40]!r}.",
        advice=f"{hint}The regions are {', '.join(map(repr, REGIONS))}.",
        field="region",
    )


def check_base_url(text: str) -> str:
    """Return an API address in its plain form, if a token may be sent there.

    A token goes to Intercom's own hosts over TLS, or to this machine, where the
    sandbox listens, and nowhere else.

    Parameters
    ----------
    text : str
        Such as ``https://api.eu.intercom.io`` or ``http://127.0.0.1:8000/``.

    Returns
    -------
    str
        Scheme, host, port and path, without a trailing slash.

    Raises
    ------
    SettingError
        If it is another host, not TLS off loopback, or holds credentials, a query
        or a fragment. The message doesn't repeat credentials.
    """
    parts, port = _split(text.strip())
    host = (parts.hostname or "").lower()
    if parts.scheme not in {"http", "https"} or not host:
        raise _refusal("The base_url is not an http or https address.")
    local = is_loopback(host)
    if not local and not host.endswith(INTERCOM_DOMAIN):
        raise _refusal(f"The base_url names {host[:80]}, which is not a host of Intercom's.")
    if parts.scheme == "http" and not local:
        raise _refusal("The base_url would send the token over plain http to another machine.")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"


def _split(text: str) -> tuple[SplitResult, int | None]:
    """Return the parts of an address and its port, refusing whatever can mislead."""
    # urlsplit drops tabs and newlines, and readers of "\" disagree: refuse them first.
    if not text.isascii() or not text.isprintable() or any(sign in text for sign in " \\"):
        raise _refusal("The base_url has a character that no address has.")
    if "@" in text:
        raise _refusal("The base_url has credentials in it.")
    if "?" in text or "#" in text:
        raise _refusal("The base_url has a query or a fragment.")
    found: tuple[SplitResult, int | None] | None = None
    with contextlib.suppress(ValueError):
        parts = urlsplit(text)
        found = (parts, parts.port)
    if found is None:
        raise _refusal("The base_url is not an address.")
    return found


def _refusal(message: str) -> SettingError:
    return SettingError(message, advice=ADVICE, field="base_url")
