"""Live cards and the log: what an export shows from its submission to its rows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from form_page import JUNE, SECONDS, cancel, export, export_june, pick, status
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_two_dates_picked_become_a_finished_job(form):
    """Pick, Export, and the card comes to ready, with its steps, rows, a log line and its code."""
    pick(form, *JUNE)
    expect(form.locator(".iew-preview")).to_contain_text("1527811200 to 1527983999")
    export(form)
    card = form.locator(".iew-card")
    expect(card.locator(".iew-status")).to_have_text("ready", timeout=30 * SECONDS)
    expect(card).to_contain_text("deliveries")
    expect(card).to_contain_text("Sandbox: synthetic data")
    expect(card.locator("li[data-state='done']")).to_have_count(5)
    expect(form.locator(".iew-log summary")).to_have_text("Session log: 1 job")
    form.locator(".iew-log summary").click()
    expect(form.locator(".iew-log tbody tr")).to_have_count(1)
    expect(form.locator(".iew-log tbody tr")).to_contain_text("completed")
    line = form.locator(".iew-card .iew-code code").inner_text()
    assert "--table receipt" in line
    form.notebook.type(2, f"{line}\nprint(len(receipts))")
    form.notebook.run(2)
    expect(form.notebook.output(2)).to_have_text(re.compile(r"^\d{3}\s*$"))


def test_a_title_from_the_server_is_text_and_nothing_else(form, sandbox):
    """A status that is markup shows as its own letters."""
    sandbox.switch(in_progress_word="<img src=x onerror=alert(1)>", pending_word="<b>hi</b>")
    sandbox.switch(stuck=1)
    pick(form, *JUNE)
    export(form)
    expect(form.locator(".iew-status")).to_have_text(re.compile(r"<(b>hi|img)"))
    expect(form.locator("img, b")).to_have_count(0)
    form.get_by_role("button", name="Cancel", exact=True).click()
    expect(form.locator(".iew-status")).to_have_text("canceled", timeout=30 * SECONDS)


def test_the_first_rows_are_masked_until_asked_for_and_never_saved_unmasked(form):
    """Names and addresses show when asked for, and not in the saved notebook."""
    pick(form, *JUNE)
    export(form)
    shown = form.locator(".iew-first-rows")
    expect(shown.locator("tbody tr")).to_have_count(5, timeout=30 * SECONDS)
    expect(shown).not_to_contain_text("@example.")
    form.get_by_role("button", name="Show names and e-mails").click()
    expect(shown).to_contain_text("@example.")
    address = re.search(r"[\w.+-]+@example\.\w+", shown.inner_text())[0]
    saved = json.dumps(form.notebook.save())
    assert "Intercom export" in saved
    assert address not in saved
    form.get_by_role("button", name="Mask names and e-mails").click()
    expect(form.locator(".iew-first-rows")).not_to_contain_text("@example.")


def test_a_card_says_when_it_asks_again_how_long_it_takes_and_how_long_data_are_kept(form, sandbox):
    """Time goes by on the card; at its end stand rows, size, path, expiry and the file itself."""
    sandbox.switch(stuck=1)
    form.notebook.type(2, "%config IntercomExport.poll_interval = 20")
    form.notebook.run(2)
    pick(form, *JUNE)
    export(form)
    time = form.locator(".iew-time").first
    expect(time).to_contain_text(
        re.compile(r"^\d+ s, asking again in \d+ s$"), timeout=30 * SECONDS
    )
    cancel(form)
    expect(form.locator(".iew-problem")).to_contain_text("was canceled")
    export_june(form)
    card = form.locator(".iew-card").first
    expect(card).to_contain_text(re.compile(r"deliveries; [\d,]+ rows in \d+ tables, [\d.]+ kB"))
    expect(card).to_contain_text(
        re.compile(r"at Intercom for another 47 h \d+ min; the file stays")
    )
    expect(card.locator(".iew-rows li").first).to_have_text(re.compile(r"^receipt\s\d+$"))
    path = Path(card.locator(".iew-path").inner_text())
    assert path.is_file()
    assert form.locator(".iew-card").count() == 2


@pytest.mark.parametrize("sandbox", [2.0], indirect=True)
def test_a_download_shows_bytes_and_per_cent(form, sandbox):
    """The bar and the sentence move together, and the steps behind are ticked off."""
    sandbox.switch(bytes_per_second=15_000)
    pick(form, *JUNE)
    export(form)
    detail = form.locator(".iew-detail")
    said = re.compile(r"Downloading: [\d.]+ kB of [\d.]+ kB \([1-9]\d? %\)\.")
    expect(detail).to_have_text(said, timeout=30 * SECONDS)
    bar = form.locator("progress")
    expect(bar).to_be_visible()
    assert 0 < bar.evaluate("bar => bar.value / bar.max") <= 1
    expect(form.locator("li[data-state='done'] .iew-step")).to_have_text(
        ["pending", "in progress", "completed"]
    )
    expect(status(form)).to_have_text("ready", timeout=30 * SECONDS)
    expect(bar).to_be_hidden()


def test_cancel_pressed_twice_cancels_once_and_says_that_it_does(form, sandbox):
    """The button says what goes on, and takes no second click."""
    sandbox.switch(stuck=1)
    pick(form, *JUNE)
    export(form)
    expect(form.locator(".iew-identifier")).not_to_be_empty()
    form.locator(".iew-end button").dblclick()
    expect(status(form)).to_have_text("canceled", timeout=30 * SECONDS)
    assert len([request for request in sandbox.requests if request.call == "cancel"]) == 1


def test_the_identifier_and_the_path_can_be_copied(form):
    """What the buttons copy is what stands beside them."""
    page = form.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    export_june(form)
    for label, place in (
        ("Copy the job identifier", ".iew-identifier"),
        ("Copy the file's path", ".iew-path"),
        ("Copy the line that gives the data", ".iew-card .iew-code code"),
    ):
        form.get_by_role("button", name=label).click()
        expect(form.locator(".iew-live")).to_have_text("Copied to the clipboard.")
        text = form.locator(place).inner_text()
        assert page.evaluate("navigator.clipboard.readText()") == text
        expect(form.locator(".iew-live")).to_have_text("")


MANY = """
magics = get_ipython().magics_manager.registry['IntercomExportMagics']
session, ledger = magics.session, magics.session.ledger
with ledger.transaction() as connection:
    for number in range(300):
        ledger.insert(
            connection, session=session.name, status='completed', rows=number,
            base_url=session.connection.address, job_identifier=f'job{number:04}',
            submitted_at=1.5e9 + number, finished_at=1.6e9,
            created_at_after=1527811200, created_at_before=1527983999)
