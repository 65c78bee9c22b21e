"""The form where no widgets live: saved, exported, executed, and not drawn."""

from __future__ import annotations

import re

import nbformat
import pytest
from form_page import export_june, save_with_state
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.own_kernel]


def test_where_no_page_appears_a_sentence_says_what_is_missing(setup, warm_notebook):
    """What stands under a form that nobody draws says why, until it is drawn."""
    book = warm_notebook(
        setup,
        "from intercom_export_widgets import ExportForm\n"
        "from intercom_export_widgets.notebook.companion import Companion\n"
        "magics = get_ipython().magics_manager.registry['IntercomExportMagics']\n"
        "form = ExportForm(magics.session)\n"
        "form.companion = Companion(form, patience=0.2)\n"
        "form.companion.show()",
        "form",
    )
    book.run(0)
    cell = book.run(1)
    expect(cell).to_contain_text("The Jupyter server may lack anywidget")
    book.run(2)
    expect(book.form(2)).to_be_visible()
    expect(cell).not_to_contain_text("The Jupyter server may lack anywidget")
    expect(cell.locator(".iew-static")).to_be_hidden()


def test_a_saved_notebook_reads_well_without_its_kernel(form, lab):
    """Opened again later, the finished form is its cards and its log, not a broken widget."""
    export_june(form)
    job = form.locator(".iew-identifier").inner_text()
    form.notebook.type(2, "export = form.export\nexport")
    form.notebook.run(2)
    static = form.notebook.cell(1).locator(".iew-static")
    expect(static).to_contain_text("ready")
    expect(static).to_be_hidden()
    form.notebook.save()
    form.notebook.close()
    book = form.notebook.open()
    for cell in (1, 2):
        static = book.cell(cell).locator(".iew-static")
        expect(static).to_be_visible()
        expect(static).to_contain_text("Sandbox: synthetic data")
        expect(static).to_contain_text(job)
        expect(static).to_contain_text("deliveries")
    expect(book.cell(1).locator(".iew-static")).to_contain_text("completed")


def test_an_exported_page_holds_the_cards(form, lab):
    """What nbconvert makes of the saved notebook says what the exports came to."""
    export_june(form)
    expect(form.notebook.cell(1).locator(".iew-static")).to_contain_text("ready")
    form.notebook.save()
    notebook = nbformat.read(lab.notebooks / form.notebook.name, as_version=4)
    from nbconvert import HTMLExporter

    html, _ = HTMLExporter().from_notebook_node(notebook)
    page = form.page.context.new_page()
    try:
        page.route(re.compile("^https?:"), lambda route: route.abort())
        page.set_content(html)
        static = page.locator(".iew-static")
        expect(static).to_be_visible()
        expect(static).to_contain_text("ready")
        expect(static).to_contain_text(re.compile(r"receipt \d+"))
    finally:
        page.close()


def test_with_its_state_saved_the_form_is_drawn_again_and_says_that_it_is_dead(form, lab):
    """Opened again with its state but without its kernel, it does not look alive."""
    export_june(form)
    save_with_state(form.notebook)
    job = form.locator(".iew-identifier").inner_text()
    form.notebook.close()
    form.notebook.open()
    expect(form.locator(".iew-identifier")).to_have_text(job)
    expect(form.locator(".iew-dead")).to_be_visible()
    expect(form.get_by_role("button", name="Last week")).to_be_disabled()
