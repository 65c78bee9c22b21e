"""%intercom_export in a real IPython shell, against the sandbox."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing

import pandas as pd
import pytest
from conftest import TOKEN
from IPython.utils.capture import capture_output
from shells import loaded_shell, without_history

from intercom_export_widgets import errors
from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.jobs import ledgerfile
from intercom_export_widgets.jobs.handle import Export
from intercom_export_widgets.jobs.progress import Stage
from intercom_export_widgets.notebook import manual, usage


@pytest.fixture
def shell(sandbox, tmp_path, monkeypatch):
    """A shell with the extension loaded and pointed at the sandbox by its settings."""
    monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", TOKEN)
    config = without_history()
    config.IntercomExport.base_url = sandbox.base_url
    config.IntercomExport.folder = str(tmp_path / "exports")
    config.IntercomExport.ledger = str(tmp_path / "ledger.sqlite")
    config.IntercomExport.poll_interval = 0.1
    with loaded_shell(config) as shell:
        yield shell


@pytest.fixture
def run(shell):
    """Return a function that runs a cell and gives its result, its error, and what it printed."""

    def run_cell(code):
        with capture_output() as captured:
            result = shell.run_cell(code)
        return result.result, result.error_in_exec or result.error_before_exec, captured.stdout

    return run_cell


def value(run, code):
    """Run a cell that must succeed, and return its value."""
    result, error, _ = run(code)
    assert error is None, error
    return result


# Ranges ----------------------------------------------------------------------------------


def test_a_range_submits_and_returns_the_handle_at_once(run, sandbox):
    """The last value of the cell is an Export, while the job is still running."""
    sandbox.switch(stuck=1)
    export = value(run, "%intercom_export 2018-06-01 2018-06-02")
    assert isinstance(export, Export)
    assert not export.done
    value(run, "%intercom_export cancel")


def test_status_shows_the_exports_of_this_session_while_the_ledger_is_locked(
    run, tmp_path, monkeypatch
):
    """They go on without it, and the sentence about the lock stands beneath them."""
    value(run, "%intercom_export 2018-06-01 --wait")
    monkeypatch.setattr(ledgerfile, "BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        shown = value(run, "%intercom_export status")
    assert [export.progress.stage for export in shown] == [Stage.DONE]
    assert "is kept locked by another program" in repr(shown)


def test_wait_gives_the_finished_export_to_a_variable(run, shell):
    """`x = %intercom_export … --wait` assigns an export whose data are there."""
    value(run, "x = %intercom_export 2018-06-01 --wait")
    assert shell.user_ns["x"].done
    assert len(shell.user_ns["x"].receipts) > 10


def test_table_gives_that_table(run, shell):
    """--table blocks and returns a DataFrame of the table, singular or plural."""
    value(run, "x = %intercom_export 2018-06-01 --table opens")
    assert isinstance(shell.user_ns["x"], pd.DataFrame)
    assert list(shell.user_ns["x"].columns) == ["receipt_id", "opened_at"]


def test_a_table_that_was_there_already_says_so(run, shell):
    """The second line exports nothing, and says since when the data are there."""
    _, _, first = run("x = %intercom_export 2018-06-01 --table open")
    assert "Exported already" not in first
    _, _, again = run("x = %intercom_export 2018-06-01 --table receipt")
    assert "Exported already" in again
    assert "--fresh exports it anew" in again
    assert len(shell.user_ns["x"]) > 10


def test_output_puts_the_result_into_a_variable(run, shell):
    """-o NAME assigns, and the cell has no value to show."""
    assert value(run, "%intercom_export 2018-06-01 --table receipt -o mail") is None
    assert len(shell.user_ns["mail"]) > 10


def test_dry_run_sends_nothing_and_shows_the_range(run, sandbox):
    """--dry-run gives the Timeframe, shown as local days, UTC instants and Unix seconds."""
    found, _, shown = run("%intercom_export 2018-06-01 2018-06-30 --dry-run")
    assert found == Timeframe(1527811200, 1530403199)
    for part in ("2018-06-01 to 2018-06-30 (UTC)", "1527811200", "1530403199", "30"):
        assert part in shown
    assert "counted until 2018-06-30 23:59:59 UTC" in shown
    assert not sandbox.requests


@pytest.mark.parametrize(
    "line",
    [
        "2018-06-01 2018-06-30",
        "2018-06-01..2018-06-30",
        "2018-06",
        '"2018-06-01 2018-06-30"',
        "'2018-06-01' '2018-06-30'",
        "{first} {last}",
        "$first $last",
        "{first}..{last}",
        "1527811200 1530403199",
        "--dry-run 2018-06-01 --zone=UTC 2018-06-30",
    ],
)
def test_the_same_range_however_it_is_written(run, shell, line):
    """Quotes, expansion of variables and the order of options make no difference."""
    shell.user_ns.update(first="2018-06-01", last="2018-06-30")
    found = value(run, f"%intercom_export {line} --dry-run")
    assert (found.created_at_after, found.created_at_before) == (1527811200, 1530403199)


def test_zone_is_for_one_line_and_the_setting_for_all(run):
    """--zone beats the setting, which beats UTC."""
    assert value(run, "%intercom_export 2018-06 --dry-run").zone == "UTC"
    value(run, '%config IntercomExport.zone = "Europe/Dublin"')
    assert value(run, "%intercom_export 2018-06 --dry-run").created_at_after == 1527807600
    found = value(run, "%intercom_export 2018-06 --dry-run --zone Asia/Kolkata")
    assert found.created_at_after == 1527791400


def test_region_is_for_one_line(run, shell):
    """--region asks another region for one line and leaves the session where it was."""
    magics = shell.magics_manager.registry["IntercomExportMagics"]
    before = magics.session.connection
    value(run, "%intercom_export 2018-06 --dry-run --region eu")
    assert magics.session.connection is before
    _, error, _ = run("%intercom_export 2018-06 --dry-run --region europe")
    assert isinstance(error, errors.SettingError)


# Verbs -----------------------------------------------------------------------------------


def test_log_is_a_dataframe_of_this_session(run):
    """`log` gives one row per job of the session, `log --all` of the machine."""
    assert value(run, "%intercom_export log").empty
    value(run, "%intercom_export 2018-06-01 --wait")
    log = value(run, "%intercom_export log")
    assert list(log["status"]) == ["completed"]
    assert len(value(run, "%intercom_export log --all")) == 1


def test_status_lists_exports_and_asks_about_one(run):
    """Without an identifier it lists the session's, with one it asks the API."""
    export = value(run, "%intercom_export 2018-06-01 --wait")
    overview = value(run, "%intercom_export status")
    assert list(overview) == [export]
    assert export.job_identifier in repr(overview)
    job = value(run, f"%intercom_export status {export.job_identifier}")
    assert job.status_text == "completed"


