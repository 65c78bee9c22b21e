"""What is under way when the interpreter shuts down, and starts no thread any more."""

from __future__ import annotations

import subprocess
import sys

import pytest

STORY = """
import atexit, threading
from concurrent.futures import ThreadPoolExecutor

from intercom_export_widgets.jobs.drive import Drive
from intercom_export_widgets.jobs.watch import Pause

ended = threading.Event()

def told(error):
    print(type(error).__name__, flush=True)

drive = Drive(
    "test",
    stopped=lambda: False,
    left=lambda: KeyError("left"),
    failed=told,
    ended=ended.set,
)

def at_exit(*calls):
    for call in calls:
        call()
    print(ended.wait(30))
"""

STEPS = {
    "begins": """
def story():
    yield Pause(0.01)

atexit.register(at_exit, lambda: drive.begin(story()), drive.leave)
""",
    "starts a thread": """
going = threading.Event()

def story():
    going.wait(30)
    ThreadPoolExecutor().submit(print, "worked")
    yield Pause(0.01)

drive.begin(story())
atexit.register(at_exit, going.set)
""",
    "rests": """
going = threading.Event()

def story():
    yield Pause(0.01)
    going.wait(30)
    yield Pause(0.01)
    yield Pause(3600)

drive.begin(story())
atexit.register(at_exit, going.set, drive.leave)
""",
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_story_is_left_when_the_interpreter_shuts_down(step):
    """Work that needs a thread during shutdown is left; it does not fail and prints nothing."""
    done = subprocess.run(
        [sys.executable, "-c", STORY + step],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["KeyError", "True"]


def test_a_request_is_sent_while_the_interpreter_shuts_down(sandbox):
    """A connection that is made during shutdown needs no thread, so no submission is lost."""
    code = (
        "import atexit\n"
        "from intercom_export_widgets.intercom.client import IntercomClient\n"
        "from intercom_export_widgets.intercom.credentials import Token\n"
        f"client = IntercomClient(Token({sandbox.token!r}), base_url={sandbox.base_url!r})\n"
        "atexit.register(lambda: print(client.identify().sandbox))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "True"


def test_a_backfill_is_left_when_the_interpreter_shuts_down(sandbox, tmp_path):
    """A script that ends while a window's job runs does not wait in vain for its backfill."""
    sandbox.switch(stuck=1)
    arguments = [sandbox.token, sandbox.base_url, str(tmp_path / "exports"), str(tmp_path / "l.db")]
    code = (
        "import atexit, sys, threading\n"
        # What is registered first is called last.
        "atexit.register(lambda: print(backfill.done))\n"
        "from intercom_export_widgets import ExportSession\n"
        "token, url, folder, ledger = sys.argv[1:]\n"
        "session = ExportSession(\n"
        "    token, base_url=url, folder=folder, ledger=ledger, poll_interval=0.05\n"
        ")\n"
        "backfill = session.backfill('2018-06-01 2018-06-02', '1d')\n"
        "while not any(each.job_identifier for each in backfill.exports):\n"
        "    threading.Event().wait(0.01)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "True"
