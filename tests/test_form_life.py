"""The form's life: reruns, two forms, reloads, restarts, busy kernels, and its traits."""

from __future__ import annotations

import re

import pytest
from form_page import (
    FIRST,
    JUNE,
    SECONDS,
    ZONE,
    busy_until,
    cancel,
    export,
    export_june,
    pick,
    status,
)
from lab import Notebook
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.own_kernel]


def test_python_and_the_page_agree_about_the_dates(form):
    """What is picked is the form's trait, and what is set in Python shows on the page."""
    pick(form, *JUNE)
    book = form.notebook
    expect(form.locator(".iew-preview")).to_contain_text("1527811200")
    book.run(2)
    expect(book.cell(2).locator(".jp-OutputArea-output")).to_have_text(re.compile(" ".join(JUNE)))
    book.cell(2).locator(".jp-InputArea-editor").click()
    form.page.keyboard.press("Control+A")
    form.page.keyboard.insert_text("import datetime\nform.first = datetime.date(2018, 5, 4)")
    book.run(2)
    expect(form.get_by_label(FIRST)).to_have_value("2018-05-04")


@pytest.mark.parametrize("sandbox", [2.0], indirect=True)
def test_a_range_typed_as_a_line_shows_a_live_card_while_other_cells_run(setup, notebook, tmp_path):
    """The card moves to ready while another cell keeps the kernel busy."""
    seen = tmp_path / "seen"
    # What reading needs is imported before: beside a busy cell each file waits for its turn.
    begin = (
        f"import pandas, pyarrow.compute, pyarrow.csv, pyarrow.parquet\n{setup}\n"
        f"%config IntercomExport.ledger = '{tmp_path / 'ledger.sqlite'}'"
    )
    book = notebook(begin, "%intercom_export 2018-06-01 2018-06-02", busy_until(seen))
    book.run(0)
    book.run(1)
    status = book.cell(1).locator(".iew-status")
    expect(status).to_have_text(re.compile("pending|in progress"))
    book.run(2, wait=False)
    expect(status).to_have_text("ready", timeout=110 * SECONDS)
    expect(book.cell(2).locator(".jp-OutputArea-output")).to_have_count(0)
    seen.touch()
    expect(book.output(2)).to_contain_text("free", timeout=60 * SECONDS)


def test_a_double_click_on_a_busy_kernel_submits_once(form, sandbox):
    """Clicks while another cell runs are neither lost nor doubled."""
    pick(form, *JUNE)
    expect(form.locator(".iew-preview")).to_contain_text("1527811200")
    book = form.notebook
    book.cell(2).locator(".jp-InputArea-editor").click()
    form.page.keyboard.press("Control+A")
    form.page.keyboard.insert_text(
        "import time\nend = time.monotonic() + 3\nwhile time.monotonic() < end: pass"
    )
    book.run(2, wait=False)
    button = form.locator(".iew-primary")
    button.dblclick()
    expect(form.locator(".iew-status")).to_have_text("ready", timeout=30 * SECONDS)
    expect(button).to_have_text("Export")
    assert len([request for request in sandbox.requests if request.call == "create"]) == 1


def test_a_form_whose_kernel_restarted_says_that_it_is_dead(form):
    """After a restart a sentence says how to revive it, and nothing looks alive."""
    notice = form.locator(".iew-dead")
    expect(notice).to_be_hidden()
    form.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel"
        ".restart().then(() => null)"
    )
    expect(notice).to_be_visible(timeout=30 * SECONDS)
    expect(notice).to_contain_text("Run the cell again")


def test_running_the_cell_again_adopts_the_running_export(form, sandbox):
    """A new form shows the card of an export that the old one began."""
    sandbox.switch(stuck=1)
    pick(form, *JUNE)
    export(form)
    identifier = form.locator(".iew-card .iew-identifier")
    expect(identifier).not_to_be_empty()
    job = identifier.inner_text()
    form.notebook.run(1)
    expect(identifier).to_have_text(job)
    expect(form).to_have_count(1)
    form.get_by_role("button", name="Cancel", exact=True).click()
    expect(form.locator(".iew-status")).to_have_text("canceled", timeout=30 * SECONDS)


def test_running_the_cell_again_leaves_no_old_form_behind(form):
    """A form that is replaced by a new run of its cell is closed."""
    book = form.notebook
    count = (
        "from ipywidgets.widgets.widget import _instances\n"
        "print(sum(type(each).__name__ == 'ExportForm' for each in _instances.values()))"
    )
    book.cell(2).locator(".jp-InputArea-editor").click()
    form.page.keyboard.press("Control+A")
    form.page.keyboard.insert_text(count)
    for _ in range(3):
        book.run(1)
    book.run(2)
    expect(book.cell(2).locator(".jp-OutputArea-output")).to_have_text(re.compile(r"^1\s*$"))
    expect(form).to_be_visible()


