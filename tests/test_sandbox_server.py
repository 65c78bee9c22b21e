import gc
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from sandbox_talk import Talk

from intercom_export_widgets.sandbox import Sandbox
from intercom_export_widgets.sandbox.__main__ import main


def port_of(sandbox):
    return int(sandbox.base_url.rpartition(":")[2])


def test_start_and_stop_are_quick_and_may_be_repeated():
    """Starting takes under half a second once imported; starting and stopping twice is no error."""
    Sandbox().start().stop()
    sandbox = Sandbox()
    began = time.perf_counter()
    assert sandbox.start() is sandbox
    assert sandbox.start() is sandbox
    assert time.perf_counter() - began < 0.5
    assert sandbox.running
    sandbox.stop()
    sandbox.stop()
    assert not sandbox.running
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.base_url


def test_stopping_leaves_nothing_behind():
    """The port is free, the threads have ended and the archives are gone."""
    before = {thread.ident for thread in threading.enumerate()}
    folders = set(Path(tempfile.gettempdir()).glob("intercom-sandbox-*"))
    with Talk() as talk:
        port = port_of(talk.sandbox)
        talk.export()
        ours = set(Path(tempfile.gettempdir()).glob("intercom-sandbox-*")) - folders
        assert len(ours) >= 1
    assert {thread.ident for thread in threading.enumerate()} <= before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2)
    with Sandbox(port=port) as again:
        assert port_of(again) == port


def test_stopping_closes_what_calls_meanwhile(monkeypatch):
    """A connection accepted while the sandbox stops is closed like the others, not lost open."""
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", lambda seen: unraisable.append(seen.exc_value))
    for _ in range(3):
        with Sandbox() as running:
            port = port_of(running)
            often = threading.Event()
            knocking = threading.Thread(target=knock, args=(port, often))
            knocking.start()
            assert often.wait(30)
        knocking.join()
        gc.collect()
    assert unraisable == []


def knock(port, often):
    """Connect again and again, until nobody listens; say when it has been often."""
    with suppress(OSError):
        for number in itertools.count():
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
            if number == 40:  # so that there are always some on their way
                often.set()


def test_a_sandbox_can_be_started_again():
    """After a stop the same object serves again, with the same token and without old jobs."""
    talk = Talk()
    with talk:
        job = talk.export()
        token = talk.sandbox.token
    with talk:
        assert talk.sandbox.token == token
        assert talk.show(job).status_code == 404
        assert talk.show(talk.export()).json()["status"] == "completed"


def test_stopping_does_not_wait_for_a_large_export():
    """An export in the making is given up."""
    with Talk(rows_per_day=50_000) as talk:
        talk.create({"created_at_after": 0, "created_at_before": 1768415545})
        assert any(thread.name == "sandbox-export" for thread in threading.enumerate())
        began = time.perf_counter()
        talk.sandbox.stop()
        assert time.perf_counter() - began < 10


def test_cancelling_ends_the_writing_of_its_archive():
    """A canceled job's thread stops."""
    with Talk(rows_per_day=50_000) as talk:
        job = talk.create({"created_at_after": 0, "created_at_before": 1768415545}).json()
        talk.cancel(job["job_identifier"])
        deadline = time.monotonic() + 30
        while any(thread.name == "sandbox-export" for thread in threading.enumerate()):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_large_export_is_in_progress_until_it_is_written():
    """A job whose archive takes longer than job_seconds is shown as running, not as failed."""
    with Talk(rows_per_day=3_000, job_seconds=0.0) as talk:
        body = {"created_at_after": 1514764800, "created_at_before": 1514764800 + 20 * 86400}
        job = talk.create(body).json()["job_identifier"]
        deadline = time.monotonic() + 60
        seen = []
        while not seen or seen[-1] != "completed":
            seen.append(talk.show(job).json()["status"])
            assert time.monotonic() < deadline
        assert set(seen) <= {"in_progress", "completed"}


def test_a_job_begins_as_pending_however_quick_it_is():
    """Create says pending even of a job that takes no time, or fails at once."""
    with Talk(job_seconds=0.0) as talk:
        assert talk.create().json()["status"] == "pending"
        talk.sandbox.switch(failed=1)
        created = talk.create()
        assert (created.status_code, created.json()["status"]) == (200, "pending")
        assert talk.show(created.json()["job_identifier"]).status_code == 504


def test_a_workspace_may_be_empty():
    """With no rows a day there is no data."""
    with Talk(rows_per_day=0) as talk:
        assert talk.show(talk.export()).json()["status"] == "no_data"


@pytest.mark.parametrize("wrong", [{"port": -1}, {"port": 65536}, {"seed": -1}, {"days": -1}])
def test_numbers_that_can_not_be_are_refused(wrong):
    """Wrong settings raise ValueError before anything is opened."""
    with pytest.raises(ValueError, match=r"port|negative"):
        Sandbox(**wrong)


