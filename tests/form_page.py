"""What people do with the form, in the words of the tests."""

from __future__ import annotations

from conftest import come_about
from playwright.sync_api import expect

JUNE = ("2018-06-01", "2018-06-02")
SECONDS = 1000

FIRST = "From first day"
LAST = "To last day, included"
OBSERVE = "Count opens until"
ZONE = "Time zone"
SPLIT = "Split a long range"

SAVE_STATE = "@jupyter-widgets/jupyterlab-manager:saveWidgetState"
"""JupyterLab's command that turns the saving of widget state on, and off again."""


def save_with_state(notebook):
    """Save a notebook with its widgets' state; return what is in the file.

    JupyterLab takes its setting over after the command has returned.
    """
    notebook.command(SAVE_STATE)
    come_about(lambda: "widgets" in notebook.save()["metadata"])
    saved = notebook.save()
    notebook.command(SAVE_STATE)
    return saved


def pick(form, first, last):
    """Fill both pickers, and leave them."""
    form.get_by_label(FIRST).fill(first)
    form.get_by_label(LAST).fill(last)
    form.get_by_label(ZONE).focus()


def busy_until(path, most=120):
    """Return a cell that keeps the main thread at work until a file is there, and a second longer.

    In that second arrives what the page sent before the file was made. A test that failed
    leaves the kernel busy for so many seconds at most.
    """
    return (
        "import os, time\n"
        f"end = time.monotonic() + {most}\n"
        "while time.monotonic() < end:\n"
        "    for _ in range(100_000): pass\n"
        f"    if end - time.monotonic() > 1 and os.path.exists({str(path)!r}):\n"
        "        end = time.monotonic() + 1\n"
        "print('free')"
    )


def field(form, label):
    """Return the label, input and error of one field."""
    return form.locator(".iew-field", has=form.page.get_by_label(label))


def export(form):
    """Press the button that submits."""
    form.get_by_role("button", name="Export", exact=True).click()


def run_into_the_lock(form):
    """Export another range while a job is active, and see Intercom's 429."""
    pick(form, "2018-06-05", "2018-06-06")
    export(form)
    expect(form.locator(".iew-alert")).to_contain_text(
        "Exceeded rate limit of 1 pending message data export jobs"
    )


def status(form):
    """Return the status on the newest card."""
    return form.locator(".iew-status").first


def cancel(form):
    """Cancel the job of the newest card, and see it canceled."""
    form.get_by_role("button", name="Cancel", exact=True).first.click()
    expect(status(form)).to_have_text("canceled", timeout=30 * SECONDS)


def export_june(form):
    """Export two days of June, and see the first rows on the card."""
    pick(form, *JUNE)
    export(form)
    expect(status(form)).to_have_text("ready", timeout=30 * SECONDS)
    expect(form.locator(".iew-first-rows tbody tr").first).to_be_attached(timeout=30 * SECONDS)


def change_theme(page, theme):
    """Put JupyterLab into ``Light`` or ``Dark``."""
    page.evaluate(
        "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
        ".then(() => null)",
        f"JupyterLab {theme}",
    )
    page.wait_for_function(
        "light => document.body.dataset.jpThemeLight === light",
        arg="true" if theme == "Light" else "false",
    )