for day in range(1, 6):
    export = session.submit(f'2018-06-{day:02}').wait()
print(len(session.exports))
"""


def test_cards_and_rows_stay_as_they_are_when_one_changes(form, sandbox):
    """One more export touches its own card and its own row; all else is left standing."""
    book = form.notebook
    book.type(2, MANY)
    book.run(2)
    expect(form.locator(".iew-card")).to_have_count(5)
    form.locator(".iew-log summary").click()
    rows = form.locator(".iew-log tbody tr")
    expect(rows).to_have_count(305)
    expect(form.locator(".iew-first-rows tbody tr")).to_have_count(25, timeout=30 * SECONDS)
    form.evaluate(
        """root => {
          root.removed = [];
          root.added = 0;
          new MutationObserver((changes) => {
            for (const change of changes) {
              if (change.target.closest?.(".iew-copy, .iew-live")) continue;
              for (const node of change.removedNodes)
                if (node.nodeType === 1) root.removed.push(node.outerHTML.slice(0, 300));
              root.added += [...change.addedNodes].filter((node) => node.nodeType === 1).length;
            }
          }).observe(root, { subtree: true, childList: true });
        }"""
    )
    sandbox.switch(stuck=1)
    pick(form, "2018-07-01", "2018-07-01")
    export(form)
    expect(form.locator(".iew-card")).to_have_count(6)
    cancel(form)
    expect(rows).to_have_count(306)
    expect(rows.first).to_contain_text("canceled")
    removed = form.evaluate("root => root.removed")
    assert not [html for html in removed if "job0" in html]
    assert not [html for html in removed if html.startswith("<article")]
    assert len([html for html in removed if html.startswith("<tr")]) <= 4
    assert form.evaluate("root => root.added") < 60


def test_the_log_of_the_form_is_the_log_of_the_magic(form):
    """The same jobs in both, and the line that gives it runs as it stands."""
    export_june(form)
    form.locator(".iew-log summary").click()
    line = form.locator(".iew-log code").inner_text()
    form.notebook.type(2, f"{line}\nprint(log.job_identifier[0], log.status[0], log.rows[0])")
    form.notebook.run(2)
    identifier, word, rows = form.notebook.output(2).inner_text().split()
    cells = form.locator(".iew-log tbody td")
    expect(cells.nth(0)).to_have_text(identifier)
    expect(cells.nth(1)).to_have_text(word)
    expect(cells.nth(6)).to_have_text(f"{int(rows):,}")
