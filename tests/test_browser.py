"""The form and the cards in JupyterLab, in headless Chromium: clicked, not believed."""

from __future__ import annotations

import json
import re

import pytest
from conftest import TOKEN
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

JUNE = ("2018-06-01", "2018-06-02")
SECONDS = 1000


@pytest.fixture
def setup(sandbox):
    """The cell that loads the extension and points it at the sandbox."""
    return (
        "%load_ext intercom_export_widgets\n"
        f"%config IntercomExport.base_url = '{sandbox.base_url}'\n"
        "%config IntercomExport.poll_interval = 0.2"
    )


@pytest.fixture
def form(setup, notebook):
    """The form in a notebook, once it knows whose workspace it is."""
    opened = notebook(setup, "form = %intercom_export\nform", "print(form.first, form.last)")
    opened.run(0)
    opened.run(1)
    shown = opened.form(1)
    expect(shown.locator(".iew-workspace")).to_contain_text("Sandbox: synthetic data")
    shown.notebook = opened
    return shown


def pick(form, first, last):
    """Fill both pickers, and leave them."""
    form.get_by_label("From first day").fill(first)
    form.get_by_label("To last day").fill(last)
    form.get_by_label("Time zone").focus()


def field(form, label):
    """Return the label, input and error of one field."""
    return form.locator(".iew-field", has=form.page.get_by_label(label))


def export(form):
    form.get_by_role("button", name="Export", exact=True).click()


def test_two_dates_picked_become_a_finished_job(form):
    """Pick, Export, and the card goes through its states to ready, with rows and a log line."""
    pick(form, *JUNE)
    expect(form.locator(".iew-preview")).to_contain_text("1527811200 to 1527983999")
    export(form)
    card = form.locator(".iew-card")
    expect(card.locator(".iew-status")).to_have_text("ready", timeout=30 * SECONDS)
    expect(card).to_contain_text("deliveries")
    expect(card).to_contain_text("Sandbox: synthetic data")
    expect(card.locator("li[data-state='done']")).to_have_count(5)
    expect(form.locator("summary")).to_have_text("Session log: 1 job")
    form.locator("summary").click()
    expect(form.locator(".iew-log tbody tr")).to_have_count(1)
    expect(form.locator(".iew-log tbody tr")).to_contain_text("completed")


def test_the_line_on_the_card_gives_the_data(form):
    """The code that a finished card shows runs as it stands."""
    pick(form, *JUNE)
    export(form)
    code = form.locator(".iew-card .iew-code code")
    expect(code).to_contain_text("--table receipt", timeout=30 * SECONDS)
    line = code.inner_text()
    book = form.notebook
    book.cell(2).locator(".jp-InputArea-editor").click()
    form.page.keyboard.press("Control+A")
    form.page.keyboard.insert_text(f"{line}\nprint(len(receipts))")
    book.run(2)
    expect(book.cell(2).locator(".jp-OutputArea-output")).to_have_text(re.compile(r"^\d{3}\s*$"))


def test_a_reversed_range_is_said_at_its_field_in_intercoms_words(form, sandbox):
    """The sentence stands under To, tied to it, sends nothing, and goes when cured."""
    pick(form, "2018-06-30", "2018-06-01")
    last = form.get_by_label("To last day")
    error = field(form, "To last day").get_by_role("alert", include_hidden=True)
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
    first = form.get_by_label("From first day")
    expect(form).to_contain_text("'created_at_after' is a required parameter")
    expect(first).to_be_focused()


def test_an_end_in_the_future_and_a_wrong_zone_are_said_at_their_fields(form):
    """Each error stands in its own field's place."""
    pick(form, "2018-06-01", "2090-01-01")
    expect(field(form, "To last day")).to_contain_text("future")
    form.get_by_label("To last day").fill("2018-06-02")
    zone = form.get_by_label("Time zone")
    zone.fill("Europe/Dublln")
    form.get_by_label("From first day").focus()
    expect(field(form, "Time zone")).to_contain_text("Did you mean Europe/Dublin?")


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
    expect(form.locator(".iew-status")).to_have_text("canceled", timeout=10 * SECONDS)


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


def test_a_preset_fills_the_pickers_and_the_code(form):
    """Last month fills both dates, and the magic line that does the same is shown."""
    form.get_by_role("button", name="Last month").click()
    first = form.get_by_label("From first day")
    expect(first).to_have_value(re.compile(r"^\d{4}-\d\d-01$"))
    expect(form.locator(".iew-code").first).to_contain_text(
        f"%intercom_export {first.input_value()}"
    )


