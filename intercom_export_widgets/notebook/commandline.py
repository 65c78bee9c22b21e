"""``intercom-export``: the magic's verbs in a shell, with the same parser and texts.

Data and answers go to standard output, progress, warnings and errors to standard error. The
token comes from the environment, a keyring or a hidden prompt; it is no argument.
"""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.data.parquet import make_folder
from intercom_export_widgets.errors import (
    AccessError,
    ExportWarning,
    InputError,
    IntercomExportError,
    RateLimitError,
    RequestRefusedError,
    ServiceError,
    UsageError,
    WaitInterruptedError,
    WaitTimeoutError,
    printable,
)
from intercom_export_widgets.notebook import manual, text, usage
from intercom_export_widgets.notebook.card import describe
from intercom_export_widgets.notebook.translation import in_shell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intercom_export_widgets.notebook.usage import Command

__all__ = ["EXIT_CODES", "main"]

DONE, FAILED, WRONG, LATER, INTERRUPTED = 0, 1, 2, 3, 130
EXIT_CODES: Final = {
    DONE: "done",
    FAILED: "failed: the job, the archive, the disk, a window that is missing, a doctor's finding",
    WRONG: "what was typed, a setting or the token is wrong: correct it",
    LATER: "Intercom, the network or the workspace's slot: try again later",
    INTERRUPTED: "interrupted; a job that was submitted runs on",
}

MORE: Final = {
    "--to PATH": "write Parquet: a folder of all tables, or one table to FILE.parquet; or FILE.csv",
    "--json": "with log: JSON, one record for each job",
}
"""What only the command line takes."""

SAVES: Final = frozenset({"export", "attach", "load"})
NOT_HERE: Final = ("output", "interactive")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what a command line says; return its exit code, one of `EXIT_CODES`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    with warnings.catch_warnings():  # which puts `showwarning` back, too
        warnings.simplefilter("always", ExportWarning)
        warnings.showwarning = _show_warning
        try:
            return _run(given)
        except IntercomExportError as error:
            error.debug = "--debug" in given
            lines = error._render_traceback_() if error.debug else [f"intercom-export: {error}"]
            _tell("\n".join(lines))
            return _exit_code(error)
        except KeyboardInterrupt:
            return INTERRUPTED
        except BrokenPipeError:
            # The reader has gone, as `head` does; Python would complain at its exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILED


def _run(given: list[str]) -> int:
    target, as_json, rest = _own_options(given)
    command = _checked(usage.parse_words(rest), target, as_json=as_json)
    if command.verb in {"form", "help"}:
        _print(_help(command))
        return DONE
    if command.verb == "sandbox":
        from intercom_export_widgets.sandbox.__main__ import main as serve

        return serve([])
    from intercom_export_widgets.notebook.desk import Desk
    from intercom_export_widgets.notebook.verbs import Verbs

    desk = Desk(None)
    try:
        result = Verbs(desk).run(command)
        if target:
            _print("\n".join(_save(result, target, command)))
        else:
            _show(result, as_json=as_json)
        return _code_of(result)
    finally:
        desk.close()


def _own_options(given: list[str]) -> tuple[str, bool, list[str]]:
    """Take ``--to PATH`` and ``--json`` out of a command line."""
    target, rest, words = "", [], iter(given)
    for word in words:
        if word == "--to" or word.startswith("--to="):
            target = word.removeprefix("--to=") if "=" in word else next(words, "")
            if not target or target.startswith("--"):
                raise UsageError("The option --to needs a value: --to PATH.")
        elif word != "--json":
            rest.append(word)
    return target, "--json" in given, rest


