"""A nursery of processes that use the package and are killed while they do.

Run as a program, it imports the package once and then forks a child for each line that it
reads: a child exports one range as a user's kernel would, and kills itself, or is killed,
with SIGKILL. It has one thread, so that forking it is safe.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import certifi


@dataclass(frozen=True)
class Fate:
    """When a child dies, unless somebody else kills it.

    Attributes
    ----------
    at : str
        ``"file"``: before the n-th time that it opens, renames or removes a file of its
        own; ``"ledger"``: before the n-th statement that it gives to SQLite; ``"step"``:
        within a statement, at the n-th of its looks, `STEP` instructions apart; ``"moment"``: after
        n thousandths of a second; ``"elsewhere"``: not by its own hand.
    count : int
        The n.
    """

    at: str
    count: int = 0


FILE_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir"}
FIRST_DAY = "2017-01-01"
STEP = 10
"""Instructions of SQLite between two looks at a fate within a statement."""


class Nursery:
    """The program and its children; each is given a range of its own."""

    def __init__(self, home: Path, base_url: str) -> None:
        home.mkdir(mode=0o700)
        # Of a hundred authorities one is enough, where there is no TLS: reading them takes long.
        end = "-----END CERTIFICATE-----\n"
        authority = home / "authority.pem"
        authority.write_text(Path(certifi.where()).read_text().partition(end)[0] + end)
        self._program = subprocess.Popen(
            [sys.executable, __file__, str(home), base_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "SSL_CERT_FILE": str(authority)},
        )
        assert self._program.stdout.readline() == "ready\n"

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the program."""
        self._program.stdin.close()
        self._program.wait(30)
        self._program.stdout.close()

    def bear(self, timeframe: str, fate: Fate) -> int:
        """Let a child live until its death; return its exit code, below 0 for a signal."""
        order = {"timeframe": timeframe, "at": fate.at, "count": fate.count}
        self._program.stdin.write(json.dumps(order) + "\n")
        self._program.stdin.flush()
        return int(self._program.stdout.readline())


def die() -> None:
    """End at once, as if the power had gone."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


class Countdown:
    """Dies at the n-th call."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __call__(self, *_: object) -> int:
        """Count, and return 0, which lets SQLite go on."""
        self._left -= 1
        if self._left <= 0:
            die()
        return 0


def arrange(fate: Fate, home: str) -> None:
    """Arrange for a child's death."""
    count = Countdown(fate.count)
    if fate.at == "moment":
        timer = threading.Timer(fate.count / 1000, die)
        timer.daemon = True
        timer.start()

    def hear(event: str, details: tuple) -> None:
        if fate.at == "file" and event in FILE_EVENTS and str(details[0]).startswith(home):
            count()

    def connect(*given: object, **more: object) -> sqlite3.Connection:
        connection = plain_connect(*given, **more)
        if fate.at == "ledger":
            connection.set_trace_callback(count)
        if fate.at == "step":
            connection.set_progress_handler(count, STEP)
        return connection

    sys.addaudithook(hear)
    plain_connect, sqlite3.connect = sqlite3.connect, connect


def live(home: str, base_url: str, timeframe: str, fate: Fate) -> None:
    """Export a range and read it, as a user does."""
    from intercom_export_widgets.jobs.session import ExportSession

    # The pid goes along, so that a server can kill whom it answers.
    session = ExportSession(
        f"token-of-{os.getpid()}",
        base_url=base_url,
        folder=Path(home) / "exports",
        ledger=Path(home) / "ledger.sqlite",
        poll_interval=0.001,
        pause=lambda _: None,
    )
    arrange(fate, home)
    export = session.submit(timeframe).wait(60)
    export.tables["receipt"]


def needed(home: str, base_url: str) -> list[str]:
    """Return the modules that a whole life imports, found out by a child that is not counted."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        live(home, base_url, FIRST_DAY, Fate("elsewhere"))
        os.write(writing, "\n".join(sys.modules).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        names = told.read().split("\n")
    os.wait()
    return names


def main(home: str, base_url: str) -> None:
    """Bear a child for each line, and say how it ended."""
    for name in needed(home, base_url):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                live(home, base_url, order["timeframe"], Fate(order["at"], order["count"]))
            except BaseException as error:  # noqa: BLE001 - a child must not go on as its parent
                sys.stderr.write(f"{order}: {error!r}\n")
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
