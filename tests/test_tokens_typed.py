"""A token that was typed, or that a variable held, does not come back in an error."""

from __future__ import annotations

import contextlib

import pytest
from shells import bare_shell, loaded_shell

from intercom_export_widgets import Timeframe
from intercom_export_widgets.errors import IntercomExportError, without_tokens
from intercom_export_widgets.intercom.credentials import Token
from intercom_export_widgets.intercom.redact import hide_in_logs, hide_in_text

TOKEN = "dG9rOkZJTkQ6TUU6SUY6WU9VOkNBTg"  # noqa: S105 - no real token


@pytest.fixture
def shell(sandbox, monkeypatch):
    """A shell with the extension, and a variable that holds the token."""
    monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", TOKEN)
    with loaded_shell() as running:
        running.run_line_magic("config", f"IntercomExport.base_url = {sandbox.base_url!r}")
        running.user_ns["tok"] = TOKEN
        yield running


@pytest.mark.parametrize(
    "line",
    [
        "$tok",
        "2018-06-01 --zone $tok",
        "2018-06-01 --region $tok",
        "2018-06-01 --observe $tok",
        "2018-06-01 2018-06-03 --every $tok",
        "load $tok",
        "help $tok",
        "log --$tok",
    ],
)
def test_a_line_with_a_token_in_a_variable_does_not_show_it(shell, line):
    """Neither the error nor what IPython shows of it has the token, in any case of letters."""
    with pytest.raises(IntercomExportError) as caught:
        shell.run_line_magic("intercom_export", shell.var_expand(line))
    seen = f"{caught.value} {caught.value.args} {caught.value._render_traceback_()}"
    assert TOKEN.lower() not in seen.lower()
    assert "●" in seen


def test_python_calls_do_not_show_it_either(session):
    """Timeframe.parse, read and chart repeat what they were given, with dots in its place."""
    export = session.submit("2018-06-01").wait()
    for call in (Timeframe.parse, export.read, export.chart):
        with pytest.raises(IntercomExportError) as caught:
            call(TOKEN)
        assert TOKEN not in str(caught.value)


def test_settings_do_not_show_it_in_any_shape(tmp_path, monkeypatch):
    """In a list, in quotes, as a key, after the prefix: a sentence that names no token."""
    from intercom_export_widgets.notebook.settings import IntercomExport

    (tmp_path / "pyproject.toml").write_text(
        f'[tool.intercom-export]\nregion = ["{TOKEN}"]\nzone = "tok:{TOKEN}"\n{TOKEN} = 1\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INTERCOM_EXPORT_ZONE", f'"{TOKEN}"')
    monkeypatch.setenv(f"INTERCOM_EXPORT_{TOKEN}", "x")
    with pytest.warns() as said, bare_shell() as shell:
        settings = IntercomExport.of(shell)
    text = " ".join([*(str(each.message) for each in said), *settings.refused.values()])
    assert TOKEN.lower() not in text.lower()
    assert "A token is no setting" in text


@pytest.mark.parametrize(
    "written",
    [
        b"tool = 5 # intercom-export",
        b"[[tool.intercom-export]]\nzone = 'UTC'",
        b"[tool.intercom-export]\nzone = 'Europe/Dubl\xedn'",
        b"[tool.intercom-export\nzone = 'UTC'",
    ],
)
def test_a_file_that_can_not_be_read_refuses_exports_or_is_none_of_ours(
    tmp_path, monkeypatch, written
):
    """What may have meant another zone is not passed over; a file without our table is."""
    from intercom_export_widgets.notebook.settings import IntercomExport

    (tmp_path / "pyproject.toml").write_bytes(written)
    monkeypatch.chdir(tmp_path)
    ours = written.startswith(b"[")
    with pytest.warns() if ours else contextlib.nullcontext(), bare_shell() as shell:
        settings = IntercomExport.of(shell)
    if not ours:
        settings.check()
        return
    with pytest.raises(IntercomExportError, match=r"Nothing was submitted\. Correct it there"):
        settings.check()


def test_a_token_of_another_shape_is_hidden_while_it_is_in_use_and_words_are_not():
    """What no pattern knows is known by being a token; a word of the language is not hidden."""
    odd, word = Token("an-odd-one-1234567890"), Token("token")
    for token in (odd, word):
        hide_in_logs(token)
    assert hide_in_text("no token an-odd-one-1234567890") == "no token ●●●●●●"


def test_only_what_looks_like_a_token_gets_dots():
    """Ordinary sentences pass as they are."""
    said = "Write days as 2018-06-01 2018-06-30, in dG9r."
    assert without_tokens(said) == said
    assert without_tokens(f"no {TOKEN}!") == "no ●●●●●●!"
