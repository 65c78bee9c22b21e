"""Settings from the profile, pyproject.toml, the environment, the command line and %config."""

from __future__ import annotations

import subprocess
import sys
import warnings
from contextlib import ExitStack

import pytest
from conftest import TOKEN
from IPython.utils.capture import capture_output
from shells import loaded_shell, without_history
from traitlets.config import Config

from intercom_export_widgets import errors
from intercom_export_widgets.errors import ExportWarning


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Return a function that makes a shell with the extension and gives its settings."""
    folder = tmp_path / "project" / "notebooks"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", TOKEN)

    def make(project=None, **profile):
        if project is not None:
            (folder.parent / "pyproject.toml").write_text(project)
        config = without_history()
        config.IntercomExport = Config(profile)
        shell = running.enter_context(loaded_shell(config))
        made.append(shell)
        return shell.magics_manager.registry["IntercomExportMagics"].settings

    make.shells = made = []
    with ExitStack() as running:
        yield make


def run(opened, cell):
    """Run a cell in the newest shell; return its error and all that it printed."""
    with capture_output() as captured:
        done = opened.shells[-1].run_cell(cell)
    return done.error_in_exec or done.error_before_exec, captured.stdout + captured.stderr


PROJECT = '[tool.intercom-export]\nzone = "Europe/Dublin"\nregion = "eu"\npoll-interval = 5\n'


def test_each_place_wins_over_the_one_before(opened, monkeypatch, tmp_path):
    """Default, profile, project, environment and %config, and each is named as the source."""
    monkeypatch.setenv("INTERCOM_EXPORT_ZONE", "Asia/Tokyo")
    settings = opened(PROJECT, folder=str(tmp_path / "mine"), region="au", zone="Asia/Kolkata")
    found = {name: (getattr(settings, name), settings.origin(name)) for name in settings.traits()}
    project = str(tmp_path / "project" / "pyproject.toml")
    assert found["base_url"] == ("", "default")
    assert found["folder"][0] == str(tmp_path / "mine")
    assert "IPython profile" in found["folder"][1]
    assert found["region"] == ("eu", f"region in {project}")
    assert found["poll_interval"] == (5.0, f"poll-interval in {project}")
    assert found["zone"] == ("Asia/Tokyo", "INTERCOM_EXPORT_ZONE in the environment")
    run(opened, '%config IntercomExport.zone = "UTC"')
    assert (settings.zone, settings.origin("zone")) == ("UTC", "%config")
    assert (settings.region, settings.poll_interval) == ("eu", 5.0)


def test_the_command_line_wins_over_the_environment(tmp_path):
    """`ipython --IntercomExport.region=au` is the most deliberate, short of %config."""
    code = (
        "%load_ext intercom_export_widgets\n"
        "s = get_ipython().magics_manager.registry['IntercomExportMagics'].settings\n"
        "print(s.region, s.poll_interval, s.origin('region'))"
    )
    (tmp_path / "run.ipy").write_text(code)
    done = subprocess.run(
        [
            sys.executable,
            *("-m", "IPython", "--no-banner", "--HistoryManager.enabled=False"),
            *("--IntercomExport.region=au", "--IntercomExport.poll_interval=7", "run.ipy"),
        ],
        cwd=tmp_path,
        env={"PATH": "", "HOME": str(tmp_path), "INTERCOM_EXPORT_REGION": "eu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "au 7.0 --IntercomExport.region in the command line" in done.stdout, done.stderr


def test_a_path_in_the_project_is_relative_to_the_project(opened, tmp_path):
    """`folder = "data"` means beside pyproject.toml, wherever below the notebook lies."""
    settings = opened('[tool.intercom-export]\nfolder = "data"\n')
    assert settings.folder == str(tmp_path / "project" / "data")


@pytest.mark.parametrize(
    ("project", "said", "key"),
    [
        ('reigon = "eu"', "There is no setting 'reigon'. Did you mean 'region'?", "reigon"),
        ('zone = "Europe/Dublln"', "Did you mean Europe/Dublin?", "zone"),
        ("region = 5", "region is a text, not '5'.", "region"),
        ('poll_interval = "often"', "poll_interval is a number of seconds", "poll_interval"),
        ("zone = ", "it is not TOML", ""),
        ('colour = "red"', "There is no setting 'colour'. The settings are", "colour"),
        ("poll_interval = true", "poll_interval is a number of seconds, not 'True'.", "poll_"),
        (f"poll-interval = {10**400}", "a number of seconds, not one so large.", "poll-interval"),
        ("poll_interval = 5\npoll-interval = 6", "given twice, also as poll_interval", "poll-"),
    ],
)
def test_what_a_project_has_wrong_is_one_sentence_with_file_and_key(opened, project, said, key):
    """The sentence is a warning when loading, and the other settings hold."""
    with pytest.warns(ExportWarning) as noted:
        settings = opened(f"[tool.intercom-export]\n{project}\n", region="au")
    (warning,) = noted
    text = str(warning.message)
    assert said in text
    assert "pyproject.toml" in text
    assert key in text
    assert "\n" not in text
    assert settings.region == "au"


@pytest.mark.parametrize("key", ["token", "access_token", "api-key", "INTERCOM_ACCESS_TOKEN"])
def test_a_token_in_a_project_is_refused_and_not_repeated(opened, key):
    """The sentence says where tokens belong; neither key nor file give it away."""
    with pytest.warns(ExportWarning, match="Set the environment variable") as noted:
        opened(f'[tool.intercom-export]\n{key} = "{TOKEN}"\n')
    assert TOKEN not in "".join(str(vars(each)) for each in noted)
    error, shown = run(opened, "%intercom_export 2018-06 --dry-run")
    assert isinstance(error, errors.SettingError)
    assert "Nothing was submitted. Take it out there" in shown
    assert TOKEN not in shown


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("REIGON", "eu", "Did you mean 'region'?"),
        ("POLL_INTERVAL", "1e400", "from 0.1 to 3600, not inf"),
        ("POLL-INTERVAL", "9" * 400, "from 0.1 to 3600, not inf"),
        ("POLL_INTERVAL", "true", "poll_interval is a number of seconds, not 'true'."),
    ],
)
def test_what_the_environment_has_wrong_is_one_sentence(opened, monkeypatch, name, value, said):
    """It names the variable, and the default holds."""
    monkeypatch.setenv(f"INTERCOM_EXPORT_{name}", value)
    with pytest.warns(ExportWarning) as noted:
        settings = opened()
    (warning,) = noted
    assert said in str(warning.message)
    assert f"INTERCOM_EXPORT_{name}" in str(warning.message)
    assert (settings.region, settings.poll_interval) == ("us", 30.0)


def test_a_number_of_seconds_is_never_true(opened):
    """In %config too, True and an integer beyond all numbers are refused, and 30 holds."""
    settings = opened()
    for wrong in ("True", "10**400"):
        run(opened, f"%config IntercomExport.poll_interval = {wrong}")
        assert "a number of seconds" in settings.refused["poll_interval"]
    assert settings.poll_interval == 30


def test_a_token_in_the_wrong_place_is_not_repeated(opened, monkeypatch, caplog):
    """As a zone, as a variable of ours, and in %config, whatever is shown holds no token."""
    monkeypatch.setenv("INTERCOM_EXPORT_TOKEN", TOKEN)
    with pytest.warns(ExportWarning) as noted:
        settings = opened(f'[tool.intercom-export]\nzone = "{TOKEN}"\n')
    assert len(noted) == 2
    shown = "".join(str(each.message) for each in noted)
    shown += run(opened, f"%config IntercomExport.token = {TOKEN!r}")[1]
    shown += run(opened, f"%config IntercomExport.region = {TOKEN!r}")[1]
    shown += repr(settings.refused) + run(opened, "%config IntercomExport")[1]
    shown += caplog.text
    assert shown.count("A token is no setting") >= 4
    assert TOKEN not in shown


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ('zone = "Europe/Dublln"', 'zone = "Europe/Dublin"', "Did you mean Europe/Dublin?"),
        ('reigon = "eu"', 'region = "us"', "Did you mean 'region'?"),
    ],
)
def test_after_a_refused_setting_nothing_is_exported(opened, caplog, wrong, right, said):
    """IPython goes on after a wrong %config; the export does not, until it is corrected."""
    opened()
    run(opened, f"%config IntercomExport.{wrong}")
    assert said in caplog.text
    error, shown = run(opened, "%intercom_export 2018-06 --dry-run")
    assert isinstance(error, errors.SettingError)
    assert said in shown
    assert "Nothing was submitted" in shown
    run(opened, f"%config IntercomExport.{right}")
    error, _ = run(opened, "%intercom_export 2018-06 --dry-run")
    assert error is None


def test_a_project_without_our_table_is_passed_over(opened, tmp_path):
    """The nearest pyproject.toml that has the table counts, and a broken foreign one is none."""
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert opened("[tool.other]\nzone = 'Asia/Tokyo'\nbroken").zone == "Europe/Dublin"
