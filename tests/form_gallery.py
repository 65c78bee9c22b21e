"""Every state of the form in both themes, narrow and wide, kept as pictures to be looked at.

It runs when it is named: `pytest -n 0 tests/form_gallery.py`. What each state must show, the
other tests assert.
"""

from __future__ import annotations

import pytest
from conftest import ARTIFACTS
from form_page import (
    JUNE,
    LAST,
    SECONDS,
    SPLIT,
    ZONE,
    cancel,
    change_theme,
    export,
    export_june,
    pick,
    run_into_the_lock,
    status,
)
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

WIDTHS = (700, 1280)
"""In wider cells the form is as wide as at the last."""
THEMES = ("Light", "Dark")


@pytest.fixture
def portray(page):
    """Return a function that keeps a state as four pictures; the page is then as it was."""
    before = page.viewport_size
    taken = []
    themes = list(THEMES)

    def take(shown, name):
        folder = ARTIFACTS / "gallery"
        folder.mkdir(parents=True, exist_ok=True)
        for theme in themes:
            change_theme(page, theme)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 3400})
                path = folder / f"{name}-{theme.lower()}-{width}.png"
                path.write_bytes(shown.screenshot(animations="disabled"))
                taken.append(path)
        themes.reverse()  # the next state begins in the theme in which this one ends
        page.set_viewport_size(before)

    yield take
    change_theme(page, "Light")
    page.set_viewport_size(before)
    assert taken
    assert all(path.stat().st_size > 3000 for path in taken)


def test_what_is_seen_before_and_while_a_range_is_picked(form, portray):
    """Empty, at fault in each field, and good with a change of the clock."""
    portray(form, "empty")
    pick(form, "2018-06-30", "2018-06-01")
    export(form)
    expect(form).to_contain_text("created_at_after is greater")
    portray(form, "reversed")
    form.get_by_label(ZONE).fill("Europe/Dublln")
    pick(form, "2018-03-20", "2018-04-10")
    form.get_by_label(LAST).focus()
    expect(form).to_contain_text("Did you mean")
    portray(form, "zone")
    form.get_by_label(ZONE).fill("Europe/Dublin")
    expect(form.locator(".iew-preview")).to_contain_text("Daylight saving")
    form.get_by_label(SPLIT).select_option("week")
    expect(form.locator(".iew-preview")).to_contain_text("one after the other")
    portray(form, "picked")


def test_what_is_seen_while_a_job_runs_and_holds_the_slot(form, sandbox, portray):
    """Pending, in progress, locked, canceled."""
    sandbox.switch(stuck=1)
    pick(form, *JUNE)
    export(form)
    expect(form.locator(".iew-identifier")).not_to_be_empty()
    expect(status(form)).to_have_text("in progress")
    portray(form, "in-progress")
    run_into_the_lock(form)
    portray(form, "locked")
    cancel(form)
    portray(form, "canceled")


def test_what_is_seen_when_an_export_ends(form, sandbox, portray):
    """Downloading, ready with its rows and the log, no data, failed."""
    sandbox.switch(bytes_per_second=8000)
    pick(form, *JUNE)
    export(form)
    expect(form.locator("progress")).to_be_visible(timeout=30 * SECONDS)
    portray(form, "downloading")
    sandbox.switch(bytes_per_second=0)
    expect(status(form)).to_have_text("ready", timeout=60 * SECONDS)
    expect(form.locator(".iew-first-rows tbody tr")).to_have_count(5)
    expect(form.locator(".iew-pictures figure")).to_have_count(3)
    portray(form, "ready")
    for day, fault, word in (("03", "no_data", "no data"), ("04", "failed", "failed")):
        sandbox.switch(**{fault: 1})
        pick(form, f"2018-06-{day}", f"2018-06-{day}")
        export(form)
        expect(form.locator(".iew-primary")).to_have_text("Export")
        expect(status(form)).to_have_text(word, timeout=30 * SECONDS)
    form.locator(".iew-log summary").click()
    portray(form, "ended")


def test_what_is_seen_of_faults_that_only_the_server_knows(form, sandbox, portray):
    """A missing permission, a proxy's page, no network."""
    pick(form, *JUNE)
    alert = form.locator(".iew-alert")
    for name, switch, said in (
        ("forbidden", {"forbidden": "1@create"}, "Not authorized"),
        ("proxy", {"html": "1@create"}, "may have started"),
    ):
        sandbox.switch(**switch)
        export(form)
        expect(alert).to_contain_text(said)
        portray(form, name)


def test_what_is_seen_without_a_token_and_without_a_kernel(setup, notebook, portray):
    """The field for a token, a refused one, and a form whose kernel is gone."""
    book = notebook(
        f"import os; del os.environ['INTERCOM_ACCESS_TOKEN']\n{setup}", "%intercom_export"
    )
    book.run(0)
    book.run(1)
    form = book.form(1)
    expect(form.get_by_role("button", name="Try the sandbox")).to_be_visible()
    portray(form, "no-token")
    form.get_by_label("Access token").fill("wrong")
    form.get_by_role("button", name="Use my workspace").click()
    expect(form).to_contain_text("Access Token Invalid")
    portray(form, "wrong-token")
    form.get_by_role("button", name="Try the sandbox").click()
    expect(form.locator(".iew-workspace")).to_contain_text("Sandbox: synthetic data")
    export_june(form)
    book.restart()
    expect(form.locator(".iew-dead")).to_be_visible(timeout=30 * SECONDS)
    portray(form, "dead")
