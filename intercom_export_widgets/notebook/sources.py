"""Where settings are written down: the profile, `pyproject.toml`, the environment.

It reads, names the place for a sentence, and judges no value; the token is none of it.
The later source wins: profile, project, environment, command line; then ``%config``.
"""

from __future__ import annotations

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
TABLE: Final = "intercom-export"
PREFIX: Final = "INTERCOM_EXPORT_"

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
    shell: InteractiveShell, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> list[Given]:
    """Return every value that is written down somewhere, the one that wins last.

    Parameters
    ----------
    shell : InteractiveShell
        Whose profile and command line count.
    environ : mapping, optional
        The environment variables; ``os.environ`` if None.
    folder : Path, optional
        From where a ``pyproject.toml`` is looked for, upward; the working directory if None.
    """
    line = getattr(getattr(shell, "parent", None), "cli_config", None) or {}
    typed = dict(line.get(SECTION, {}))
    where = getattr(getattr(shell, "profile_dir", None), "location", "")
    profile = f"the IPython profile{f' in {where}' if where else ''}"
    return [
        *(
            Given(key, f"c.{SECTION}.{key}", value, profile)
            for key, value in shell.config.get(SECTION, {}).items()
            if key not in typed
        ),
        *_project(Path.cwd() if folder is None else folder),
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


def _once(found: Iterable[Given]) -> Iterator[Given]:
    """Yield each setting of one place once, with the other key if it is there twice."""
    first: dict[str, Given] = {}
    for given in found:
        known = first.setdefault(given.name, given)
        if known is not given and not is_token(known):
            first[given.name] = replace(given, twice=known.key)
    yield from first.values()


def _project(folder: Path) -> Iterator[Given]:
    """Yield what the nearest ``pyproject.toml`` says that has our table, from here upward."""
    for path in (each / "pyproject.toml" for each in (folder, *folder.parents)):
        try:
            raw = path.read_bytes()
        except OSError:
            continue
        if TABLE.encode() not in raw:
            continue
        try:
            tool = tomllib.loads(raw.decode("utf-8-sig")).get("tool", {})
        except ValueError as error:  # no TOML, or no UTF-8
            yield Given("", "", f"it is not TOML ({error})", str(path))
            return
        table = tool.get(TABLE) if isinstance(tool, dict) else None
        if isinstance(table, dict):
            yield from _once(
                Given(key.replace("-", "_"), key, value, str(path), path.parent)
                for key, value in table.items()
            )
            return
        if table is not None:
            yield Given("", "", f"[tool.{TABLE}] is no table of settings", str(path))
            return
