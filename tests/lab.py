"""JupyterLab and Voilà in headless Chromium, for the tests that need a real page.

One server, one browser and one page for all tests: a notebook opened in the loaded page
takes a second or two, a new page five times as long. Nothing here sleeps; everything
waits for what it needs to see.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOW_TO_GET_ONE = (
    "No Chromium was found for the browser tests. On Debian or Ubuntu: apt-get install chromium; "
    "elsewhere install Chromium or Chrome, or name one in the variable CHROMIUM."
)


def find_chromium():
    """Return the path of a Chromium, or None."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A Jupyter server of its own: own home, own settings, nothing from outside.

    Parameters
    ----------
    home : pathlib.Path
        An empty folder.
    environment : dict of str to str
        What kernels find besides.
    """

    def __init__(self, home, environment):
        self.home = home
        self.notebooks = home / "notebooks"
        self.notebooks.mkdir()
        self.token = secrets.token_hex(16)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._write_settings()
        self._log = (home / "server.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", *self.command()],
            env=self._environment(environment),
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._wait()

    def _environment(self, more):
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JUPYTER", "INTERCOM", "XDG", "IPYTHON"))
        }
        return kept | {
            "HOME": str(self.home),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.home / "workspaces"),
            "IPYTHONDIR": str(self.home / "ipython"),
            "JUPYTER_PREFER_ENV_PATH": "1",
            **more,
        }

    def _write_settings(self):
        """Keep out of the tests what JupyterLab does by itself."""
        settings = {
            "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
            "docmanager-extension/plugin": {"autosave": False},
        }
        for name, values in settings.items():
            path = self.home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))

    def _wait(self):
        """Wait until the server answers, asking it rather than the clock."""
        for _ in range(600):
            if self._process.poll() is not None:
                raise RuntimeError((self.home / "server.log").read_text())
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(self.url + self.sign_of_life(), timeout=5).close()  # noqa: S310 - loopback
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.1)
        raise RuntimeError("The server did not start")

    def write(self, name, *cells, kernel="python3"):
        """Write a notebook with these code cells for that kernel."""
        notebook = {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {
                "kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}
            },
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"c{number}",
                    "metadata": {},
                    "source": source,
                    "outputs": [],
                    "execution_count": None,
                }
                for number, source in enumerate(cells)
            ],
        }
        (self.notebooks / name).write_text(json.dumps(notebook))

    def stop(self):
        """End the server and its kernels."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


class Lab(Server):
    """JupyterLab."""

    def command(self):
        """Return the module to run, and its options."""
        return [
            "jupyterlab",
            "--allow-root",
            "--no-browser",
            f"--ServerApp.port={self.port}",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.notebooks}",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.news_url=None",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]

    def sign_of_life(self):
        """Return the address that answers once it is up."""
        return f"/api?token={self.token}"

    def load(self, page):
        """Load JupyterLab, and wait until it can be used."""
        page.goto(f"{self.url}/lab?token={self.token}")
        page.wait_for_function("window.jupyterapp && window.jupyterapp.restored", timeout=120_000)
        page.evaluate("window.jupyterapp.restored.then(() => null)")
        return page


class Voila(Server):
    """Voilà, which shows notebooks as pages; they are named in the address."""

    def command(self):
        """Return the module to run, and its options."""
        return [
            "voila",
            "--no-browser",
            f"--port={self.port}",
            f"--token={self.token}",
            "--show_tracebacks=True",
            str(self.notebooks),
        ]

    def sign_of_life(self):
        """Return the address that answers once it is up."""
        return f"/?token={self.token}"

    def address(self, name, theme):
        """Return where a notebook shows, in the ``light`` or ``dark`` theme."""
        return f"{self.url}/voila/render/{name}?token={self.token}&theme={theme}"


KEPT_TOKEN = "TOKEN_OF_THE_TESTS"  # noqa: S105 - a variable's name
"""The variable from which a kernel gets its token back after a test without one."""

DONE = re.compile(r"\[\d+\]:")
MAY_LEAVE_A_MESSAGE = {"ipykernel-7.1.0"}
"""Kernels that may leave a new connection's first message unread until the next connection.

Mended in ipykernel 7.4 (https://github.com/ipython/ipykernel/pull/1529).
"""


