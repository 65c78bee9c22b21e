"""What was passed to a function, looked at before anything is done with it.

Python's own word for a wrong argument, ``'NoneType' object has no attribute 'strip'``, says
neither which one it was nor what to pass. This module knows no room, and every room may know it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import FileError, InputError

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["choice", "expect", "home_resolved", "names", "path_of", "seconds", "unfit"]

LONGEST_SHOWN: Final = 40


def expect(value: object, kinds: type | tuple[type, ...], name: str, wanted: str) -> None:
    """Refuse an argument that is of none of these types.

    Parameters
    ----------
    value : object
        What was passed; only its type is ever shown, since it may be a token.
    kinds : type or tuple of type
        What it may be.
    name : str
        What the user calls it.
    wanted : str
        What to pass instead, with an example.

    Raises
    ------
    InputError
        If it is something else. A bool is no number.
    """
    allowed = kinds if isinstance(kinds, tuple) else (kinds,)
    if isinstance(value, allowed) and not (isinstance(value, bool) and bool not in allowed):
        return
    raise unfit(value, name, wanted)


def unfit(value: object, name: str, wanted: str) -> InputError:
    """Return the error for an argument of a wrong type; see `expect`."""
    kind = type(value).__name__
    return InputError(f"{name} can't be of type {kind}.", advice=f"Pass {wanted}.", field=name)


def choice(value: object, known: Collection[str], name: str) -> None:
    """Refuse a word that is none of those that are known.

    Raises
    ------
    InputError
        If it is another, or no text.
    """
    expect(value, str, name, " or ".join(map(repr, known)))
    if value not in known:
        said = repr(value)[:LONGEST_SHOWN]
        raise InputError(
            f"{name} can't be {said}.", advice=f"Pass {' or '.join(map(repr, known))}.", field=name
        )


def names(value: Iterable[str] | None, name: str, wanted: str) -> list[str] | None:
    """Return several names as a list; one text would be read as its letters.

    Raises
    ------
    InputError
        If it is one text, or no list of texts.
    """
    if value is None:
        return None
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise unfit(value, name, wanted)
    found = list(value)
    for each in found:
        expect(each, str, f"a name in {name}", wanted)
    return found


def seconds(value: object, name: str) -> None:
    """Refuse what is no time span.

    Raises
    ------
    InputError
        If it is no number of seconds above 0.
    """
    expect(value, (int, float), name, "a number of seconds above 0, such as 30")
    if isinstance(value, int | float) and not (isfinite(value) and value > 0):
        raise InputError(
            f"{name} can't be {value}.", advice="Pass a number of seconds above 0.", field=name
        )


def path_of(value: object, name: str, wanted: str) -> Path:
    """Return a path as it was passed, with ``~`` resolved.

    Raises
    ------
    InputError
        If it is neither text nor a path.
    FileError
        If no file can be called so.
    """
    expect(value, (str, os.PathLike), name, wanted)
    text = os.fspath(value)  # type: ignore[call-overload] # `expect` has seen to it
    expect(text, str, name, wanted)
    if not text or "\0" in text:
        raise FileError(
            f"No file or folder can be called {text[:LONGEST_SHOWN]!r}.", advice=f"Pass {wanted}."
        )
    return home_resolved(Path(text))


def home_resolved(path: Path) -> Path:
    """Return a path with ``~`` resolved.

    Raises
    ------
    FileError
        If there is no home directory, as for an unknown user id in a container.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        refused = FileError(
            f"{path} can't be found: there is no home directory.",
            advice="Pass an absolute path, or set the environment variable HOME.",
        )
    raise refused