def test_attach_and_load_take_up_what_was_done(run, shell):
    """Both give the same data as the export did."""
    done = value(run, "%intercom_export 2018-06-01 --wait")
    value(run, f"a = %intercom_export attach {done.job_identifier} --table receipt")
    value(run, f"b = %intercom_export load {done.job_identifier} --table receipt")
    value(run, f"c = %intercom_export load '{done.progress.path}' --table receipt")
    for name in "abc":
        assert shell.user_ns[name].equals(done.receipts)


def test_cancel_ends_the_one_that_is_running(run, sandbox):
    """Without an identifier the running export is canceled, and none running is an error."""
    sandbox.switch(stuck=1)
    export = value(run, "%intercom_export 2018-06-01")
    value(run, "%intercom_export cancel")
    assert export.done
    assert isinstance(export.error, errors.JobCanceledError)
    _, error, _ = run("%intercom_export cancel")
    assert isinstance(error, errors.UsageError)


def test_cancel_reaches_a_job_of_another_notebook(run, session, sandbox):
    """An identifier that is not of this session is canceled at Intercom."""
    sandbox.switch(stuck=1)
    other = session.submit("2018-06-01")
    job = value(run, f"%intercom_export cancel {other.job_identifier}")
    assert job.status_text == "canceled"
    with pytest.raises(errors.JobCanceledError):
        other.wait(30)


