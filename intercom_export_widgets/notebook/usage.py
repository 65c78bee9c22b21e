"""The magic's line: verbs, options, and what they mean.

`parse` turns a line into a frozen `Command` or raises `UsageError` with one sentence.
`VERBS` and `OPTIONS` are the one place that lists them; the help, the completion and
the README's tables are made from, or checked against, them.
"""

from __future__ import annotations

import difflib
import keyword
import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import UsageError
from intercom_export_widgets.intercom.dateparse import PRESETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "ALLOWED",
    "OPTIONS",
    "SHORT",
    "VERBS",
    "Command",
    "parse",
    "parse_words",
    "without_comment",
]

VERBS: Final = {
    "status": ("[ID]", "the exports of this session, or one job as Intercom sees it now"),
    "attach": ("ID", "take up a job that another notebook, or another day, began"),
    "cancel": ("[ID]", "cancel a job; without ID, the one that is running"),
    "queue": (
        "[clear | remove N]",
        "the ranges that wait for the slot, in order; take out all, or the one called N",
    ),
    "load": ("ID | FILE | FOLDER", "open an archive that was downloaded before, or unpacked"),
    "log": ("[--all]", "every job of this session, a pandas DataFrame; --all: of this machine"),
    "sandbox": ("[stop]", "work on synthetic data, without a token; stop: leave it"),
    "doctor": ("", "check settings, token, workspace and this frontend"),
    "help": ("[VERB]", "this page, or that of one verb"),
}

OPTIONS: Final = {
    "--wait": ("", "block with a progress line until the export has ended"),
    "--table": ("NAME", "block, and return that table (receipt, open, click, …) as a DataFrame"),
    "--output": ("NAME", "put the result into the variable NAME; short: -o NAME"),
    "--every": (
        "LENGTH",
        "export a long range in windows: day, week, month, quarter, year or 30d; again: go on",
    ),
    "--mixed": (
        "",
        "windows, or parts of a range that is split, may count opens until their own ends",
    ),
    "--when-free": ("", "wait in the queue, and submit when the workspace's one slot is free"),
    "--cancel-holder": ("ID", "cancel the job ID, which holds the slot, then submit"),
    "--dry-run": ("", "send nothing; show the range as days, UTC instants and Unix seconds"),
    "--observe": (
        "UNTIL",
        "count opens and clicks until then: 30d after the range, a day, or now",
    ),
    "--fresh": ("", "export anew what is on disk already"),
    "--refresh": ("", "export anew with today's engagement: --fresh --observe now"),
    "--zone": ("ZONE", "time zone in which the days are meant, for this line"),
    "--region": ("REGION", "us, eu or au, for this line"),
    "--interactive": ("", "show the table, or the log, to sort, search and copy; names are masked"),
    "--all": ("", "with log: every job that this machine has seen"),
    "--debug": ("", "show the whole traceback of an error"),
    "--help": ("", "this page; short: -h"),
}

SHORT: Final = {"-o": "--output", "-h": "--help"}

SYNONYMS: Final = {
    "list": "log",
    "history": "log",
    "jobs": "log",
    "follow": "attach",
    "resume": "attach",
    "open": "load",
    "read": "load",
    "stop": "cancel",
    "abort": "cancel",
    "info": "doctor",
    "check": "doctor",
    "config": "doctor",
    "demo": "sandbox",
}
"""What others call a verb: each is no verb here, but tells which is meant."""


@dataclass(frozen=True, slots=True)
class Command:
    """One line of the magic, understood.

    Attributes
    ----------
    verb : str
        One of `VERBS`, ``export`` for a range, or ``form`` for an empty line.
    words : tuple of str
        What stands beside the verb: the range, an identifier, a file.
    options : mapping of str to str
        The long names of the options given, without dashes, and their values.
    quiet : bool
        Whether the line ends with a semicolon: its value is not displayed.
    """

    verb: str
    words: tuple[str, ...]
    options: dict[str, str]
    quiet: bool = False

    def has(self, option: str) -> bool:
        """Return whether an option was given."""
        return option in self.options

    def value(self, option: str) -> str | None:
        """Return an option's value, or None if it was not given."""
        return self.options.get(option)


COMMENT: Final = re.compile(r"""('[^']*'?|"[^"]*"?)|(?:^|(?<=\s))#.*""")
"""A quotation, which is kept, or a comment: a ``#`` after a space, to the end of the line."""

DAY_AT_END: Final = re.compile(r"(?:^|=|\.\.)[0-9]{4}-[0-9]{2}-[0-9]{2}$")
CLOCK_TIME: Final = re.compile(r"[0-9]{2}:[0-9]{2}")


def without_comment(line: str) -> str:
    """Return a line without its comment, and without white space at its ends.

    An apostrophe in a comment begins no quotation.
    """
    return COMMENT.sub(lambda found: found[1] or "", line).strip()


def parse(line: str, expand: Callable[[str], str] = str) -> Command:
    """Return what a line of the magic asks for.

    Parameters
    ----------
    line : str
        The line as it was typed, with its comment and its trailing semicolon, if any.
    expand : callable, optional
        Puts the values of variables into the line, after the comment was taken off.

    Raises
    ------
    UsageError
        If it can't be understood.
    """
    typed = without_comment(line)
    statement = typed.rstrip("; \t")
    try:
        given = _split(expand(statement))
    except ValueError as error:
        raise UsageError(f"The line has an unfinished quotation ({error})") from None
    return replace(parse_words(given), quiet=statement != typed)


