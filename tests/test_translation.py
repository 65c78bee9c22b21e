"""What a form that was made by hand says in Python in place of the magic's lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import intercom_export_widgets
from intercom_export_widgets.errors import LedgerError
from intercom_export_widgets.notebook.form import ExportForm
from intercom_export_widgets.notebook.translation import in_python

HOUSE = Path(intercom_export_widgets.__file__).parent
LOWER = [HOUSE / "errors.py", *(HOUSE / "jobs").glob("*.py"), *(HOUSE / "intercom").glob("*.py")]
ADVICE = [
    re.sub(r"\{[^}]*\}", "x1", line.strip())
    for path in sorted(LOWER)
    for line in path.read_text(encoding="utf-8").splitlines()
    if "%intercom_export" in line and "``" not in line
]


@pytest.mark.parametrize("line", ADVICE)
def test_whatever_the_rooms_below_advise_has_its_python(line):
    """No sentence of theirs names the magic once it has been translated."""
    said = in_python(line)
    assert "%intercom_export" not in said
    assert said != line


@pytest.mark.parametrize(
    ("magic", "python"),
    [
        ("%intercom_export attach v5xs --wait.", "session.attach('v5xs').wait()."),
        ("%intercom_export attach 'a b'", "session.attach('a b')"),
        ("%intercom_export attach, and", "session.attach, and"),
        ("%intercom_export log --all, then", "session.log(everything=True), then"),
        ("%intercom_export cancel.", "export.cancel()."),
        ('%config IntercomExport.folder = "/path".', 'ExportSession(folder="/path").'),
        ("nothing of it", "nothing of it"),
    ],
)
def test_each_line_has_the_call_that_does_the_same(magic, python):
    """Names are quoted once, and what is no line stays."""
    assert in_python(magic) == python


def test_a_form_made_by_hand_says_it_in_python_and_the_magics_says_the_magic(session):
    """The alert beneath the button is the one that is at hand."""
    form = ExportForm(session)
    error = LedgerError("It is locked.", advice='Or: %config IntercomExport.ledger = "/l".')
    form.warn(error)
    assert form.alert["text"] == 'Or: ExportSession(ledger="/l").'
    form.by_magic = True
    form.warn(error)
    assert form.alert["text"] == 'Or: %config IntercomExport.ledger = "/l".'
    form.close()
