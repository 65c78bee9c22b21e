"""The form for everyone: keyboard, axe, announcements, both themes, less motion."""

from __future__ import annotations

import re

import pytest
from axe import checked_rules, violations
from conftest import ARTIFACTS, TOKEN
from form_page import (
    FIRST,
    JUNE,
    LAST,
    OBSERVE,
    SECONDS,
    SPLIT,
    ZONE,
    cancel,
    change_theme,
    export,
    pick,
    run_into_the_lock,
    status,
)
from lab import Voila
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

DOCTOR = (
    "from intercom_export_widgets.notebook.finding import Diagnosis, Finding, State\n"
    "found = %intercom_export doctor\n"
    "Diagnosis([*found, *(Finding(f'such as {s}', 'found', 'What to do.', s) for s in State)])"
)
FORM = ".jp-NotebookPanel:not(.lm-mod-hidden) .iew"


@pytest.fixture(scope="module")
def voila(tmp_path_factory):
    """One Voilà, whose kernels find the sandbox's token."""
    running = Voila(tmp_path_factory.mktemp("voila"), {"INTERCOM_ACCESS_TOKEN": TOKEN})
    yield running
    running.stop()


def test_no_key_pressed_in_the_form_reaches_jupyterlab(form):
    """`x` on a focused button does not cut the cell, nor does `b` add one."""
    cells = form.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell")
    count = cells.count()
    for button in ("Last week", "Export"):
        form.get_by_role("button", name=button, exact=True).focus()
        for key in "xbadd":
            form.page.keyboard.press(key)
        expect(form.get_by_role("button", name=button, exact=True)).to_be_visible()
    assert cells.count() == count


def test_the_whole_job_can_be_done_by_keyboard_alone(form):
    """Tab leads through every control in reading order, each visibly focused, and Enter exports."""
    page = form.page
    form.get_by_role("button", name="Last 7 days").focus()
    seen = []
    for _ in range(40):
        focus = page.evaluate(
            """() => {
              const e = document.activeElement;
              const style = getComputedStyle(e);
              const label = e.labels?.[0]?.textContent ?? e.getAttribute("aria-label");
              return {
                inside: Boolean(e.closest(".iew")),
                name: (label ?? e.textContent).trim(),
                outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
              };
            }"""
        )
        if not focus["inside"]:
            break
        assert focus["outline"], focus
        if focus["name"] not in seen:
            seen.append(focus["name"])
        if focus["name"] == FIRST:
            page.keyboard.type("06012018")
        elif focus["name"] == LAST:
            page.keyboard.type("06022018")
        page.keyboard.press("Tab")
    assert seen[:6] == [
        "Last 7 days",
        "Last week",
        "Last month",
        "Last quarter",
        "Month to date",
        "Last year",
    ]
    assert seen[6:10] == [FIRST, LAST, OBSERVE, ZONE]
    assert seen[10] == "Use the workspace's, Europe/Dublin"
    assert seen[11] == SPLIT
    assert "See it in a notebook" not in seen
    assert seen[12:14] == ["Export", "Copy the line"]
    form.get_by_label(ZONE).focus()
    page.keyboard.press("Enter")
    expect(status(form)).to_have_text("ready", timeout=30 * SECONDS)
    form.locator(".iew-log summary").focus()
    page.keyboard.press("Enter")
    expect(form.locator(".iew-log tbody tr")).to_have_count(1)