def test_two_forms_on_one_session_agree(form):
    """What is begun in one shows in the other: cards, log, and whose workspace it is."""
    form.page.set_viewport_size({"width": 1280, "height": 4000})
    book = form.notebook
    book.type(2, "other = %intercom_export\nother")
    book.run(2)
    other = book.form(2)
    expect(other.locator(".iew-workspace")).to_contain_text("Sandbox")
    export_june(form)
    expect(status(other)).to_have_text("ready")
    job = form.locator(".iew-identifier").inner_text()
    expect(other.locator(".iew-identifier")).to_have_text(job)
    expect(other.locator(".iew-log summary")).to_have_text("Session log: 1 job")
    pick(other, "2018-06-04", "2018-06-04")
    export(other)
    expect(form.locator(".iew-card")).to_have_count(2)
    expect(form.locator(".iew-log summary")).to_have_text("Session log: 2 jobs")
    expect(form.get_by_label(FIRST)).to_have_value(JUNE[0])
    form.page.set_viewport_size({"width": 1280, "height": 1400})


def test_a_reload_of_the_page_changes_nothing(own_page, lab, setup, sandbox):
    """The fields, the running export and its card are there again, and go on."""
    page = own_page()
    lab.write("reload.ipynb", setup, "form = %intercom_export\nform")
    book = Notebook(page, lab, "reload.ipynb").open()
    book.run(0)
    book.run(1)
    form = book.form(1)
    expect(form.locator(".iew-workspace")).to_contain_text("Sandbox")
    sandbox.switch(stuck=1)
    pick(form, *JUNE)
    export(form)
    expect(form.locator(".iew-identifier")).not_to_be_empty()
    job = form.locator(".iew-identifier").inner_text()
    book.save()
    lab.load(page)
    book.open()
    expect(form.locator(".iew-identifier")).to_have_text(job, timeout=30 * SECONDS)
    expect(form.get_by_label(FIRST)).to_have_value(JUNE[0])
    expect(form.locator(".iew-dead")).to_be_hidden()
    expect(book.cell(1).locator(".iew-static")).to_be_hidden()
    cancel(form)
    book.close()


def test_the_traits_can_be_observed_linked_and_put_into_a_box(setup, notebook):
    """In a VBox the form works as it does alone, and other widgets follow its traits."""
    book = notebook(
        setup,
        "import ipywidgets as w\n"
        "form = %intercom_export\n"
        "zone, seen = w.Text(), []\n"
        "w.link((form, 'zone'), (zone, 'value'))\n"
        "form.observe(lambda change: seen.append(change.new), ['first', 'export', 'exports'])\n"
        "w.VBox([w.HTML('<h4>A box</h4>'), zone, form])",
        "print(zone.value, seen[0], seen[-1] is form.export, len(form.exports), form.export.done)",
    )
    book.run(0)
    book.run(1)
    form = book.form(1)
    expect(form.locator(".iew-workspace")).to_contain_text("Sandbox")
    form.get_by_label(ZONE).fill("Europe/Dublin")
    export_june(form)
    expect(book.cell(1).locator(".widget-text input")).to_have_value("Europe/Dublin")
    book.run(2)
    expect(book.output(2)).to_have_text(re.compile(r"^Europe/Dublin 2018-06-01 True 1 True\s*$"))


def test_a_dead_form_takes_no_click_and_lets_identifiers_be_copied(form):
    """After a restart nothing can be pressed but what copies."""
    export_june(form)
    form.notebook.restart()
    expect(form.locator(".iew-dead")).to_be_visible(timeout=30 * SECONDS)
    expect(form.get_by_role("button", name="Export", exact=True)).to_be_disabled()
    expect(form.get_by_label(FIRST)).to_be_disabled()
    expect(form.get_by_role("button", name="Copy the job identifier")).to_be_enabled()
    expect(form.locator(".iew-time").first).to_be_hidden()


def test_rerunning_leaves_no_thread_behind(form):
    """After ten runs of the cell there are no more threads and models than after two."""
    book = form.notebook
    count = (
        "import threading\n"
        "from ipywidgets.widgets.widget import _instances\n"
        "for thread in threading.enumerate():\n"
        "    if thread.name.startswith('Thread-') and thread.daemon: thread.join(1)\n"
        "print(threading.active_count(), len(_instances))"
    )
    seen = []
    for runs in (2, 8):
        for _ in range(runs):
            book.run(1)
            expect(form.locator(".iew-workspace")).to_contain_text("Sandbox")
        book.type(2, count)
        book.run(2)
        seen.append(book.output(2).inner_text())
    assert seen[0] == seen[1]
