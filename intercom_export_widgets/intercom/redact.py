"""Keeps the token out of text and logs, and makes a server's text fit to be shown.

At DEBUG, httpcore logs the headers of every response, and httpx its reason: a server that
repeats the token in one of them would have it written wherever logs go. The records of both
pass through a filter first. Text is put on one line and cut to length.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from intercom_export_widgets.intercom.credentials import Token

__all__ = ["LONGEST_LINE", "hide_in_logs", "hide_in_text", "one_line", "text_of"]

LONGEST_LINE: Final = 300


def one_line(text: str, hide: Callable[[str], str] = str, longest: int = LONGEST_LINE) -> str:
    """Return a text on one printable line.

    Control characters, halves of surrogate pairs and marks that turn the direction of
    writing become spaces, and spaces in a row become one.

    Parameters
    ----------
    text : str
        Whatever came.
    hide : callable
        Takes the token out of it, before it is cut: a half of it is a secret too.
    longest : int
        Characters at most; the last one of a text that is cut is "…".
    """
    words = "".join(sign if sign.isprintable() else " " for sign in text)
    line = hide(" ".join(words.split()))
    return line if len(line) <= longest else line[: longest - 1] + "…"


def text_of(found: object) -> str:
    """Return a JSON scalar as text: null, a list and an object are none, so ``""``."""
    return str(found) if isinstance(found, str | int | float) else ""


LOGGERS: Final = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)
"""The loggers that the libraries write to; a filter serves its own logger only."""


LONGEST_WORD: Final = 15


class Censor(logging.Filter):
    """Takes every token in use out of a record, and lets the record pass."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: WeakSet[Token] = WeakSet()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True, after dots have taken the place of tokens."""
        said = record.getMessage()
        for token in tuple(self.tokens):
            said = token.hide_in(said)
        record.msg, record.args = said, None
        return True


CENSOR: Final = Censor()


def hide_in_text(text: str) -> str:
    """Return a sentence of ours with dots in the place of every token in use.

    What is no longer than a word is one, and stays: no token of Intercom's is so short.
    """
    for token in tuple(CENSOR.tokens):
        if len(token.reveal()) > LONGEST_WORD:
            text = token.hide_in(text)
    return text


def hide_in_logs(token: Token) -> None:
    """Hide a token in what the HTTP libraries log, as long as it is in use. Again is harmless."""
    CENSOR.tokens.add(token)
    for name in LOGGERS:
        logging.getLogger(name).addFilter(CENSOR)
