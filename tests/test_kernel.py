"""Real kernels without a page: nbclient, interrupts, and what a saved notebook holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import nbformat
import pytest
from conftest import TOKEN
from jupyter_client.manager import start_new_kernel

pytestmark = pytest.mark.kernel

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def kernel_environment(sandbox, tmp_path, monkeypatch):
    """Let kernels find the token, and keep the user's folders out."""
    monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", TOKEN)
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    return (
        "%load_ext intercom_export_widgets\n"
        f"%config IntercomExport.base_url = '{sandbox.base_url}'\n"
        "%config IntercomExport.poll_interval = 0.1"
    )


def execute(*cells):
    """Run cells with nbclient; return the notebook, executed as far as it went, and the error."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    try:
        NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    except CellExecutionError as error:
        return notebook, error
    return notebook, None


def shown(cell, mime="text/plain"):
    """Return what a cell shows in one form, streams included for plain text."""
    parts = [o["data"][mime] for o in cell.outputs if mime in o.get("data", {})]
    if mime == "text/plain":
        parts += [o["text"] for o in cell.outputs if o.output_type == "stream"]
    return "".join(parts)


def test_the_main_job_runs_through_without_a_page(kernel_environment):
    """Under nbclient range, table, form and log work and show no broken widget."""
    notebook, error = execute(
        kernel_environment,
        "mail = %intercom_export 2018-06-01 --table receipt\n"
        "print(len(mail), mail.attrs['sandbox'])",
        "%intercom_export",
        "%intercom_export 2018-06-02 --wait",
        "%intercom_export log",
    )
    assert error is None
    assert shown(notebook.cells[1]).rstrip().endswith("True")
    for cell in notebook.cells:
        assert not [o for o in cell.outputs if VIEW in o.get("data", {})]
    for cell in notebook.cells[2:4]:
        assert "Sandbox: synthetic data" in shown(cell, "text/html")
        assert "2018-06-01" in shown(cell) or "2018-06-02" in shown(cell)
    assert "completed" in shown(notebook.cells[4], "text/html")


def test_the_saved_notebook_holds_no_token(kernel_environment):
    """Neither outputs nor widget state nor metadata hold it, however much is shown."""
    notebook, error = execute(
        kernel_environment,
        "form = %intercom_export\nform",
        "export = %intercom_export 2018-06-01 --wait\nexport",
        "%intercom_export doctor",
        "%config IntercomExport",
        "get_ipython().magics_manager.registry['IntercomExportMagics'].session.connection.client()",
        "vars(get_ipython().magics_manager.registry['IntercomExportMagics'].session.connection)",
    )
    assert error is None
    assert "find me" not in json.dumps(notebook)
    assert TOKEN not in json.dumps(notebook)


def test_a_failing_magic_stops_the_run_with_one_line(kernel_environment):
    """Run All ends at the line that failed, which is one line in the notebook."""
    notebook, error = execute(
        kernel_environment,
        "%intercom_export 2018-07-01 2018-06-01",
        "print('never')",
    )
    assert "created_at_after is greater than created_at_before" in str(error)
    (output,) = notebook.cells[1].outputs
    assert output.output_type == "error"
    assert len(output.traceback) == 1
    assert not notebook.cells[2].outputs


def test_an_error_does_not_show_the_token_even_with_locals(kernel_environment, sandbox):
    """%xmode Verbose and --debug print every frame's locals; none is the token."""
    sandbox.switch(forbidden="1@create")
    notebook, error = execute(
        kernel_environment, "%xmode Verbose", "%intercom_export 2018-06-01 --debug"
    )
    assert "Not authorized" in str(error)
    assert TOKEN not in json.dumps(notebook)


