"""What Tab offers on a line of ``%intercom_export``, wherever on the line the magic stands.

A matcher of IPython's (API 2) that reads the line as far as it is typed, and words that
are known here already: it asks no network, waits for no lock, imports no table library,
and has nothing to offer rather than an error.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from IPython.core.completer import SimpleCompletion, context_matcher

from intercom_export_widgets.data.schema import GROUPS
from intercom_export_widgets.errors import FileError
from intercom_export_widgets.intercom.dateparse import PRESETS
from intercom_export_widgets.intercom.hosts import REGIONS
from intercom_export_widgets.jobs.defaults import default_ledger
from intercom_export_widgets.jobs.recent import recent_jobs, waiting_numbers
from intercom_export_widgets.notebook.usage import ALLOWED, OPTIONS, SHORT, VERBS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from IPython.core.completer import CompletionContext, MatcherResult

    from intercom_export_widgets.notebook.desk import Desk

__all__ = ["MagicCompleter", "Typed", "typed"]

PRIORITY: Final = 100
"""Before IPython's own matchers, which know Python and files only."""

CALL: Final = re.compile(r"(?:(?:^|[\s=(,;])%|^[ \t]*)intercom_export[ \t]+(?P<line>[^\n]*)$")
"""The magic with its sign anywhere on a line, or without at its beginning (automagic)."""

PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,200}")
"""An identifier that can stand on a line as it is; others are not offered."""

Offer = tuple[str, str]
"""A word, and what the page shows beside it."""


def _each(words: Iterable[str], said: str) -> tuple[Offer, ...]:
    return tuple((word, said) for word in words)


UNBROKEN: Final = str.maketrans({" ": "\u00a0", "_": "\u00a0", "-": "\u2011"})
"""JupyterLab would break what stands beside a word into several lines."""

VALUES: Final = {
    "--region": _each(REGIONS, "region"),
    "--every": _each(("day", "week", "month", "quarter", "year", "7d", "30d"), "window"),
    "--observe": _each(("now", "7d", "30d", "90d"), "until"),
}
"""What an option takes, where that is the same everywhere."""

WORDS: Final[dict[tuple[str, ...], tuple[Offer, ...]]] = {
    (): _each(VERBS, "verb") + _each(PRESETS, "range"),
    ("help",): _each(VERBS, "verb"),
    ("queue",): _each(("clear", "remove"), "word"),
    ("sandbox",): _each(("stop",), "word"),
}
"""What may follow those words."""

JOBS: Final[dict[str, dict[str, bool]]] = {
    "attach": {},
    "status": {},
    "cancel": {"ended": False},
    "load": {"kept": True},
}
"""Which jobs of the ledger a verb is about."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A line of the magic as far as it is typed.

    Attributes
    ----------
    words : tuple of str
        What stands before the word under the cursor, options left out.
    options : frozenset of str
        The options given before it, by their long names.
    asks : str
        The option whose value is being typed; empty if none is.
    part : str
        What is typed of the word, without its quotation mark or ``--option=``.
    plain : bool
        Whether ``--`` came before, after which nothing is an option.
    """

    words: tuple[str, ...]
    options: frozenset[str] = field(default_factory=frozenset)
    asks: str = ""
    part: str = ""
    plain: bool = False

    @property
    def verb(self) -> str:
        """The verb, ``export`` for a range, or empty before the first word."""
        if not self.words:
            return ""
        return self.words[0] if self.words[0] in VERBS else "export"


def typed(text: str) -> Typed | None:
    """Return what is typed of the magic's line before the cursor, or None outside of one.

    Parameters
    ----------
    text : str
        The cell until the cursor; a line that ends with a backslash goes on with the next.
    """
    found = CALL.search(re.sub(r"\\\n", " ", text).rpartition("\n")[2])
    if found is None:
        return None
    *before, last = _split(found["line"])
    words: list[str] = []
    options: set[str] = set()
    asks, plain = "", False
    for item in before:
        if plain or not item.startswith("-"):
            if not asks:
                words.append(item)
            asks = ""
            continue
        plain = item == "--"
        name, equals, _ = item.partition("=")
        name = SHORT.get(name, name)
        options.add(name)
        asks = name if not equals and OPTIONS.get(name, ("", ""))[0] else ""
    name, equals, value = last.partition("=")
    if not plain and equals and name.startswith("-"):
        asks, last = SHORT.get(name, name), value
    return Typed(tuple(words), frozenset(options), asks, last.lstrip("'\""), plain)


def _split(line: str) -> list[str]:
    """Split at spaces outside of quotation marks; the last one is the word under the cursor."""
    items, quote = [""], ""
    for sign in line:
        if not quote and sign in " \t":
            if items[-1]:
                items.append("")
            continue
        if sign == quote:
            quote = ""
        elif not quote and sign in "'\"":
            quote = sign
        items[-1] += sign
    return items