def test_python_and_the_page_agree_about_the_dates(form):
    """What is picked is the form's trait, and what is set in Python shows on the page."""
    pick(form, *JUNE)
    book = form.notebook
    expect(form.locator(".iew-preview")).to_contain_text("1527811200")
    book.run(2)
    expect(book.cell(2).locator(".jp-OutputArea-output")).to_have_text(re.compile(" ".join(JUNE)))
    book.cell(2).locator(".jp-InputArea-editor").click()
    form.page.keyboard.press("Control+A")
    form.page.keyboard.insert_text("import datetime\nform.first = datetime.date(2018, 5, 4)")
    book.run(2)
    expect(form.get_by_label("From first day")).to_have_value("2018-05-04")


@pytest.mark.parametrize("sandbox", [2.0], indirect=True)
def test_a_range_typed_as_a_line_shows_a_live_card_while_other_cells_run(setup, notebook):
    """The card moves to ready while another cell keeps the kernel busy."""
    book = notebook(
        setup,
        "%intercom_export 2018-06-01 2018-06-02",
        "import time\nend = time.monotonic() + 6\n"
        "while time.monotonic() < end: pass\nprint('free')",
    )
    book.run(0)
    book.run(1)
    status = book.cell(1).locator(".iew-status")
    expect(status).to_have_text(re.compile("pending|in progress"))
    book.run(2, wait=False)
    expect(status).to_have_text("ready", timeout=5 * SECONDS)
    expect(book.cell(2).locator(".jp-OutputArea-output")).to_have_count(0)
    expect(book.cell(2)).to_contain_text("free", timeout=15 * SECONDS)


def test_no_key_pressed_in_the_form_reaches_jupyterlab(form):
    """`x` on a focused button does not cut the cell, nor does `b` add one."""
    button = form.get_by_role("button", name="Last week")
    button.focus()
    cells = form.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").count()
    for key in "xba":
        form.page.keyboard.press(key)
    expect(button).to_be_visible()
    assert form.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").count() == cells


def test_a_title_from_the_server_is_text_and_nothing_else(form, sandbox):
    """A status that is markup shows as its own letters."""
    sandbox.switch(in_progress_word="<img src=x onerror=alert(1)>", pending_word="<b>hi</b>")
    sandbox.switch(stuck=1)
    pick(form, *JUNE)
    export(form)
    expect(form.locator(".iew-status")).to_have_text(re.compile(r"<(b>hi|img)"))
    expect(form.locator("img, b")).to_have_count(0)
    form.get_by_role("button", name="Cancel", exact=True).click()
    expect(form.locator(".iew-status")).to_have_text("canceled", timeout=10 * SECONDS)


def test_without_a_token_the_form_offers_both_ways_and_keeps_no_token(
    setup, notebook, lab, sandbox
):
    """A token that is typed is used, and found nowhere in the saved notebook."""
    book = notebook(
        f"import os; del os.environ['INTERCOM_ACCESS_TOKEN']\n{setup}", "%intercom_export"
    )
    book.run(0)
    book.run(1)
    form = book.form(1)
    expect(form.get_by_role("button", name="Try the sandbox")).to_be_visible()
    field = form.get_by_label("Access token")
    field.fill(TOKEN)
    form.get_by_role("button", name="Use my workspace").click()
    expect(form.locator(".iew-workspace")).to_contain_text("Sandbox: synthetic data")
    pick(form, *JUNE)
    export(form)
    expect(form.locator(".iew-status")).to_have_text("ready", timeout=30 * SECONDS)
    book.command("docmanager:save")
    saved = (lab.notebooks / book.name).read_text()
    assert "Intercom export" in saved
    assert "model_id" in json.dumps(json.loads(saved))
    assert TOKEN not in saved


def test_the_sandbox_is_one_click_away(setup, notebook):
    """Try the sandbox starts it, labels the form, and exports from it."""
    book = notebook(
        f"import os; del os.environ['INTERCOM_ACCESS_TOKEN']\n{setup}", "%intercom_export"
    )
    book.run(0)
    book.run(1)
    form = book.form(1)
    form.get_by_role("button", name="Try the sandbox").click()
    expect(form.locator(".iew-workspace")).to_contain_text("Sandbox: synthetic data")
    pick(form, *JUNE)
    export(form)
    expect(form.locator(".iew-status")).to_have_text("ready", timeout=30 * SECONDS)


