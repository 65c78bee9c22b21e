"""A growing file is asked onto the disk while it grows, and nobody waits for that."""

from __future__ import annotations

import errno
import os
import threading

import pytest
from wire import Clock

from intercom_export_widgets.intercom.settling import INTERVAL, Settling


@pytest.fixture
def asked(monkeypatch):
    """The sizes that the file had each time it was asked onto the disk."""
    sizes, real = [], os.fsync

    def fsync(number):
        sizes.append(os.fstat(number).st_size)
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    return sizes


@pytest.fixture
def file(tmp_path):
    """A file without a buffer, as a download grows in."""
    with (tmp_path / "growing").open("ab", buffering=0) as opened:
        yield opened


def test_a_growing_file_is_written_out_once_an_interval(file, asked):
    """However often it grows, the disk is asked once in each interval, for what is there."""
    clock = Clock()
    settling = Settling(file.fileno(), clock.now)
    for _ in range(30):
        file.write(b"x")
        settling.tell()
        settling.wait()
        clock.pause(INTERVAL / 8)
    assert asked == [9, 17, 25]


def test_a_slow_disk_is_not_asked_again_before_it_has_answered(file, monkeypatch):
    """While one writing out goes on, the file grows on and no second one is begun."""
    answer, asked = threading.Event(), []
    monkeypatch.setattr(os, "fsync", lambda number: asked.append(number) or answer.wait(30))
    clock = Clock()
    settling = Settling(file.fileno(), clock.now)
    for _ in range(5):
        clock.pause(2 * INTERVAL)
        settling.tell()
    answer.set()
    settling.wait()
    assert len(asked) == 1


def test_it_goes_on_when_the_file_is_closed(tmp_path, asked):
    """What was begun has a descriptor of its own: closing the file ends nothing."""
    with (tmp_path / "growing").open("ab", buffering=0) as file:
        file.write(b"all of it")
        settling = Settling(file.fileno())
        settling.begin()
    settling.wait()
    assert asked == [9]


def test_a_disk_that_refuses_is_logged(file, monkeypatch, caplog):
    """What is downloaded is good all the same: it is said in the log, and stops nothing."""

    def fsync(_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    settling = Settling(file.fileno())
    settling.begin()
    settling.wait()
    assert caplog.messages == ["The disk may not keep what was downloaded: Input/output error."]
