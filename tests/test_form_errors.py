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


def test_a_reversed_range_is_said_at_its_field_in_intercoms_words(form, sandbox):
    """The sentence stands under To, tied to it, sends nothing, and goes when cured."""
    pick(form, "2018-06-30", "2018-06-01")
    last = form.get_by_label(LAST)
    error = field(form, LAST).get_by_role("alert", include_hidden=True)
    expect(error).to_contain_text("created_at_after is greater than created_at_before")
    expect(last).to_have_attribute("aria-invalid", "true")
    assert last.get_attribute("aria-describedby") == error.get_attribute("id")
    export(form)
    expect(last).to_be_focused()
    last.fill("2018-07-01")
    expect(error).to_be_hidden()
    expect(last).not_to_have_attribute("aria-invalid", "true")
    assert not [request for request in sandbox.requests if request.method == "POST"]


def test_an_empty_form_says_what_is_missing_only_when_asked(form):
    """Nothing is complained of until Export is pressed; then the first field has the focus."""
    expect(form.get_by_role("alert").filter(visible=True)).to_have_count(0)
    export(form)
    first = form.get_by_label(FIRST)
    expect(form).to_contain_text("'created_at_after' is a required parameter")
    expect(first).to_be_focused()


def test_an_end_in_the_future_and_a_wrong_zone_are_said_at_their_fields(form):
    """Each error stands in its own field's place."""
    pick(form, "2018-06-01", "2090-01-01")
    expect(field(form, LAST)).to_contain_text("future")
    form.get_by_label(LAST).fill("2018-06-02")
    zone = form.get_by_label(ZONE)
    zone.fill("Europe/Dublln")
    form.get_by_label(FIRST).focus()
    expect(field(form, ZONE)).to_contain_text("Did you mean Europe/Dublin?")


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


def test_the_job_lock_stands_in_the_form_with_the_job_that_holds_it(form, sandbox):
    """A second export while one runs shows Intercom's 429 and names the running job."""
    sandbox.switch(stuck=1)
    pick(form, *JUNE)
    export(form)
    identifier = form.locator(".iew-card .iew-identifier")
    expect(identifier).not_to_be_empty()
    pick(form, "2018-06-05", "2018-06-06")
    export(form)
    alert = form.locator(".iew-alert")
    expect(alert).to_contain_text("Exceeded rate limit of 1 pending message data export jobs")
    expect(alert).to_contain_text(identifier.inner_text())
    expect(form.locator(".iew-card")).to_have_count(1)
    form.get_by_role("button", name="Cancel", exact=True).click()
    expect(form.locator(".iew-status")).to_have_text("canceled", timeout=30 * SECONDS)


def test_the_notice_of_the_lock_goes_when_the_slot_is_free(form, sandbox):
    """Canceling the holder asks first; after it has ended, nothing stale offers that."""
    sandbox.switch(stuck=1)
    pick(form, *JUNE)
    export(form)
    expect(form.locator(".iew-card .iew-identifier")).not_to_be_empty()
    run_into_the_lock(form)
    alert = form.locator(".iew-alert")
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


def test_what_only_the_server_knows_stands_in_the_form(form, sandbox):
    """Throttling, a missing permission and a proxy's page are each one sentence there."""
    pick(form, *JUNE)
    alert = form.locator(".iew-alert")
    for switch, said in (
        ({"throttle": "1@create"}, "10_seconds"),
        ({"forbidden": "1@create"}, "Not authorized to access resource"),
        ({"html": "1@create"}, "may have begun an export"),
    ):
        sandbox.switch(**switch)
        export(form)
        expect(alert).to_contain_text(said)
    expect(form.locator("script, iframe, b, h1")).to_have_count(0)


