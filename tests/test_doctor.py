"""The doctor: each check's row, what it advises, and that nothing hangs it."""

from __future__ import annotations

import sys
import time
from importlib.metadata import version as version_of
from types import SimpleNamespace

import pytest
from conftest import TOKEN
from shells import bare_shell
from wire import Reply, WireServer

from intercom_export_widgets.errors import ExportWarning
from intercom_export_widgets.intercom.retry import seconds_ahead
from intercom_export_widgets.notebook import doctor, machine
from intercom_export_widgets.notebook.doctor import examine
from intercom_export_widgets.notebook.finding import Diagnosis, Finding, State
from intercom_export_widgets.notebook.frontend import remedy_of_host
from intercom_export_widgets.notebook.settings import IntercomExport


@pytest.fixture
def shell():
    """A shell without a kernel."""
    with bare_shell() as running:
        yield running


def test_a_healthy_machine_has_a_row_for_each_check_and_is_ok(session, shell, tmp_path):
    """Settings with their source, the token without its value, workspace, clock and the rest."""
    settings = IntercomExport(zone="Europe/Dublin")
    settings.origins["zone"] = "%config"
    found = examine(session, settings, shell)
    assert found.ok, found
    assert found.of("setting zone").found == "'Europe/Dublin' (%config)"
    assert found.of("setting region").found == "'us' (default)"
    assert found.of("setting folder").found == f"empty: {session.folder} (default)"
    assert "region's own address" in found.of("setting base_url").found
    assert (
        found.of("token").found == "found in an argument of ExportSession; its value is not shown"
    )
    assert "Sandbox: synthetic data" in found.of("workspace").found
    assert found.of("clock").found == "agrees with the server's to the minute"
    assert str(tmp_path / "exports") in found.of("folder").found
    assert " free" in found.of("ledger").found
    assert "IPython in a terminal" in found.of("kernel").found
    assert f"pandas {version_of('pandas')}" in found.of("versions").found
    for check in ("frontend", "keyring", "jobs", "region"):
        assert found.of(check).found
    for shown in (repr(found), found._repr_html_()):
        assert TOKEN not in shown
        assert "not seen to end" in shown
    with pytest.raises(KeyError):
        found.of("weather")


def test_what_is_wrong_says_what_to_do(session, shell, tmp_path):
    """A refused setting, a token that is unknown and a folder that is none are not ok."""
    settings = IntercomExport()
    settings.refused["zone"] = "/x/pyproject.toml, zone: There is no time zone 'Mars'."
    (tmp_path / "file").write_text("")
    session.folder = tmp_path / "file" / "exports"
    session.connection = type(session.connection)("wrong", base_url=session.connection.base_url)
    found = examine(session, settings, shell)
    assert not found.ok
    wrong = {each.check for each in found if each.state is State.WRONG}
    assert wrong == {"setting zone", "workspace", "folder"}
    assert "/x/pyproject.toml" in found.of("setting zone").advice
    assert "region 'eu', 'au'" in found.of("workspace").advice
    assert "%config IntercomExport.folder" in found.of("folder").advice


