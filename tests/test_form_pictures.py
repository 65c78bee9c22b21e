"""The pictures on a card: before any number is asked for, in both themes, without a kernel."""

from __future__ import annotations

import re

import pytest
from form_page import SECONDS, export, pick, status
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.own_kernel]

TITLES = (
    "Deliveries a day, by content type",
    "Opened, by time since it was received",
    "Opened and clicked, of those sent",
)


def test_a_finished_card_shows_its_pictures_and_keeps_them_without_its_kernel(form):
    """Three labelled pictures come by themselves, and stand as plain HTML when saved."""
    pick(form, "2018-06-01", "2018-06-14")
    export(form)
    expect(status(form)).to_have_text("ready", timeout=30 * SECONDS)
    figures = form.locator(".iew-pictures figure")
    expect(figures).to_have_count(3, timeout=30 * SECONDS)
    for place, title in enumerate(TITLES):
        figure = figures.nth(place)
        expect(figure.locator("figcaption").first).to_have_text(title)
        expect(figure.locator("figcaption").last).to_contain_text("Sandbox: synthetic data.")
        expect(figure.get_by_role("img")).to_have_attribute("aria-label", re.compile(title))
        assert figure.locator("svg").bounding_box()["height"] > 100
    form.locator(".iew-pictures summary").click()
    expect(figures.first).to_be_hidden()
    static = form.notebook.cell(1).locator(".iew-static")
    expect(static.locator("svg")).to_have_count(3)
    form.notebook.save()
    form.notebook.close()
    book = form.notebook.open()
    saved = book.cell(1).locator(".iew-static svg")
    expect(saved.first).to_be_visible()
    expect(saved).to_have_count(3)


def test_markup_in_a_title_stays_text_in_the_pictures(warm_notebook, setup):
    """A message whose title is a script is drawn as that text; nothing runs."""
    code = (
        "import io, zipfile\n"
        "evil = '<img src=x onerror=window.hurt=1><script>window.hurt=1</script>'\n"
        "rows = ''.join(f'r{n},email,{evil},{1527811200 + n * 60}\\n' for n in range(50))\n"
        "head = 'receipt_id,content_type,content_title,received_at\\n'\n"
        "with zipfile.ZipFile('evil.zip', 'w') as packed:\n"
        "    packed.writestr('receipt_20180701-000000.csv', head + rows)\n"
        "%intercom_export load evil.zip"
    )
    book = warm_notebook(setup, code)
    book.run(0)
    cell = book.run(1)
    expect(cell.locator(".iew-pictures figure")).to_have_count(3, timeout=30 * SECONDS)
    expect(cell.locator(".iew-pictures svg").last).to_contain_text("<img src=x onerror=")
    expect(cell.locator(".iew-static svg")).to_have_count(3)
    assert book.page.evaluate("window.hurt") is None
