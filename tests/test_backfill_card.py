"""A backfill as a live card, in a real browser."""

from __future__ import annotations

import pytest
from conftest import ARTIFACTS
from form_page import SECONDS, change_theme
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_backfill_shows_how_far_it_is(setup, warm_notebook):
    """The first card tells of all windows, those beneath it of the newest."""
    book = warm_notebook(setup, "%intercom_export 2018-06-01 2018-06-04 --every 2d")
    book.run(0)
    book.run(1)
    cards = book.cell(1).locator(".iew-card")
    expect(cards).to_have_count(3, timeout=30 * SECONDS)
    expect(cards.first.locator(".iew-status")).to_have_text("2 of 2 windows", timeout=30 * SECONDS)
    expect(cards.first).to_contain_text("2018-06-01 to 2018-06-04 (UTC) every 2d")
    expect(cards.nth(1).locator(".iew-status")).to_have_text("ready", timeout=30 * SECONDS)
    expect(cards.first.locator(".iew-pictures svg")).to_have_count(3, timeout=30 * SECONDS)
    expect(cards.first).to_contain_text("Opens and clicks counted until the end of each window.")
    for theme in ("Dark", "Light"):
        change_theme(book.page, theme)
        cards.first.screenshot(path=ARTIFACTS / f"backfill-{theme}.png")
