"""The form where no token is found: it asks for one, and keeps none."""

from __future__ import annotations

import json
import re

import pytest
from conftest import TOKEN
from form_page import JUNE, export, export_june, pick, save_with_state
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture
def locked_out(setup, warm_notebook):
    """The form in a kernel that finds no token, once it says so."""
    book = warm_notebook(
        f"import os; del os.environ['INTERCOM_ACCESS_TOKEN']\n{setup}",
        "form = %intercom_export\nform",
        "print('free')",
    )
    book.run(0)
    book.run(1)
    shown = book.form(1)
    expect(shown.get_by_label("Access token")).to_be_visible()
    shown.notebook = book
    return shown


def test_the_sandbox_is_one_click_away_and_better_ways_are_named(locked_out):
    """The variable and the keyring are named, and Try the sandbox starts it and exports from it."""
    access = locked_out.locator(".iew-access")
    for said in ("INTERCOM_ACCESS_TOKEN", "keyring", "saved nowhere", "No access token was found"):
        expect(access).to_contain_text(said)
    expect(locked_out.get_by_label("Access token")).to_have_attribute("type", "password")
    locked_out.get_by_role("button", name="Try the sandbox").click()
    expect(locked_out.locator(".iew-workspace")).to_contain_text("Sandbox: synthetic data")
    export_june(locked_out)


def test_on_binder_the_form_warns_against_a_real_token(setup, warm_notebook):
    """What a public server may do with a token is said above the field, and read with it."""
    book = warm_notebook(
        "import os; del os.environ['INTERCOM_ACCESS_TOKEN']\n"
        f"os.environ['BINDER_LAUNCH_HOST'] = 'https://mybinder.org/'\n{setup}",
        "%intercom_export",
    )
    book.run(0)
    book.run(1)
    caution = book.form(1).locator(".iew-caution")
    expect(caution).to_contain_text("don't enter a real token here")
    expect(caution).to_contain_text("can read what is typed")
    expect(book.form(1).locator(".iew-access")).not_to_contain_text(re.compile("Best set|null"))
    field = book.form(1).get_by_label("Access token")
    expect(field).to_have_attribute("aria-describedby", caution.get_attribute("id"))


def test_a_wrong_token_is_said_at_its_field_each_time(locked_out):
    """The API's words are tied to the field, which is emptied and has the focus again."""
    field = locked_out.get_by_label("Access token")
    for wrong, said in (
        ("wrong", "Access Token Invalid"),
        ("not a token", "a space or a character that no token has"),
        ("wrong", "Access Token Invalid"),
        ("wrong", "Access Token Invalid"),
    ):
        field.fill(wrong)
        locked_out.get_by_role("button", name="Use my workspace").click()
        expect(field).to_have_value("")
        expect(locked_out.get_by_role("button", name="Use my workspace")).to_be_visible()
        expect(locked_out).to_contain_text(said)
        expect(field).to_be_focused()
        expect(field).to_have_attribute("aria-invalid", "true")
    error = locked_out.locator(f"[id='{field.get_attribute('aria-describedby')}']")
    expect(error).to_contain_text("Access Token Invalid")
    locked_out.get_by_role("button", name="Use my workspace").click()
    expect(field).to_be_focused()


def test_a_typed_token_is_in_no_state_no_trait_and_no_file(locked_out, lab, sandbox):
    """Saved with its widget state, the notebook does not hold it, nor does any other file."""
    locked_out.get_by_label("Access token").fill(TOKEN)
    locked_out.get_by_label("Access token").press("Enter")
    expect(locked_out.locator(".iew-workspace")).to_contain_text("Sandbox")
    export_june(locked_out)
    book = locked_out.notebook
    book.type(
        2,
        "import json\n"
        "from ipywidgets.widgets.widget import _instances\n"
        "[(each.get_state(), repr(each), vars(each)) for each in _instances.values()]",
    )
    book.run(2)
    saved = json.dumps(save_with_state(book))
    assert "application/vnd.jupyter.widget-state+json" in saved
    assert '"page_id"' in saved
    assert "model_id" in saved
    assert TOKEN not in saved
    files = [path for path in lab.home.rglob("*") if path.is_file()]
    assert {".zip", ".sqlite", ".ipynb"} <= {path.suffix for path in files}
    for path in files:
        assert TOKEN.encode() not in path.read_bytes(), path


def test_another_token_can_be_asked_for_after_a_refusal(form, sandbox):
    """Use another token brings the field; the right one brings the workspace back."""
    sandbox.switch(forbidden="1@create")
    pick(form, *JUNE)
    export(form)
    form.get_by_role("button", name="Use another token").click()
    field = form.get_by_label("Access token")
    expect(form.locator(".iew-access")).not_to_contain_text("No access token was found")
    field.fill(TOKEN)
    field.press("Enter")
    expect(form.locator(".iew-workspace")).to_contain_text("Sandbox: synthetic data")
    expect(form.locator(".iew-alert")).to_be_hidden()
