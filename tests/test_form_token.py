"""The form where no token is found: it asks for one, and keeps none."""

from __future__ import annotations

import json

import pytest
from conftest import TOKEN
from form_page import JUNE, SECONDS, export, pick
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_without_a_token_the_form_offers_both_ways_and_keeps_no_token(
    setup, notebook, lab, sandbox
):
    """A token that is typed is used, and found nowhere in the saved notebook."""
    book = notebook(
        f"import os; del os.environ['INTERCOM_ACCESS_TOKEN']\n{setup}", "%intercom_export"
    )
    book.run(0)
    book.run(1)
    form = book.form(1)
    expect(form.get_by_role("button", name="Try the sandbox")).to_be_visible()
    field = form.get_by_label("Access token")
    field.fill(TOKEN)
    form.get_by_role("button", name="Use my workspace").click()
    expect(form.locator(".iew-workspace")).to_contain_text("Sandbox: synthetic data")
    pick(form, *JUNE)
    export(form)
    expect(form.locator(".iew-status")).to_have_text("ready", timeout=30 * SECONDS)
    book.command("docmanager:save")
    saved = (lab.notebooks / book.name).read_text()
    assert "Intercom export" in saved
    assert "model_id" in json.dumps(json.loads(saved))
    assert TOKEN not in saved


def test_the_sandbox_is_one_click_away(setup, notebook):
    """Try the sandbox starts it, labels the form, and exports from it."""
    book = notebook(
        f"import os; del os.environ['INTERCOM_ACCESS_TOKEN']\n{setup}", "%intercom_export"
    )
    book.run(0)
    book.run(1)
    form = book.form(1)
    form.get_by_role("button", name="Try the sandbox").click()
    expect(form.locator(".iew-workspace")).to_contain_text("Sandbox: synthetic data")
    pick(form, *JUNE)
    export(form)
    expect(form.locator(".iew-status")).to_have_text("ready", timeout=30 * SECONDS)
