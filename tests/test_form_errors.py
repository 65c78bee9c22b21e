"""What is wrong stands where it belongs: at its field, or beneath the button."""

from __future__ import annotations

import re

import pytest
from conftest import TOKEN
from form_page import (
    FIRST,
    JUNE,
    LAST,
    SECONDS,
    ZONE,
    cancel,
    export,
    field,
    pick,
    run_into_the_lock,
    status,
)
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_nothing_is_complained_of_while_it_is_typed_again(form):
    """A field that was right when it was left shows no error until it is left again."""
    pick(form, *JUNE)
    last = form.get_by_label(LAST)
    box = last.bounding_box()
    last.click(position={"x": 14, "y": box["height"] / 2})
    form.page.keyboard.type("06152")
    expect(form.locator(".iew-preview")).to_be_hidden()
    expect(form.get_by_role("alert").filter(visible=True)).to_have_count(0)
    form.page.keyboard.type("018")
    expect(form.locator(".iew-preview")).to_contain_text("2018-06-15")


def test_the_notice_of_the_lock_goes_when_the_slot_is_free(form, sandbox):
    """The 429 names the holder, canceling it asks first, and afterwards nothing offers that."""
    sandbox.switch(stuck=1)
    pick(form, *JUNE)
    export(form)
    identifier = form.locator(".iew-card .iew-identifier")
    expect(identifier).not_to_be_empty()
    run_into_the_lock(form)
    alert = form.locator(".iew-alert")
    expect(alert).to_contain_text(identifier.inner_text())
    expect(form.locator(".iew-card")).to_have_count(1)
    alert.get_by_role("button", name="Cancel it, then export").click()
    expect(alert).to_contain_text("Cancel job")
    expect(form.locator(".iew-status")).not_to_have_text("canceled")
    alert.get_by_role("button", name="Yes, cancel it, then export").click()
    expect(form.locator(".iew-status").last).to_have_text("canceled", timeout=30 * SECONDS)
    expect(status(form)).to_have_text("ready", timeout=30 * SECONDS)
    expect(alert).to_be_hidden()


def test_a_range_waits_in_the_form_until_it_is_removed(form, sandbox):
    """Behind a job from elsewhere the range is listed with its next try, and can be removed."""
    sandbox.lock()
    pick(form, *JUNE)
    export(form)
    form.get_by_role("button", name="Wait, then export").click()
    queue = form.get_by_role("region", name="Queue")
    expect(queue).to_contain_text("2018-06-01 to 2018-06-02 (UTC)")
    expect(queue).to_contain_text("Next try at")
    expect(queue).to_contain_text("a colleague")
    queue.get_by_role("button", name="Remove").click()
    expect(queue).to_be_hidden()
    expect(form.locator(".iew-card")).to_have_count(0)


def type_into(form, label, keys):
    """Type into a date picker as a person does, from its first part on."""
    picker = form.get_by_label(label)
    box = picker.bounding_box()
    picker.click(position={"x": 14, "y": box["height"] / 2})
    form.page.keyboard.type(keys)


CARELESS = {
    "": "'created_at_before' is a required parameter",
    "02312018": "This is not a real date",
    "0601020188": "A year has four digits",
    "06010018": "The year 18 is before 1970",
    "01012018": "created_at_after is greater than created_at_before",
    "01012099": "The range ends in the future",
}
"""What is typed into To, where From is 1 June 2018, and the error that follows."""


def test_a_wrong_date_is_reported_when_its_field_is_left_and_until_it_is_right(form, sandbox):
    """Each error is tied to its field, takes the focus on Export, sends nothing, and is cleared."""
    for keys, message in CARELESS.items():
        form.notebook.run(1)
        expect(form.locator(".iew-workspace")).to_contain_text("Sandbox")
        form.get_by_label(FIRST).fill("2018-06-01")
        type_into(form, LAST, keys)
        error = field(form, LAST).locator(".iew-error")
        expect(error).to_be_hidden()
        form.get_by_label(ZONE).focus()
        expect(error).to_contain_text(message)
        expect(error).to_have_attribute("role", "alert")
        last = form.get_by_label(LAST)
        expect(last).to_have_attribute("aria-invalid", "true")
        assert last.get_attribute("aria-describedby") == error.get_attribute("id")
        export(form)
        expect(last).to_be_focused()
        last.fill("2018-06-30")
        expect(error).to_be_hidden()
        expect(last).not_to_have_attribute("aria-invalid", "true")
        expect(last).not_to_have_attribute("aria-describedby", re.compile("."))
        expect(form.locator(".iew-preview")).to_contain_text("30 days")
    assert not [request for request in sandbox.requests if request.method == "POST"]


