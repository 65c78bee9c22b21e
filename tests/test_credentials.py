import copy
import json
import logging
import pickle
import sys
import threading
import traceback
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intercom_export_widgets.errors import AccessError, TokenMissingError, TokenRejectedError
from intercom_export_widgets.intercom.credentials import (
    Credential,
    Source,
    Token,
    _from_colab,
    _within,
    find_credential,
    usual_sources,
)
from intercom_export_widgets.jobs.connection import Connection
from intercom_export_widgets.notebook.notices import workspace_of

SECRET = "dG9rOmE1c2VjcmV0X3NlY3JldA=="  # noqa: S105 - no real token


def test_a_token_shows_itself_as_dots(caplog):
    """No way of turning a token into text shows it."""
    token = Token(SECRET)
    logging.getLogger("test").warning("token %s %r", token, token)
    shown = [
        repr(token),
        str(token),
        f"{token}",
        f"{token:>40}",
        f"{token!r}",
        f"{[token]}",
        repr(Credential(token, "an argument of ExportSession")),
        repr({"token": token}),
        caplog.text,
    ]
    assert not [text for text in shown if SECRET in text or SECRET[:8] in text]
    assert token.reveal() == SECRET


def test_a_token_reaches_no_file():
    """A token is neither pickled nor made into JSON."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(Token(SECRET), protocol)
    with pytest.raises(TypeError):
        json.dumps(Token(SECRET))


def test_a_token_answers_no_guess():
    """A token equals only itself, and its copies are itself."""
    token = Token(SECRET)
    assert token != Token(SECRET)
    assert token != SECRET
    assert copy.copy(token) is copy.deepcopy(token) is token


@pytest.mark.parametrize(
    "came",
    [SECRET, f"  {SECRET}\n", f"Bearer {SECRET}", f"\tBEARER  {SECRET} "],
)
def test_what_is_copied_along_is_dropped(came):
    """White space around a token and a leading Bearer are no part of it."""
    assert Token(came).reveal() == SECRET


@pytest.mark.parametrize("came", ["", " ", "\n", "Bearer", "Bearer "])
def test_an_empty_token_is_missing(came):
    """A token of nothing is a missing one."""
    with pytest.raises(TokenMissingError) as caught:
        Token(came)
    assert caught.value.field == "token"


@pytest.mark.parametrize(
    "came",
    [f"{SECRET} {SECRET}", f"{SECRET}\0", f"{SECRET}\r\nX: y", f"{SECRET}é", SECRET * 999],
)
def test_a_token_with_wrong_characters_is_refused_unseen(came):
    """A text that can't be a header is refused, and no frame of the error shows it."""
    with pytest.raises(TokenRejectedError) as caught:
        Token(came)
    error = caught.value
    frames = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in frames.stack if frame.filename.endswith("intercom/credentials.py")]
    assert ours
    assert SECRET[:8] not in "".join(str(frame.locals) for frame in ours)
    assert SECRET[:8] not in str(error)


@pytest.mark.parametrize("source", ["variable", "argument", "prompt"])
@pytest.mark.parametrize(
    ("came", "said"),
    [
        (f'"{SECRET}"', "is in quotes"),
        (f"'{SECRET}'", "is in quotes"),
        (f"Bearer '{SECRET}'", "is in quotes"),
        (f"`{SECRET}`", "is in quotes"),
        (f"“{SECRET}”", "is in quotes"),
        (f'{SECRET}"', "is in quotes"),
        (f"INTERCOM_ACCESS_TOKEN={SECRET}", "has a name before it"),
        ("INTERCOM_ACCESS_TOKEN=", "has a name before it"),
        (f"export INTERCOM_ACCESS_TOKEN='{SECRET}'", "has a name before it"),
        (f'$env:INTERCOM_ACCESS_TOKEN = "{SECRET}"', "has a name before it"),
        (f"token={SECRET}", "has a name before it"),
        (f"Authorization: Bearer {SECRET}", "has a name before it"),
        (f"<{SECRET}>", "a character that no token has"),
        (f"{SECRET},", "a character that no token has"),
    ],
)
def test_what_was_pasted_around_a_token_is_named(came, said, source):
    """Quotes and names are said, with the place they came from, and never the token."""
    given = {
        "variable": {"environ": {"INTERCOM_ACCESS_TOKEN": came}},
        "argument": {"explicit": came},
        "prompt": {"sources": [], "ask": lambda _: came},
    }
    with pytest.raises(TokenRejectedError) as caught:
        find_credential(**given[source])
    assert said in caught.value.message
    assert "region" not in str(caught.value)
    assert source in caught.value.message
    assert SECRET[:8] not in str(caught.value)
    assert caught.value.field == "token"