def test_the_first_rows_are_masked_until_asked_for(form):
    """A finished card shows five deliveries without names and addresses, then with them."""
    pick(form, *JUNE)
    export(form)
    rows = form.locator(".iew-first-rows tbody tr")
    expect(rows).to_have_count(5, timeout=30 * SECONDS)
    expect(form.locator(".iew-first-rows")).not_to_contain_text("@example.")
    form.get_by_role("button", name="Show names and e-mails").click()
    expect(form.locator(".iew-first-rows")).to_contain_text("@example.")
    form.get_by_role("button", name="Mask names and e-mails").click()
    expect(form.locator(".iew-first-rows")).not_to_contain_text("@example.")


def test_a_double_click_on_a_busy_kernel_submits_once(form, sandbox):
    """Clicks while another cell runs are neither lost nor doubled."""
    pick(form, *JUNE)
    expect(form.locator(".iew-preview")).to_contain_text("1527811200")
    book = form.notebook
    book.cell(2).locator(".jp-InputArea-editor").click()
    form.page.keyboard.press("Control+A")
    form.page.keyboard.insert_text(
        "import time\nend = time.monotonic() + 3\nwhile time.monotonic() < end: pass"
    )
    book.run(2, wait=False)
    button = form.locator(".iew-primary")
    button.dblclick()
    expect(form.locator(".iew-status")).to_have_text("ready", timeout=30 * SECONDS)
    expect(button).to_have_text("Export")
    assert len([request for request in sandbox.requests if request.call == "create"]) == 1


def test_a_form_whose_kernel_restarted_says_that_it_is_dead(form):
    """After a restart a sentence says how to revive it, and nothing looks alive."""
    notice = form.locator(".iew-dead")
    expect(notice).to_be_hidden()
    form.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel"
        ".restart().then(() => null)"
    )
    expect(notice).to_be_visible(timeout=15 * SECONDS)
    expect(notice).to_contain_text("Run the cell again")


def test_running_the_cell_again_adopts_the_running_export(form, sandbox):
    """A new form shows the card of an export that the old one began."""
    sandbox.switch(stuck=1)
    pick(form, *JUNE)
    export(form)
    identifier = form.locator(".iew-card .iew-identifier")
    expect(identifier).not_to_be_empty()
    job = identifier.inner_text()
    form.notebook.run(1)
    expect(identifier).to_have_text(job)
    expect(form).to_have_count(1)
    form.get_by_role("button", name="Cancel", exact=True).click()
    expect(form.locator(".iew-status")).to_have_text("canceled", timeout=10 * SECONDS)


def test_running_the_cell_again_leaves_no_old_form_behind(form):
    """A form that is replaced by a new run of its cell is closed."""
    book = form.notebook
    count = (
        "from ipywidgets.widgets.widget import _instances\n"
        "print(sum(type(each).__name__ == 'ExportForm' for each in _instances.values()))"
    )
    book.cell(2).locator(".jp-InputArea-editor").click()
    form.page.keyboard.press("Control+A")
    form.page.keyboard.insert_text(count)
    for _ in range(3):
        book.run(1)
    book.run(2)
    expect(book.cell(2).locator(".jp-OutputArea-output")).to_have_text(re.compile(r"^1\s*$"))
    expect(form).to_be_visible()


def test_where_no_page_appears_a_sentence_says_what_is_missing(setup, notebook):
    """A form that nobody draws is missed, and the sentence goes when it is drawn."""
    book = notebook(
        setup,
        "from intercom_export_widgets import ExportForm\n"
        "from intercom_export_widgets.notebook.presence import expect_page\n"
        "magics = get_ipython().magics_manager.registry['IntercomExportMagics']\n"
        "form = ExportForm(magics.session)\n"
        "thread = expect_page(form, patience=0.2)",
        "form",
    )
    book.run(0)
    cell = book.run(1)
    expect(cell).to_contain_text("the Jupyter server lacks anywidget")
    book.run(2)
    expect(book.form(2)).to_be_visible()
    expect(cell).not_to_contain_text("the Jupyter server lacks anywidget")


