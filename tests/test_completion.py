"""Tab on a line of %intercom_export: in a terminal's shell and through a real kernel."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import time

import pytest
from IPython.core.completer import provisionalcompleter
from jupyter_client.manager import start_new_kernel
from shells import loaded_shell, without_history

from intercom_export_widgets.jobs.ledger import Ledger
from intercom_export_widgets.jobs.recent import recent_jobs
from intercom_export_widgets.notebook.usage import OPTIONS, VERBS

JUNE = {"created_at_after": 1527811200, "created_at_before": 1530403199}


@pytest.fixture
def ledger(tmp_path):
    """A ledger with a job that ended, one that runs, one without a name, and a strange one."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    known = {"session": "s", "base_url": "https://api.intercom.io"}
    ledger.add(**known, **JUNE, job_identifier="done1", status="completed", path="a.zip")
    ledger.update(1, finished_at=1.0)
    ledger.add(**known, **JUNE, job_identifier="runs2", status="in_progress")
    ledger.add(**known, **JUNE, status="submitting")
    ledger.add(**known, **JUNE, job_identifier="<b>'; x", status="pending")
    return ledger


@pytest.fixture(params=[True, False], ids=["jedi", "no jedi"])
def shell(request, ledger, monkeypatch, tmp_path):
    """A shell with the extension loaded, whose completer uses Jedi or not."""
    monkeypatch.chdir(tmp_path)
    config = without_history()
    config.IntercomExport.ledger = str(ledger.path)
    config.Completer.use_jedi = request.param
    with loaded_shell(config) as shell:
        yield shell


@pytest.fixture
def tab(shell):
    """Return a function that gives the cells that Tab makes of one, as a frontend does."""

    def press(cell):
        with provisionalcompleter():
            found = list(shell.Completer.completions(cell, len(cell)))
        return [cell[: each.start] + each.text for each in found]

    return press


@pytest.mark.parametrize(
    ("typed", "rest"),
    [
        ("%intercom_exp", "%intercom_export"),
        ("x = %intercom_exp", "x = %intercom_export"),
        ("%intercom_export do", "%intercom_export doctor"),
        ("x = %intercom_export last-m", "x = %intercom_export last-month"),
        ("  a, b=%intercom_export 2018-06 --wa", "  a, b=%intercom_export 2018-06 --wait"),
        ("if x:\n    y = %intercom_export sta", "if x:\n    y = %intercom_export status"),
        ("%time %intercom_export sta", "%time %intercom_export status"),
        ("intercom_export sta", "intercom_export status"),
        ("%intercom_export 2018 \\\n  --every mo", "%intercom_export 2018 \\\n  --every month"),
        ("%intercom_export --table=rec", "%intercom_export --table=receipt"),
        ("%intercom_export --region e", "%intercom_export --region eu"),
        ("%intercom_export 2018-06 --obs", "%intercom_export 2018-06 --observe"),
        ("%intercom_export 2018-06 --observe n", "%intercom_export 2018-06 --observe now"),
        ("%intercom_export sandbox s", "%intercom_export sandbox stop"),
        ("%intercom_export queue re", "%intercom_export queue remove"),
        ("%intercom_export 2018 --zone europe/du", "%intercom_export 2018 --zone Europe/Dublin"),
        ("%intercom_export 2018 --zone dubl", "%intercom_export 2018 --zone Europe/Dublin"),
        ("%intercom_export --zone 'Europe/Du", "%intercom_export --zone 'Europe/Dublin"),
        ("%intercom_export 2018 --zone Etc/GMT+12", "%intercom_export 2018 --zone Etc/GMT+12"),
    ],
)
def test_tab_goes_on_with_the_one_word_that_fits(tab, typed, rest):
    """Verbs, presets, options and their values, wherever on the line the magic stands."""
    assert tab(typed) == [rest]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("attach ", ["runs2", "done1"]),
        ("status r", ["runs2"]),
        ("load d", ["done1"]),
        ("cancel ", ["runs2"]),
        ("2018-06 --cancel-holder ", ["runs2"]),
        ("2018-06 --table re", ["receipt", "reply", "reaction"]),
    ],
)
def test_jobs_come_from_the_ledger_and_tables_from_the_schema(tab, typed, words):
    """Newest first; one that ended is not offered for canceling, nor a strange name at all."""
    stem = f"%intercom_export {typed.rpartition(' ')[0]} "
    assert tab(f"%intercom_export {typed}") == [stem + word for word in words]


def test_every_verb_is_offered_and_every_option_somewhere(tab):
    """No verb and no option is out of Tab's reach."""
    begun = "%intercom_export "
    assert {f"{begun}{verb}" for verb in VERBS} < set(tab(begun))
    offered = {word for verb in ("2018-06", *VERBS) for word in tab(f"{begun}{verb} --")}
    assert {word.split()[-1] for word in offered} == set(OPTIONS)


