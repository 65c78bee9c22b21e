"""A long range from the form: the choice of windows, its code, its card, by mouse and keyboard."""

from __future__ import annotations

import pytest
from axe import violations
from form_page import SECONDS, SPLIT, export, pick
from playwright.sync_api import expect
from test_magic_queue import come_about

from intercom_export_widgets.notebook.explanation import EXPLANATION, find_explanation
from intercom_export_widgets.notebook.form import ExportForm
from intercom_export_widgets.notebook.host import SandboxHost


@pytest.fixture
def bare(session):
    """The form without a page."""
    opened = ExportForm(session, host=SandboxHost())  # as the magic makes it
    yield opened
    opened.close()


def fill(form, **more):
    """Let the page say what its fields hold."""
    fields = {"first": "2018-06-01", "last": "2018-06-04", "zone": "UTC", **more}
    form.receive({"do": "edit", **fields})


def test_the_choice_stands_in_the_code_and_says_how_many(bare):
    """The magic line has --every, the preview the number of exports; no word, no option."""
    fill(bare)
    assert bare.code == "%intercom_export 2018-06-01 2018-06-04 --zone UTC"
    assert bare.preview["windows"] == ""
    fill(bare, every="day")
    assert bare.code == "%intercom_export 2018-06-01 2018-06-04 --every day --zone UTC"
    assert bare.preview["windows"] == "4 exports, one after the other"
    fill(bare, every="fortnight")
    assert bare.every == "day"
    bare.every = "2d"
    assert "--every 2d" in bare.code
    bare.every = "fortnight"
    assert "no length of a window" in str(bare.faults()["every"])


def test_what_is_counted_is_said_with_what_counts_for_longer(bare):
    """Where no notebook is at hand that explains it, the preview says all that one can do."""
    fill(bare)
    said = bare.preview["counted"]
    assert "later ones not: that is why a month's numbers change." in said
    assert said.endswith("“Count opens until” counts for longer.")
    fill(bare, observed="2018-07-31")
    assert bare.preview["counted"].endswith("numbers change.")


def test_the_form_shows_the_backfill_and_its_newest_windows(bare, session):
    """One card for the whole, then three windows; the others are in the log alone."""
    fill(bare, every="day")
    bare.receive({"do": "export", "first": "2018-06-01", "last": "2018-06-05", "every": "day"})
    come_about(lambda: bare.backfill is not None)
    bare.backfill.wait(60)
    bare.refresh()
    whole, *windows = bare.cards
    assert whole["status"] == "5 of 5 windows"
    assert whole["number"] < 0
    assert len(windows) == 3
    assert len(bare.log_rows) == 5
    assert "5 of 5 windows" in bare.as_text()
    assert "5 of 5 windows" in bare.as_html()
    assert not bare.busy


def test_the_card_of_a_backfill_cancels_it(bare, session, sandbox):
    """Its button stops the running job, and submits no more."""
    sandbox.switch(stuck=1)
    backfill = session.backfill("2018-06-01 2018-06-02", "day", ask=False)
    come_about(lambda: any(e.job_identifier for e in backfill.exports))
    bare.refresh()
    assert bare.cards[0]["can_cancel"]
    bare.receive({"do": "cancel", "number": bare.cards[0]["number"]})
    backfill.wait(30)
    assert backfill.count == (0, 2)


def test_the_explanation_is_found_from_the_kernels_folder(tmp_path):
    """Beside it, in `notebooks` beneath it or beneath a folder above; else in the clone."""
    deep = tmp_path / "work" / "deep"
    deep.mkdir(parents=True)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / EXPLANATION).touch()
    assert find_explanation(deep) == f"../../notebooks/{EXPLANATION}"
    (deep / EXPLANATION).touch()
    assert find_explanation(deep) == EXPLANATION


@pytest.fixture
def explained(lab):
    """The notebook that explains, beside those of the tests."""
    path = lab.notebooks / EXPLANATION
    path.touch()
    yield path
    path.unlink()


@pytest.mark.browser
def test_a_long_range_goes_out_from_the_form_by_keyboard(explained, form):
    """The choice is labelled and reachable, its code and card come, and axe finds no fault."""
    pick(form, "2018-06-01", "2018-06-03")
    choice = form.get_by_label(SPLIT)
    choice.focus()
    choice.press("ArrowDown")
    expect(form.locator(".iew-line code").first).to_contain_text("--every day")
    expect(form.locator(".iew-preview")).to_contain_text("3 exports, one after the other")
    link = form.get_by_role("link", name="See it in a notebook")
    expect(link).to_have_attribute("href", f"/lab/tree/{EXPLANATION}")
    assert violations(form.page, ".iew") == []
    export(form)
    card = form.locator(".iew-card").first
    expect(card.locator(".iew-status")).to_have_text("3 of 3 windows", timeout=60 * SECONDS)
    expect(card).to_contain_text("2018-06-01 to 2018-06-03 (UTC) every day")
    assert violations(form.page, ".iew") == []
