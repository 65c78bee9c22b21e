"""Every code block of the README and of the notebooks' text: run as printed, or classified."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from conftest import TOKEN
from IPython.utils.capture import capture_output
from shells import loaded_shell, without_history

from intercom_export_widgets import ExportSession
from intercom_export_widgets.intercom import hosts
from intercom_export_widgets.notebook import sources
from intercom_export_widgets.notebook.settings import IntercomExport
from intercom_export_widgets.sandbox import Sandbox

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

NOT_RUN = {
    'pip install -q ".[lab]"': "a shell, and installs the package: test_binder.py does the same",
    "/bin/pytest": "a shell, and runs these tests: `.ci/run` ends with this line",
    "-p last 2018-06-30\n": "a shell: 5_unattended.ipynb runs papermill in the same way",
    "tests/benchmarks": "a shell, and runs for minutes: the benchmarks are run by hand",
    "errors.py       every error": "the tree of folders is no code",
    's3://bucket/june", "open")': "needs the extra `remote` and an object store: test_dask.py",
    "LocalCluster()": "needs the extra `dask`, a cluster and an object store: test_cluster.py",
    "intercom-export last-month": "a shell: test_commandline.py runs these lines",
    "from the scheduler's secret store": "a shell: 5_unattended.ipynb runs its line",
}
"""What only some blocks have in them, and why such a block is not run here."""


def blocks_of(text):
    """Return the language and the text of each fenced block."""
    return [(found[1], found[2]) for found in FENCE.finditer(text)]


def notebooks_text():
    """Return the Markdown of all notebooks; their code cells are run by test_notebooks.py."""
    cells = [
        cell
        for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
    ]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def to_run(language):
    """Return the README's blocks of a language that are run."""
    blocks = [text for given, text in blocks_of(README) if given == language]
    return [text for text in blocks if not any(part in text for part in NOT_RUN)]


def test_every_block_is_run_or_classified_once():
    """A block is Python or TOML and run below, or has one reason not to be; no reason is idle."""
    used = []
    for language, text in blocks_of(f"{README}\n{notebooks_text()}"):
        reasons = [part for part in NOT_RUN if part in text]
        used += reasons
        assert len(reasons) == (0 if text in to_run(language) else 1), text
        assert reasons or language in {"python", "toml"}, text
    assert sorted(used) == sorted(NOT_RUN)


@pytest.fixture
def fast(monkeypatch):
    """A small sandbox that is also the region "us": what the README exports, it has."""
    with Sandbox(token=TOKEN, job_seconds=0.0, rows_per_day=2) as running:
        monkeypatch.setitem(hosts.REGIONS, "us", running.base_url)
        monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", TOKEN)
        monkeypatch.setenv("INTERCOM_EXPORT_POLL_INTERVAL", "0.1")
        yield running


@pytest.fixture
def shell(fast, tmp_path, monkeypatch):
    """One shell whose command `sandbox` gives the small one."""
    monkeypatch.chdir(tmp_path)
    config = without_history()
    with loaded_shell(config) as shell:
        magics = shell.magics_manager.registry["IntercomExportMagics"]
        magics.desk.host.sandbox = fast
        yield shell


@pytest.mark.filterwarnings("ignore::intercom_export_widgets.errors.ExportWarning")
def test_every_python_block_runs_as_printed(shell, fast):
    """In one shell, from the first block to the last; the first one also line by line."""
    blocks = to_run("python")
    with ExportSession(poll_interval=0.1) as session:
        shell.user_ns["export"] = session.submit("2018-06").wait()
        for text in [*blocks, *blocks[0].splitlines()]:
            shell.user_ns["session"] = session
            with capture_output():
                done = shell.run_cell(text)
            error = done.error_before_exec or done.error_in_exec
            assert error is None, f"{text}\n{error}"
            if shell.user_ns["session"] is not session:
                shell.user_ns["session"].close()


def test_the_settings_file_is_read_as_printed(tmp_path, monkeypatch):
    """The TOML block sets what it says."""
    (text,) = to_run("toml")
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    given = {each.name: each.value for each in sources._project(tmp_path)}
    assert given == tomllib.loads(text)["tool"]["intercom-export"]
    assert set(given) <= set(IntercomExport.class_own_traits(config=True))