def test_sandbox_points_the_session_at_synthetic_data_and_back(run, shell):
    """`sandbox` needs no token and labels everything; `sandbox stop` goes back."""
    note = value(run, "%intercom_export sandbox")
    assert "Sandbox: synthetic data" in repr(note)
    value(run, "x = %intercom_export 2018-06-01 --wait")
    assert shell.user_ns["x"].receipts.attrs["sandbox"] is True
    _, _, shown = run("x")
    assert "Sandbox: synthetic data" in shown
    value(run, "%intercom_export sandbox stop")
    _, error, _ = run("%intercom_export sandbox stop")
    assert isinstance(error, errors.UsageError)


@pytest.mark.parametrize("line", ["help", "--help", "-h", "2018-06 --help"])
def test_help_shows_every_verb_and_option(run, line):
    """The help is the same however it is asked for, and lists all there is."""
    shown = repr(value(run, f"%intercom_export {line}"))
    for name in [*usage.VERBS, *usage.OPTIONS]:
        assert name in shown


@pytest.mark.parametrize("verb", usage.VERBS)
def test_help_of_a_verb_has_its_examples_and_its_options_alone(run, verb):
    """`help VERB` and `VERB --help` are the same page, and each example is a line that parses."""
    shown = repr(value(run, f"%intercom_export help {verb}"))
    for name in usage.OPTIONS:
        allowed = name.removeprefix("--") in usage.ALLOWED[verb]
        assert (f"  {name}" in shown) == allowed, name
    if verb != "help":
        assert repr(value(run, f"%intercom_export {verb} --help")) == shown
    for cell, _ in manual.EXAMPLES[verb]:
        assert cell in shown
        assert usage.parse(cell.partition("%intercom_export ")[2]).verb == verb


def test_a_question_mark_shows_the_page_with_examples(run):
    """%intercom_export? is the help, where IPython users look for it."""
    _, error, shown = run("%intercom_export?")
    assert error is None
    for cell, _ in manual.EXAMPLES[""]:
        assert cell in shown


def test_doctor_says_what_it_found(run):
    """It names the token's source, the workspace and the places on disk."""
    shown = repr(value(run, "%intercom_export doctor"))
    assert "INTERCOM_ACCESS_TOKEN" in shown
    assert "Sandbox: synthetic data" in shown
    assert TOKEN not in shown


def test_no_argument_is_the_form_which_reads_well_as_text(run):
    """In a terminal the form is a few lines that say how to do without it."""
    value(run, "%intercom_export 2018-06-01 --wait")
    _, error, shown = run("%intercom_export")
    assert error is None
    assert "%intercom_export 2018-06-01 2018-06-30" in shown
    assert "2018-06-01 (UTC)" in shown


# Errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "error", "said"),
    [
        ("2018-07-01 2018-06-01", "TimeframeError", "created_at_after is greater than"),
        ("2018-06-31", "TimeframeError", "2018-06-31"),
        ("1527811200", "TimeframeError", "'created_at_before' is a required parameter"),
        ("2090-01", "TimeframeError", "future"),
        ("2018-06 --zone Europe/Dublln", "TimeframeError", "Did you mean Europe/Dublin"),
        ("2018-06 --wiat", "UsageError", "Did you mean --wait"),
        ("2018-06 --table", "UsageError", "--table NAME"),
        ("2018-06 --table recipt", "TableNotFoundError", "Did you mean 'receipt'"),
        ("2018-06 -o 1x", "UsageError", "1x"),
        ("'2018-06", "UsageError", "unfinished quotation"),
        ("statsu", "UsageError", "Did you mean 'status'"),
        ("attach", "UsageError", "attach ID"),
        ("list", "UsageError", "Did you mean 'log'"),
        ("resume v5xsp8c19ji0s82", "UsageError", "Did you mean 'attach'"),
        ("help atach", "UsageError", "Did you mean 'attach'"),
        ("help everything", "UsageError", "The verbs are status, attach"),
        ("lastmonth", "TimeframeError", "Did you mean last-month"),
        ("2018 --every mnth", "TimeframeError", "Did you mean 'month'"),
        ("2018 --region eo", "SettingError", "Did you mean 'eu'"),
        ("attach nothing0", "JobNotFoundError", "nothing0"),
        ("attach ../../me", "JobNotFoundError", ""),
        ("load nothing.zip", "FileError", "nothing.zip"),
        ("sandbox stpo", "UsageError", "sandbox stop"),
        ("--wait", "UsageError", "--wait means nothing without a range"),
        ("cancel v5x --dry-run", "UsageError", "--dry-run means nothing with cancel"),
        ("2018-06 --table --wait", "UsageError", "--table NAME"),
        ("2018-06 -o class", "UsageError", "class"),
    ],
)
def test_what_goes_wrong_raises_in_one_line(run, line, error, said):
    """The cell fails with one line that names the error, and shows no traceback."""
    _, raised, shown = run(f"%intercom_export {line}")
    assert isinstance(raised, getattr(errors, error))
    lines = [text for text in shown.splitlines() if text.strip()]
    assert len(lines) == 1 or "·" in lines[0], shown
    assert lines[-1].startswith(type(raised).__name__)
    assert said in lines[-1]


def test_a_table_that_is_nearly_a_known_one_is_refused_before_it_costs_a_job(run, sandbox):
    """A typo in --table submits nothing."""
    _, error, shown = run("%intercom_export 2018-06-01 --table reciept")
    assert isinstance(error, errors.TableNotFoundError)
    assert "Did you mean 'receipt'" in shown
    assert not [request for request in sandbox.requests if request.method == "POST"]


def test_an_unknown_table_says_that_the_export_is_on_disk(run):
    """A table that the export does not have costs no second job."""
    _, error, shown = run("%intercom_export 2018-06-01 --table hologram")
    assert isinstance(error, errors.TableNotFoundError)
    assert "The export is on disk: %intercom_export load " in shown


def test_words_after_two_dashes_are_no_options(run):
    """An identifier that begins with a dash can be named."""
    _, error, _ = run("%intercom_export attach -- -abc")
    assert isinstance(error, errors.JobNotFoundError)


@pytest.mark.parametrize(("line", "zone"), [("last month", "utc"), ("LAST-MONTH", "europe/dublin")])
def test_careless_writing_is_understood(run, line, zone):
    """Words for a range may stand apart, and no letter's case matters."""
    found = value(run, f"%intercom_export {line} --dry-run --zone {zone}")
    assert found.first.day == 1
    assert found.zone in {"UTC", "Europe/Dublin"}


def test_the_sandbox_has_no_region_to_leave_for(run):
    """--region in the sandbox is refused: nothing goes to Intercom by accident."""
    value(run, "%intercom_export sandbox")
    _, error, _ = run("%intercom_export 2018-06-01 --region eu")
    assert isinstance(error, errors.UsageError)
    value(run, "%intercom_export sandbox stop")


def test_debug_shows_the_whole_traceback(run):
    """--debug is for who wants to know where."""
    _, _, shown = run("%intercom_export 2018-07-01 2018-06-01 --debug")
    assert "Traceback (most recent call last)" in shown
    assert re.search(r"timeframe\.py", shown)


def test_the_job_lock_fails_the_cell_and_names_the_job(run, sandbox):
    """The 429 shows Intercom's sentence and the line that follows the holder."""
    sandbox.switch(stuck=1)
    export = value(run, "%intercom_export 2018-06-01")
    _, error, shown = run("%intercom_export 2018-06-05")
    assert isinstance(error, errors.JobLockedError)
    assert "Exceeded rate limit of 1 pending message data export jobs" in shown
    assert f"%intercom_export attach {export.job_identifier}" in shown
    value(run, "%intercom_export cancel")


