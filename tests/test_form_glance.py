"""The form at a glance: presets, what a range means, and its code."""

from __future__ import annotations

import pytest
from form_page import (
    FIRST,
    JUNE,
    LAST,
    OBSERVE,
    ZONE,
    cancel,
    export,
    export_june,
    pick,
    run_into_the_lock,
)
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


LAYOUT = """root => {
  const shown = (e) => e.getClientRects().length && getComputedStyle(e).visibility !== "hidden"
    && !e.closest(".iew-unseen") && getComputedStyle(e).clipPath === "none";
  const all = [...root.querySelectorAll("*")].filter(shown)
    .filter((e) => !e.parentElement.closest(".iew-scroll"));
  const right = root.getBoundingClientRect().right + 1;
  const name = (e) => `${e.tagName} ${e.className} ${e.textContent.slice(0, 40)}`;
  const outside = all.filter((e) => e.getBoundingClientRect().right > right).map(name);
  const cut = all.filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth)
    .filter((e) => getComputedStyle(e).overflowX !== "visible" && !e.matches(".iew-scroll, input"))
    .map(name);
  const leaves = all.filter((e) =>
    e.matches("button, input, label, code, dt, dd > span, .iew-status, summary"));
  const overlaps = [];
  leaves.forEach((a, i) => leaves.slice(i + 1).forEach((b) => {
    if (a.contains(b) || b.contains(a)) return;
    const [p, q] = [a.getBoundingClientRect(), b.getBoundingClientRect()];
    const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    const high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    if (wide > 1 && high > 1) overlaps.push(`${name(a)} / ${name(b)}`);
  }));
  return { outside, cut, overlaps };
}"""
"""What reaches out of the form, is cut off, or lies upon something else."""


WIDTHS = ((560, 1), (640, 1), (1000, 1), (1900, 1), (640, 2))
"""The page's width and how far it is zoomed in; the last is 1280 at 200 per cent."""


def test_nothing_overlaps_or_is_cut_off(form, sandbox):
    """A lock, two cards, first rows and the log lie side by side in narrow and wide cells."""
    sandbox.switch(in_progress_word="quite_a_long_word_that_nobody_has_documented_yet")
    export_june(form)
    sandbox.switch(stuck=1)
    pick(form, "2018-03-20", "2018-04-10")
    export(form)
    expect(form.locator(".iew-identifier")).to_have_count(2)
    run_into_the_lock(form)
    form.locator(".iew-log summary").click()
    form.locator(".iew-first-rows summary").first.click()
    devtools = form.page.context.new_cdp_session(form.page)
    try:
        for width, scale in WIDTHS:
            devtools.send(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": 1400, "deviceScaleFactor": scale, "mobile": False},
            )
            assert form.page.evaluate("innerWidth") == width
            found = form.evaluate(LAYOUT)
            assert found == {"outside": [], "cut": [], "overlaps": []}, (width, scale)
    finally:
        devtools.send("Emulation.clearDeviceMetricsOverride")
        devtools.detach()
    cancel(form)


def test_what_a_range_means_shows_while_it_is_picked(form):
    """Days, instants, Unix seconds, a change of the clock; one line says what is exported."""
    about = form.locator(".iew-about").first
    expect(about).to_contain_text("opened, clicked")
    expect(about).to_contain_text("not the text of messages or conversations")
    lines = "e => e.getClientRects()[0].height / parseFloat(getComputedStyle(e).lineHeight)"
    assert about.evaluate(lines) < 1.5
    preview = form.locator(".iew-preview")
    expect(preview).to_be_hidden()
    form.get_by_label(ZONE).fill("Europe/Dublin")
    form.get_by_label(FIRST).fill("2018-03-24")
    form.get_by_label(LAST).fill("2018-03-25")
    expect(form.get_by_label(LAST)).to_be_focused()
    for said in (
        "2 days: 2018-03-24 to 2018-03-25 (Europe/Dublin)",
        "2018-03-24 00:00:00 to 2018-03-25 22:59:59 UTC",
        "1521849600 to 1522018799",
        "The clock goes forward 1 h on 2018-03-25.",
        "their opens, clicks and replies until 2018-03-25 23:59:59",
    ):
        expect(preview).to_contain_text(said)
    form.get_by_label(FIRST).fill("2018-03-25")
    expect(preview).to_contain_text("1 day: 2018-03-25 (Europe/Dublin)")
    expect(form.locator(".iew-link")).to_be_hidden()
    form.get_by_label(ZONE).fill("UTC")
    form.get_by_label(FIRST).focus()
    expect(preview).to_contain_text("1 day: 2018-03-25 (UTC)")
    form.get_by_role("button", name="Use the workspace's, Europe/Dublin").click()
    expect(form.get_by_label(ZONE)).to_have_value("Europe/Dublin")
    expect(preview).to_contain_text("1 day: 2018-03-25 (Europe/Dublin)")
    expect(form.locator(".iew-link")).to_be_hidden()