FAR_AWAY = """
const Near = window.WebSocket;
window.WebSocket = class extends Near {
  send(data) { setTimeout(() => super.send(data), 120); }
  set onmessage(handler) { super.onmessage = (event) => setTimeout(() => handler(event), 120); }
};
"""
"""Makes every message to and from the kernel take as long as to a hub across an ocean."""


def test_typing_fast_to_a_kernel_far_away_is_taken_as_it_was_typed(browser, lab, setup, sandbox):
    """No echo of an older value is written over what is being typed, in dates or zone."""
    from lab import Notebook

    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    page = context.new_page()
    page.add_init_script(FAR_AWAY)
    page.goto(f"{lab.url}/lab?token={lab.token}")
    page.wait_for_function("window.jupyterapp && window.jupyterapp.restored", timeout=120_000)
    page.evaluate("window.jupyterapp.restored.then(() => null)")
    lab.write("far.ipynb", setup, "form = %intercom_export\nform", "print(form.first, form.last)")
    book = Notebook(page, lab, "far.ipynb").open()
    book.run(0)
    book.run(1)
    form = book.form(1)
    expect(form.locator(".iew-workspace")).to_contain_text("Sandbox")
    first = form.get_by_label("From first day")
    box = first.bounding_box()
    first.click(position={"x": 14, "y": box["height"] / 2})
    page.keyboard.type("06012018", delay=30)
    page.keyboard.press("Tab")
    last = form.get_by_label("To last day")
    last.click(position={"x": 14, "y": box["height"] / 2})
    page.keyboard.type("06022018", delay=30)
    zone = form.get_by_label("Time zone")
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
    context.close()


def test_nothing_is_complained_of_while_it_is_typed_again(form):
    """A field that was right when it was left shows no error until it is left again."""
    pick(form, *JUNE)
    last = form.get_by_label("To last day")
    box = last.bounding_box()
    last.click(position={"x": 14, "y": box["height"] / 2})
    form.page.keyboard.type("06152")
    expect(form.locator(".iew-preview")).to_be_hidden()
    expect(form.get_by_role("alert").filter(visible=True)).to_have_count(0)
    form.page.keyboard.type("018")
    expect(form.locator(".iew-preview")).to_contain_text("2018-06-15")


def test_names_and_addresses_are_never_saved_with_the_notebook(form, lab):
    """What was unmasked on the page is not in the widget state of the saved notebook."""
    pick(form, *JUNE)
    export(form)
    form.get_by_role("button", name="Show names and e-mails").click(timeout=30 * SECONDS)
    shown = form.locator(".iew-first-rows")
    expect(shown).to_contain_text("@example.")
    address = re.search(r"[\w.+-]+@example\.\w+", shown.inner_text())[0]
    form.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.context.save().then(() => null)"
    )
    saved = (lab.notebooks / form.notebook.name).read_text()
    assert "Intercom export" in saved
    assert address not in saved


def test_the_notice_of_the_lock_goes_when_the_slot_is_free(form, sandbox):
    """After the holder has ended, nothing stale offers to cancel it."""
    sandbox.switch(stuck=1)
    pick(form, *JUNE)
    export(form)
    expect(form.locator(".iew-card .iew-identifier")).not_to_be_empty()
    export(form)
    alert = form.locator(".iew-alert")
    expect(alert).to_contain_text("Exceeded rate limit of 1 pending")
    alert.get_by_role("button", name="Cancel it").click()
    expect(form.locator(".iew-status")).to_have_text("canceled", timeout=10 * SECONDS)
    expect(alert).to_be_hidden()


@pytest.mark.parametrize("width", [640, 1000, 1600])
def test_nothing_reaches_out_of_the_form_at_any_width(form, width):
    """Preview, errors, a finished card and the log stay within the form; tables scroll inside."""
    pick(form, "2018-06-02", "2018-06-01")
    pick(form, *JUNE)
    export(form)
    expect(form.locator(".iew-first-rows tbody tr")).to_have_count(5, timeout=30 * SECONDS)
    form.locator("summary").click()
    before = form.page.viewport_size
    form.page.set_viewport_size({"width": width, "height": 1400})
    try:
        outside = form.evaluate(
            """root => {
              const right = root.getBoundingClientRect().right + 1;
              return [...root.querySelectorAll("*")]
                .filter((e) => !e.parentElement.closest(".iew-scroll"))
                .filter((e) => e.getBoundingClientRect().right > right)
                .map((e) => e.className || e.tagName);
            }"""
        )
        assert outside == []
    finally:
        form.page.set_viewport_size(before)