def parse_words(given: Sequence[str]) -> Command:
    """Return what a line asks for that is split into words already, as a shell does.

    Raises
    ------
    UsageError
        If it can't be understood.
    """
    words, options = _sort(_with_times(given))
    if "help" in options:
        about = words[:1] if words and words[0] in VERBS and words[0] != "help" else words[1:2]
        return Command("help", tuple(word for word in about if word in VERBS), options)
    if not words:
        return _checked(Command("form", (), options))
    if words[0] in VERBS:
        return _checked(Command(words[0], tuple(words[1:]), options))
    if words[0].isalpha() and (meant := _meant(words)):
        raise UsageError(f"There is no verb {words[0]!r}. Did you mean {meant!r}?")
    return _checked(Command("export", tuple(words), options))


def _meant(words: list[str]) -> str | None:
    """Return the verb that a first word probably means; none for the name of a range."""
    first = words[0].lower()
    if "-".join(words).lower() in PRESETS or first in PRESETS:
        return None
    if first in SYNONYMS:
        return SYNONYMS[first]
    verb, preset = (difflib.get_close_matches(first, names, n=1) for names in (VERBS, PRESETS))
    return verb[0] if verb and not preset else None


def _split(line: str) -> list[str]:
    """Split a line at spaces, quotes kept together; a backslash is a letter of a path."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.escape = ""
    lexer.commenters = ""
    return list(lexer)


def _with_times(given: Iterable[str]) -> list[str]:
    words: list[str] = []
    for word in given:
        # str(datetime) has a space between the day and the time of day.
        if words and DAY_AT_END.search(words[-1]) and CLOCK_TIME.match(word):
            words[-1] += f"T{word}"
        else:
            words.append(word)
    return words


def _sort(given: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Tell words from options; a value follows its option or an equals sign."""
    words: list[str] = []
    options: dict[str, str] = {}
    rest = iter(given)
    for item in rest:
        if item == "--":
            words.extend(rest)
            break
        if not item.startswith("-") or item == "-":
            words.append(item)
            continue
        name, equals, value = item.partition("=")
        name = SHORT.get(name, name)
        if name not in OPTIONS:
            close = difflib.get_close_matches(name, OPTIONS, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise UsageError(f"There is no option {name}.{hint}")
        takes = OPTIONS[name][0]
        if takes and not equals:
            value = next(rest, "")
            if value.startswith("--"):
                raise UsageError(f"The option {name} needs a value: {name} {takes}.")
        if bool(takes) != bool(value):
            wants = f"needs a value: {name} {takes}" if takes else "takes no value"
            raise UsageError(f"The option {name} {wants}.")
        options[name.removeprefix("--")] = value
    return words, options


_WAITS: Final = frozenset({"wait", "table", "interactive", "output", "region", "debug"})
ALLOWED: Final[dict[str, frozenset[str]]] = {
    "form": frozenset({"debug"}),
    "export": _WAITS
    | {"dry-run", "zone", "observe", "fresh", "refresh"}
    | {"when-free", "cancel-holder", "every", "mixed"},
    "queue": frozenset({"debug"}),
    "status": frozenset({"region", "output", "debug"}),
    "attach": _WAITS,
    "cancel": frozenset({"region", "debug"}),
    "load": frozenset({"table", "interactive", "output", "debug"}),
    "log": frozenset({"all", "interactive", "output", "debug"}),
    "sandbox": frozenset({"debug"}),
    "doctor": frozenset({"debug"}),
    "help": frozenset({"debug"}),
}
"""Which options mean something with which verb; the others are refused, not ignored."""

_WORDS: Final = {
    "form": (0, 0),
    "export": (1, 4),
    "status": (0, 1),
    "attach": (1, 1),
    "cancel": (0, 1),
    "queue": (0, 2),
    "load": (1, 1),
    "log": (0, 0),
    "sandbox": (0, 1),
    "doctor": (0, 0),
    "help": (0, 1),
}


def _checked(command: Command) -> Command:
    if command.verb == "help" and command.words and command.words[0] not in VERBS:
        meant = _meant([command.words[0]])
        hint = f" Did you mean {meant!r}?" if meant else f" The verbs are {', '.join(VERBS)}."
        raise UsageError(f"There is no verb {command.words[0][:40]!r}.{hint}")
    least, most = _WORDS[command.verb]
    if not least <= len(command.words) <= most:
        takes = VERBS.get(command.verb, ("", ""))[0]
        raise UsageError(f"Write it as: %intercom_export {command.verb} {takes}".rstrip() + ".")
    strange = sorted(set(command.options) - ALLOWED[command.verb])
    if strange:
        what = "without a range" if command.verb == "form" else f"with {command.verb}"
        raise UsageError(f"The option --{strange[0]} means nothing {what}.")
    if command.has("refresh") and command.has("observe"):
        raise UsageError("--refresh counts until now: leave --observe out, or --refresh.")
    name = command.value("output")
    if name is not None and (not name.isidentifier() or keyword.iskeyword(name)):
        raise UsageError(f"{name!r} is no name for a variable.")
    return command