def test_a_token_among_the_settings_and_a_file_that_is_none_have_rows(
    session, shell, tmp_path, monkeypatch
):
    """What refuses every export is no row's business but its own; the token is not shown."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for written, check, said in (
        (f'token = "{TOKEN}"', "a token among the settings", "A token is no setting"),
        ("zone = ", "settings", "it is not TOML"),
    ):
        (folder / "pyproject.toml").write_text(f"[tool.intercom-export]\n{written}\n")
        with pytest.warns(ExportWarning):
            settings = IntercomExport.of(shell)
        found = examine(session, settings, shell)
        assert not found.ok
        assert said in found.of(check).found
        assert str(folder / "pyproject.toml") in found.of(check).found
        assert "Exports are refused until" in found.of(check).advice
        assert TOKEN not in repr(found)


def test_without_a_token_the_rest_is_looked_at_all_the_same(session, shell):
    """No token is one wrong row; disk, kernel and versions are there."""
    session.connection = type(session.connection)(base_url=session.connection.base_url)
    found = examine(session, IntercomExport(), shell)
    assert found.of("token").state is State.WRONG
    assert "INTERCOM_ACCESS_TOKEN" in found.of("token").advice
    assert found.of("versions").state is State.GOOD


def test_a_server_that_is_silent_does_not_hang_it(session, shell, monkeypatch):
    """The one question ends after its few seconds, and says so."""
    monkeypatch.setattr(doctor, "PATIENCE", 0.3)
    with WireServer(Reply(stall=True)) as wire:
        session.connection = type(session.connection)(TOKEN, base_url=wire.url)
        begin = time.monotonic()
        found = examine(session, IntercomExport(), shell)
        assert time.monotonic() - begin < 10
    assert found.of("workspace").state is State.WRONG


@pytest.mark.parametrize(
    ("version", "state"),
    [
        ("6.16.2", State.LOOK),
        ("6.17.1", State.GOOD),
        ("7.0.1", State.WRONG),
        ("7.1.0", State.LOOK),
        ("7.3.2", State.LOOK),
        ("7.4.0", State.GOOD),
        ("8.0.0a1", State.GOOD),
    ],
)
def test_each_kernel_with_a_known_fault_is_named(version, state):
    """7.0 can't update widgets, 7.1 to 7.3 leave clicks unread: the advice is another version."""
    found = machine.find_kernel(SimpleNamespace(kernel=object()), version)
    assert found.state is state
    assert ("ipykernel>=7.4" in found.advice) == (state is not State.GOOD)


def test_what_helps_where_no_form_appears_is_that_of_the_host(monkeypatch):
    """Colab asks for leave, VS Code for a source of scripts, and a server for a package."""
    shell = SimpleNamespace(user_ns={})
    assert "pip install anywidget ipywidgets" in remedy_of_host(shell)
    assert remedy_of_host(None) == remedy_of_host(shell)
    shell.user_ns["__vsc_ipynb_file__"] = "a.ipynb"
    assert "jupyter.widgetScriptSources" in remedy_of_host(shell)
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())
    assert "output.enable_custom_widget_manager()" in remedy_of_host(shell)


@pytest.mark.parametrize(
    ("ahead", "said", "state"),
    [
        (None, "did not say", State.GOOD),
        (-59.0, "agrees", State.GOOD),
        (90.0, "90 s behind the server's", State.LOOK),
        (-7200.0, "7,200 s ahead of the server's", State.LOOK),
    ],
)
def test_a_clock_that_is_off_by_more_than_a_minute_is_said(ahead, said, state):
    """Countdowns and presets depend on it."""
    found = doctor._clock(SimpleNamespace(ahead=ahead))
    assert said in found.found
    assert found.state is state


def test_the_date_header_is_read_and_nonsense_is_none():
    """Whole seconds as RFC 9110 writes them; anything else says nothing."""
    assert seconds_ahead({"date": "Thu, 01 Jan 1970 00:01:40 GMT"}, 40.0) == 60.0
    for text in ("", "yesterday", "Thu, 99 Jan 1970 00:01:40 GMT"):
        assert seconds_ahead({"date": text}, 0.0) is None


@pytest.mark.parametrize(
    ("asked", "lives", "wrong"),
    [("us", "us", False), ("us", "eu", True), ("eu", "us", True), ("us", "", False)],
)
def test_a_workspace_that_lives_elsewhere_is_wrong(asked, lives, wrong):
    """The region of /me against the host that is asked, with the line that sets it right."""
    connection = SimpleNamespace(base_url=None, region=asked)
    found = doctor._region(connection, SimpleNamespace(sandbox=False, region=lives))
    assert (found.state is State.WRONG) == wrong
    if wrong:
        assert found.advice == f'%config IntercomExport.region = "{lives}"'


def test_a_full_disk_deserves_a_look(tmp_path, monkeypatch):
    """Less room than a large export takes is said with the free bytes."""
    monkeypatch.setattr(machine, "LITTLE", 1 << 62)
    found = machine.find_disk("folder", tmp_path / "exports")
    assert found.state is State.LOOK
    assert " free" in found.found
    assert not (tmp_path / "exports").exists()


def test_what_is_found_is_escaped_in_html():
    """A server's words are text in the table."""
    shown = Diagnosis([Finding("<i>", "<b>bold</b>", "<u>")])._repr_html_()
    assert "<b>" not in shown
    assert "&lt;b&gt;bold" in shown