def test_a_sandbox_that_is_never_stopped_leaves_no_archives():
    """When the interpreter exits, the folder goes; nothing is said."""
    code = "from intercom_export_widgets.sandbox import Sandbox\nprint(Sandbox().start()._folder)\n"
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert not Path(done.stdout.strip()).exists()


def test_a_taken_port_is_an_error():
    """Listening where somebody listens raises OSError and leaves the sandbox stopped."""
    with Sandbox() as first:
        second = Sandbox(port=port_of(first))
        with pytest.raises(OSError, match="in use"):
            second.start()
        assert not second.running


def test_the_token_is_random_and_hidden():
    """Each sandbox has another token, and neither repr nor the page tells it."""
    with Sandbox() as one, Sandbox(token="given") as other:  # noqa: S106 - that is the test
        assert len(one.token) > 20
        assert one.token not in repr(one)
        assert one.base_url in repr(one)
        assert other.token == "given"  # noqa: S105 - that is the test
        assert one.base_url != other.base_url
    assert "stopped" in repr(one)
    assert Sandbox().token != Sandbox().token


def test_it_runs_in_real_time_without_a_clock():
    """With the real clock a job of a tenth of a second is completed soon."""
    with Sandbox(job_seconds=0.1, rows_per_day=10) as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        with httpx.Client(base_url=sandbox.base_url, headers=headers, trust_env=False) as client:
            range_ = {"created_at_after": 1527811200, "created_at_before": 1527897599}
            job = client.post("/export/content/data", json=range_).json()["job_identifier"]
            deadline = time.monotonic() + 10
            while client.get(f"/export/content/data/{job}").json()["status"] != "completed":
                assert time.monotonic() < deadline


@pytest.fixture
def served():
    command = [sys.executable, "-W", "error", "-m", "intercom_export_widgets.sandbox"]
    command += ["--job-seconds", "0", "--rows-a-day", "10", "--switch", "misspelt_key=yes"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        said = ""
        while "Cancel it" not in said or not said.endswith("json'\n"):
            line = process.stdout.readline()
            assert line, process.stderr.read()
            said += line
        try:
            yield process, said
        finally:
            process.terminate()


def example(said, title):
    """Return the command under a comment of the printed text."""
    return said.split(f"# {title}")[1].partition("\n")[2].partition("\n\n")[0]


@pytest.mark.skipif(os.name == "nt", reason="pastes into a POSIX shell")
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_printed_example_works_as_it_stands(served, tmp_path):
    """The documentation's curl, pasted, creates a job; the lines after it show and download it."""
    process, said = served

    def paste(title, job=""):
        script = f"JOB={job}\n{example(said, title)}"
        command = ["/bin/sh", "-ec", script]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=tmp_path
        ).stdout

    created = paste("Create an export job")
    job = re.search(r'"job_identfier":"(\w{15})","status":"', created).group(1)
    assert '"status":"completed"' in paste("Show it", job)
    paste("Download its data", job)
    assert (tmp_path / "export.zip").read_bytes().startswith(b"PK")
    assert '"status":"completed"' in paste("Cancel it", job)
    assert process.poll() is None


def test_the_printed_example_is_the_documentations():
    """Apart from address and token it is, to the letter, the one of the page."""
    with Sandbox() as sandbox:
        command = example(sandbox.curl(), "Create an export job")
    command = re.sub(r"http://127.0.0.1:\d+", "https://api.intercom.io", command)
    command = re.sub(r"Bearer [\w-]+", "Bearer <Your access token>", command)
    assert command == (
        "curl https://api.intercom.io/export/content/data \\\n-X POST \\\n"
        "-H 'Authorization:Bearer <Your access token>' \\\n-H 'Accept: application/json' \\\n"
        "-H 'Content-Type: application/json' -d '\n{\n"
        '  "created_at_after": 1527811200,\n  "created_at_before": 1530316800\n}\''
    )


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_it_serves_until_it_is_told_to_stop(served, name):
    """Ctrl-C and SIGTERM end it at once, with status 0 and nothing on stderr."""
    process, _ = served
    process.send_signal(getattr(signal, name))
    assert process.wait(30) == 0
    assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--switch", "contaner=zip"], "Did you mean container"),
        (["--switch", "container=rar"], "it is one of"),
        (["--port", "99999"], "port"),
    ],
)
def test_a_wrong_command_line_says_so(arguments, said, capsys):
    """Status 2 and a sentence, no traceback."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_what_it_needs_is_declared():
    """The third parties that the room imports are dependencies of the package."""
    root = Path(__file__).parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = " ".join(project["dependencies"])
    for name in ("starlette", "uvicorn", "isal", "pyarrow", "pandas", "tzdata"):
        assert name in declared