def test_without_a_token_the_cell_fails_and_names_the_ways(run, monkeypatch):
    """Nobody can be asked in a pipe, so the error says where a token is looked for."""
    monkeypatch.delenv("INTERCOM_ACCESS_TOKEN")
    _, error, shown = run("%intercom_export 2018-06-01")
    assert isinstance(error, errors.TokenMissingError)
    assert "INTERCOM_ACCESS_TOKEN" in shown


# Settings --------------------------------------------------------------------------------


def test_config_shows_every_setting_and_no_token(run):
    """%config IntercomExport lists each setting with its help and value."""
    _, _, shown = run("%config IntercomExport")
    for name in ("region", "base_url", "zone", "poll_interval", "folder", "ledger"):
        assert f"IntercomExport.{name}=" in shown
    assert TOKEN not in shown
    assert "token" not in shown.lower()


@pytest.mark.parametrize(
    "setting",
    [
        'region = "mars"',
        'base_url = "http://example.com"',
        'base_url = "https://user:secret@api.intercom.io"',
        'base_url = "ftp://127.0.0.1"',
        'zone = "Nowhere/At_All"',
        "poll_interval = 0",
        'folder = "/etc/passwd"',
        'ledger = "/"',
    ],
)
def test_a_setting_that_can_not_be_is_refused_and_changes_nothing(run, shell, setting):
    """A wrong value leaves the old one."""
    settings = shell.magics_manager.registry["IntercomExportMagics"].settings
    before = settings.as_keywords()
    run(f"%config IntercomExport.{setting}")
    assert settings.as_keywords() == before


def test_a_setting_takes_effect_at_once(run, shell, tmp_path):
    """Folder, ledger, interval and address are the session's from the next line on."""
    session = shell.magics_manager.registry["IntercomExportMagics"].session
    value(run, f"%config IntercomExport.folder = '{tmp_path / 'other'}'")
    value(run, f"%config IntercomExport.ledger = '{tmp_path / 'other.sqlite'}'")
    value(run, "%config IntercomExport.poll_interval = 0.5")
    assert (session.folder, session.ledger.path) == (tmp_path / "other", tmp_path / "other.sqlite")
    assert session.poll_interval == 0.5
    value(run, '%config IntercomExport.base_url = ""')
    value(run, '%config IntercomExport.region = "eu"')
    assert session.connection.client().base_url == "https://api.eu.intercom.io"


def test_loading_twice_and_unloading_leave_no_trace(shell, run):
    """A reload keeps one magic and one settings object; unloading takes them away."""
    value(run, "%reload_ext intercom_export_widgets")
    names = [type(each).__name__ for each in shell.configurables]
    assert names.count("IntercomExport") == 1
    value(run, "%unload_ext intercom_export_widgets")
    assert "intercom_export" not in shell.magics_manager.magics["line"]
    assert "IntercomExport" not in [type(each).__name__ for each in shell.configurables]
    value(run, "%load_ext intercom_export_widgets")


@pytest.mark.parametrize(
    ("lines", "absent"),
    [
        ([], {"httpx", "sqlite3", "anywidget", "pandas", "pyarrow", "starlette", "isal"}),
        (["%intercom_export"], {"pandas", "pyarrow", "starlette", "isal"}),
    ],
    ids=["load_ext", "the form"],
)
def test_nothing_is_imported_before_it_is_needed(lines, absent):
    """Loading imports no client and no ledger; the form imports no table library."""
    code = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "before = set(sys.modules)\n"
        f"for line in {['%load_ext intercom_export_widgets', *lines]!r}:\n"
        "    shell.run_cell(line, silent=True).raise_error()\n"
        f"print(sorted({absent!r} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr
