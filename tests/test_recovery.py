"""kill -9 at any instant: what the next process finds, and that it loses nothing."""

from __future__ import annotations

import collections
import datetime as dt
import hashlib
import io
import os
import random
import signal
import sqlite3
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from mortal import Fate, Nursery
from shares import windows_shares  # noqa: F401 - a fixture
from wire import Reply, WireServer, file, job

from intercom_export_widgets.jobs.lost import LOST
from intercom_export_widgets.jobs.session import ExportSession

pytestmark = [
    pytest.mark.usefixtures("windows_shares"),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL"),
]

KILLED = -9
GENERATIONS = 4
"""How often a next process takes up what those before it left."""
ROWS = 500


def archive_of(number):
    """Return the bytes of an export that is like no other."""
    chance = random.Random(number)  # noqa: S311 - makes data, keeps no secret
    rows = "".join(f"r{row},{number + row},{chance.random()}\n" for row in range(ROWS))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as whole:
        member = zipfile.ZipInfo("receipt_20180701-000000.csv")
        whole.writestr(member, "receipt_id,received_at,name\n" + rows)
    return packed.getvalue()


class Intercom(WireServer):
    """A server that remembers every job, and kills the process that it answers when told to.

    Attributes
    ----------
    created : Counter
        How many jobs were created for each range, by its first second.
    downloads : Counter
        How often each job's data were asked for.
    deadly : str
        The call that is the caller's last: ``create``, ``show`` or ``download``; or none.
    early : bool
        Whether the caller dies before its request has any effect.
    cut : int or None
        After how many bytes of the answer's body it dies; None for all.
    """

    def __init__(self):
        self.created = collections.Counter()
        self.downloads = collections.Counter()
        self.data = {}
        self.deadly, self.early, self.cut = "", False, None
        self._victim = 0
        super().__init__(self.answer)

    def answer(self, asked):
        """Return the answer to one request, having done what it asks for."""
        call = CALLS.get(asked.path.split("/")[1], "")
        call = "create" if asked.method == "POST" else call
        dying = call and call == self.deadly
        pid = int(asked.headers["authorization"].rpartition("-")[2])
        if dying and self.early:
            os.kill(pid, signal.SIGKILL)
            return Reply(silent=True)
        reply = self.effect(call, asked)
        if dying:
            self._victim = pid
            return replace(reply, cut=self.cut)
        return reply

    def effect(self, call, asked):
        """Return the answer of an Intercom that kills nobody."""
        if call == "create":
            after = asked.json["created_at_after"]
            self.created[after] += 1
            self.data[f"job{after}"] = archive_of(after)
            return Reply(200, job(f"job{after}"))
        identifier = asked.path.rpartition("/")[2]
        if call == "show":
            return Reply(200, job(identifier, "completed", download_expires_at="4000000000"))
        if call == "download":
            self.downloads[identifier] += 1
            return file(self.data[identifier], headers={"ETag": f'"{identifier}"'})(asked)
        return Reply(200, {"app": {"id_code": "abc", "name": "Example", "timezone": "UTC"}})

    def _play(self, connection, reply):
        """Send an answer, and then kill who gets it."""
        stays, victim = super()._play(connection, reply), self._victim
        if victim:
            self._victim = 0
            os.kill(victim, signal.SIGKILL)
        return stays


CALLS = {"export": "show", "download": "download"}


def fates():
    """Return every death: by whose hand, and when, in the order of an export's life."""
    served = [("create", True, None)] * 8
    served += [("create", False, cut) for cut in (0, 1, 20, 60, None) for _ in range(4)]
    served += [("show", True, None)] * 12 + [("show", False, None)] * 12
    size = len(archive_of(1527811200))
    served += [("download", False, size * part // 40) for part in range(40)]
    served += [("download", True, None)] * 4 + [("download", False, None)] * 8
    own = [Fate("file", count) for count in range(1, 41)]
    own += [Fate("ledger", count) for count in range(1, 51)]
    own += [Fate("step", count) for count in range(1, 41)]
    own += [Fate("moment", 2 * count) for count in range(1, 41)]
    return [(Fate("elsewhere"), *how) for how in served] + [(f, "", False, None) for f in own]


SAMPLE = 9
"""One of so many deaths is tried, unless every one is asked for."""


@pytest.mark.kernel
def test_nothing_is_lost_whenever_a_process_is_killed(tmp_path, exhaustive):
    """Killed at any instant of an export's life, no export is sent twice, halved or forgotten."""
    chosen = fates() if exhaustive else fates()[::SAMPLE]
    home = tmp_path / "home"
    deaths = collections.Counter()
    with Intercom() as server, Nursery(home, server.url) as nursery:
        lives = list(enumerate(chosen))
        for generation in range(GENERATIONS):
            for number, (fate, deadly, early, cut) in lives[generation::GENERATIONS]:
                server.deadly, server.early, server.cut = deadly, early, cut
                code = nursery.bear(str(day(number)), fate)
                assert code in {0, KILLED}, fate
                deaths[deadly or fate.at] += code == KILLED
            server.deadly = ""
            take_up(home, server)
        assert max(server.created.values()) == 1
    assert deaths.total() > 0.75 * len(chosen)
    assert min(deaths.values()) >= len(chosen) // 15, deaths


def day(number):
    """Return a day of its own for each life."""
    return dt.date(2018, 1, 1) + dt.timedelta(number)


def take_up(home, server):
    """Take up all that is in the ledger, and see that it is all there is."""
    with sqlite3.connect(home / "ledger.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    submitted, downloads = server.created.copy(), server.downloads.copy()
    whole = {path.stem.rpartition("_")[2] for path in (home / "exports").glob("*.zip")}
    with ExportSession(
        f"token-of-{os.getpid()}",
        base_url=server.url,
        folder=home / "exports",
        ledger=home / "ledger.sqlite",
        poll_interval=0.001,
        pause=lambda _: None,
    ) as session:
        entries = session.entries(everything=True)
        named = {entry.job_identifier for entry in entries if entry.job_identifier}
        for entry in entries:
            if not entry.job_identifier:
                assert (entry.status, entry.error) == ("unknown", LOST)
            elif entry.finished_at is None:
                export = session.attach(entry.job_identifier).wait(60)
                assert len(export.tables["receipt"]) == ROWS
    assert server.created == submitted
    again = [name for name in whole if server.downloads[name] != downloads[name]]
    assert not again, "what is whole on disk need not be kept by Intercom any longer"
    remembered = collections.Counter(entry.created_at_after for entry in entries)
    assert remembered >= server.created
    assert max(remembered.values()) == 1
    kept = sorted(path.name for path in (home / "exports").iterdir())
    assert len(kept) == len(named), [name for name in kept if not name.endswith(".zip")]
    for identifier in named:
        entry = session.ledger.find(identifier)
        data = server.data[identifier]
        assert entry.sha256 == hashlib.sha256(data).hexdigest()
        assert Path(entry.path).read_bytes() == data
