"""The form in Jupyter Notebook 7, the other page that is tried in a real browser."""

from __future__ import annotations

import pytest
from conftest import TOKEN
from form_page import JUNE, SECONDS, export, pick, status
from lab import Server
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


KERNEL_ANSWERS = """() => {
  const widget = window.jupyterapp?.shell.currentWidget;
  const kernel = widget?.context?.sessionContext.session?.kernel;
  return kernel?.status === "idle" && kernel.info;
}"""
"""Keys that are pressed before the kernel has answered may run nothing."""


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
            "--JupyterNotebookApp.expose_app_in_browser=True",
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
        page.wait_for_function(KERNEL_ANSWERS, timeout=60 * SECONDS)
        prompts = page.locator(".jp-InputArea-prompt")
        cells.nth(0).click()
        for number in (1, 2):
            page.keyboard.press("Shift+Enter")
            expect(prompts.nth(number - 1)).to_have_text(f"[{number}]:", timeout=60 * SECONDS)
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
