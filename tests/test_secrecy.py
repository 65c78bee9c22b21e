"""Every verb and every error, told by a hostile server: no token and no markup comes out."""

from __future__ import annotations

import gc
import io
import json
import logging
import os
import shlex
import sqlite3
from pathlib import Path

import ipywidgets
import pytest
from IPython.core.ultratb import VerboseTB
from IPython.utils.capture import capture_output
from mirror import HARMLESS, MARKUP, Elements, Mirror
from shells import loaded_shell
from traitlets.config import Config
from wire import Reply, error, job

from intercom_export_widgets import errors
from intercom_export_widgets.data.memory import memory_errors
from intercom_export_widgets.intercom.partial_file import Partial
from intercom_export_widgets.jobs.connection import Connection
from intercom_export_widgets.notebook import usage
from intercom_export_widgets.sandbox import Sandbox

TOKEN = "dG9rOkZJTkQ6TUU6SUY6WU9VOkNBTg"  # noqa: S105 - no real token
LOCK = "Exceeded rate limit of 1 pending message data export jobs"

SCENES = [
    # (what the server says, the status of jobs, the cell, the error that it ends in)
    ({}, "", "", None),
    ({}, "", "2018-06-01 --dry-run --zone Europe/Dublin", None),
    ({}, "", "2018-06-02 --wait --output kept", None),
    ({}, "", "cell: kept.chart()", None),
    ({}, "", "cell: import sys; sys.modules['altair'] = None; kept.chart()", "PackageMissingError"),
    ({}, "", "cell: del sys.modules['altair']", None),
    ({}, "", "2018-06-03 --table receipt", None),
    ({}, "", "2018-06-03 --fresh --wait", None),
    ({}, "", "2018-06-03 --observe 3d --wait", None),
    ({}, "", "2018-06-03 --refresh --wait", None),
    ({}, "", "2018-05-07 --when-free --wait", None),
    ({}, "", "2018-05-08 2018-05-09 --every 1d --mixed --wait", None),
    ({}, "", "2018-05-10 --cancel-holder JOB --wait", None),
    ({}, "", "queue", None),
    ({}, "", "status", None),
    ({}, "", "status JOB", None),
    ({}, "", "attach JOB --wait", None),
    ({}, "", "load JOB", None),
    ({}, "", "log", None),
    ({}, "", "log --all", None),
    ({}, "", "log --interactive", None),
    ({}, "", "2018-06-03 --interactive", None),
    ({}, "", "doctor", None),
    ({}, "", "help", None),
    ({}, "", "help attach", None),
    (
        {},
        "",
        f"help {MARKUP.replace(chr(34), '').replace(chr(39), '').replace(' ', '')}",
        "UsageError",
    ),
    ({}, "", "cell: %intercom_export?", None),
    ({}, "", "--help", None),
    ({}, MARKUP, "2018-06-04", None),
    ({}, MARKUP, "cancel", None),
    ({}, "", "cancel JOB", None),
    ({}, "", "2018-07-01 2018-06-01", "TimeframeError"),
    ({}, "", f"--{MARKUP.replace(chr(34), '').replace(chr(39), '')}", "UsageError"),
    ({}, "", "2018-06-01 --region mars", "SettingError"),
    ({}, "", "2018-06-01 --table recept", "TableNotFoundError"),
    ({}, "", "status JOB --region eu", "TokenMissingError"),
    ({"show": error(401, "x", "Invalid")}, "", "status JOB", "TokenRejectedError"),
    ({"show": error(403, "x", "Not authorized")}, "", "status JOB", "AccessDeniedError"),
    ({"create": error(400, "x", "bad 'x'")}, "", "2018-06-05", "RequestRefusedError"),
    ({"create": error(429, "x", LOCK)}, "", "2018-06-05", "JobLockedError"),
    ({"create": error(429, "x", "", retry_after="1")}, "", "2018-06-05", "ThrottledError"),
    ({"create": Reply(silent=True)}, "", "2018-06-06", "SubmissionUnknownError"),
    ({"create": error(429, "x", LOCK)}, "", "2018-06-05", "JobLockedError"),
    ({"show": error(404, "x", "Not found")}, "", "status JOB", "JobNotFoundError"),
    ({"show": Reply(reset=True)}, "", "status JOB", "ConnectionFailedError"),
    ({"show": Reply(503, f"{MARKUP} ")}, "", "status JOB", "ServerFaultError"),
    ({"show": Reply(302, "")}, "", "status JOB", "RedirectedError"),
    ({"show": Reply(200, f"{MARKUP} ")}, "", "status JOB", "UnreadableAnswerError"),
    ({"show": Reply(200, job(f"1{MARKUP}", MARKUP))}, "", "status JOB", None),
    ({"me": Reply(200, f"{MARKUP} ")}, "", "doctor", None),
    ({}, "failed", "2018-06-07 --wait", "JobFailedError"),
    ({}, "canceled", "2018-06-08 --wait", "JobCanceledError"),
    ({"download": error(404, "x", "Gone")}, "", "2018-06-09 --wait", "DownloadExpiredError"),
    ({"download": Reply(302, "")}, "", "2018-06-10 --wait", "ServerFaultError"),
    ({"download": Reply(200, f"{MARKUP} ")}, "", "2018-06-11 --wait", "UnreadableAnswerError"),
    ({"download": Reply(200, b"PK\x03\x04" * 9)}, "", "2018-06-12 --wait", "ArchiveDamagedError"),
    ({}, "", "load json.zip", "ArchiveError"),
    ({}, "", "load missing.zip", "FileError"),
    ({}, "", "cell: exhaust_memory(client)", "OutOfMemoryError"),
    ({}, "pending", "2018-06-13 --output running", None),
    ({}, "pending", "cell: running.receipts", "NotReadyError"),
    ({}, "pending", "cell: running.wait(0.01)", "WaitTimeoutError"),
    ({}, "pending", "cell: running.wait(callback=interrupt)", "WaitInterruptedError"),
    ({}, "", "cell: client.download(running.job, busy)", "FileBusyError"),
    ({}, "", "cell: %config IntercomExport", None),
    ({}, "", "cell: session, session.connection, client, vars(session.connection)", None),
    ({}, "", "sandbox", None),
    ({}, "", "2018-06-14 --wait --debug", None),
    ({}, "", "sandbox stop", None),
    ({}, "", "cell: %config IntercomExport.base_url = 'https://me:pass@example.com'", None),
    ({}, "", "cell: %config IntercomExport.ledger = newer", None),
    ({}, "", "log", "LedgerError"),
]


