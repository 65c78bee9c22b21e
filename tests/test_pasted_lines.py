"""What people paste after the magic: comments, semicolons, and dates held in variables."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from IPython.utils.capture import capture_output
from shells import loaded_shell, without_history

from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.notebook import usage

JUNE = Timeframe(1527811200, 1530403199)


@pytest.fixture(scope="module")
def shell():
    """One shell with the extension; its lines here are --dry-run and send nothing."""
    config = without_history()
    with loaded_shell(config) as shell:
        yield shell


def run(shell, cell):
    """Run a cell that must succeed; return its value and what it printed."""
    with capture_output() as captured:
        done = shell.run_cell(cell)
    done.raise_error()
    return done.result, captured.stdout


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("2018-06 # June", ("2018-06",)),
        ("2018-06\t# it's the month's", ("2018-06",)),
        ('2018-06 #"', ("2018-06",)),
        ("2018-06 # one # two; three;", ("2018-06",)),
        ("# the form", ()),
        ("load '# 1.zip' # x", ("load", "# 1.zip")),
        ('load "a #b.zip"', ("load", "a #b.zip")),
        ("load a#b.zip", ("load", "a#b.zip")),
    ],
)
def test_a_comment_begins_at_a_number_sign_after_a_space_outside_of_quotes(typed, words):
    """The comment is no part of the line, whatever quotes are in it."""
    command = usage.parse(typed)
    assert ((command.verb, *command.words) if words[:1] == ("load",) else command.words) == words
    assert not command.quiet


@pytest.mark.parametrize("end", [";", " ;", "; # it's June", ";;"])
def test_a_semicolon_at_the_end_is_no_part_of_the_line(end):
    """It marks the line as one whose value is not displayed."""
    command = usage.parse(f"2018-06 --zone UTC{end}")
    assert (command.words, command.options, command.quiet) == (("2018-06",), {"zone": "UTC"}, True)
    assert not usage.parse("load 'x;'").quiet


@pytest.mark.parametrize("variables", ["{first} {last}", "$first $last"])
def test_a_comment_does_not_disturb_the_variables_of_its_line(shell, variables):
    """An apostrophe, braces or a dollar sign in the comment leave the range as it is."""
    shell.user_ns.update(first="2018-06-01", last="2018-06-30")
    found, _ = run(shell, f"%intercom_export {variables} --dry-run # it's {{not}} a $name")
    assert found == JUNE


def test_a_semicolon_displays_nothing_and_still_assigns(shell):
    """A statement of its own shows nothing; an assignment keeps its value, in blocks too."""
    assert run(shell, "%intercom_export 2018-06 --dry-run;") == (None, "")
    assert run(shell, "if True:\n    %intercom_export 2018-06 --dry-run; # don't") == (None, "")
    run(shell, "x = %intercom_export 2018-06 --dry-run;")
    run(shell, "for _ in 'a':\n    y = %intercom_export 2018-06 --dry-run ;")
    assert shell.user_ns["x"] == shell.user_ns["y"] == JUNE


def test_a_line_in_a_function_takes_the_functions_variables(shell):
    """Local variables come before those of the notebook, as in IPython's own magics."""
    shell.user_ns["month"] = "2018-07"
    line = "get_ipython().run_line_magic('intercom_export', '{month} --dry-run')"
    run(shell, f"def export(month):\n    return {line}")
    assert run(shell, "export('2018-06')")[0] == JUNE


NOON = datetime(2018, 6, 1, 12)  # noqa: DTZ001 - a naive datetime is what is tried
SUMMER = timezone(timedelta(hours=1))
OFFSET = pd.Timestamp("2018-06-30 12:00+01:00")
NUMPY = [
    (*(np.datetime64(f"2018-06-{day}T12", unit) for day in ("01", "30")), 1527854400, 1530360000)
    for unit in ("h", "m", "s", "ms", "us", "ns")
]


@pytest.mark.parametrize(
    ("first", "last", "after", "before"),
    [
        (date(2018, 6, 1), date(2018, 6, 30), 1527811200, 1530403199),
        (NOON, NOON.replace(day=30), 1527854400, 1530360000),
        (NOON.replace(microsecond=5), NOON.replace(day=30, second=1), 1527854400, 1530360001),
        (NOON.replace(tzinfo=UTC), NOON.replace(tzinfo=SUMMER, day=30), 1527854400, 1530356400),
        (date(2018, 6, 1), NOON.replace(day=30), 1527811200, 1530360000),
        (pd.Timestamp(NOON), date(2018, 6, 30), 1527854400, 1530403199),
        (pd.Timestamp("2018-06-01 12:00:00.000000001"), OFFSET, 1527854400, 1530356400),
        (np.datetime64("2018-06-01"), np.datetime64("2018-06-30"), 1527811200, 1530403199),
        (np.datetime64("2018-06"), np.datetime64("2018-07"), 1527811200, 1533081599),
        *NUMPY,
    ],
)
def test_dates_of_every_kind_in_variables_are_read_as_their_text(shell, first, last, after, before):
    """Days are days and instants are instants, beside each other or with dots between."""
    shell.user_ns.update(a=first, b=last)
    for line in ("{a} {b}", "{a}..{b}", "$a $b"):
        found, _ = run(shell, f"%intercom_export {line} --dry-run")
        assert (found.created_at_after, found.created_at_before) == (after, before), line
    assert Timeframe.parse(f"{first} {last}") == Timeframe(after, before)


@pytest.mark.parametrize("option", ["--observe {until}", "--observe={until}"])
def test_an_instant_in_a_variable_is_one_value_of_an_option(shell, option):
    """--observe takes a datetime as it takes a day."""
    shell.user_ns["until"] = NOON
    found, _ = run(shell, f"%intercom_export 2018-05 {option} --dry-run")
    assert found.observed_until == 1527854400
