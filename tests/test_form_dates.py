"""Dates and zones: what is typed is what is meant, wherever page and kernel are."""

from __future__ import annotations

import re

import pytest
from form_page import FIRST, JUNE, LAST, ZONE, pick
from lab import Notebook
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


FAR_AWAY = """
const Near = window.WebSocket;
window.WebSocket = class extends Near {
  send(data) { setTimeout(() => super.send(data), 120); }
  set onmessage(handler) { super.onmessage = (event) => setTimeout(() => handler(event), 120); }
};
"""
"""Makes every message to and from the kernel take as long as to a hub across an ocean."""


def test_typing_fast_to_a_kernel_far_away_is_taken_as_it_was_typed(own_page, lab, setup):
    """No echo of an older value is written over what is being typed, in dates or zone."""
    page = own_page(FAR_AWAY)
    lab.write("far.ipynb", setup, "form = %intercom_export\nform", "print(form.first, form.last)")
    book = Notebook(page, lab, "far.ipynb").open()
    book.run(0)
    book.run(1)
    form = book.form(1)
    expect(form.locator(".iew-workspace")).to_contain_text("Sandbox")
    first = form.get_by_label(FIRST)
    box = first.bounding_box()
    first.click(position={"x": 14, "y": box["height"] / 2})
    page.keyboard.type("06012018", delay=30)
    page.keyboard.press("Tab")
    last = form.get_by_label(LAST)
    last.click(position={"x": 14, "y": box["height"] / 2})
    page.keyboard.type("06022018", delay=30)
    zone = form.get_by_label(ZONE)
    zone.click()
    page.keyboard.press("Control+A")
    page.keyboard.type("Europe/Dublin", delay=30)
    page.keyboard.press("Tab")
    expect(form.locator(".iew-preview")).to_contain_text("2018-06-01 to 2018-06-02 (Europe/Dublin)")
    expect(first).to_have_value("2018-06-01")
    expect(last).to_have_value("2018-06-02")
    expect(zone).to_have_value("Europe/Dublin")
    book.run(2)
    expect(book.cell(2).locator(".jp-OutputArea-output")).to_have_text(re.compile(" ".join(JUNE)))
    book.close()


ZONES = (
    ("Pacific/Kiritimati", "America/Los_Angeles"),
    ("Asia/Tehran", "UTC"),
    ("Europe/Dublin", "Pacific/Auckland"),
    ("America/St_Johns", "America/Los_Angeles"),
    ("Pacific/Pago_Pago", "Pacific/Auckland"),
)
"""Zones of browsers and kernels; at the first and the last they are a day apart."""


@pytest.mark.own_kernel
def test_a_day_is_the_same_day_in_every_zone_of_browser_and_kernel(form):
    """What is picked arrives and is not shifted, wherever page and kernel are."""
    book, page = form.notebook, form.page
    book.type(2, "print(form.first, form.last, form.timeframe().created_at_after)")
    devtools = page.context.new_cdp_session(page)
    try:
        for number, (browser, kernel) in enumerate(ZONES, 1):
            devtools.send("Emulation.setTimezoneOverride", {"timezoneId": browser})
            assert page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone") == browser
            book.type(
                1,
                f"import os, time\nos.environ['TZ'] = {kernel!r}\ntime.tzset()\n"
                "form = %intercom_export\nform",
            )
            book.run(1)
            expect(form.locator(".iew-workspace")).to_contain_text("Sandbox")
            first, last = f"2018-03-2{number}", f"2018-11-0{number}"
            pick(form, first, last)
            expect(form.locator(".iew-preview")).to_contain_text(f"{first} to {last} (UTC)")
            book.run(2)
            instant = 1521590400 + (number - 1) * 86400
            expect(book.output(2)).to_have_text(f"{first} {last} {instant}")
            expect(form.get_by_label(FIRST)).to_have_value(first)
            form.get_by_role("button", name="Last month").click()
            expect(form.get_by_label(FIRST)).to_have_value(re.compile(r"^\d{4}-\d\d-01$"))
    finally:
        devtools.send("Emulation.setTimezoneOverride", {"timezoneId": ""})
        devtools.detach()
