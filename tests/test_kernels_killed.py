"""kill -9 of real Jupyter kernels, at each point of an export's life, in a loop that counts."""

from __future__ import annotations

import collections
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client import KernelManager
from mortal import Fate
from test_recovery import Intercom, archive_of, day, take_up

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL"),
]

GENERATION = 4
"""After how many kernels the next process takes up what they left."""

CODE = """
import sys
sys.path.insert(0, {tests!r})
from mortal import Fate, live
live({home!r}, {url!r}, {day!r}, Fate({at!r}, {count}))
"""


def fates():
    """Yield each point and how a kernel dies there, again and again, each time a little later."""
    size = len(archive_of(1527811200))
    turn = 0
    while True:
        turn += 1
        yield "submitting", Fate("elsewhere"), ("create", turn % 2 == 0, turn % 40)
        yield "polling", Fate("elsewhere"), ("show", turn % 2 == 0, None)
        yield "downloading", Fate("elsewhere"), ("download", False, turn * 37 % size)
        # From the seventh file on it is the cache that is written, and the last renames.
        yield "converting", Fate("file", 7 + turn % 12), ("", False, None)
        yield "writing the ledger", Fate("step", 5 + turn * 7 % 300), ("", False, None)


class Kernel:
    """A real kernel, which starts while another lives, and lives one export."""

    def __init__(self):
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(stderr=subprocess.DEVNULL)
        self.client = self.manager.client()
        self.client.start_channels()

    def live(self, code, *, seconds=60):
        """Run code until it ends or the kernel does; return whether the kernel was killed."""
        self.client.wait_for_ready(timeout=seconds)
        self.client.execute(code)
        process = self.manager.provisioner.process
        while process.poll() is None:
            try:
                message = self.client.get_iopub_msg(timeout=0.1)
            except Exception as error:
                if type(error).__name__ != "Empty":
                    raise
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                asked = message["parent_header"].get("msg_type")
                if asked == "execute_request":
                    return False
        return process.returncode == -9

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.mark.timeout(1200)
def test_nothing_is_lost_whenever_a_kernel_is_killed(tmp_path, monkeypatch, exhaustive):
    """Real kernels die at each point; no export is sent twice, halved or forgotten."""
    wanted = 100 if exhaustive else 10
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    deaths, lives = collections.Counter(), collections.Counter()
    with Intercom() as server:
        born = Kernel()
        for number, (point, fate, served) in zip(range(3 * wanted), fates(), strict=False):
            if deaths.total() >= wanted:
                break
            kernel, born = born, Kernel()
            server.deadly, server.early, server.cut = served
            try:
                killed = kernel.live(
                    CODE.format(
                        tests=str(Path(__file__).parent),
                        home=str(home),
                        url=server.url,
                        day=str(day(number)),
                        at=fate.at,
                        count=fate.count,
                    )
                )
            finally:
                kernel.close()
            deaths[point] += killed
            lives[point] += 1
            if number % GENERATION == GENERATION - 1:
                server.deadly = ""
                take_up(home, server)
        born.close()
        server.deadly = ""
        take_up(home, server)
        assert max(server.created.values()) == 1
    sys.stdout.write(f"kernels killed: {dict(deaths)} of {dict(lives)}\n")
    assert deaths.total() >= wanted
    assert min(deaths.values()) >= wanted // 10, deaths
