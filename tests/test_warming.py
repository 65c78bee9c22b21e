"""What reading needs is imported while a job is pending, and not before."""

from __future__ import annotations

import json
import subprocess
import sys
import types

from wire import Reply, WireServer, job

from intercom_export_widgets.data.memory import release_memory

CODE = """
import sys, threading, time
from intercom_export_widgets import ExportSession

def heavy():
    return sorted({"pandas", "pyarrow"} & set(sys.modules))

session = ExportSession("token", base_url=%r, folder=%r, ledger=%r, poll_interval=3600)
found = [heavy()]
export = session.submit("2018-06-01 2018-06-30")
rest = threading.Event()
while not export.progress.next_ask_at:
    rest.wait(0.01)
for thread in threading.enumerate():
    if thread.name == "intercom-export-warm-up":
        thread.join()
found.append(heavy())
session.submit("2018-07-01 2018-07-31")
found.append([thread.name for thread in threading.enumerate() if "warm" in thread.name])
import json
print(json.dumps(found))
"""


def test_a_pending_job_has_pandas_and_pyarrow_imported_once(tmp_path):
    """Before there is something to wait for nothing heavy is imported; then all of it, once."""

    def answer(asked):
        if asked.path == "/me":
            return Reply(200, {"app": {"id_code": "abc", "name": "Acme"}})
        return Reply(200, job(status="in_progress"))

    with WireServer(answer) as server:
        code = CODE % (server.url, str(tmp_path / "exports"), str(tmp_path / "ledger.sqlite"))
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
    assert not done.returncode, done.stderr
    assert json.loads(done.stdout) == [[], ["pandas", "pyarrow"], []]


def test_memory_is_released_while_pyarrow_is_being_imported(monkeypatch):
    """The thread that imports it may have come no further than its name."""
    monkeypatch.setitem(sys.modules, "pyarrow", types.ModuleType("pyarrow"))
    release_memory()
