"""The form and the card on other kernels: ipykernel runs callbacks differently in each."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from form_page import JUNE, SECONDS, busy_until, cancel, export, pick, status
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

KERNELS = {"6.31.0": ["ipykernel==6.31.0", "nest-asyncio"], "7.1.0": ["ipykernel==7.1.0"]}
"""The kernels beside the newest, which is the one that is installed; 7.0 is excluded."""


@pytest.fixture(scope="module", params=[*KERNELS, "newest"])
def kernel(request, lab, loaded_page, tmp_path_factory):
    """The name of a kernel with another ipykernel, put beside the one that is installed."""
    if request.param == "newest":
        return "python3"
    folder = tmp_path_factory.mktemp("ipykernel")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps"),
            *("--python", sys.executable, "--target", str(folder), *KERNELS[request.param]),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = f"ipykernel {request.param} could not be installed: {done.stderr[-300:]}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(said)
    name = f"ipykernel-{request.param}"
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": name,
        "language": "python",
        "env": {"PYTHONPATH": str(folder)},
    }
    place = lab.home / "data" / "kernels" / name
    place.mkdir(parents=True)
    (place / "kernel.json").write_text(json.dumps(spec))
    loaded_page.evaluate("window.jupyterapp.serviceManager.kernelspecs.refreshSpecs()")
    return name


@pytest.fixture
def seen(tmp_path):
    """The file that ends the busy cell."""
    return tmp_path / "seen"


@pytest.fixture
def book(kernel, warm_notebook, setup, seen):
    """A notebook on that kernel with the form and a busy cell.

    What reading needs is imported before: beside a cell that never lets go of the interpreter
    each of the thousand files of pandas and pyarrow would wait for its turn, and so would each
    row of the ledger that all tests of a run have filled.
    """
    opened = warm_notebook(
        f"import pandas, pyarrow.compute, pyarrow.csv, pyarrow.parquet\n{setup}\n"
        f"%config IntercomExport.ledger = '{seen.with_name('ledger.sqlite')}'\n"
        "import ipykernel\nprint(ipykernel.__version__)",
        "form = %intercom_export\nform",
        busy_until(seen, 60),
        kernel=kernel,
    )
    opened.run(0)
    version = opened.output(0).inner_text().strip()
    if kernel == "python3":
        assert tuple(map(int, version.split(".")[:2])) > (7, 1)
    else:
        assert kernel == f"ipykernel-{version}"
    opened.run(1)
    expect(opened.form(1).locator(".iew-workspace")).to_contain_text("Sandbox")
    return opened


@pytest.mark.parametrize("sandbox", [1.5], indirect=True)
def test_an_export_goes_on_while_another_cell_is_busy(book, seen, kernel):
    """The card moves to ready although the main thread does not pause once.

    With older kernels a thread was seen to get so little of a busy machine that the cell of a
    minute ended before; with the newest it must be busy still.
    """
    form = book.form(1)
    pick(form, *JUNE)
    export(form)
    expect(form.locator(".iew-identifier")).not_to_be_empty()
    book.run(2, wait=False)
    expect(status(form)).to_have_text("ready", timeout=120 * SECONDS)
    if kernel == "python3":
        expect(book.cell(2).locator(".jp-OutputArea-output")).to_have_count(0)
    seen.touch()
    expect(book.output(2)).to_contain_text("free", timeout=60 * SECONDS)
    expect(form.locator(".iew-first-rows tbody tr")).to_have_count(5, timeout=30 * SECONDS)


def test_clicks_on_a_busy_kernel_are_neither_lost_nor_doubled(book, sandbox, seen):
    """Export pressed three times while a cell runs submits once; Cancel cancels once."""
    sandbox.switch(stuck=1)
    form = book.form(1)
    pick(form, *JUNE)
    expect(form.locator(".iew-preview")).to_contain_text("1527811200")
    book.run(2, wait=False)
    form.locator(".iew-primary").click(click_count=3)
    seen.touch()
    expect(form.locator(".iew-identifier")).not_to_be_empty(timeout=30 * SECONDS)
    expect(book.output(2)).to_contain_text("free", timeout=60 * SECONDS)
    cancel(form)
    calls = [request.call for request in sandbox.requests]
    assert (calls.count("create"), calls.count("cancel")) == (1, 1)


def test_running_the_cell_again_leaves_a_form_that_listens(book, sandbox):
    """The form that replaces another hears every click, from the first on."""
    for day in (1, 2):
        book.run(1)
        form = book.form(1)
        pick(form, f"2018-06-0{day}", f"2018-06-0{day}")
        export(form)
        expect(form.locator(".iew-card")).to_have_count(day)
        expect(status(form)).to_have_text("ready", timeout=30 * SECONDS)