def test_every_preset_of_the_form_is_pressed_while_it_is_what_is_picked(form):
    """Each of six ranges fills the dates and the code, and shows as pressed."""
    presets = form.locator(".iew-presets button")
    names = ["Last 7 days", "Last week", "Last month", "Last quarter", "Month to date", "Last year"]
    expect(presets).to_have_text(names)
    for name in names:
        form.get_by_role("button", name=name).click()
        expect(form.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
        first = form.get_by_label(FIRST).input_value()
        expect(form.locator(".iew-line code").first).to_contain_text(f"%intercom_export {first}")
    form.get_by_label(FIRST).fill("2018-06-01")
    expect(form.locator(".iew-presets [aria-pressed='true']")).to_have_count(0)


def test_the_code_of_a_range_does_the_same_and_says_that_it_is_copied(form):
    """The line follows the fields, is copied as it stands, and runs; a failed copy says so."""
    page = form.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    form.get_by_label(ZONE).fill("Europe/Dublin")
    pick(form, *JUNE)
    line = "%intercom_export 2018-06-01 2018-06-02 --zone Europe/Dublin"
    expect(form.locator(".iew-line code").first).to_have_text(line)
    copy = form.get_by_role("button", name="Copy the line")
    copy.click()
    expect(form.get_by_role("button", name="Copied")).to_have_text("Copied")
    expect(form.locator(".iew-live")).to_have_text("Copied to the clipboard.")
    assert page.evaluate("navigator.clipboard.readText()") == line
    expect(copy).to_have_text("Copy")
    page.evaluate(
        """() => {
          navigator.clipboard.writeText = () => Promise.reject(new Error("no"));
          document.execCommand = () => false;
        }"""
    )
    copy.click()
    expect(form.get_by_role("button", name="Not copied")).to_be_visible()
    page.evaluate("() => { delete navigator.clipboard.writeText; delete document.execCommand; }")
    form.notebook.type(2, f"export = {line} --wait\nprint(export.timeframe.label)")
    form.notebook.run(2)
    expect(form.notebook.cell(2)).to_contain_text("2018-06-01 to 2018-06-02 (Europe/Dublin)")


def test_opens_and_clicks_can_be_counted_for_longer(form, sandbox):
    """A third picker asks for a longer range; the card, the code and the data say so."""
    pick(form, *JUNE)
    form.get_by_label(OBSERVE).fill("2018-07-31")
    form.get_by_label(ZONE).focus()
    preview = form.locator(".iew-preview")
    expect(preview).to_contain_text("opens, clicks and replies until 2018-07-31 23:59:59")
    expect(preview).to_contain_text("2 days: 2018-06-01 to 2018-06-02 (UTC)")
    line = "%intercom_export 2018-06-01 2018-06-02 --observe 2018-07-31 --zone UTC"
    expect(form.locator(".iew-line code").first).to_have_text(line)
    export(form)
    expect(form.locator(".iew-status")).to_have_text("ready", timeout=30_000)
    form.notebook.type(
        2,
        "receipts = form.export.receipts\n"
        "print(receipts.received_at.max(), receipts.attrs['observed_until'])",
    )
    form.notebook.run(2)
    expect(form.notebook.cell(2)).to_contain_text("2018-06-02 23:")
    expect(form.notebook.cell(2)).to_contain_text("2018-07-31T23:59:59Z")
    form.get_by_label(OBSERVE).fill("2018-06-01")
    form.get_by_label(ZONE).focus()
    expect(form.locator(".iew-fields")).to_contain_text("Count until a later day")
    expect(form.get_by_label(OBSERVE)).to_have_attribute("aria-invalid", "true")
