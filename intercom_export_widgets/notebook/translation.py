"""What the rooms below advise, in Python, for a form that was made by hand.

Errors and notes name the magic's line, which is what most readers have. A form on a session of
one's own has ``session`` in its place; whatever it shows passes here, and nowhere else.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Final

__all__ = ["in_python", "in_shell"]

MAGIC: Final = "%intercom_export"
NAME: Final = r"([\w-]+|'[^']+')"
SPOKEN: Final = (
    (rf"{MAGIC} attach {NAME} --wait", r"session.attach(\1).wait()"),
    (rf"{MAGIC} attach (?!--){NAME}", r"session.attach(\1)"),
    (rf"{MAGIC} load {NAME}", r"session.load(\1)"),
    (rf"{MAGIC} cancel (?!--){NAME}", r"session.attach(\1).cancel()"),
    (rf"{MAGIC} cancel", r"export.cancel()"),
    (rf"{MAGIC} status", r"session.exports"),
    (rf"{MAGIC} log --all", r"session.log(everything=True)"),
    (rf"{MAGIC} log", r"session.log()"),
    (rf"{MAGIC} queue clear", r"session.lineup.remove()"),
    (rf"{MAGIC} queue", r"session.lineup.places()"),
    (rf"{MAGIC} attach", r"session.attach"),
    (rf"{MAGIC} sandbox", r"intercom_export_widgets.sandbox.Sandbox()"),
    (rf"{MAGIC} help", r"help(session)"),
    (r"%config IntercomExport\.(\w+) = (\"[^\"]*\"|'[^']*')", r"ExportSession(\1=\2)"),
)
"""The magic's lines as they stand in sentences, the longer before the shorter."""


def in_python(text: str) -> str:
    """Return a sentence that names the magic's lines with Python's in their place.

    Examples
    --------
    >>> in_python("Take it up again: %intercom_export attach v5xs --wait.")
    "Take it up again: session.attach('v5xs').wait()."
    """
    for magic, python in SPOKEN:
        text = re.sub(magic, partial(_said, python=python), text)
    return text


def in_shell(text: str) -> str:
    """Return a text that names the magic's lines with a shell's in their place.

    Examples
    --------
    >>> in_shell('Nothing was submitted: %config IntercomExport.zone = "UTC".')
    'Nothing was submitted: INTERCOM_EXPORT_ZONE="UTC".'
    """
    text = re.sub(r"(?:\w+ = )?%intercom_export", "intercom-export", text)
    text = text.replace("%reload_ext intercom_export_widgets", "run it again")
    text = re.sub(
        r"%config IntercomExport\.(\w+) = ",
        lambda found: f"INTERCOM_EXPORT_{found[1].upper()}=",
        text,
    )
    return text.replace("%config IntercomExport", "the variables INTERCOM_EXPORT_…")


def _said(found: re.Match[str], python: str) -> str:
    """Return a line of Python with what stood in the magic's, names between quotes."""
    words = [word if word[:1] in "'\"" else repr(word) for word in found.groups()]
    if python.startswith("ExportSession"):
        words[0] = found[1]
    for place, word in enumerate(words, 1):
        python = python.replace(f"\\{place}", word)
    return python