def type_into(form, label, keys):
    """Type into a date picker as a person does, from its first part on."""
    picker = form.get_by_label(label)
    box = picker.bounding_box()
    picker.click(position={"x": 14, "y": box["height"] / 2})
    form.page.keyboard.type(keys)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", "'created_at_before' is a required parameter"),
        ("02312018", "This is not a real date"),
        ("0601020188", "A year has four digits"),
        ("06010018", "The year 18 is before 1970"),
        ("01012018", "created_at_after is greater than created_at_before"),
        ("01012099", "The range ends in the future"),
    ],
    ids=["nothing", "31-february", "five-digits", "two-digits", "reversed", "future"],
)
def test_what_a_careless_person_types_is_said_when_it_is_left_and_goes_when_cured(form, keys, said):
    """Not while it is typed, but on leaving, tied to the field; with the focus on Export."""
    form.get_by_label(FIRST).fill("2018-06-01")
    type_into(form, LAST, keys)
    error = field(form, LAST).locator(".iew-error")
    expect(error).to_be_hidden()
    form.get_by_label(ZONE).focus()
    expect(error).to_contain_text(said)
    expect(error).to_have_attribute("role", "alert")
    last = form.get_by_label(LAST)
    expect(last).to_have_attribute("aria-invalid", "true")
    assert last.get_attribute("aria-describedby") == error.get_attribute("id")
    export(form)
    expect(last).to_be_focused()
    last.fill("2018-06-30")
    expect(error).to_be_hidden()
    expect(last).not_to_have_attribute("aria-describedby", re.compile("."))
    expect(form.locator(".iew-preview")).to_contain_text("30 days")


def test_the_focus_goes_to_the_first_field_at_fault(form):
    """With both dates at fault, From is said and focused first, then To."""
    form.get_by_label(ZONE).fill("Nowhere")
    export(form)
    expect(form.get_by_label(FIRST)).to_be_focused()
    form.get_by_label(FIRST).fill("2018-06-01")
    export(form)
    expect(form.get_by_label(LAST)).to_be_focused()
    form.get_by_label(LAST).fill("2018-06-02")
    export(form)
    expect(form.get_by_label(ZONE)).to_be_focused()
    expect(field(form, ZONE)).to_contain_text("There is no time zone 'Nowhere'")


@pytest.mark.parametrize(
    ("switch", "said", "buttons"),
    [
        ({"throttle": "9@create"}, "10_seconds", ["Try again"]),
        (
            {"forbidden": "1@create"},
            "Not authorized to access resource",
            ["Use another token", "Try the sandbox", "Try again"],
        ),
        ({"html": "1@create"}, "web page (HTTP 502)", ["Export again"]),
        ({"lost_answer": "1@create"}, "may have begun an export", ["Export again"]),
        ({"server_error": "1@create"}, "500", ["Export again"]),
    ],
    ids=["throttled", "forbidden", "proxy", "lost", "server"],
)
def test_what_only_the_server_knows_comes_with_what_to_do_next(
    form, sandbox, switch, said, buttons
):
    """The sentence stands in the form with its buttons, and the first that repeats it works."""
    sandbox.switch(**switch)
    pick(form, *JUNE)
    export(form)
    alert = form.locator(".iew-alert")
    expect(alert).to_contain_text(said)
    expect(alert.locator("[role=alert]")).to_be_visible()
    expect(alert.get_by_role("button")).to_have_text([*buttons, "Dismiss"])
    sandbox.switch(throttle=0)
    if "lost_answer" not in switch:
        alert.get_by_role("button", name=buttons[-1]).click()
        expect(status(form)).to_have_text("ready", timeout=30 * SECONDS)
        expect(alert).to_be_hidden()


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


def test_a_workspace_that_did_not_answer_can_be_asked_again(setup, notebook, sandbox):
    """The pill at the top says why it is empty, and has a button."""
    book = notebook(setup, "%intercom_export")
    sandbox.switch(html="9@me")
    book.run(0)
    book.run(1)
    form = book.form(1)
    expect(form.locator(".iew-workspace")).to_contain_text("Workspace not known")
    sandbox.switch(html=0)
    form.locator(".iew-workspace").get_by_role("button", name="Try again").click()
    expect(form.locator(".iew-workspace")).to_contain_text("Sandbox: synthetic data")


def test_a_notice_can_be_dismissed(form, sandbox):
    """What has been read can be put away."""
    sandbox.switch(forbidden="1@create")
    pick(form, *JUNE)
    export(form)
    alert = form.locator(".iew-alert")
    expect(alert).to_be_visible()
    alert.get_by_role("button", name="Dismiss").click()
    expect(alert).to_be_hidden()


def test_the_holder_of_the_slot_is_followed_on_its_card(form, sandbox, setup, notebook):
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
