"""The form's Python half without a page: what messages and traits do, in whatever order."""

from __future__ import annotations

import datetime as dt
import threading
from html import unescape

import pandas as pd
import pytest
from conftest import TOKEN, come_about
from wire import Reply, WireServer, error

from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.jobs.connection import Connection
from intercom_export_widgets.jobs.session import ExportSession
from intercom_export_widgets.notebook.backfillview import number_of
from intercom_export_widgets.notebook.card import describe
from intercom_export_widgets.notebook.form import ExportForm
from intercom_export_widgets.notebook.host import SandboxHost

JUNE = {"first": "2018-06-01", "last": "2018-06-02", "observed": "", "zone": "UTC"}


@pytest.fixture
def form(session):
    """A form on the sandbox's session."""
    shown = ExportForm(session)
    yield shown
    shown.close()


def say(form, **content):
    """Let the page say something, as its script does."""
    form._receive(None, {"view": "a", **content}, [])


def creates(sandbox):
    return len([request for request in sandbox.requests if request.call == "create"])


def test_an_answer_about_a_workspace_that_was_left_comes_too_late(session):
    """What is shown is always the session's own workspace, however slow another's answer is."""
    asked, answer = threading.Event(), threading.Event()

    def slow(_):
        asked.set()
        answer.wait(30)
        return Reply(200, {"app": {"id_code": "abc", "name": "The old one"}})

    host = SandboxHost()
    with WireServer(slow) as server:
        session.connection = Connection("token", base_url=server.url)
        form = ExportForm(session, host=host)
        assert asked.wait(30)
        host.start(session)
        come_about(lambda: form.workspace.get("sandbox"))
        answer.set()
        come_about(lambda: len(server.requests) == 1)
    assert form.workspace["name"] == "Sandbox: synthetic data"
    form.close()
    host.stop(session)


def test_a_key_held_down_and_a_double_click_submit_once(form, sandbox):
    """Nine presses within a moment are one; later, the same range is read from disk."""
    for _ in range(9):
        say(form, do="export", **JUNE)
    come_about(lambda: form.export is not None and form.export.done and not form.busy)
    say(form, do="export", **JUNE)
    come_about(lambda: not form.busy)
    assert creates(sandbox) == 1
    assert len(form.exports) == 1


def test_a_fault_of_the_preview_offers_no_new_export(form, sandbox):
    """A file that is gone is said on its card, with the line that fetches it again."""
    say(form, do="export", **JUNE)
    come_about(lambda: form.cards and form.cards[0]["preview"])
    form.export.progress.path.unlink()
    say(form, do="preview", number=form.export.key, masked=False)
    come_about(lambda: "attach" in form.cards[0]["problem"])
    assert form.alert == {}
    assert creates(sandbox) == 1


def test_closing_twice_does_no_harm(form):
    """A form that the user has closed can be closed again by the cell that replaces it."""
    form.close()
    form.close()
    assert form.closed
    assert form.comm is None


@pytest.mark.parametrize("trait", ["export", "exports"])
def test_an_observer_that_fails_does_not_block_the_form(form, trait):
    """The button is free again and the card is there, whatever a user's function does."""
    form.observe(lambda _: 1 / 0, trait)
    say(form, do="export", **JUNE)
    come_about(lambda: form.cards and form.cards[0]["status"] == "ready")
    come_about(lambda: not form.busy)


def test_a_cancel_that_failed_is_forgotten_when_the_export_ends(sandbox, session):
    """Nothing stale stands on a card that is ready."""
    sandbox.job_seconds = 1.5
    form = ExportForm(session)
    sandbox.switch(server_error="20@cancel")
    say(form, do="export", **JUNE)
    come_about(lambda: form.export is not None and form.export.job_identifier)
    say(form, do="cancel", number=form.export.key)
    come_about(lambda: form.cards[0]["problem"])
    assert not form.cards[0]["canceling"]
    come_about(lambda: form.cards[0]["status"] == "ready")
    assert form.cards[0]["problem"] == ""
    form.close()


@pytest.mark.parametrize(
    "value",
    [
        pd.Timestamp("2018-06-01 13:00"),
        dt.datetime(2018, 6, 1, 13, tzinfo=dt.UTC),
        dt.date(2018, 6, 1),
    ],
)
def test_whatever_is_a_date_and_more_is_taken_as_its_day(form, value):
    """What the page is sent is a date and nothing else."""
    form.first = value
    assert form.get_state()["first"] == "2018-06-01"


