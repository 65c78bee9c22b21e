"""The progress of --wait in text: a bar where somebody looks, a line a minute where nobody does."""

from __future__ import annotations

import io
import re
import sys
from types import SimpleNamespace

import pytest

from intercom_export_widgets.intercom.models import Job
from intercom_export_widgets.jobs.progress import Progress, Stage
from intercom_export_widgets.notebook.progress import ProgressLine

JOB = Job.from_json({"job_identifier": "v5xsp8c19ji0s82", "status": "in_progress"})
NOBODY = SimpleNamespace(kernel=SimpleNamespace(_allow_stdin=False))
TERMINAL = SimpleNamespace()


class Terminal(io.StringIO):
    """A terminal that keeps what is written to it."""

    def isatty(self):
        return True


class Clock:
    """A clock that stands until it is set."""

    now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def export(session):
    """Return a function that puts a finished export back to any stage, and gives it."""
    done = session.submit("2018-06-01 2018-06-30").wait()

    def at(stage, **more):
        done.progress = Progress(stage, Clock.now, job=JOB, **more)
        return done

    return at


@pytest.fixture
def clock():
    """The clock of the line."""
    return Clock()


def test_a_terminal_shows_the_bar_that_users_of_tqdm_know(export, clock, monkeypatch):
    """Share, bar, bytes, elapsed, left and rate, on one line that is written over."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "120")
    with ProgressLine(TERMINAL, clock) as shown:
        shown.show(export(Stage.WAITING))
        clock.now += 60
        shown.show(export(Stage.DOWNLOADING, received=0, expected=80_000_000))
        clock.now += 10
        shown.show(export(Stage.DOWNLOADING, received=40_000_000, expected=80_000_000))
    written = sys.stdout.getvalue()
    waiting, _, bar = written.split("\r")[1:]
    assert "in progress" in waiting
    assert re.fullmatch(
        r"2018-06-01 to 2018-06-30 \(UTC\):  50%\|█+[▉-▏]? +\| 40\.0M/80\.0M "
        r"\[00:10<00:10, 4\.00MB/s\] *\n",
        bar,
    ), bar
    assert max(map(len, written.split("\r"))) <= 120


STALLED = "The download stalled, trying again, attempt 2 of 5."


def test_a_stall_comes_first_on_a_terminals_line(export, clock, monkeypatch):
    """A line that is cut at the terminal's width says what went wrong, not a bar."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "80")
    with ProgressLine(TERMINAL, clock) as shown:
        shown.show(export(Stage.DOWNLOADING, received=30, expected=100, note=STALLED))
    assert sys.stdout.getvalue().startswith(f"\r{STALLED} Downloading: 30 bytes of")


def test_a_stall_is_printed_without_waiting_for_the_minute(export, clock, capsys):
    """Where a line a minute is printed, a new note is printed when it comes, and once."""
    with ProgressLine(NOBODY, clock) as shown:
        shown.show(export(Stage.DOWNLOADING, received=30, expected=100))
        clock.now += 1
        shown.show(export(Stage.DOWNLOADING, received=30, expected=100, note=STALLED))
        clock.now += 1
        shown.show(export(Stage.DOWNLOADING, received=31, expected=100, note=STALLED))
    first, second = capsys.readouterr().out.splitlines()
    assert STALLED not in first
    assert second.endswith(STALLED)


def test_a_download_that_began_anew_is_measured_anew(export, clock, monkeypatch):
    """Bytes that went back to nothing give no negative rate."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    with ProgressLine(TERMINAL, clock) as shown:
        for received in (60, 0, 10):
            shown.show(export(Stage.DOWNLOADING, received=received, expected=100))
            clock.now += 1
    bar = sys.stdout.getvalue().split("\r")[-1]
    assert "10.0/100" in bar
    assert "10.0B/s" in bar


@pytest.mark.parametrize("shell", [NOBODY, TERMINAL], ids=["papermill", "pipe"])
def test_where_nobody_looks_a_line_is_printed_once_a_minute(export, clock, capsys, shell):
    """Over three hours of polling: the first state, one line a minute, and the end; no bar."""
    with ProgressLine(shell, clock) as shown:
        for _ in range(3 * 60 * 12):
            shown.show(export(Stage.WAITING))
            clock.now += 5
        shown.show(export(Stage.DOWNLOADING, received=40_000_000, expected=80_000_000))
        clock.now += 1
        shown.show(export(Stage.DONE, received=80_000_000, rows={"receipt": 3}))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 180 + 2
    name = export(Stage.DONE).job_identifier
    assert f"2018-06-01 to 2018-06-30 (UTC) · {name} · in progress" in lines[0]
    assert "1 h 59 min" in lines[119]
    assert "Downloading: 40.0 MB of 80.0 MB (50 %)." in lines[-2]
    assert "ready" in lines[-1]
    assert not [line for line in lines if "█" in line or "\r" in line]
