"""`intercom-export`: the magic's verbs in a shell, their exit codes and streams."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest
from conftest import TOKEN

from intercom_export_widgets.errors import WaitInterruptedError
from intercom_export_widgets.notebook import commandline
from intercom_export_widgets.notebook.commandline import main


@pytest.fixture
def place(sandbox, tmp_path, monkeypatch):
    """A working directory in which the command finds the sandbox by its environment."""
    monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("INTERCOM_EXPORT_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("INTERCOM_EXPORT_POLL_INTERVAL", "0.1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_range_becomes_parquet_or_csv(place, capsys):
    """--to writes a folder, or one file, and prints its name; --table prints CSV."""
    assert main(["2018-06-01", "--to", "june"]) == 0
    out, err = capsys.readouterr()
    assert "june/receipt.parquet" in out.splitlines()
    assert "ready" in err
    assert "june" not in err.replace("2018-06", "")
    receipts = pd.read_parquet("june/receipt.parquet")
    assert receipts.attrs["sandbox"] is True
    assert main(["2018-06-01", "--to=june.csv"]) == 0
    assert len(pd.read_csv("june.csv")) == len(receipts)
    assert main(["2018-06-01", "--table", "open", "--to", "open.parquet"]) == 0
    capsys.readouterr()
    assert main(["2018-06-01", "--table", "open"]) == 0
    out, _ = capsys.readouterr()
    assert out.startswith("receipt_id,opened_at\n")
    assert len(out.splitlines()) == len(pd.read_parquet("open.parquet")) + 1


def test_log_is_json_that_a_program_reads(place, capsys):
    """One record for each job of this machine; a job can be attached to and loaded."""
    assert main(["2018-06-01", "--wait"]) == 0
    capsys.readouterr()
    assert main(["log", "--json"]) == 0
    (job,) = json.loads(capsys.readouterr().out)
    assert job["status"] == "completed"
    for verb in ("attach", "load"):
        assert main([verb, job["job_identifier"], "--to", f"{verb}.parquet"]) == 0
    assert pd.read_parquet("attach.parquet").equals(pd.read_parquet("load.parquet"))


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("2018-07-01 2018-06-01", 2, "created_at_after is greater than created_at_before"),
        ("statsu", 2, "Did you mean 'status'? See intercom-export help."),
        ("2018-06 --token x", 2, "There is no option --token."),
        ("2018-06 -o x", 2, "--output means nothing in a shell"),
        ("2018-06 --json", 2, "--json means nothing without log"),
        ("log --to x", 2, "--to means nothing without a range"),
        ("2018-06 --to", 2, "--to PATH"),
        ("load nothing.zip", 1, "intercom-export log --all"),
        ("attach nothing0", 1, "nothing0"),
    ],
)
def test_what_goes_wrong_is_one_line_and_a_code(place, capsys, line, code, said):
    """Standard output stays empty, and the advice names this command."""
    assert main(line.split()) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert "%" not in err
    assert len(err.splitlines()) == 1


def test_a_held_slot_is_for_later_and_a_rejected_token_is_not(place, sandbox, capsys, monkeypatch):
    """Codes 3 and 2 tell a scheduler whether to run the same line again."""
    sandbox.switch(stuck=1)
    assert main(["2018-06-01"]) == 0
    assert main(["2018-06-05"]) == 3
    assert "intercom-export attach" in capsys.readouterr().err
    monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", f"'{TOKEN}'")
    assert main(["2018-06-06"]) == 2
    err = capsys.readouterr().err
    assert "is in quotes" in err
    assert TOKEN not in err


def test_help_names_the_command_and_its_exit_codes(capsys):
    """Without words, with help and with --help."""
    for line in ([], ["help"], ["--help"], ["help", "log"]):
        assert main(line) == 0
        out = capsys.readouterr().out
        assert "intercom-export" in out
        assert "%" not in out
    assert commandline._exit_code(WaitInterruptedError("x")) == 130


def test_the_module_runs_as_a_command():
    """`python -m intercom_export_widgets` ends with the code, and has no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "intercom_export_widgets", "2018-06-31"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("intercom-export: '2018-06-31' is not a date that exists.")
