"""A server's words, made fit to be shown: one line, without the token, cut to length.

Pure functions over text; they know no answer and no connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LONGEST_LINE", "one_line", "text_of"]

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