@pytest.fixture
def heard():
    """Everything that anybody logs, at DEBUG."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    names = ["", "httpx", "httpcore", "traitlets", "asyncio", "intercom_export_widgets", "uvicorn"]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def mirror():
    """The hostile server."""
    with Mirror() as running:
        yield running


@pytest.fixture
def shell(mirror, tmp_path, monkeypatch):
    """A shell with a history on disk, whose session was given the token by hand."""
    monkeypatch.chdir(tmp_path)
    config = Config()
    config.HistoryManager.hist_file = str(tmp_path / "history.sqlite")
    config.IntercomExport.base_url = mirror.url
    config.IntercomExport.folder = str(tmp_path / "exports")
    config.IntercomExport.ledger = str(tmp_path / "ledger.sqlite")
    config.IntercomExport.poll_interval = 0.1
    with loaded_shell(config) as running:
        session = running.magics_manager.registry["IntercomExportMagics"].session
        session.connection = Connection(TOKEN, base_url=mirror.url, pause=lambda _: None)
        running.run_cell("%xmode Verbose")
        yield running


def interrupt(_):
    """Be somebody who presses stop."""
    raise KeyboardInterrupt


def prepare(shell, tmp_path):
    """Give the cells what they name."""
    session = shell.magics_manager.registry["IntercomExportMagics"].session
    Path("json.zip").write_text('{"a": 1}')
    with sqlite3.connect("newer.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    busy = Partial(tmp_path / "busy.zip", "another")  # held until the test ends
    shell.user_ns.update(
        interrupt=interrupt,
        exhaust_memory=exhaust_memory,
        session=session,
        client=session.connection.client(),
        busy=tmp_path / "busy.zip",
        held=busy,
        newer=str(tmp_path / "newer.sqlite"),
    )
    return session


@memory_errors("read the table")
def exhaust_memory(client):
    """Fail as a table does that does not fit into memory."""
    raise MemoryError(repr(client))


def show(shell, cell, *, deep=True):
    """Run a cell; return its error, and all that it shows in every form, or but the deepest."""
    with capture_output() as captured:
        done = shell.run_cell(cell, store_history=True)
    raised = done.error_in_exec or done.error_before_exec
    shown = [captured.stdout, captured.stderr]
    html = []
    for output in captured.outputs:
        shown.append(json.dumps(output.data, default=str))
        html.append(output.data.get("text/html", ""))
    if done.result is not None:
        data, _ = shell.display_formatter.format(done.result)
        shown.append(repr(data))
        html.append(data.get("text/html", ""))
    if raised is not None:
        shown += [repr(raised), repr(vars(raised)), verbose(raised) if deep else ""]
    return raised, "".join(shown), "".join(html)


def verbose(raised):
    """Return the traceback with the locals of every frame, of every error in the chain."""
    ours = raised.__traceback__
    while ours is not None and "/tests/" in ours.tb_frame.f_code.co_filename:
        ours = ours.tb_next
    return VerboseTB(theme_name="nocolor", include_vars=True).text(type(raised), raised, ours)


def test_every_verb_and_every_error_keeps_the_token_and_the_markup(shell, mirror, heard, tmp_path):
    """Outputs, tracebacks, logs, files, history, state and environment hold neither."""
    prepare(shell, tmp_path)
    seen = set()
    for says, status, line, expected in SCENES:
        mirror.says, mirror.status = says, status or "completed"
        cell = line.removeprefix("cell: ")
        if cell == line:
            cell = f"%intercom_export {line}"
        variants = ("", " --debug") if cell.startswith("%intercom") and expected else ("",)
        for more in variants:
            asked = (cell + more).replace("JOB", shlex.quote(f"1{MARKUP}"))
            raised, shown, html = show(shell, asked, deep=more == variants[-1])
            assert TOKEN not in shown, line
            assert TOKEN.lower() not in shown.lower(), line
            elements = Elements(html)
            assert elements.names <= HARMLESS, line
            assert not [name for name in elements.attributes if name.startswith("on")], line
            if expected:
                assert type(raised).__name__ == expected, (line, raised)
            else:
                assert raised is None, (line, raised)
            seen.add(type(raised).__name__)
    assert seen >= {each.__name__ for each in leaves(errors.IntercomExportError)}
    assert {name for *_, line, _ in SCENES for name in line.split()} >= {
        *usage.VERBS,
        *usage.OPTIONS,
    }
    state = json.dumps(ipywidgets.Widget.get_manager_state(), default=str)
    assert TOKEN not in state
    assert f"Bearer {TOKEN}" in str(mirror.requests)
    assert "receive_response_headers" in heard.getvalue()
    assert TOKEN not in heard.getvalue()
    shell.history_manager.writeout_cache()
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path
    assert TOKEN not in repr(dict(os.environ))


def leaves(root):
    """Return the errors that have no kind of their own beneath them."""
    below = root.__subclasses__()
    return [root] if not below else [leaf for each in below for leaf in leaves(each)]


def test_no_object_of_ours_shows_the_token(shell, mirror, tmp_path):
    """The repr of every object of the package that is alive has no token in it."""
    prepare(shell, tmp_path)
    mirror.status = "pending"
    show(shell, "%intercom_export 2018-06-01")
    show(shell, "form = %intercom_export")
    rooms = "intercom_export_widgets."
    ours = [each for each in gc.get_objects() if str(type(each).__module__).startswith(rooms)]
    assert len(ours) > 10
    assert not [each for each in ours if TOKEN in repr(each)]
    show(shell, "%intercom_export cancel")


def test_the_pages_of_the_sandbox_hold_no_token():
    """Neither its page, nor a refusal, nor its record of requests has the token in it."""
    import httpx

    with Sandbox(token=TOKEN) as sandbox, httpx.Client(base_url=sandbox.base_url) as http:
        told = [http.get(path) for path in ("/", "/me", "/nowhere")]
        told.append(http.get("/me", headers={"Authorization": f"Bearer {TOKEN}x"}))
        told.append(http.get("/me", headers={"Authorization": f"Bearer {TOKEN}"}))
        assert [answer.status_code for answer in told] == [200, 401, 401, 401, 200]
        assert not [a for a in told if TOKEN in a.text or TOKEN in str(a.headers)]
        assert TOKEN not in repr([seen.headers for seen in sandbox.requests])
        assert TOKEN not in repr(sandbox)
