"""The notebooks that teach: committed without outputs, executed from end to end as on Binder."""

from __future__ import annotations

import json

import nbformat
import pytest

from binder import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


POINTS = {
    "4_three_years": " files, the same: True",
    "5_unattended": "TimeframeError: created_at_after is greater than created_at_before",
    "6_dask": "largest difference 0.0e+00",
}
"""What a notebook says in the end if its point is true."""


def name_of(path):
    return path.name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_is_committed_without_outputs(path):
    """No outputs, no counts, no widget state: what a reader runs is what a reader sees."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert "widgets" not in notebook["metadata"]
    for cell in notebook["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_runs_through_on_the_sandbox(path, replay, tmp_path, monkeypatch):
    """Every cell succeeds in Binder's environment, tokenless, and the data say their origin."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("JUPYTER_PATH", str(replay.home))
    notebook = nbformat.read(path, as_version=4)
    from nbclient import NotebookClient

    NotebookClient(notebook, timeout=120, kernel_name="binder").execute(cwd=str(tmp_path))
    text = json.dumps(notebook)
    assert "Sandbox: synthetic data" in text
    assert POINTS.get(path.stem, "") in text
    assert '"output_type": "error"' not in text
    assert not [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stderr"
    ]


def test_a_launch_opens_the_first_notebook(replay):
    """The built environment is small, has the package, and opens a notebook that exists."""
    settings = json.loads((replay.home / ".jupyter" / "jupyter_server_config.json").read_text())
    opened = settings["ServerApp"]["default_url"].removeprefix("/lab/tree/")
    assert (ROOT / opened).is_file()
    version = replay.run(
        replay.python, "-c", "import intercom_export_widgets as it; print(it.__version__)"
    )
    assert version.strip()
    assert replay.megabytes < 550, f"{replay.megabytes:.0f} MB, installed in {replay.seconds:.0f} s"