def test_the_focus_goes_to_the_first_field_at_fault(form):
    """Nothing is wrong before Export is pressed; then From has the focus first, then To."""
    expect(form.get_by_role("alert").filter(visible=True)).to_have_count(0)
    form.get_by_label(ZONE).fill("Europe/Dublln")
    export(form)
    expect(field(form, FIRST)).to_contain_text("'created_at_after' is a required parameter")
    expect(form.get_by_label(FIRST)).to_be_focused()
    form.get_by_label(FIRST).fill("2018-06-01")
    export(form)
    expect(form.get_by_label(LAST)).to_be_focused()
    form.get_by_label(LAST).fill("2018-06-02")
    export(form)
    expect(form.get_by_label(ZONE)).to_be_focused()
    expect(field(form, ZONE)).to_contain_text("There is no time zone 'Europe/Dublln'")
    expect(field(form, ZONE)).to_contain_text("Did you mean Europe/Dublin?")


SERVER_FAULTS = (
    (
        {"forbidden": "1@create"},
        "Not authorized to access resource",
        ["Use another token", "Try the sandbox", "Try again"],
    ),
    ({"html": "1@create"}, "web page (HTTP 502)", ["Export again"]),
    ({"server_error": "1@create"}, "500", ["Export again"]),
    ({"lost_answer": "1@create"}, "may have started an export", ["Export again"]),
)
"""Faults of the server, what the form shows of each, and its buttons."""


def test_an_error_of_the_server_comes_with_what_to_do_next(form, sandbox):
    """Each error has its buttons and can be dismissed; the button that repeats it works."""
    alert = form.locator(".iew-alert")
    for day, (switch, message, buttons) in enumerate(SERVER_FAULTS, 1):
        sandbox.switch(**switch)
        pick(form, f"2018-06-0{day}", f"2018-06-0{day}")
        export(form)
        expect(alert).to_contain_text(message)
        expect(alert.locator("[role=alert]")).to_be_visible()
        expect(alert.get_by_role("button")).to_have_text([*buttons, "Dismiss"])
        if "lost_answer" in switch:
            alert.get_by_role("button", name="Dismiss").click()
        else:
            alert.get_by_role("button", name=buttons[-1]).click()
            expect(form.locator(".iew-card")).to_have_count(day)
            expect(status(form)).to_have_text("ready", timeout=30 * SECONDS)
        expect(alert).to_be_hidden()
    expect(form.locator("script, iframe, h1")).to_have_count(0)


def test_without_a_network_the_form_says_so_and_tries_again(form, sandbox):
    """No answer at all is a sentence with a button, before and after the workspace is known."""
    port = int(sandbox.base_url.rsplit(":", 1)[1])
    sandbox.stop()
    pick(form, *JUNE)
    export(form)
    alert = form.locator(".iew-alert")
    expect(alert).to_contain_text("Check the network connection", timeout=30 * SECONDS)
    form.notebook.run(1)
    pick(form, *JUNE)
    sandbox.__init__(token=TOKEN, job_seconds=0.0, port=port)
    sandbox.start()
    export(form)
    expect(status(form)).to_have_text("ready", timeout=30 * SECONDS)


def test_a_workspace_that_did_not_answer_can_be_asked_again(setup, warm_notebook, sandbox):
    """The pill at the top says why it is empty, and has a button."""
    book = warm_notebook(setup, "%intercom_export")
    sandbox.switch(html="9@me")
    book.run(0)
    book.run(1)
    form = book.form(1)
    expect(form.locator(".iew-workspace")).to_contain_text("Workspace not known")
    sandbox.switch(html=0)
    form.locator(".iew-workspace").get_by_role("button", name="Try again").click()
    expect(form.locator(".iew-workspace")).to_contain_text("Sandbox: synthetic data")


def test_the_holder_of_the_slot_is_followed_on_its_card(form, sandbox):
    """A job that another notebook began is named, and Follow it brings its card."""
    sandbox.switch(stuck=1)
    form.notebook.type(
        2,
        "from intercom_export_widgets import ExportSession\n"
        f"other = ExportSession(base_url={sandbox.base_url!r}, poll_interval=0.2)\n"
        "print(other.submit('2018-06-03').job_identifier)",
    )
    form.notebook.run(2)
    holder = form.notebook.output(2).inner_text().strip()
    pick(form, *JUNE)
    export(form)
    alert = form.locator(".iew-alert")
    expect(alert).to_contain_text(holder)
    expect(alert).to_contain_text("2018-06-03")
    alert.get_by_role("button", name="Follow it").click()
    expect(form.locator(".iew-identifier")).to_have_text(holder)
    expect(form.locator(".iew-card")).to_be_focused()
    expect(alert).to_be_hidden()
    cancel(form)