class MagicCompleter:
    """Offers words for the magic's line; registered with IPython's completer.

    Parameters
    ----------
    desk : Desk
        Whose ledger and exports are looked at. No session is made for it.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @context_matcher(priority=PRIORITY, identifier="intercom_export")  # type: ignore[untyped-decorator] # IPython's
    def match(self, context: CompletionContext) -> MatcherResult:
        """Return what goes on from the cursor; nothing outside of the magic."""
        before = context.full_text.split("\n")[: context.cursor_line]
        text = "\n".join([*before, context.text_until_cursor])
        try:
            found = typed(text)
            offers = [] if found is None else self._offers(found)
        except Exception:  # noqa: BLE001 - a key that is pressed shows no error
            return {"completions": []}
        part = "" if found is None else found.part
        return {
            "completions": [SimpleCompletion(word, type=said) for word, said in offers],
            "matched_fragment": part,
            "ordered": True,
            "suppress": True,
            "do_not_suppress": {"IPCompleter.file_matcher"} if _takes_file(found) else set(),
        }

    def _offers(self, line: Typed) -> list[Offer]:
        if line.asks:
            return _beginning(line.part, self._values(line))
        if line.part.startswith("-") and not line.plain:
            return _beginning(line.part, _options(line))
        words = _beginning(line.part, self._words(line))
        later = line.words and not line.part and not line.plain and not _takes_file(line)
        return words or (_options(line) if later else [])

    def _values(self, line: Typed) -> Iterable[Offer]:
        """Return the values that the option takes which is being typed."""
        if line.asks == "--table":
            return self._tables()
        if line.asks == "--cancel-holder":
            return self._jobs(ended=False)
        return _zones(line.part) if line.asks == "--zone" else VALUES.get(line.asks, ())

    def _words(self, line: Typed) -> Iterable[Offer]:
        """Return the words that may come next beside the verb."""
        if line.words == ("queue", "remove"):
            return [(str(number), "waits") for number in waiting_numbers(self._ledger)]
        if len(line.words) == 1 and line.verb in JOBS:
            return self._jobs(**JOBS[line.verb])
        return WORDS.get(line.words, ())

    @property
    def _ledger(self) -> Path | None:
        """Where the ledger lies, without making a session; None without a home directory."""
        kept = self._desk.settings.ledger
        with contextlib.suppress(FileError):
            return Path(kept) if kept else default_ledger()
        return None

    def _jobs(self, *, ended: bool | None = None, kept: bool | None = None) -> list[Offer]:
        """Return the newest jobs that are, or are not, ended and kept; newest first."""
        return [
            (job.job_identifier, f"{job.status}{_days(job.first, job.last)}".translate(UNBROKEN))
            for job in recent_jobs(self._ledger)
            if PLAIN.fullmatch(job.job_identifier)
            and (kept or job.sandbox in {"", self._desk.address})
            and ended in {None, job.ended}
            and kept in {None, job.kept}
        ]

    def _tables(self) -> list[Offer]:
        """Return the known tables, and whatever else this session's exports have."""
        tables = dict.fromkeys(GROUPS, "table")
        for export in self._desk.exports:
            tables |= dict.fromkeys(filter(PLAIN.fullmatch, export.progress.rows), "table")
        return list(tables.items())


def _options(line: Typed) -> list[Offer]:
    """Return the options that mean something with the verb and were not given yet."""
    allowed = ALLOWED[line.verb or "export"] | {"help"}
    return [
        (name, "option")
        for name in OPTIONS
        if name.removeprefix("--") in allowed and name not in line.options
    ]


def _beginning(part: str, offers: Iterable[Offer]) -> list[Offer]:
    """Return the offers that begin so, in any case; then zones whose city does."""
    wanted = part.lower()
    first = [offer for offer in offers if offer[0].lower().startswith(wanted)]
    city = f"/{wanted}"
    return first + [offer for offer in offers if wanted and city in offer[0].lower()]


def _zones(part: str) -> list[Offer]:
    """Return the zones; before anything is typed, the regions of the world alone."""
    from intercom_export_widgets.intercom.zones import zone_names

    names = zone_names()
    if part:
        return [(name, "zone") for name in names]
    areas = {f"{name.partition('/')[0]}/" for name in names if "/" in name}
    return [("UTC", "zone"), *((area, "zones") for area in sorted(areas))]


def _days(first: int | None, last: int | None) -> str:
    """Return the days of a range in UTC, to tell one job from another."""
    if first is None or last is None:
        return ""
    days = [datetime.fromtimestamp(each, UTC).date().isoformat() for each in (first, last)]
    return ", " + " to ".join(dict.fromkeys(days))


def _takes_file(line: Typed | None) -> bool:
    return line is not None and line.verb == "load" and len(line.words) == 1 and not line.asks
