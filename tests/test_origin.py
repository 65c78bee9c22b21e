"""Whether a process that wrote something down still runs, on every system."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import psutil
import pytest

from intercom_export_widgets.jobs import origin

HOST = socket.gethostname()


@pytest.fixture
def child():
    """A process that waits until its input is closed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def looked_up(text, since=None):
    """Look a process up, whatever was answered a moment ago."""
    return origin._look_up.__wrapped__(text, since, 0)


def origin_of(process):
    """Return the origin that a process would write down itself."""
    return origin._origin_of_process.__wrapped__(process.pid)


def test_an_origin_tells_machine_process_and_start():
    """A process finds itself running by what it writes down."""
    host, _, process = origin.here().rpartition(":")
    number, _, start = process.partition("@")
    assert (host, number) == (HOST, str(os.getpid()))
    assert float(start) > 0
    assert looked_up(origin.here())


def test_a_process_that_was_killed_is_gone(child):
    """It runs, and once it is killed and reaped it does not, for old and for new origins."""
    written = [origin_of(child), f"{HOST}:{child.pid}"]
    assert [looked_up(each, time.time()) for each in written] == [True, True]
    child.kill()
    child.wait()
    assert [looked_up(each, time.time()) for each in written] == [False, False]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no zombies")
def test_a_zombie_is_gone(child):
    """A process that has ended counts as such before its parent has noticed."""
    written = origin_of(child)
    os.kill(child.pid, 9)
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.001)
    assert not looked_up(written)


def test_another_process_of_the_same_number_is_not_the_one(child):
    """The start tells a process from a later one of its number, before the time of writing."""
    machine, _, start = origin_of(child).partition("@")
    assert not looked_up(f"{machine}@{float(start) - 60:.2f}", time.time())
    assert looked_up(origin_of(child), 0.0)
    assert not looked_up(machine, time.time() - 3600)


@pytest.mark.skipif(not psutil.LINUX, reason="elsewhere the start of a process stays as it is")
@pytest.mark.parametrize("seconds", [-7200.0, 100.0])
def test_a_clock_that_is_set_ends_no_process(child, monkeypatch, seconds):
    """The start counts from boot, so a step of the clock makes nobody another one."""
    written = origin_of(child)
    boot, started = psutil.boot_time(), psutil.Process(child.pid).create_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: boot + seconds)
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: started + seconds)
    assert looked_up(written)


@pytest.mark.parametrize("text", ["elsewhere:1@2.0", f"{HOST}:x", f"{HOST}:1@x", HOST, ""])
def test_what_can_not_be_looked_up_counts_as_running(text):
    """Another machine's process, and what is no origin, may run."""
    assert looked_up(text)


def test_many_questions_about_one_process_are_one_look(child, monkeypatch):
    """Of 1,500 ranges of one owner, the system is not asked 1,500 times."""
    text, asked, real = origin_of(child), [], psutil.Process
    origin.here()
    monkeypatch.setattr(psutil, "Process", lambda pid: asked.append(pid) or real(pid))
    monkeypatch.setattr(origin.time, "monotonic", lambda: 1e6)
    assert all(origin.is_alive(text) for _ in range(1_500))
    assert len(asked) <= 2