class Notebook:
    """One notebook on the page; every locator is scoped to it, or to one of its cells."""

    def __init__(self, page, lab, name, kernel="python3"):
        self.page = page
        self.lab = lab
        self.name = name
        self.kernel = kernel
        self.restarted = False
        self.panel = page.locator(f".jp-NotebookPanel:has([data-path='{name}'])")

    def command(self, name, **arguments):
        """Run one of JupyterLab's commands on the page."""
        return self.page.evaluate(
            "([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => null)",
            [name, arguments],
        )

    def open(self):
        """Open it in the loaded page, and wait until its kernel answers."""
        self.command("docmanager:open", path=self.name, factory="Notebook")
        self.page.wait_for_function(
            """path => {
              const widget = window.jupyterapp.shell.currentWidget;
              const context = widget && widget.context;
              const session = context && context.path === path && context.sessionContext.session;
              const kernel = session && session.kernel;
              return kernel && kernel.status === 'idle' && kernel.info;
            }""",
            arg=self.name,
        )
        # A command acts on the widget that has the focus, which only a real click gives.
        self.cell(0).locator(".jp-InputArea-editor").click()
        return self

    def refill(self, *cells):
        """Show it again with other code in its cells, and nothing shown."""
        self.open()
        self.page.evaluate(
            """cells => window.jupyterapp.shell.currentWidget.content.widgets.forEach(
              ({ model }, index) => {
                model.clearExecution();
                model.sharedModel.setSource(cells[index]);
              })""",
            list(cells),
        )
        return self

    def put_away(self):
        """Undo what a test did to the kernel, and show nothing any more."""
        tidy = (
            "import os, time\nfor name in ('TZ', 'BINDER_LAUNCH_HOST'): os.environ.pop(name, '')\n"
        )
        tidy += "time.tzset()\nget_ipython().config.pop('IntercomExport', None)\n"
        tidy += f"os.environ['INTERCOM_ACCESS_TOKEN'] = os.environ[{KEPT_TOKEN!r}]\n"
        self.refill(f"%unload_ext intercom_export_widgets\n{tidy}", "", "")
        self.run(0)
        return self

    def cell(self, index):
        """Return the cell at that place."""
        return self.page.locator(
            f".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell[data-windowed-list-index='{index}']"
        )

    def run(self, index, *, wait=True):
        """Run one cell by a click into it and the keyboard; wait until it is done."""
        cell = self.cell(index)
        prompt = cell.locator(".jp-InputArea-prompt")
        before = prompt.inner_text()
        cell.locator(".jp-InputArea-editor").click()
        self.page.keyboard.press("Control+Enter")
        if wait:
            from playwright.sync_api import expect

            expect(prompt).not_to_have_text(before)
            if self.kernel in MAY_LEAVE_A_MESSAGE:
                try:
                    expect(prompt).to_have_text(DONE, timeout=20_000)
                except AssertionError:
                    self.knock()
            expect(prompt).to_have_text(DONE, timeout=60_000)
        return cell

    def knock(self):
        """Connect to the kernel once more, upon which it looks for messages that it left."""
        self.page.evaluate(
            """() => {
              const { kernels } = window.jupyterapp.serviceManager;
              const { session } = window.jupyterapp.shell.currentWidget.context.sessionContext;
              const other = kernels.connectTo({ model: session.kernel.model });
              return other.info.then(() => other.dispose());
            }"""
        )

    def type(self, index, code):
        """Replace what a cell says."""
        self.cell(index).locator(".jp-InputArea-editor").click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(code)

    def output(self, index):
        """Return what a cell has printed or shown."""
        return self.cell(index).locator(".jp-OutputArea-output")

    def form(self, index):
        """Return the form in a cell's output."""
        return self.cell(index).locator(".iew[data-kind='form']")

    def save(self):
        """Save it, and return what is in the file."""
        self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.context.save().then(() => null)"
        )
        return json.loads((self.lab.notebooks / self.name).read_text(encoding="utf-8"))

    def restart(self):
        """Restart the kernel, as the button does."""
        self.restarted = True
        self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel"
            ".restart().then(() => null)"
        )

    def close(self):
        """Shut the kernel down and close the tab, saving nothing."""
        self.page.evaluate(
            """async path => {
              const { shell, serviceManager } = window.jupyterapp;
              for (const widget of shell.widgets('main'))
                if (widget.context && widget.context.path === path) {
                  await widget.context.sessionContext.shutdown();
                  widget.context.model.dirty = false;
                  widget.dispose();
                }
            }""",
            self.name,
        )