def test_axe_finds_nothing_in_jupyterlab_in_either_theme(form, sandbox):
    """Empty, at fault, running, locked, finished, with the log open: no violation."""
    page = form.page
    states = []

    def examine(state):
        states.append(state)
        for theme in ("Dark", "Light"):
            change_theme(page, theme)
            assert violations(page, FORM) == [], (state, theme)

    examine("empty")
    pick(form, "2018-06-30", "2018-06-01")
    export(form)
    expect(form).to_contain_text("created_at_after is greater")
    examine("at fault")
    sandbox.switch(stuck=1)
    pick(form, *JUNE)
    export(form)
    expect(form.locator(".iew-identifier")).not_to_be_empty()
    examine("running")
    run_into_the_lock(form)
    examine("locked")
    cancel(form)
    export(form)
    expect(form.locator(".iew-first-rows tbody tr")).to_have_count(5, timeout=30 * SECONDS)
    form.locator(".iew-log summary").click()
    examine("finished")
    assert len(states) == 5
    assert {"label", "button-name", "aria-valid-attr-value"} <= checked_rules(page, FORM)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_voila_contrast_included(theme, voila, browser, sandbox, setup):
    """As a small app the form exports, and every colour can be read, in every state."""
    name = f"app-{theme}.ipynb"
    voila.write(name, setup, "%intercom_export", DOCTOR)
    # As high as the page: axe gives up on contrast where what it looks at is scrolled away.
    context = browser.new_context(viewport={"width": 1280, "height": 3000}, color_scheme=theme)
    page = context.new_page()
    page.goto(voila.address(name, theme))
    form = page.locator(".iew[data-kind='form']")
    try:
        expect(form.locator(".iew-workspace")).to_contain_text("Sandbox", timeout=60 * SECONDS)
        sandbox.switch(stuck=1)
        pick(form, "2018-06-30", "2018-06-01")
        export(form)
        expect(form).to_contain_text("created_at_after is greater")
        assert violations(page, ".iew") == []
        pick(form, *JUNE)
        export(form)
        expect(form.locator(".iew-identifier")).not_to_be_empty()
        run_into_the_lock(form)
        assert violations(page, ".iew") == []
        cancel(form)
        export(form)
        expect(form.locator(".iew-first-rows tbody tr")).to_have_count(5, timeout=30 * SECONDS)
        expect(form.locator(".iew-pictures figure")).to_have_count(3)
        form.locator(".iew-log summary").click()
        assert violations(page, ".iew") == []
        assert "color-contrast" in checked_rules(page, ".iew")
        background = form.evaluate("e => getComputedStyle(e).backgroundColor")
        assert sum(map(int, re.findall(r"\d+", background)[:3])) < 200 if theme == "dark" else True
        assert page.locator(".iew-static").is_hidden()
        doctor = page.locator(".iew-doctor")
        expect(doctor).to_contain_text("What to do.")
        assert violations(page, ".iew-doctor") == []
        assert "color-contrast" in checked_rules(page, ".iew-doctor")
        ARTIFACTS.mkdir(exist_ok=True)
        doctor.screenshot(path=ARTIFACTS / f"doctor-{theme}.png")
    finally:
        context.close()


def test_without_a_token_axe_finds_nothing_in_voila(voila, browser, setup):
    """The field for a token and the sentence about a wrong one can be read by everyone."""
    voila.write(
        "token.ipynb",
        f"import os; del os.environ['INTERCOM_ACCESS_TOKEN']\n{setup}",
        "%intercom_export",
    )
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    page = context.new_page()
    page.goto(voila.address("token.ipynb", "light"))
    form = page.locator(".iew[data-kind='form']")
    try:
        field = form.get_by_label("Access token")
        field.fill("wrong", timeout=60 * SECONDS)
        field.press("Enter")
        expect(form).to_contain_text("Access Token Invalid")
        expect(field).to_be_focused()
        assert field.get_attribute("aria-describedby")
        assert violations(page, ".iew") == []
    finally:
        context.close()


def test_changes_of_status_are_announced_and_the_clock_is_not(form, sandbox):
    """What screen readers are told in some seconds of waiting is the status, not the seconds."""
    sandbox.switch(stuck=1)
    pick(form, *JUNE)
    form.evaluate(
        """root => {
          root.told = [];
          new MutationObserver((changes) => {
            for (const { target } of changes) {
              const element = target.nodeType === 3 ? target.parentElement : target;
              const region = element?.closest("[role=status], [role=alert], [aria-live]");
              if (region?.textContent) root.told.push(region.textContent);
            }
          }).observe(root, { subtree: true, childList: true, characterData: true });
        }"""
    )
    export(form)
    time = form.locator(".iew-time").first
    expect(time).to_contain_text(re.compile(r"^([4-9]|\d\d) s"), timeout=30 * SECONDS)
    told = form.evaluate("root => root.told")
    assert told
    assert set(told) <= {"submitting", "pending", "in progress"}
    assert len(told) <= 3
    cancel(form)
    assert form.evaluate("root => root.told")[-1].startswith(("canceled", "Job "))


def test_nothing_moves_for_those_who_want_less_motion(form, sandbox):
    """The step that breathes stands still, and nothing fades, where the system asks so."""
    sandbox.switch(stuck=1)
    pick(form, *JUNE)
    export(form)
    expect(form.locator("li[data-state='now']")).to_be_visible()
    # The step is drawn again with each state, so it is looked up at each look.
    shows = """name => {
      const step = document.querySelector(".iew li[data-state='now']");
      return step && getComputedStyle(step, "::before").animationName === name;
    }"""
    form.page.wait_for_function(shows, arg="iew-breathe")
    form.page.emulate_media(reduced_motion="reduce")
    try:
        form.page.wait_for_function(shows, arg="none")
        fade = "e => getComputedStyle(e).transitionDuration"
        assert form.get_by_role("button", name="Export", exact=True).evaluate(fade) == "0s"
    finally:
        form.page.emulate_media(reduced_motion="no-preference")
    cancel(form)
