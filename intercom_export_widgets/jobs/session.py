"""The session: settings, the exports that were begun, and their log.

The magic, the form and plain Python all work through `ExportSession`. It knows no
notebook: how a token is asked for is handed in, and nothing is shown from here.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Self

from traitlets import HasTraits, Instance, Tuple

from intercom_export_widgets.errors import FileError, IntercomExportError
from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.jobs import log as logs
from intercom_export_widgets.jobs.connection import Connection
from intercom_export_widgets.jobs.files import default_folder, default_ledger
from intercom_export_widgets.jobs.handle import Export
from intercom_export_widgets.jobs.ledger import Ledger
from intercom_export_widgets.jobs.progress import Progress, Stage, status_word
from intercom_export_widgets.jobs.reading import open_tables, progress_of_file, timeframe_of
from intercom_export_widgets.jobs.schedule import Schedule
from intercom_export_widgets.jobs.slot import name_holder
from intercom_export_widgets.jobs.tools import Tools

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from intercom_export_widgets.data.tables import Tables
    from intercom_export_widgets.intercom.credentials import Token
    from intercom_export_widgets.intercom.job import Job
    from intercom_export_widgets.intercom.workspace import Workspace
    from intercom_export_widgets.jobs.ledger import Entry

__all__ = ["ExportSession"]


class ExportSession(HasTraits):
    """Submits exports, follows them, and remembers them.

    Parameters
    ----------
    token : str or Token, optional
        An access token. Without it, one is looked for when first needed: in the
        environment, Colab's secrets, a keyring, and through `ask`.
    region : {"us", "eu", "au"}
        Where the workspace is hosted.
    base_url : str, optional
        Another address for the API: https at Intercom, or http on loopback.
    zone : str
        IANA time zone in which days are meant.
    folder : path, optional
        Where archives are kept.
    ledger : path, optional
        The file that remembers jobs.
    poll_interval : float
        Longest time between two questions about a job, in seconds.
    ask : callable, optional
        Takes a prompt and returns a token typed by the user.
    now : callable, optional
        The clock, Unix seconds.

    Attributes
    ----------
    exports : tuple of Export
        A trait: the exports of this session, oldest first.
    connection : Connection
        A trait: whose workspace is asked; replaced as a whole.

    Examples
    --------
    >>> from intercom_export_widgets import ExportSession
    >>> session = ExportSession(region="eu")                        # doctest: +SKIP
    >>> export = session.submit("2018-06-01 2018-06-30").wait()     # doctest: +SKIP
    >>> export.receipts                                             # doctest: +SKIP
    """

    exports = Tuple(help="the exports of this session, oldest first")
    connection = Instance(Connection, help="whose workspace; replaced as a whole")

    def __init__(
        self,
        token: str | Token | None = None,
        *,
        region: str = "us",
        base_url: str | None = None,
        zone: str = "UTC",
        folder: str | os.PathLike[str] | None = None,
        ledger: str | os.PathLike[str] | None = None,
        poll_interval: float = 30.0,
        ask: Callable[[str], str] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.name = uuid.uuid4().hex
        self.connection = Connection(token, region=region, base_url=base_url, ask=ask)
        self.zone = zone
        self.folder = default_folder() if folder is None else Path(folder).expanduser()
        self.ledger = Ledger(default_ledger() if ledger is None else Path(ledger).expanduser())
        self.poll_interval = poll_interval
        self.now = now
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        """Return where it exports from; never the token."""
        where = self.connection.base_url or self.connection.region
        return f"ExportSession({where!r}, {len(self.exports)} exports)"

    def __enter__(self) -> Self:
        """Return the session, to be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the session."""
        self.close()

    def close(self) -> None:
        """Stop following what still runs, and close the connections.

        The jobs run on at Intercom; `attach` takes them up again.
        """
        exports: tuple[Export, ...] = self.exports
        for export in exports:
            export.leave()
        self.connection.close()

    # Beginning -----------------------------------------------------------------

    def timeframe(self, text: str) -> Timeframe:
        """Return the range that a text means in the session's zone, today.

        Raises
        ------
        TimeframeError
            If it means none.
        """
        return Timeframe.parse(text, zone=self.zone, now=self.now())

    def submit(self, timeframe: Timeframe | str) -> Export:
        """Submit an export, and return it as soon as the API has accepted it.

        Parameters
        ----------
        timeframe : Timeframe or str
            The range; a text is read in the session's zone.

        Raises
        ------
        TimeframeError
            If the range is none, or ends in the future.
        JobLockedError
            If another job of the workspace is active.
        IntercomExportError
            Whatever else the API, the network or the disk says.
        """
        return self.start(timeframe).wait_submitted()

    def start(self, timeframe: Timeframe | str) -> Export:
        """Begin an export and return its handle at once, before the API has answered.

        A second call for the same range, while the first is being submitted, returns
        the first: a button that is clicked twice submits once.

        Raises
        ------
        TimeframeError, TokenMissingError, SettingError, LedgerError
            What can be said without asking the API.
        """
        if isinstance(timeframe, str):
            timeframe = self.timeframe(timeframe)
        timeframe.check_past(self.now())
        with self._lock:
            under_way = self._being_submitted(timeframe)
            if under_way is not None:
                return under_way
            self.connection.client()
            started = self.now()
            number = self.ledger.add(
                **self._origin(),
                status="submitting",
                submitted_at=started,
                created_at_after=timeframe.created_at_after,
                created_at_before=timeframe.created_at_before,
                zone=timeframe.zone,
            )
            return self._begin(number, timeframe, None, started)

    def attach(self, job_identifier: str) -> Export:
        """Take up a job that another notebook, or another day, began.

        Raises
        ------
        JobNotFoundError
            If the workspace has no such job.
        IntercomExportError
            Whatever else the API, the network or the disk says.
        """
        exports: tuple[Export, ...] = self.exports
        for export in exports:
            if export.job_identifier == job_identifier and _is_usable(export, self.connection):
                return export
        entry = self.ledger.find(job_identifier, self.connection.address)
        if entry is not None and entry.path and Path(entry.path).exists():
            return self._loaded(Path(entry.path), entry)
        job = self.connection.client().refresh(job_identifier)
        with self._lock:
            if entry is None:
                started, timeframe = self.now(), None
                number = self.ledger.add(
                    **self._origin(),
                    status=status_word(job),
                    job_identifier=job.job_identifier,
                    submitted_at=started,
                )
            else:
                started = entry.submitted_at or self.now()
                number, timeframe = entry.number, timeframe_of(entry)
            return self._begin(number, timeframe, job, started)

    def load(self, what: str | os.PathLike[str]) -> Export:
        """Open an archive on disk: a file, or a job that was downloaded before.

        Parameters
        ----------
        what : str or path
            A job's identifier, or a file that was downloaded by whatever means.

        Raises
        ------
        FileError
            If there is no such file.
        ArchiveError
            If it is no export, or damaged.
        """
        entry = self.ledger.find(str(what))
        path = Path(entry.path) if entry is not None and entry.path else Path(what).expanduser()
        if not path.is_file():
            raise FileError(
                f"There is no downloaded export {str(what)!r}",
                advice="Name a file or the identifier of a job that was downloaded; "
                "%intercom_export log --all lists them.",
            )
        if entry is None:
            entry = self.ledger.find_path(path)
        return self._loaded(path, entry)

    # Looking -------------------------------------------------------------------

    def entries(self, *, everything: bool = False) -> list[Entry]:
        """Return the ledger's rows of this session, or of this machine, oldest first."""
        if everything:
            return self.ledger.entries()
        mine = {export.number for export in self.exports}
        return [
            entry
            for entry in self.ledger.entries()
            if entry.session == self.name or entry.number in mine
        ]

    def log(self, *, everything: bool = False) -> pd.DataFrame:
        """Return the log, one row per job, oldest first; columns as `jobs.log.COLUMNS`.

        Parameters
        ----------
        everything : bool
            Every job that this machine has seen, not only this session's.

        Raises
        ------
        LedgerError
            If it can't be read.
        """
        return logs.frame(self.entries(everything=everything))

    # Within --------------------------------------------------------------------

    def _origin(self) -> dict[str, str | float | None]:
        workspace = self.connection.workspace
        base_url = self.connection.base_url
        return {
            "session": self.name,
            "base_url": self.connection.address,
            "region": "" if base_url else self.connection.region,
            "origin": f"{socket.gethostname()}:{os.getpid()}",
            "workspace": workspace.name if workspace else None,
            "workspace_id": workspace.id_code if workspace else None,
            "sandbox": int(workspace.sandbox) if workspace else 0,
        }

    def _begin(
        self, number: int, timeframe: Timeframe | None, job: Job | None, started: float
    ) -> Export:
        connection = self.connection
        stage = Stage.SUBMITTING if job is None else Stage.WAITING
        export = Export(
            progress=Progress(
                stage,
                started_at=started,
                job=job,
                sandbox=connection.workspace is not None and connection.workspace.sandbox,
            ),
            timeframe=timeframe,
            number=number,
            address=connection.address,
            opener=lambda export: self._open(export, connection),
            explain=lambda error: name_holder(error, self.ledger, connection.client(), self.now()),
        )
        tools = Tools(
            client=connection.client(),
            ledger=self.ledger,
            number=number,
            folder=self.folder,
            schedule=Schedule(longest=self.poll_interval),
            identify=lambda: _quietly(connection),
            now=self.now,
        )
        self.exports = (*self.exports, export)
        export.begin(tools)
        return export

    def _being_submitted(self, timeframe: Timeframe) -> Export | None:
        exports: tuple[Export, ...] = self.exports
        for export in exports:
            if export.timeframe == timeframe and export.progress.stage is Stage.SUBMITTING:
                return export
        return None

    def _loaded(self, path: Path, entry: Entry | None) -> Export:
        connection = self.connection
        export = Export(
            progress=progress_of_file(path, entry),
            timeframe=None if entry is None else timeframe_of(entry),
            number=0 if entry is None else entry.number,
            address=connection.address,
            opener=lambda export: self._open(export, connection),
        )
        with self._lock:
            self.exports = (*self.exports, export)
        return export

    def _open(self, export: Export, connection: Connection) -> Tables:
        entry = self.ledger.entry(export.number)
        workspace = connection.workspace
        zone = entry.timezone if entry is not None else None
        if zone is None and workspace is not None:
            zone = workspace.timezone
        return open_tables(export, entry, zone or "")


def _is_usable(export: Export, connection: Connection) -> bool:
    """Return whether a handle still serves: at this address, unharmed, its file there."""
    path = export.progress.path
    return (
        export.address == connection.address
        and export.error is None
        and (path is None or path.exists())
    )


def _quietly(connection: Connection) -> Workspace | None:
    """Return the workspace, or None: an export does not wait or fail for want of a name."""
    try:
        return connection.identify(attempts=1, timeout=5.0)
    except IntercomExportError:
        return None