def test_pandas_missing_date_is_an_empty_picker(form):
    """NaT is no day."""
    form.first = pd.NaT
    assert form.first is None
    assert form.get_state()["first"] == ""


def test_every_field_that_was_left_says_what_is_wrong_with_it(form):
    """A zone and an end are complained of although the first day is still to be filled in."""
    wrong = {"first": "", "last": "2090-01-01", "observed": "", "zone": "Europe/Dublln"}
    say(form, do="edit", **wrong, left=["zone"])
    say(form, do="edit", **wrong, left=["last"])
    assert set(form.errors) == {"last", "zone"}
    say(form, do="export", **wrong)
    assert list(form.faults()) == ["first", "last", "zone"]
    assert set(form.errors) == {"first", "last", "zone"}
    assert not form.busy


def test_the_code_names_its_zone_whatever_the_settings_become(session):
    """The magic's line means the same in a session whose zone is another."""
    form = ExportForm(session, host=SandboxHost())
    say(form, do="edit", **JUNE)
    assert form.code == "%intercom_export 2018-06-01 2018-06-02 --zone UTC"
    form.close()


@pytest.mark.parametrize(
    ("more", "exported"),
    [
        ({}, ["2018-06-01 2018-06-02"]),
        ({"observed": "2018-06-05", "zone": "Europe/Dublin"}, ["2018-06-01 2018-06-02"]),
        ({"every": "day"}, ["2018-06-01 2018-06-01", "2018-06-02 2018-06-02"]),
    ],
)
def test_the_code_of_a_form_made_by_hand_does_the_same_on_its_session(
    form, session, sandbox, more, exported
):
    """It is Python, since the magic's session may be of another region, address or ledger."""
    say(form, do="edit", **JUNE | more)
    assert not form.by_magic
    wanted = form.timeframe()
    begun = eval(form.code, {"session": session, "Timeframe": Timeframe}).wait(30)  # noqa: S307 - the code under test
    assert begun.timeframe == wanted
    ranges = [e.timeframe.literal for e in getattr(begun, "exports", (begun,))]
    assert ranges == exported
    assert all(entry.base_url == sandbox.base_url for entry in session.entries())


def test_the_lines_of_cards_of_a_form_made_by_hand_are_python(form, session, sandbox):
    """They give the data of the form's own session; no face of such a form names the magic."""
    export = session.submit("2018-06-01 2018-06-02").wait(30)
    backfill = session.backfill("2018-06-03 2018-06-04", "1d").wait(30)
    form.refresh()
    codes = {card["number"]: card["code"] for card in form.cards}
    assert all(codes.values())
    names = {"session": session, "Timeframe": Timeframe}
    exec(codes[export.key], names)  # noqa: S102 - the code under test
    assert names["receipts"].equals(export.receipts)
    exec(codes[number_of(backfill)], names)  # noqa: S102 - the code under test
    assert names["receipts"].equals(backfill.read(mixed=True))
    sandbox.switch(stuck=1)
    running = session.submit("2018-05-01 2018-05-02")
    said = form.as_text() + unescape(form.as_html())
    assert said.count(f"session.attach('{running.job_identifier}').wait()") == 2
    assert "%intercom_export" not in said + str(form.cards)
    running.cancel()
    where = {"folder": session.folder, "ledger": session.ledger.path}
    with ExportSession(TOKEN, base_url=sandbox.base_url, **where) as other:
        kept = other.submit("2018-06-01 2018-06-02")
        assert "fresh=True exports it anew" in describe(kept, by_magic=False).detail


def test_answers_go_to_the_view_that_asked(form):
    """Two views of one form do not take each other's focus."""
    sent = []
    form.send = sent.append
    say(form, do="export", first="", last="", observed="", zone="UTC")
    assert {"focus": "first", "view": "a"} in sent
    assert all(message.get("view") == "a" for message in sent)


def test_leaving_the_sandbox_says_that_its_jobs_are_gone(sandbox, session):
    """Card and log say so, and nobody is sent to attach to a job that is no more."""
    host = SandboxHost()
    host.start(session)
    host.sandbox.switch(stuck=1)
    export = session.submit("2018-06-01")
    host.stop(session)
    assert export.done
    assert str(export.error).startswith("The sandbox has stopped, and its jobs with it.")
    (entry,) = session.entries()
    assert entry.status == "canceled"
    assert entry.finished_at is not None


