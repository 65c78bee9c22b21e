"""What is written down for us under another name, or unreadably, is not passed over in silence."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from traitlets.config import Config

from intercom_export_widgets.errors import ExportWarning, SettingError
from intercom_export_widgets.notebook.settings import IntercomExport
from intercom_export_widgets.notebook.sources import NAMES, written_down

ZONE = 'zone = "Europe/Dublin"\n'


@pytest.fixture
def given(tmp_path, monkeypatch):
    """Return a function that writes a project's file and gives what is found there."""

    def write(raw, **config):
        folder = tmp_path / "notebooks"
        folder.mkdir(exist_ok=True)
        (tmp_path / "pyproject.toml").write_bytes(raw)
        monkeypatch.chdir(folder)
        shell = SimpleNamespace(config=Config(config))
        return written_down(shell, environ={}), shell

    return write


def refusal(shell):
    """Return the sentence with which exports are refused."""
    with pytest.warns(ExportWarning):
        settings = IntercomExport.of(shell)
    with pytest.raises(SettingError, match="Nothing was submitted") as caught:
        settings.check()
    return str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_a_project_that_is_not_utf_8_refuses_exports(given, encoding):
    """Its settings may be those of another zone, so the sentence names the file."""
    text = f"# Größe\n[tool.intercom-export]\n{ZONE}"
    _, shell = given(text.encode(encoding))
    said = refusal(shell)
    assert "pyproject.toml" in said
    assert "not TOML in UTF-8" in said


def test_a_project_with_a_byte_order_mark_is_read(given):
    """UTF-8 as Windows' editor writes it is UTF-8."""
    found, _ = given(f"[tool.intercom-export]\n{ZONE}".encode("utf-8-sig"))
    assert [(each.name, each.value) for each in found] == [("zone", "Europe/Dublin")]


@pytest.mark.parametrize(
    "table",
    [
        "tool.intercom_export",
        "tool.intercom-exports",
        "tool.intercom-export-widgets",
        "tool.IntercomExport",
        "tool.intercom-exprot",
        "tool.intercm-export",
        "tool.intercom",
        "tool.intercom.export",
        "tools.intercom-export",
        "intercom-export",
        "Tool.intercom-export",
    ],
)
def test_a_table_of_a_near_name_refuses_exports(given, table):
    """The sentence says the name that is there, and the right one."""
    _, shell = given(f"[{table}]\n{ZONE}".encode())
    said = refusal(shell)
    assert f"[{table}]: It is not read under this name. Write [tool.intercom-export]." in said


@pytest.mark.parametrize(
    "text",
    [
        '[project]\ndependencies = ["intercom-export-widgets"]\n',
        '[tool.uv.sources]\nintercom-export-widgets = {path = ".."}\n',
        '[tool.intercom]\ncommand = "sync"\n',
        "[tool.other]\nzone = 'Asia/Tokyo'\nbroken",
        "[tool.export]\nzone = 'Asia/Tokyo'\n",
    ],
)
def test_what_is_anothers_is_passed_over(given, text):
    """Neither a dependency on this package nor another tool's table is a setting."""
    assert given(text.encode())[0] == []


def test_a_project_that_can_not_be_read_refuses_exports(given, tmp_path):
    """A file whose content is not known may have meant anything."""
    (tmp_path / "loop").symlink_to("loop")
    _, shell = given(b"")
    (tmp_path / "notebooks" / "pyproject.toml").symlink_to(tmp_path / "loop")
    assert "it can't be read" in refusal(shell)


@pytest.mark.parametrize("section", ["IntercomExports", "Intercomexport", "IntercomExportMagics"])
def test_a_section_of_a_near_name_in_a_profile_refuses_exports(given, section):
    """`c.IntercomExports.zone` is nobody's setting, and named."""
    _, shell = given(b"", **{section: {"zone": "Europe/Dublin"}})
    assert f"c.{section}: It is not read under this name. Write c.IntercomExport." in refusal(shell)


@pytest.mark.parametrize(
    "name", ["intercom_export_zone", "INTERCOMEXPORT_ZONE", "INTERCOM_EXPORTS_ZONE"]
)
def test_a_variable_of_a_near_name_refuses_exports(given, monkeypatch, name):
    """The sentence says what to call it."""
    _, shell = given(b"")
    monkeypatch.setitem(os.environ, name, "Europe/Dublin")
    assert f"{name}: It is not read under this name. Write INTERCOM_EXPORT_ZONE." in refusal(shell)


def test_the_names_of_the_settings_are_all_of_them():
    """Every setting's name is among those that are looked for."""
    assert set(NAMES) == set(IntercomExport.class_own_traits(config=True))
