"""Terminals that are not UTF-8: what they can't show is replaced, and nothing ends for it."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest
from shells import loaded_shell

from intercom_export_widgets.errors import UsageError, printable
from intercom_export_widgets.intercom.models import Job
from intercom_export_widgets.jobs.progress import Progress, Stage
from intercom_export_widgets.notebook.progress import ProgressLine

ENCODINGS = ["ascii", "cp932", "iso8859-2", "cp1252", "utf-8"]
JOB = Job.from_json({"job_identifier": "v5xsp8c19ji0s82", "status": "in_progress"})


class Terminal(io.TextIOWrapper):
    """A stream that takes only what its encoding has, as a terminal's or cron's."""

    def __init__(self, encoding, *, tty):
        super().__init__(io.BytesIO(), encoding=encoding, errors="strict")
        self.tty = tty

    def isatty(self):
        return self.tty

    def seen(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture(params=ENCODINGS)
def encoding(request):
    """What the terminal's encoding is."""
    return request.param


def test_a_text_that_a_stream_can_not_take_is_replaced(encoding):
    """Our own signs have ASCII forms, others become a question mark; lone surrogates too."""
    stream = Terminal(encoding, tty=False)
    shown = printable("June · ready … 1\u20132 → x\udce9 ж", stream)
    stream.write(shown)
    assert "June " in shown
    assert "x?" in shown
    if encoding == "ascii":
        assert shown == "June - ready ... 1-2 -> x? ?"
    assert printable("June · ж", None) == "June · ж"


@pytest.mark.parametrize("tty", [True, False], ids=["terminal", "pipe"])
def test_progress_is_shown_in_every_encoding(session, encoding, tty, monkeypatch):
    """Waiting, the bar, the end, and a line about what was there already."""
    export = session.submit("2018-06-01").wait()
    now = 1_800_000_000.0
    stream = Terminal(encoding, tty=tty)
    monkeypatch.setattr(sys, "stdout", stream)
    with ProgressLine(SimpleNamespace(), lambda: now) as shown:
        for stage in (Stage.WAITING, Stage.DOWNLOADING, Stage.DONE):
            now += 61
            export.progress = Progress(stage, now, job=JOB, received=40, expected=80, rows={"a": 1})
            shown.show(export)
        shown.say_kept(export)
    seen = stream.seen()
    assert "in progress" in seen
    assert "ready" in seen
    assert ("50%|" in seen) == tty
    assert "??" not in seen


def test_an_error_is_shown_in_every_encoding(encoding, monkeypatch):
    """IPython prints what the error renders: one line, or the traceback after --debug."""
    stream = Terminal(encoding, tty=False)
    error = UsageError("There is no verb 'ж…'.")
    monkeypatch.setattr(sys, "stdout", stream)
    for error.debug in (False, True):
        stream.write("\n".join(error._render_traceback_()))
    monkeypatch.undo()
    assert "UsageError: There is no verb" in stream.seen()


def test_a_shell_displays_every_value_in_every_encoding(encoding, monkeypatch, tmp_path):
    """A note, the doctor's table, and the form's text reach a terminal as its letters."""
    monkeypatch.setenv("INTERCOM_EXPORT_LEDGER", str(tmp_path / "ledger.sqlite"))
    stream = Terminal(encoding, tty=False)
    with loaded_shell() as shell:
        monkeypatch.setattr(sys, "stdout", stream)
        for line in ("display({})", "{}"):
            for verb in ("help", "status", "queue", "2018-06 --dry-run"):
                cell = f"get_ipython().run_line_magic('intercom_export', '{verb}')"
                shell.run_cell(line.format(cell)).raise_error()
        monkeypatch.undo()
    assert "Exports Intercom's message data" in stream.seen()
    assert "\\x" not in stream.seen()
    assert "\\u" not in stream.seen()