@pytest.mark.parametrize("end", ["", "=", "=="])
def test_padding_is_no_name(end):
    """A token that ends with equals signs is whole, as any that RFC 6750 allows."""
    assert Token(f"dG9rOm_a.b~c+d/e-f{end}").reveal().endswith(f"f{end}")


@given(st.text())
def test_any_text_is_a_token_or_the_documented_error(text):
    """Nothing but an AccessError comes out, and a token is fit for a header."""
    try:
        token = Token(text)
    except AccessError:
        return
    assert token.reveal().isascii()
    assert token.reveal().isprintable()
    assert " " not in token.reveal()


def test_a_token_is_taken_out_of_a_servers_words():
    """A server that repeats the token gets dots in its place."""
    assert SECRET not in Token(SECRET).hide_in(f"token {SECRET} is wrong")


def test_a_token_is_found_in_any_case_and_in_an_address():
    """A token that comes back in lower case, or percent-quoted, is taken out as well."""
    token = Token("dG9rOn/Rlc3Q=")
    for form in (
        "dg9ron/rlc3q=",
        "dg9ron/rlc3q",
        "DG9RON/RLC3Q=",
        "dG9rOn%2FRlc3Q%3D",
        "dg9ron%2frlc3q%3d",
    ):
        assert token.hide_in(f"https://{form}.example.com/") == "https://●●●●●●.example.com/"
    assert token.hide_in("another text") == "another text"


def test_advice_for_a_broken_token():
    """A token with a line break in it is told how to be copied, and is not repeated."""
    with pytest.raises(TokenRejectedError) as caught:
        Token("abc\ndef")
    assert caught.value.advice == "Copy it again, without spaces or line breaks."
    assert "abc" not in str(caught.value)


def test_the_order_of_the_sources():
    """An argument wins over the variables, ours over the SDK's, and a person comes last."""
    both = {"INTERCOM_ACCESS_TOKEN": "ours", "INTERCOM_API_KEY": "sdk"}
    argument = find_credential("given", environ=both)
    assert (argument.token.reveal(), argument.source) == ("given", "an argument of ExportSession")
    ours = find_credential(environ=both)
    assert ours.token.reveal() == "ours"
    assert ours.source == "the environment variable INTERCOM_ACCESS_TOKEN"
    sdk = find_credential(environ={"INTERCOM_ACCESS_TOKEN": " ", "INTERCOM_API_KEY": "sdk"})
    assert sdk.source == "the environment variable INTERCOM_API_KEY"
    typed = find_credential(sources=[], ask=lambda _: "typed")
    assert (typed.token.reveal(), typed.source) == ("typed", "the prompt")


def test_a_token_that_is_one_already_is_kept():
    """A Token given as the argument is used as it is."""
    token = Token(SECRET)
    assert find_credential(token, environ={}).token is token


def test_later_places_are_not_bothered():
    """Once a token is found, no keyring is opened and nobody is asked."""

    def never(*_):
        raise AssertionError

    places = [Source("a", lambda: None), Source("b", lambda: "found"), Source("c", never)]
    assert find_credential(sources=places, ask=never).source == "b"


def test_a_missing_token_lists_where_it_was_looked_for():
    """The error of a missing token names the places, and says what to do."""
    with pytest.raises(TokenMissingError) as caught:
        find_credential(sources=usual_sources({})[:2], ask=lambda _: "")
    assert "INTERCOM_ACCESS_TOKEN" in caught.value.message
    assert "INTERCOM_API_KEY" in caught.value.message
    assert "the prompt" in caught.value.message
    assert caught.value.field == "token"
    with pytest.raises(TokenMissingError, match="no place at all"):
        find_credential(sources=[])


