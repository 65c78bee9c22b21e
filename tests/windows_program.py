"""What `test_wine` runs in Windows' own Python: downloads, keeps, locks and resumes a job.

``windows_program.py ADDRESS TOKEN FOLDER``. It prints the name of each step that has passed.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from intercom_export_widgets import disk
from intercom_export_widgets.errors import FileBusyError, FileError
from intercom_export_widgets.intercom.client import IntercomClient
from intercom_export_widgets.intercom.credentials import Token
from intercom_export_widgets.intercom.partial_file import Partial, part_of
from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.jobs.address import is_remote, local_path, parted
from intercom_export_widgets.jobs.defaults import default_folder, default_ledger
from intercom_export_widgets.jobs.files import Place, Proven, check_folder, checksum
from intercom_export_widgets.jobs.ledger import Ledger
from intercom_export_widgets.jobs.lost import settle_lost
from intercom_export_widgets.jobs.origin import here, is_alive
from intercom_export_widgets.jobs.session import ExportSession
from intercom_export_widgets.notebook.explanation import find_explanation

STEPS = ("downloads", "keeps", "replaces", "locks", "resumes", "settles", "names", "prints")
RUNS = 20
DAY = "2018-06-01"


class Program:
    """The steps, in order.

    Parameters
    ----------
    address, token : str
        The sandbox.
    folder : pathlib.Path
        Where everything is written.
    """

    def __init__(self, address, token, folder):
        self.address, self.token, self.folder = address, token, folder
        self.client = IntercomClient(Token(token), base_url=address)

    def run(self):
        """Run every step; what fails ends the program."""
        for step in STEPS:
            getattr(self, step)()
            said(step)

    def session(self):
        return ExportSession(
            self.token,
            base_url=self.address,
            folder=self.folder / "exports",
            ledger=self.folder / "ledger.sqlite",
            poll_interval=0.05,
        )

    def job(self):
        """Return a job that has completed."""
        job = self.client.submit(Timeframe.parse(DAY, zone="UTC"))
        return until(lambda: self.client.refresh(job.job_identifier), "completed")

    def downloads(self):
        """A file that was downloaded gets its name each time, and nothing else is left."""
        job, folder = self.job(), self.folder / "downloads"
        for number in range(RUNS):
            whole = self.client.download(job, folder / f"{number}.zip")
            assert checksum(whole.path) == whole.sha256
        assert names(folder) == sorted(f"{number}.zip" for number in range(RUNS))

    def keeps(self):
        """A file that arrived becomes an archive of its own name."""
        self.keep(self.job())

    def keep(self, job):
        place = Place(self.folder / "kept", job.job_identifier, None, 1)
        check_folder(place.folder)
        place.prepare()
        whole = self.client.download(job, place.arrived)
        kept = place.keep(lambda _: None, Proven(whole.sha256, {}))
        assert kept.path.suffix == ".zip"
        assert checksum(kept.path) == whole.sha256
        assert kept.path.name in names(place.folder)
        assert not [name for name in names(place.folder) if not name.endswith(".zip")]

    def replaces(self):
        """A file that is open for a moment is waited for; one that stays open is named."""
        old, new = self.folder / "old", self.folder / "new"
        new.write_text("new", encoding="utf-8")
        scanner = new.open(encoding="utf-8")
        threading.Timer(0.3, scanner.close).start()
        disk.replace(new, old)
        with old.open(encoding="utf-8"):
            try:
                disk.remove(old)
            except PermissionError as error:
                refused = str(disk.refused(old, error, "removed", "then try again"))
        assert "another program has it open" in refused
        assert "Close what uses it" in refused
        disk.remove(old)

    def locks(self):
        """Two processes don't write one file; when the first is killed, the second goes on."""
        path = self.folder / "locked.zip"
        with self.other("hold", path) as holder:
            assert holder.stdout.readline().strip() == "held"
            refused = error_of(lambda: Partial(path, "b"), FileBusyError)
            assert "Another download" in refused
            holder.kill()
        with Partial(path, "a") as partial:
            assert partial.size == len(b"half")
            partial.write(b"whole")
            partial.finish()
        assert path.read_bytes() == b"halfwhole"
        assert not part_of(path).exists()

    def resumes(self):
        """What a killed process has submitted is found by the next one, and fetched."""
        with self.other("submit") as owner:
            identifier = owner.stdout.readline().strip()
            entry = Ledger(self.folder / "ledger.sqlite").find(identifier)
            assert is_alive(entry.origin)
            owner.kill()
        time.sleep(0.1)  # for which an answer is given again
        assert not is_alive(entry.origin)
        with self.session() as session:
            taken = session.lineup.take_up()
            assert [export.job_identifier for export in taken] == [identifier]
        self.keep(until(lambda: self.client.refresh(identifier), "completed"))

    def settles(self):
        """A submission whose process ended before the response is reported as lost."""
        ledger = Ledger(self.folder / "ledger.sqlite")
        row = {"session": "a", "status": "submitting", "base_url": "x"}
        machine, _, process = here().rpartition(":")
        number, _, start = process.partition("@")
        ended = f"{machine}:{number}@{float(start) - 60:.2f}"
        numbers = [ledger.add(origin=origin, **row) for origin in (here(), ended)]
        settle_lost(ledger)
        found = [ledger.entry(number).status for number in numbers]
        assert found == ["submitting", "unknown"]

    def names(self):
        """Old folders, long paths, drives and their addresses."""
        before = Path(os.environ["LOCALAPPDATA"]) / "intercom-export-widgets"
        assert default_folder() == before / "exports"
        (before / before.name).mkdir(parents=True)
        assert default_ledger() == before / before.name / "ledger.sqlite"
        deep = self.folder / ("x" * 100) / ("y" * 100)
        refused = error_of(lambda: check_folder(deep), FileError)
        assert not refused or "shorter path" in refused  # where long paths are not enabled
        assert local_path("file:///C:/exports") == "C:/exports"
        assert not is_remote("C://exports")
        assert parted("C:\\exports\\june.parquet") == ("C:\\exports", "june.parquet")
        assert Path(find_explanation(self.folder)).is_absolute()  # the checkout has another drive

    def prints(self):
        """A console of any code page gets whole lines, each ended once."""
        for encoding in ("cp1252", "cp437", "ascii"):
            for arguments, code in ((["--help"], 0), (["2018-06-31\u2013\u65e5"], 2)):
                done = subprocess.run(
                    [sys.executable, "-m", "intercom_export_widgets", *arguments],
                    env={**os.environ, "PYTHONIOENCODING": encoding},
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    check=False,
                )
                shown = done.stdout + done.stderr
                assert done.returncode == code, shown
                assert b"Traceback" not in shown
                assert shown.count(b"\n") == shown.count(b"\r\n") > 0
                assert b"\r\r\n" not in shown

    def other(self, *what):
        """Start this program as another process."""
        command = [sys.executable, __file__, self.address, self.token, self.folder, *what]
        return subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )


def until(look, status):
    """Return what a look gives once it has that status."""
    for _ in range(300):
        found = look()
        if found.status.value == status:
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def error_of(action, kind):
    """Return what an action raises, as text; empty if it raises nothing."""
    try:
        action()
    except kind as error:
        return str(error)
    return ""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def said(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def hold(path):
    """Hold half a download until this process is killed."""
    with Partial(path, "a") as partial:
        partial.restart('"one"', 9)
        partial.write(b"half")
        said("held")
        time.sleep(600)


def submit(program):
    """Submit a job, and follow it until this process is killed."""
    with program.session() as session:
        said(session.submit("2018-06-02").wait_submitted().job_identifier)
        time.sleep(600)


def main(address, token, folder, what="", path=""):
    program = Program(address, token, Path(folder))
    if what == "hold":
        hold(Path(path))
    elif what == "submit":
        submit(program)
    else:
        program.run()
        if importlib.util.find_spec("numpy") is None:
            said("numpy does not load under this wine: tables are not tried.")


if __name__ == "__main__":
    main(*sys.argv[1:])
