"""The form in Jupyter Notebook 7, the other page that is tried in a real browser."""

from __future__ import annotations

import pytest
from conftest import TOKEN
from form_page import JUNE, SECONDS, export, pick, status
from lab import Server
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


class Notebook7(Server):
    """Jupyter Notebook 7, which shows one notebook as a page."""

    def command(self):
        """Return the module to run, and its options."""
        return [
            "notebook",
            "--allow-root",
            "--no-browser",
            f"--ServerApp.port={self.port}",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.notebooks}",
        ]

    def sign_of_life(self):
        """Return the address that answers once it is up."""
        return f"/api?token={self.token}"


def test_the_form_exports_in_notebook_7(browser, setup, tmp_path_factory):
    """Form, live card and Tab work there as in JupyterLab."""
    server = Notebook7(tmp_path_factory.mktemp("notebook7"), {"INTERCOM_ACCESS_TOKEN": TOKEN})
    context = browser.new_context(viewport={"width": 1280, "height": 2000})
    try:
        server.write("form.ipynb", setup, "%intercom_export", "")
        page = context.new_page()
        page.goto(f"{server.url}/notebooks/form.ipynb?token={server.token}")
        cells = page.locator(".jp-Cell .jp-InputArea-editor")
        expect(cells).to_have_count(3, timeout=60 * SECONDS)
        idle = page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']")
        expect(idle).to_be_attached(timeout=60 * SECONDS)
        cells.nth(0).click()
        page.keyboard.press("Shift+Enter")
        page.keyboard.press("Shift+Enter")
        form = page.locator(".iew[data-kind='form']")
        expect(form.locator(".iew-workspace")).to_contain_text("Sandbox", timeout=60 * SECONDS)
        pick(form, *JUNE)
        export(form)
        expect(status(form)).to_have_text("ready", timeout=30 * SECONDS)
        cells.nth(2).click()
        page.keyboard.type("x = %intercom_export last-m")
        page.keyboard.press("Tab")
        expect(page.locator(".jp-Completer-item").first).to_contain_text("last-month")
    finally:
        context.close()
        server.stop()