def _checked(command: Command, target: str, *, as_json: bool) -> Command:
    """Return the command with what a shell implies, or refuse what means nothing there."""
    for name in NOT_HERE:
        if command.has(name):
            raise UsageError(f"The option --{name} means nothing in a shell.")
    if as_json and command.verb != "log":
        raise UsageError("The option --json means nothing without log.")
    if target and command.verb not in SAVES:
        raise UsageError("The option --to means nothing without a range, attach or load.")
    options = dict(command.options)
    if command.verb == "log":
        options["all"] = ""  # this process has no jobs of its own
    if target.lower().endswith(".csv"):
        options.setdefault("table", "receipt")
    elif target and command.verb != "load":
        options["wait"] = ""
    return replace(command, options=options)


def _save(result: object, target: str, command: Command) -> list[str]:
    """Write what was exported, whole or not at all; return the files."""
    import pandas as pd

    from intercom_export_widgets.data.aside import aside
    from intercom_export_widgets.jobs.backfill import Backfill
    from intercom_export_widgets.jobs.handle import Export

    if isinstance(result, Export):
        return [str(file) for file in result.to_parquet(target)]
    if isinstance(result, Backfill):
        return [str(file) for file in result.to_parquet(target, mixed=command.has("mixed"))]
    path = Path(target)
    if path.suffix.lower() not in {".csv", ".parquet"}:
        path = path / f"{command.value('table')}.parquet"
        make_folder(path.parent)
    if isinstance(result, pd.DataFrame):
        with aside(path) as temporary:
            if path.suffix.lower() == ".csv":
                result.to_csv(temporary, index=False)
            else:
                result.to_parquet(temporary)
    return [str(path)]


def _show(result: object, *, as_json: bool) -> None:
    import pandas as pd

    if not isinstance(result, pd.DataFrame):
        _print(_text_of(result))
    elif as_json:
        _print(result.to_json(orient="records", date_format="iso", indent=1))
    else:
        # Bytes, since a terminal's encoding must not change the data.
        result.to_csv(sys.stdout.buffer, index=False)
        sys.stdout.buffer.flush()


def _text_of(result: object) -> str:
    """Return a verb's result as the text that a terminal shows."""
    from intercom_export_widgets.intercom.models import Job
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.backfill import Backfill
    from intercom_export_widgets.jobs.handle import Export
    from intercom_export_widgets.notebook.backfillview import backfill_text

    match result:
        case Export():
            return text.card_text(describe(result))
        case Backfill():
            return backfill_text(result)
        case Timeframe():
            return text.timeframe_text(result)
        case Job():
            return text.job_text(result)
        case _:
            return repr(result)


def _code_of(result: object) -> int:
    """Return the exit code of a result that came without an error."""
    from intercom_export_widgets.jobs.backfill import Backfill
    from intercom_export_widgets.notebook.finding import Diagnosis

    unwell = isinstance(result, Diagnosis) and not result.ok
    gaps = isinstance(result, Backfill) and result.done and bool(result.missing)
    return FAILED if unwell or gaps else DONE


def _exit_code(error: IntercomExportError) -> int:
    match error:
        case WaitInterruptedError():
            return INTERRUPTED
        case InputError() | AccessError() | RequestRefusedError():
            return WRONG
        case RateLimitError() | ServiceError() | WaitTimeoutError():
            return LATER
        case _:
            return FAILED


def _help(command: Command) -> str:
    """Return the magic's page, and what only the command line takes."""
    if command.words:
        return manual.page_of(command.words[0])
    options = [f"  {name:<10}  {said}" for name, said in MORE.items()]
    codes = [f"  {code:<10}  {said}" for code, said in EXIT_CODES.items()]
    more = ["", "In a shell also:", *options, "", "Exit codes:", *codes]
    return "\n".join([manual.page(), *more])


def _show_warning(
    message: Warning | str, category: type[Warning], *_: object, **__: object
) -> None:
    _tell(f"intercom-export: {category.__name__}: {message}")


def _tell(said: str) -> None:
    print(printable(in_shell(said), sys.stderr), file=sys.stderr)  # noqa: T201 - a command prints


def _print(said: str) -> None:
    print(printable(in_shell(said), sys.stdout), flush=True)  # noqa: T201 - a command prints
