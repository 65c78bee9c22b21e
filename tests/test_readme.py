"""The README's tables are what the code has."""

from __future__ import annotations

import readme_tables


def test_every_table_of_the_readme_is_made_from_the_code():
    """Verbs, options, settings, errors and columns are documented as they are."""
    text = readme_tables.README.read_text(encoding="utf-8")
    assert readme_tables.filled(text) == text, "run: python tests/readme_tables.py"


def test_every_setting_option_and_verb_says_something():
    """No row of a table is without its meaning."""
    for make in readme_tables.TABLES.values():
        for line in make().splitlines():
            if line.startswith("| `"):
                assert len(line.split(" | ")[-1].strip(" |")) > 3, line
