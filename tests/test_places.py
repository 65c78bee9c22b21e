"""Without a home or a working directory, or with a folder that can't be written: said before."""

from __future__ import annotations

import os
from contextlib import contextmanager

import pytest
from IPython.utils.capture import capture_output
from shells import loaded_shell
from traitlets.config import Config

from intercom_export_widgets import ExportSession
from intercom_export_widgets.errors import ExportWarning, FileError, IntercomExportError
from intercom_export_widgets.jobs.files import check_folder

NOBODY = 2**32 - 99
"""A user id that no system knows."""

posix = pytest.mark.skipif(os.name == "nt", reason="Windows knows homes and keeps open folders")


@pytest.fixture
def homeless(monkeypatch):
    """A user without a home directory, as a container gives them."""
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: NOBODY)


@pytest.fixture
def adrift(tmp_path, monkeypatch):
    """A working directory that was deleted."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    yield
    os.chdir(tmp_path)


@pytest.fixture
def fresh(sandbox, monkeypatch):
    """Return a function that loads the extension with some settings, and gives what runs cells."""
    monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", sandbox.token)

    def load(**settings):
        shell.config.IntercomExport = Config(base_url=sandbox.base_url, **settings)
        shell.run_line_magic("reload_ext", "intercom_export_widgets")
        return run

    def run(cell):
        with capture_output() as captured:
            done = shell.run_cell(cell)
        return done.error_in_exec, captured.stdout

    with loaded_shell() as shell:
        yield load


@posix
def test_without_a_home_directory_exports_name_the_settings(fresh, homeless, tmp_path, sandbox):
    """The extension loads; a range is refused with the settings' names, and runs with them."""
    run = fresh()
    for line in ("2018-06-01", "log", ""):
        error, shown = run(f"%intercom_export {line}")
        assert isinstance(error, FileError)
        assert "There is no home directory" in shown
        assert "IntercomExport.folder" in shown
        assert "IntercomExport.ledger" in shown
    assert "There is no home directory" in run("%intercom_export doctor")[1]
    assert not sandbox.requests
    run(f"%config IntercomExport.folder = '{tmp_path}/exports'")
    run(f"%config IntercomExport.ledger = '{tmp_path}/ledger.sqlite'")
    assert run("%intercom_export 2018-06-01 --wait")[0] is None


@posix
def test_a_tilde_without_a_home_directory_is_one_sentence(fresh, homeless, tmp_path, session):
    """As a setting, as an argument and as a target it is an error of ours that names the path."""
    with pytest.warns(ExportWarning, match=r"folder can't be used: Could not determine home"):
        run = fresh(folder="~/exports", ledger=str(tmp_path / "ledger.sqlite"))
    assert "folder can't be used" in run("%intercom_export 2018-06-01")[1]
    with pytest.raises(FileError, match=r"~/exports can't be found: there is no home directory"):
        ExportSession("token", folder="~/exports", ledger=tmp_path / "ledger.sqlite")
    export = session.submit("2018-06-01").wait()
    with pytest.raises(FileError, match="there is no home directory"):
        export.to_parquet("~/june")


@posix
def test_a_deleted_working_directory_matters_to_relative_paths_only(fresh, adrift, tmp_path):
    """The extension loads and exports; a relative folder is refused, and named."""
    run = fresh(folder=str(tmp_path / "exports"), ledger=str(tmp_path / "ledger.sqlite"))
    assert run("%intercom_export 2018-06-01 --wait")[0] is None
    assert run("%intercom_export")[0] is None
    with pytest.warns(ExportWarning, match="folder can't be used: No such file or directory"):
        run = fresh(folder="exports", ledger=str(tmp_path / "ledger.sqlite"))
    error, shown = run("%intercom_export 2018-06-01")
    assert isinstance(error, IntercomExportError)
    assert "IntercomExport.folder" in shown


@contextmanager
def no_room():
    """Let this process write no byte to any file, as a full disk or a quota does."""
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_folder_without_room_is_refused_before_anything_is_submitted(tmp_path):
    """A file is written there; that its mode allows it is not enough. Nothing is left behind."""
    with no_room(), pytest.raises(FileError, match="File too large") as caught:
        check_folder(tmp_path)
    assert "Nothing was submitted" in str(caught.value)
    assert "IntercomExport.folder" in str(caught.value)
    check_folder(tmp_path)
    assert not list(tmp_path.iterdir())
