"""The README's tables, made from the code that they describe.

``python tests/readme_tables.py`` writes them into the README, between its markers;
`test_readme.py` fails when they differ.
"""

from __future__ import annotations

import re
from pathlib import Path

from intercom_export_widgets import errors
from intercom_export_widgets.data.schema import GROUPS, Kind
from intercom_export_widgets.jobs import log, reading
from intercom_export_widgets.notebook.settings import IntercomExport
from intercom_export_widgets.notebook.sources import PREFIX
from intercom_export_widgets.notebook.usage import OPTIONS, VERBS

README = Path(__file__).parents[1] / "README.md"

DTYPES = {
    Kind.ID: "str",
    Kind.TEXT: "str",
    Kind.CATEGORY: "category",
    Kind.TIMESTAMP: "datetime64[us, UTC]",
    Kind.COUNT: "Int64",
    Kind.RATE: "Float64",
}


def table(heads, rows):
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )


def verbs():
    return table(
        ["line", "what it does"],
        [
            [f"`%intercom_export {name} {takes}`".replace(" `", "`"), said]
            for name, (takes, said) in VERBS.items()
        ],
    )


def options():
    return table(
        ["option", "meaning"],
        [[f"`{name} {takes}`".replace(" `", "`"), said] for name, (takes, said) in OPTIONS.items()],
    )


def settings():
    traits = IntercomExport.class_own_traits(config=True)
    return table(
        ["setting", "environment variable", "meaning"],
        [[f"`{name}`", f"`{PREFIX}{name.upper()}`", trait.help] for name, trait in traits.items()],
    )


def error_tree():
    rows = []
    for name in errors.__all__:
        kind = getattr(errors, name)
        if name != "IntercomExportError":
            rows.append(
                [
                    f"`{name}`",
                    kind.__doc__.split("\n")[0],
                    getattr(kind, "advice", "") or "(each says so itself)",
                ]
            )
    return table(["error", "what happened", "what to do, unless the error says more"], rows)


def log_columns():
    return table(
        ["column", "dtype", "meaning"],
        [[f"`{name}`", f"`{dtype}`", said] for name, (dtype, said) in log.COLUMNS.items()],
    )


def attrs():
    return table(["key", "meaning"], [[f"`{name}`", said] for name, said in reading.ATTRS.items()])


def columns():
    parts = []
    for group in GROUPS.values():
        rows = [[f"`{c.name}`", f"`{DTYPES[c.kind]}`", c.description] for c in group.columns]
        body = (
            table(["column", "dtype", "meaning"], rows)
            if rows
            else (
                "One row per message: every `*_total` and `*_unique` is `Int64`, every `*_rate` "
                "`Float64`, all else text."
            )
        )
        parts.append(
            f"<details><summary><code>{group.name}</code>: {group.description}</summary>\n\n"
            f"{body}\n\n</details>"
        )
    return "\n\n".join(parts)


TABLES = {
    "verbs": verbs,
    "options": options,
    "settings": settings,
    "errors": error_tree,
    "log": log_columns,
    "attrs": attrs,
    "columns": columns,
}


def filled(text):
    """Return the README's text with every table as the code has it."""
    for name, make in TABLES.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)"
        text, found = re.subn(
            pattern, lambda m, make=make: f"{m[1]}\n{make()}\n\n{m[2]}", text, flags=re.DOTALL
        )
        if found != 1:
            raise ValueError(f"the README has {found} places for the table {name!r}")
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
