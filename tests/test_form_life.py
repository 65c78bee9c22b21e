"""The form's life: reruns, two forms, reloads, restarts, busy kernels, and its traits."""

from __future__ import annotations

import re

import pytest
from form_page import (
    FIRST,
    JUNE,
    SECONDS,
    ZONE,
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


def test_the_traits_can_be_observed_linked_and_put_into_a_box(setup, warm_notebook):
    """In a VBox the form works as it does alone, and other widgets follow its traits."""
    book = warm_notebook(
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
    """After a restart the form says how to revive it, and only what copies can be pressed."""
    notice = form.locator(".iew-dead")
    export_june(form)
    expect(notice).to_be_hidden()
    form.notebook.restart()
    expect(notice).to_be_visible(timeout=30 * SECONDS)
    expect(notice).to_contain_text("Run the cell again")
    expect(form.get_by_role("button", name="Export", exact=True)).to_be_disabled()
    expect(form.get_by_label(FIRST)).to_be_disabled()
    expect(form.get_by_role("button", name="Copy the job identifier")).to_be_enabled()
    expect(form.locator(".iew-time").first).to_be_hidden()


def test_running_the_cell_again_leaves_nothing_behind(form):
    """After seven runs of the cell there are no more threads, models and forms than after two."""
    book = form.notebook
    count = (
        "import threading\n"
        "from ipywidgets.widgets.widget import _instances\n"
        "for thread in threading.enumerate():\n"
        "    if thread.name.startswith('Thread-') and thread.daemon: thread.join(1)\n"
        "forms = sum(type(each).__name__ == 'ExportForm' for each in _instances.values())\n"
        "print(threading.active_count(), len(_instances), forms)"
    )
    seen = []
    for runs in (2, 5):
        for _ in range(runs):
            book.run(1)
            expect(form.locator(".iew-workspace")).to_contain_text("Sandbox")
        book.type(2, count)
        book.run(2)
        seen.append(book.output(2).inner_text())
    assert seen[0] == seen[1]
    assert seen[0].split()[-1] == "1"
    expect(form).to_be_visible()