def test_a_form_made_by_hand_has_a_sandbox_of_its_own(tmp_path, monkeypatch):
    """Without a token and without the magic, Try the sandbox works all the same."""
    session = ExportSession(folder=tmp_path / "exports", ledger=tmp_path / "ledger.sqlite")
    form = ExportForm(session)
    come_about(lambda: form.workspace.get("state") == "missing")
    say(form, do="sandbox")
    come_about(lambda: form.workspace.get("sandbox"))
    form._host.stop(session)
    form.close()


def test_a_download_that_failed_says_how_to_fetch_it_again(session, sandbox):
    """The job has its data; the line that takes it up stands in the error."""
    sandbox.switch(corrupt=9)
    export = session.submit("2018-06-01")
    with pytest.raises(Exception, match=f"%intercom_export attach {export.job_identifier}"):
        export.wait(30)


def test_two_clicks_on_the_sandbox_start_one(session):
    """However many ask at once, there is one sandbox."""
    host = SandboxHost()
    found = []

    def start():
        host.start(session)
        found.append(host.sandbox)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
    assert TOKEN not in repr(host.sandbox)
    host.stop(session)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("created_at_after is greater than created_at_before", "last"),
        ("'created_at_before' is a required parameter", "last"),
        ("'created_at_after' is a required parameter", "first"),
    ],
)
def test_what_the_server_has_against_a_field_stands_at_that_field(tmp_path, message, field):
    """A 400 is shown in Intercom's words where the value can be corrected, until it is."""

    def answer(asked):
        if asked.path == "/me":
            return Reply(200, {"app": {"id_code": "abc", "name": "Acme"}})
        return error(400, "bad_request", message)

    with WireServer(answer) as server:
        session = ExportSession(
            "token", base_url=server.url, folder=tmp_path / "e", ledger=tmp_path / "l.sqlite"
        )
        form = ExportForm(session)
        say(form, do="export", **JUNE)
        come_about(lambda: field in form.errors)
        assert form.errors[field].startswith(message)
        assert not form.busy
        say(form, do="edit", **{**JUNE, field: "2018-05-31" if field == "first" else "2018-06-03"})
        assert form.errors == {}
        form.close()


def test_a_workspace_shows_its_name_its_region_and_where_its_token_came_from(tmp_path):
    """The pill at the top has all three."""
    body = {"app": {"id_code": "abc", "name": "Acme", "region": "EU", "timezone": "Europe/Dublin"}}
    with WireServer(Reply(200, body)) as server:
        session = ExportSession(
            "token", base_url=server.url, folder=tmp_path / "e", ledger=tmp_path / "l.sqlite"
        )
        form = ExportForm(session)
        come_about(lambda: form.workspace.get("state") == "known")
        known = form.workspace
        assert (known["name"], known["region"], known["sandbox"]) == ("Acme", "eu", False)
        assert known["source"]
        assert known["timezone"] == "Europe/Dublin"
        form.close()


def test_a_token_that_is_no_longer_accepted_offers_another(form, sandbox):
    """A 401 on submitting stands beneath the button, with what to do next."""
    form.session.connection = Connection("regenerated", base_url=sandbox.base_url)
    come_about(lambda: form.workspace.get("state") == "missing")
    say(form, do="export", **JUNE)
    come_about(lambda: form.alert)
    assert form.alert["title"].startswith("Access Token Invalid")
    labels = [action["label"] for action in form.alert["actions"]]
    assert labels == ["Use another token", "Try the sandbox", "Try again"]


def test_what_waits_is_said_without_the_magic_in_a_form_made_by_hand(form, session, sandbox):
    """Its text and HTML name the range and no verb that is not at hand; the magic's form does."""
    sandbox.switch(stuck=1)
    session.submit("2018-06-01")
    session.start("2018-06-03", when_free=True)
    come_about(lambda: len(session.lineup.places()) == 1)
    for said in (form.as_text(), form.as_html()):
        assert "Waiting for the workspace" in said
        assert "%intercom_export" not in said
    form.by_magic = True
    assert "%intercom_export queue remove N" in form.as_text()