def test_options_are_those_of_the_verb_and_come_once(tab):
    """What is given already, or means nothing with the verb, is not offered."""
    offered = " ".join(tab("%intercom_export log --all --"))
    assert "--output" in offered
    assert "--wait" not in offered
    assert offered.count("--all --all") == 0
    assert not [cell for cell in tab("%intercom_export attach -- -") if "--wait" in cell]


def test_outside_of_the_magic_nothing_is_offered(tab):
    """A line of Python is none of our business."""
    assert not [cell for cell in tab("intercom_exporter = sta") if "status" in cell]
    assert not [cell for cell in tab("%intercom_export log\nsta") if cell.endswith("status")]


def test_a_locked_or_broken_ledger_offers_no_jobs_and_does_not_wait(tab, ledger):
    """Tab never waits for a lock and never fails."""
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        begin = time.monotonic()
        assert not [cell for cell in tab("%intercom_export attach ") if "runs2" in cell]
        assert time.monotonic() - begin < 4  # SQLite itself would wait for five
        connection.rollback()
    connection.close()
    ledger.path.write_bytes(b"no database, but long enough to be looked at" * 40)
    assert recent_jobs(ledger.path) == []
    assert "%intercom_export attach --wait" in tab("%intercom_export attach ")


def test_the_first_tab_is_quick_and_imports_no_table_library(ledger):
    """Best of three fresh processes: every kind of word in under 100 ms, and no pandas."""
    code = (
        "import sys, time\n"
        "from traitlets.config import Config\n"
        "from IPython.core.completer import provisionalcompleter\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        f"config = Config({{'IntercomExport': {{'ledger': {str(ledger.path)!r}}}}})\n"
        "shell = InteractiveShell.instance(config=config)\n"
        "shell.run_cell('%load_ext intercom_export_widgets', silent=True).raise_error()\n"
        "slowest = 0\n"
        "for line in ('attach r', '2018 --zone Eu', '2018 --table re', 'las'):\n"
        "    cell = 'x = %intercom_export ' + line\n"
        "    begin = time.perf_counter()\n"
        "    with provisionalcompleter():\n"
        "        assert list(shell.Completer.completions(cell, len(cell)))\n"
        "    slowest = max(slowest, time.perf_counter() - begin)\n"
        "print(slowest, *({'pandas', 'httpx', 'pyarrow', 'anywidget'} & set(sys.modules)))"
    )
    seconds = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        slowest, *heavy = done.stdout.split()
        assert not heavy
        seconds.append(float(slowest))
    assert min(seconds) < 0.1


@pytest.mark.kernel
def test_a_kernel_answers_a_page_with_the_same(ledger):
    """complete_request, with Jedi and without, names the words and what they replace."""
    manager, client = start_new_kernel()
    try:
        client.execute_interactive(
            "%load_ext intercom_export_widgets\n"
            f"%config IntercomExport.ledger = {str(ledger.path)!r}",
            timeout=60,
        )
        for setting in ("Completer.use_jedi = True", "Completer.use_jedi = False"):
            client.execute_interactive(f"%config {setting}", timeout=60)
            for code, words in [
                ("x = %intercom_export attach ru", ["runs2"]),
                ("%intercom_export 2018-06 --zone Europe/Du", ["Europe/Dublin"]),
                ("y = 1\n%intercom_export 2018-06 --ta", ["--table"]),
            ]:
                answer = client.complete(code, reply=True, timeout=60)["content"]
                assert answer["matches"] == words
                assert answer["cursor_start"] == len(code) - len(code.split()[-1])
                assert answer["cursor_end"] == len(code)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_unloading_takes_the_matcher_away(shell):
    """After %unload_ext nothing of ours is left in IPython's completer."""
    assert len(shell.Completer.custom_matchers) == 1
    shell.run_cell("%reload_ext intercom_export_widgets").raise_error()
    assert len(shell.Completer.custom_matchers) == 1
    shell.run_cell("%unload_ext intercom_export_widgets").raise_error()
    assert not shell.Completer.custom_matchers
    shell.run_cell("%load_ext intercom_export_widgets").raise_error()


@pytest.mark.browser
def test_tab_in_jupyterlab_lists_jobs_and_puts_in_the_one_chosen(setup, notebook):
    """The page's own completer shows each job's range beside it, and takes a zone by its city."""
    from playwright.sync_api import expect

    opened = notebook(setup, "x = %intercom_export 2018-06 --wait", "", "")
    opened.run(0)
    opened.run(1)
    menu = opened.page.locator(".jp-Completer-item")
    for index, typed, offered in [
        (2, "y = %intercom_export attach ", re.compile(r"completed,\s2018.06.01\sto\s2018.06.30")),
        (3, "%intercom_export 2018-06 --zone Dublin", "Europe/Dublin"),
    ]:
        opened.cell(index).locator(".jp-InputArea-editor").click()
        opened.page.keyboard.type(typed)
        opened.page.keyboard.press("Tab")
        expect(menu.first).to_contain_text(offered)
        chosen = menu.first.get_attribute("data-value")
        opened.page.keyboard.press("Enter")
        stem = typed.rpartition(" ")[0]
        expect(opened.cell(index).locator(".cm-content")).to_have_text(f"{stem} {chosen}")
