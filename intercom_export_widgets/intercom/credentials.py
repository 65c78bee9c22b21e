"""Finds the access token, and holds it masked.

The first source that has a token wins, and its name is shown. The token itself never is: not in
a repr, a message, a log or a traceback. ``INTERCOM_TOKEN`` is what many scripts call their
token. It is not taken, since it may not be meant for this package; it is named where a token is
missing. Of variables only the names are shown.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import re
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn, SupportsIndex
from urllib.parse import quote

from intercom_export_widgets.errors import AccessError, TokenMissingError, TokenRejectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "MASK",
    "VARIABLES",
    "Credential",
    "Source",
    "Token",
    "find_credential",
    "misnamed",
    "usual_sources",
]

VARIABLES: Final = ("INTERCOM_ACCESS_TOKEN", "INTERCOM_API_KEY")
"""The environment variables looked at: this package's, then the official SDK's."""

LIKELY: Final = re.compile(r"INTERCOM_?(\w*_)?(TOKEN|API_?KEY|ACCESS_?KEY|PAT)", re.IGNORECASE)


def misnamed(environ: Mapping[str, str] | None = None) -> str:
    """Return a sentence on the variables that look like a token's and are not read.

    Parameters
    ----------
    environ : mapping, optional
        The environment variables; ``os.environ`` if None.

    Returns
    -------
    str
        Empty if there is none.
    """
    variables = os.environ if environ is None else environ
    found = sorted(
        name
        for name, value in variables.items()
        if name not in VARIABLES and value.strip() and LIKELY.fullmatch(name)
    )
    if not found:
        return ""
    if len(found) == 1:
        return f"{found[0]} is set, but nothing reads it: name it {VARIABLES[0]}."
    return f"{', '.join(found)} are set, but nothing reads them: name one {VARIABLES[0]}."


MASK: Final = "●●●●●●"
LONGEST: Final = 4096
WELL_FORMED: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What a bearer token is made of: RFC 6750, section 2.1, ``b64token``."""
QUOTES: Final = "\"'`“”„\u2018\u2019«»"
NAMED: Final = re.compile(
    rf"(?:(?:export|setx?|env)\s+|\$env:)?(?:{'|'.join(VARIABLES)}\s*[=:]|\w+\s*[=:](?!\W*$))",
    re.IGNORECASE | re.ASCII,
)
"""A name and ``=`` or ``:`` before the token, as in a shell or a header; not its own padding."""
SERVICE: Final = "intercom-export-widgets"
"""The service under which a keyring holds the token; `KEYRING_USER` is its user name."""
KEYRING_USER: Final = "access-token"
KEYRING_SECONDS: Final = 8.0
PROMPT: Final = "Intercom access token (it is not shown): "


class Token:
    """An access token that shows itself as dots.

    It can't be pickled and compares by identity only, so that it reaches no file and
    answers no guess. `reveal` is for the header of a request alone.

    Parameters
    ----------
    value : str
        The token; surrounding white space and a leading ``Bearer`` are dropped.

    Raises
    ------
    TokenMissingError
        If nothing is left of it.
    TokenRejectedError
        If it is in quotes, has a variable's name before it, or has a character that no
        token has. The message says which of these, and does not repeat the token.
    """

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: str) -> None:
        self._value = _strip(value)
        # The verbose traceback of an error prints the locals, so let go of it first.
        del value
        problem = _problem(self._value)
        if problem is None:
            return
        self._value = ""
        raise problem

    def reveal(self) -> str:
        """Return the token itself, for the Authorization header."""
        return self._value

    def hide_in(self, text: str) -> str:
        """Return a text, such as a server's message, with dots in the token's place.

        In any case of its letters, with or without its padding (the name of a host
        comes back in lower case and can't hold a "="), and as an address quotes it.
        """
        core = self._value.rstrip("=")
        if not core:
            return text
        forms = f"(?:{re.escape(core)}|{re.escape(quote(core, safe=''))})(?:=|%3D)*"
        return re.sub(forms, MASK, text, flags=re.IGNORECASE)

    def __repr__(self) -> str:
        """Return dots."""
        return f"Token({MASK})"

    def __str__(self) -> str:
        """Return dots."""
        return MASK

    def __format__(self, format_spec: str) -> str:
        """Return dots, whatever the format."""
        return MASK

    def __copy__(self) -> Token:
        """Return itself: it never changes."""
        return self

    def __deepcopy__(self, memo: object) -> Token:
        """Return itself: it never changes."""
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Refuse to be pickled."""
        raise TypeError("A token is not pickled: it would be readable in the file.")


@dataclass(frozen=True, slots=True, eq=False)
class Credential:
    """A token and where it was found.

    Attributes
    ----------
    token : Token
        The token.
    source : str
        Such as ``"the environment variable INTERCOM_ACCESS_TOKEN"``, to be shown.
    """

    token: Token
    source: str


@dataclass(frozen=True, slots=True)
class Source:
    """A place that may hold a token.

    Attributes
    ----------
    name : str
        What to call it in a sentence.
    look : callable
        Returns the token, or None if it is not there. It raises nothing.
    """

    name: str
    look: Callable[[], str | None]


def find_credential(
    explicit: str | Token | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    ask: Callable[[str], str] | None = None,
    sources: Sequence[Source] | None = None,
) -> Credential:
    """Return the first token found, and where.

    Parameters
    ----------
    explicit : str or Token, optional
        A token given as an argument: it wins.
    environ : mapping, optional
        The environment variables; ``os.environ`` if None.
    ask : callable, optional
        Asks a person for it without showing what is typed, given the prompt: the
        last resort. None where nobody can be asked.
    sources : sequence of Source, optional
        Where to look in between; `usual_sources` if None.

    Raises
    ------
    TokenMissingError
        If no place has one; the message lists those looked at.
    TokenRejectedError
        If the one that was found can't be a token.
    """
    argument = "an argument of ExportSession"
    if isinstance(explicit, Token):
        return Credential(explicit, argument)
    places = [] if explicit is None else [Source(argument, _holder(explicit))]
    del explicit
    places += usual_sources(environ) if sources is None else sources
    if ask is not None:
        places.append(Source("the prompt", lambda: _asked(ask)))
    for place in places:
        token = _look(place)
        if token is not None:
            return Credential(token, place.name)
        if place.name == argument:
            break
    looked_at = ", ".join(place.name for place in places) or "no place at all"
    said = f"No access token was found. Looked at: {looked_at}. {misnamed(environ)}"
    raise TokenMissingError(said.rstrip(), field="token")


def usual_sources(environ: Mapping[str, str] | None = None) -> list[Source]:
    """Return the places looked at by default, in order.

    Parameters
    ----------
    environ : mapping, optional
        The environment variables; ``os.environ`` if None.
    """
    variables = os.environ if environ is None else environ
    places = [
        Source(f"the environment variable {name}", functools.partial(variables.get, name))
        for name in VARIABLES
    ]
    if "google.colab" in sys.modules:
        places.append(Source("Colab's secret INTERCOM_ACCESS_TOKEN", _from_colab))
    if importlib.util.find_spec("keyring") is not None:
        places.append(Source(f"the keyring (service {SERVICE})", _from_keyring))
    return places


def _look(place: Source) -> Token | None:
    """Return the token of a place, or None if it has none."""
    found = place.look()
    if found is None or not found.strip():
        return None
    try:
        return Token(found)
    except AccessError as error:
        said = f"{error.message} It came from {place.name}."
        problem = type(error)(said, advice=error.advice, field="token")
    finally:
        del found
    raise problem


def _holder(value: str) -> Callable[[], str]:
    return lambda: value


def _asked(ask: Callable[[str], str]) -> str | None:
    """Return what a person typed, or None if the frontend can't ask."""
    try:
        return ask(PROMPT)
    except (EOFError, NotImplementedError, OSError):
        return None


def _from_colab() -> str | None:
    """Return Colab's secret; it raises types of its own if absent or not granted."""
    try:
        found = importlib.import_module("google.colab").userdata.get(VARIABLES[0])
    except Exception:  # noqa: BLE001 - whatever a host's service raises, it has no token
        return None
    return found if isinstance(found, str) else None


def _from_keyring() -> str | None:
    """Return the keyring's token; every failure of a backend means that it has none."""

    def ask_backend() -> str | None:
        found = importlib.import_module("keyring").get_password(SERVICE, KEYRING_USER)
        return found if isinstance(found, str) else None

    return _within(KEYRING_SECONDS, ask_backend)


def _within(seconds: float, look: Callable[[], str | None]) -> str | None:
    """Return what a lookup returns in time, else None.

    A keyring's backend may wait for ever for a desktop that is not there, so it is
    asked in a daemon thread, which is left behind.
    """
    found: list[str | None] = []

    def run() -> None:
        try:
            found.append(look())
        except Exception:  # noqa: BLE001 - backends raise types of their own
            found.append(None)

    thread = threading.Thread(target=run, name="intercom-export-keyring", daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else None


def _strip(value: str) -> str:
    """Return a token without what people copy along with it."""
    stripped = value.strip()
    scheme, space, rest = stripped.partition(" ")
    return rest.strip() if space and scheme.lower() == "bearer" else stripped


def _problem(value: str) -> AccessError | None:
    """Return the error for a text that can't be a token, without the text."""
    if not value or value.lower() == "bearer":
        return TokenMissingError("The access token is empty.", field="token")
    if NAMED.match(value):
        said = "The access token has a name before it, such as INTERCOM_ACCESS_TOKEN=."
        advice = "Give the token alone, without name and quotes."
    elif value[0] in QUOTES or value[-1] in QUOTES:
        said, advice = "The access token is in quotes.", "Give the token alone, without quotes."
    elif len(value) > LONGEST or not WELL_FORMED.fullmatch(value):
        said = "The access token has a space or a character that no token has."
        advice = "Copy it again, without spaces or line breaks."
    else:
        return None
    return TokenRejectedError(said, advice=advice, field="token")
