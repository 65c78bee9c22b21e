"""The pages that ``%intercom_export help``, ``--help`` and ``%intercom_export?`` show.

Made from the lists of `usage`, with examples for each verb; plain text, since ``?`` shows
nothing else.
"""

from __future__ import annotations

from typing import Final

from intercom_export_widgets.intercom.dateparse import PRESETS
from intercom_export_widgets.notebook.usage import ALLOWED, OPTIONS, VERBS

__all__ = ["EXAMPLES", "page", "page_of"]

RANGES: Final = (
    "2018-06-01 2018-06-30   2018-06-01..2018-06-30   2018-06   2018-Q2   2018",
    "2018-06-01T09:00+01:00 2018-06-30T18:00+01:00   1527811200 1530403199",
    "   ".join(name for name in PRESETS if name.startswith("last-")),
    "   ".join(name for name in PRESETS if not name.startswith("last-")),
)

EXAMPLES: Final = {
    "": (
        ("%intercom_export", "the form"),
        ("%intercom_export 2018-06-01 2018-06-30", "submit, return at once: a live job card"),
        ("x = %intercom_export last-month --wait", "block, return the finished export"),
        ("mail = %intercom_export 2018-06 --table receipt", "block, return that table"),
        ("%intercom_export {first} {last} --wait", "the range from two variables"),
        ("%intercom_export 2018 --every month --mixed --wait", "twelve windows, one dataset"),
        ("%intercom_export 2018-06 --dry-run", "look at the range, send nothing"),
    ),
    "status": (
        ("%intercom_export status", "what this session exports"),
        ("%intercom_export status v5xsp8c19ji0s82", "one job, asked of Intercom"),
    ),
    "attach": (
        ("x = %intercom_export attach v5xsp8c19ji0s82 --wait", "block until it is here"),
        ("%intercom_export attach v5xsp8c19ji0s82 --region eu", "a job of another region"),
    ),
    "cancel": (
        ("%intercom_export cancel", "the one that is running"),
        ("%intercom_export cancel v5xsp8c19ji0s82", "a job of whatever notebook"),
    ),
    "queue": (
        ("%intercom_export queue", "what waits, in order"),
        ("%intercom_export queue remove 3", "take out the range called 3"),
    ),
    "load": (
        ("x = %intercom_export load v5xsp8c19ji0s82", "from this machine's folder"),
        ("mail = %intercom_export load june.zip --table receipt", "a file from elsewhere"),
    ),
    "log": (
        ("log = %intercom_export log", "this session"),
        ("log = %intercom_export log --all", "this machine"),
    ),
    "sandbox": (
        ("%intercom_export sandbox", "synthetic data from now on"),
        ("%intercom_export sandbox stop", "your workspace again"),
    ),
    "doctor": (
        ("%intercom_export doctor", "a row for each check"),
        ("found = %intercom_export doctor", "then: assert found.ok"),
    ),
    "help": (("%intercom_export help attach", "the page of one verb"),),
}
"""Lines to copy, and what each is for; the first ones are about ranges."""


def page() -> str:
    """Return the whole page."""
    return "\n".join(
        [
            "Exports Intercom's message data (who received, opened, clicked …; no message text).",
            "",
            *_columns(dict(EXAMPLES[""])),
            "",
            "Ranges are inclusive days, in the zone of --zone or the setting:",
            *(f"  {examples}" for examples in RANGES),
            "",
            "Verbs; %intercom_export help VERB says more:",
            *_columns(_heads(VERBS, "%intercom_export ")),
            "",
            "Options:",
            *_columns(_heads(OPTIONS, "")),
            "",
            "Settings: %config IntercomExport; where each came from: %intercom_export doctor.",
            "Tab goes on with verbs, options, ranges, zones, tables and jobs.",
        ]
    )


def page_of(verb: str) -> str:
    """Return the page of one verb: how it is written, examples, the options that go with it.

    Parameters
    ----------
    verb : str
        One of `usage.VERBS`.
    """
    takes, said = VERBS[verb]
    options = {name: OPTIONS[name] for name in OPTIONS if name.removeprefix("--") in ALLOWED[verb]}
    return "\n".join(
        [
            f"%intercom_export {verb} {takes}".rstrip(),
            "",
            f"  {said[0].upper()}{said[1:]}.",
            "",
            "Examples:",
            *_columns(dict(EXAMPLES[verb])),
            "",
            "Options:",
            *_columns(_heads(options, "")),
        ]
    )


def _heads(rows: dict[str, tuple[str, str]], prefix: str) -> dict[str, str]:
    return {f"{prefix}{name} {value}".rstrip(): said for name, (value, said) in rows.items()}


def _columns(rows: dict[str, str]) -> list[str]:
    width = max(map(len, rows))
    return [f"  {head:<{width}}  {said}" for head, said in rows.items()]
