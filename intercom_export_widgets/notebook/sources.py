"""Where settings are written down: the profile, `pyproject.toml`, the environment.

It reads, names the place for a sentence, and judges no value; the token is none of it.
The later source wins: profile, project, environment, command line; then ``%config``.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from intercom_export_widgets.errors import without_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["PREFIX", "SECTION", "Given", "is_token", "written_down"]

SECTION: Final = "IntercomExport"
OURS: Final = "tool.intercom-export"
PREFIX: Final = "INTERCOM_EXPORT_"
NAMES: Final = frozenset({"base_url", "folder", "ledger", "poll_interval", "region", "zone"})
"""The settings' names."""
NEAR: Final = 0.8
"""The share of letters from which on another name is taken for ours, misspelled."""

TOKENLIKE: Final = re.compile(
    r"token|secret|passw|credential|authoriz|bearer|api_?key|^key$|^auth$", re.IGNORECASE
)
BEARER: Final = re.compile(r"\bbearer\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Given:
    """One value as it is written down somewhere.

    Attributes
    ----------
    name : str
        The setting, underscores for dashes; empty if the place can't be read at all.
    key : str
        As it stands there.
    value : object
        Not judged yet; not to be shown before `is_token` has been asked.
    source : str
        What to call the place in a sentence.
    folder : Path or None
        What a relative path is relative to, if not to the working directory.
    twice : str
        The other way in which the same place says the same setting; else empty.
    """

    name: str
    key: str
    value: Any
    source: str
    folder: Path | None = None
    twice: str = ""


def is_token(given: Given) -> bool:
    """Return whether a key or a value looks like an access token's."""
    text = f"{given.key} {given.value}"
    return bool(TOKENLIKE.search(given.name) or BEARER.search(text)) or without_tokens(text) != text


def written_down(
    shell: InteractiveShell | None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> list[Given]:
    """Return every value that is written down somewhere, the one that wins last.

    Parameters
    ----------
    shell : InteractiveShell or None
        Whose profile and command line count; without one, neither does.
    environ : mapping, optional
        The environment variables; ``os.environ`` if None.
    folder : Path, optional
        From where a ``pyproject.toml`` is looked for, upward; the working directory if None.
    """
    line = getattr(getattr(shell, "parent", None), "cli_config", None) or {}
    typed = dict(line.get(SECTION, {}))
    config = {} if shell is None else shell.config
    where = getattr(getattr(shell, "profile_dir", None), "location", "")
    profile = f"the IPython profile{f' in {where}' if where else ''}"
    return [
        *(
            Given(key, f"c.{SECTION}.{key}", value, profile)
            for key, value in config.get(SECTION, {}).items()
            if key not in typed
        ),
        *_sections(config, profile),
        *_project(_working_directory() if folder is None else folder),
        *_variables(os.environ if environ is None else environ),
        *(
            Given(key, f"--{SECTION}.{key}", value, "the command line")
            for key, value in typed.items()
        ),
    ]


def _variables(environ: Mapping[str, str]) -> Iterator[Given]:
    yield from _once(
        Given(key.removeprefix(PREFIX).replace("-", "_").lower(), key, value, "the environment")
        for key, value in sorted(environ.items())
        if key.startswith(PREFIX) and value
    )
    spelled = {f"intercomexport{s}{_letters(name)}": name for name in NAMES for s in ("", "s")}
    for key in sorted(environ):
        name = spelled.get(_letters(key))
        if name is not None and not key.startswith(PREFIX) and environ[key]:
            yield _unread(key, f"{PREFIX}{name.upper()}", "the environment")


def _sections(config: Mapping[str, Mapping[str, object]], source: str) -> Iterator[Given]:
    """Yield the sections of traitlets' configuration that are nearly named as ours."""
    for name, section in sorted(config.items()):
        if name != SECTION and _is_near(name, section):
            yield _unread(f"c.{name}", f"c.{SECTION}", source)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _is_near(name: str, section: Mapping[str, object]) -> bool:
    """Return whether a section is meant for us: by its name, or by what is in an "intercom"."""
    letters, ours = _letters(name), _letters(SECTION)
    if "intercom" in letters and NAMES & {key.replace("-", "_") for key in section}:
        return True
    near = difflib.SequenceMatcher(None, letters, ours).ratio() >= NEAR
    return bool(section) and (near or ours in letters)


def _unread(key: str, right: str, source: str) -> Given:
    """Return what refuses exports because of a name that is nearly one of ours.

    Passed over in silence, it would leave the range in another zone than the one written down.
    """
    return Given("", key, f"It is not read under this name. Write {right}.", source)


def _once(found: Iterable[Given]) -> Iterator[Given]:
    """Yield each setting of one place once, with the other key if it is there twice."""
    first: dict[str, Given] = {}
    for given in found:
        known = first.setdefault(given.name, given)
        if known is not given and not is_token(known):
            first[given.name] = replace(given, twice=known.key)
    yield from first.values()


def _working_directory() -> Path | None:
    """Return the working directory; None if it was deleted."""
    try:
        return Path.cwd()
    except OSError:
        return None


def _project(folder: Path | None) -> Iterator[Given]:
    """Yield what the nearest ``pyproject.toml`` says that has our table, from here upward.

    A file that is about us and can't be read, or that names the table otherwise, refuses exports.
    """
    folders = () if folder is None else (folder, *folder.parents)
    for path in (each / "pyproject.toml" for each in folders):
        try:
            raw = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue
        except OSError as error:
            yield Given("", "", f"it can't be read ({error.strerror})", str(path))
            return
        try:
            document = tomllib.loads(raw.decode("utf-8-sig"))
        except ValueError as error:
            # In UTF-16, which Windows' tools write, each letter is followed by a zero.
            if b"intercom" not in raw.replace(b"\0", b"").lower():
                continue
            yield Given("", "", f"it is not TOML in UTF-8 ({error})", str(path))
            return
        ours = {key: table for key, table in _tables(document) if _is_ours(key, table)}
        for key, table in ours.items():
            if key != OURS:
                yield _unread(f"[{key}]", f"[{OURS}]", str(path))
            elif isinstance(table, dict):
                yield from _once(
                    Given(key.replace("-", "_"), key, value, str(path), path.parent)
                    for key, value in table.items()
                )
            else:
                yield Given("", "", f"[{OURS}] is no table of settings", str(path))
        if ours:
            return


def _tables(document: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield what is in a TOML document and in its tables, with their full names."""
    for name, table in document.items():
        yield name, table
        for inner, each in table.items() if isinstance(table, dict) else ():
            yield f"{name}.{inner}", each
            if "intercom" in _letters(inner) and isinstance(each, dict):  # [tool.intercom.export]
                yield from ((f"{name}.{inner}.{last}", deep) for last, deep in each.items())


def _is_ours(key: str, table: object) -> bool:
    near = isinstance(table, dict) and _is_near(key.removeprefix("tool."), table)
    return key == OURS or near