@pytest.mark.parametrize("sandbox", [3.0], indirect=True)
def test_an_interrupt_leaves_the_job_running_and_says_how_to_take_it_up(kernel_environment):
    """A real SIGINT while --wait blocks ends the cell with one line; the job goes on."""
    manager, client = start_new_kernel()
    try:

        def run(code, *, interrupt=False):
            """Run a cell; interrupt it once it has shown something."""
            outputs = []
            message = client.execute(code)
            while True:
                got = client.get_iopub_msg(timeout=60)
                if got["parent_header"].get("msg_id") != message:
                    continue
                kind, content = got["msg_type"], got["content"]
                if kind == "status" and content["execution_state"] == "idle":
                    return outputs
                outputs.append((kind, content))
                if interrupt and kind == "display_data":
                    interrupt = False
                    manager.interrupt_kernel()

        run(kernel_environment)
        outputs = run("%intercom_export 2018-06-01 --wait", interrupt=True)
        (error,) = [content for kind, content in outputs if kind == "error"]
        assert error["ename"] == "WaitInterruptedError"
        assert "%intercom_export attach " in error["evalue"]
        assert len(error["traceback"]) == 1
        outputs = run("export = %intercom_export status\nprint(export[0].wait(60).progress.stage)")
        assert outputs[-1][1]["text"].strip() == "done"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_another_kernel_takes_up_the_job_of_one_that_was_killed(kernel_environment, sandbox):
    """After kill -9 the identifier is in the ledger, and attach gives the data."""
    sandbox.switch(stuck=1)
    code = (
        "import os, signal\n"
        "from intercom_export_widgets import ExportSession\n"
        f"session = ExportSession(base_url={sandbox.base_url!r}, poll_interval=0.1)\n"
        "session.submit('2018-06-01')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False)
    assert done.returncode < 0
    notebook, error = execute(
        kernel_environment,
        "log = %intercom_export log --all\nidentifier = log.job_identifier.iloc[0]\n"
        "print(log.status.iloc[0])",
        "export = %intercom_export attach {identifier}\nprint(export.timeframe.label)",
        "%intercom_export cancel",
    )
    assert error is None
    assert shown(notebook.cells[1]).strip() in {"pending", "in_progress"}
    assert shown(notebook.cells[2]).strip() == "2018-06-01 (UTC)"


def test_papermill_keeps_a_readable_form_and_no_broken_widget(kernel_environment, tmp_path):
    """What papermill writes holds text and HTML for form and export, and no view."""
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(code)
            for code in (
                kernel_environment,
                "%intercom_export 2018-06-01 --wait",
                "form = %intercom_export\nform",
            )
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, tmp_path / "in.ipynb")
    run = [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", "--no-progress-bar"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    written = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert VIEW not in json.dumps(written)
    for cell in written.cells[-2:]:
        assert "Sandbox: synthetic data" in shown(cell, "text/html")
        assert "deliveries" in shown(cell)


def papermill(tmp_path, *cells, **parameters):
    """Run cells as papermill does, the second of them its parameters; return what came of it."""
    made = [nbformat.v4.new_code_cell(code) for code in cells]
    made[1].metadata["tags"] = ["parameters"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": kernel})
    nbformat.write(notebook, tmp_path / "in.ipynb")
    run = [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", "--no-progress-bar"]
    for name, value in parameters.items():
        run += ["-p", name, value]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    return done, nbformat.read(tmp_path / "out.ipynb", as_version=4)


REPORT = (
    'first = "2018-06-01"\nlast = "2018-06-02"',
    "x = %intercom_export {first} {last} --wait\nx",
    "print('never' if x is None else x.timeframe.label, len(x.receipts))",
)


def test_papermill_parameters_reach_the_magic_behind_an_assignment(kernel_environment, tmp_path):
    """`x = %intercom_export {first} {last} --wait` takes the variables of the parameters cell."""
    done, written = papermill(
        tmp_path, kernel_environment, *REPORT, first="2018-06-10", last="2018-06-12"
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert shown(written.cells[-1]).startswith("2018-06-10 to 2018-06-12 (UTC)")
    lines = shown(written.cells[-2]).splitlines()
    assert len([line for line in lines if "v5" in line or " · " in line]) <= 3
    assert "█" not in "".join(lines)


def test_a_failed_export_fails_the_run_with_one_line(kernel_environment, tmp_path):
    """papermill ends with an exit code and the error as its last line; later cells do not run."""
    done, written = papermill(
        tmp_path, kernel_environment, *REPORT, first="2018-07-01", last="2018-06-01"
    )
    assert done.returncode != 0
    said = "TimeframeError: created_at_after is greater than created_at_before."
    assert done.stderr.strip().splitlines()[-1].startswith(said)
    (error,) = [o for cell in written.cells for o in cell.get("outputs", []) if "ename" in o]
    assert len(error.traceback) == 1
    assert "\n" not in error.traceback[0]
    assert not written.cells[-1].outputs