@pytest.mark.parametrize(
    "name", ["INTERCOM_TOKEN", "INTERCOM_PROD_API_KEY", "INTERCOM_PAT", "intercom_access_token"]
)
def test_a_token_under_a_name_that_nothing_reads_is_named(name):
    """What is missing stands there under another name; neither value nor strangers are shown."""
    environ = {name: SECRET, "GITHUB_TOKEN": SECRET, "INTERCOM_SECRET": SECRET, "INTERCOM_KEY": ""}
    with pytest.raises(TokenMissingError) as caught:
        find_credential(environ=environ, sources=usual_sources({})[:2])
    said = f"{name} is set, but nothing reads it: name it INTERCOM_ACCESS_TOKEN."
    assert caught.value.message.endswith(said)
    assert SECRET not in str(caught.value)
    assert "GITHUB" not in str(caught.value)
    environ |= {"INTERCOM_ACCESS_TOKEN": SECRET}
    assert find_credential(environ=environ).source.endswith("INTERCOM_ACCESS_TOKEN")
    with pytest.raises(TokenMissingError, match="are set, but nothing reads them"):
        find_credential(environ={"INTERCOM_TOKEN": "1", "INTERCOM_APIKEY": "2"}, sources=[])


def test_the_form_names_such_a_variable_too(monkeypatch):
    """Where the form says that no token was found, it says which variable may hold one."""
    for name in ("INTERCOM_ACCESS_TOKEN", "INTERCOM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("INTERCOM_TOKEN", SECRET)
    said = workspace_of(Connection(base_url="http://127.0.0.1:9"))
    assert said["state"] == "missing"
    assert "INTERCOM_TOKEN is set, but nothing reads it" in said["why"]
    assert SECRET not in str(said)


def test_an_empty_argument_is_not_replaced_by_another_token():
    """An argument that is empty is a mistake: no other token is used in its place."""
    with pytest.raises(TokenMissingError, match="an argument of ExportSession"):
        find_credential("", environ={"INTERCOM_ACCESS_TOKEN": "ours"})


def test_a_frontend_that_can_not_ask_is_no_source():
    """Where input is not possible, the token is missing, and nothing else is raised."""
    for problem in (EOFError, NotImplementedError, OSError):

        def ask(prompt, problem=problem):
            raise problem(prompt)

        with pytest.raises(TokenMissingError):
            find_credential(sources=[], ask=ask)


def test_a_wrong_token_says_which_source_it_came_from():
    """A variable with a wrong value is named, its value is not."""
    with pytest.raises(TokenRejectedError, match="variable INTERCOM_API_KEY") as caught:
        find_credential(environ={"INTERCOM_API_KEY": f"{SECRET} {SECRET}"})
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None


def test_the_prompt_says_that_nothing_is_shown():
    """The prompt is handed to the asker, and is about the token."""
    prompts = []
    find_credential(sources=[], ask=lambda prompt: prompts.append(prompt) or "typed")
    assert "token" in prompts[0]


def test_a_backend_that_hangs_is_given_up():
    """A lookup that never returns is left behind, and one that raises has no token."""
    release = threading.Event()
    assert _within(0.05, lambda: release.wait(30) and "late") is None
    release.set()

    def broken():
        raise RuntimeError

    assert _within(5, broken) is None
    assert _within(5, lambda: "found") == "found"


def test_colab_is_a_source_only_in_colab():
    """Colab's secrets are looked at where its module runs, and whatever it raises is no token."""
    names = [place.name for place in usual_sources({})]
    assert not [name for name in names if "Colab" in name]
    assert _from_colab() is None
    userdata = types.SimpleNamespace(get=lambda name: f"from {name}")
    sys.modules["google.colab"] = types.SimpleNamespace(userdata=userdata)
    try:
        assert _from_colab() == "from INTERCOM_ACCESS_TOKEN"
        assert [place for place in usual_sources({}) if "Colab" in place.name]
    finally:
        del sys.modules["google.colab"]


def test_a_keyring_that_is_installed_is_a_source():
    """The keyring is looked at after the environment, and named with its service."""
    pytest.importorskip("keyring")
    assert usual_sources({})[-1].name == "the keyring (service intercom-export-widgets)"
