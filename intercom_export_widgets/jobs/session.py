"""The session: settings, the exports that were begun, and their log.

The magic, the form and plain Python all work through `ExportSession`. It knows no
notebook: how a token is asked for is handed in, and nothing is shown from here.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Self

from traitlets import HasTraits, Instance, Tuple, observe

from intercom_export_widgets.errors import ArchiveError, FileError, LedgerError
from intercom_export_widgets.intercom.job import JobStatus
from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.jobs import log as logs
from intercom_export_widgets.jobs.connection import Connection
from intercom_export_widgets.jobs.course import ROW_LIMIT
from intercom_export_widgets.jobs.defaults import default_folder, default_ledger
from intercom_export_widgets.jobs.files import check_folder, set_aside
from intercom_export_widgets.jobs.handle import is_usable
from intercom_export_widgets.jobs.launch import Launcher
from intercom_export_widgets.jobs.ledger import Ledger
from intercom_export_widgets.jobs.lineup import Lineup
from intercom_export_widgets.jobs.lost import settle_lost
from intercom_export_widgets.jobs.origin import origin_of
from intercom_export_widgets.jobs.parting import leave_all
from intercom_export_widgets.jobs.progress import Stage, attach_line, status_word
from intercom_export_widgets.jobs.reading import timeframe_of
from intercom_export_widgets.jobs.reuse import find_kept
from intercom_export_widgets.jobs.schedule import Schedule

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from datetime import date

    import pandas as pd
    from traitlets import Bunch

    from intercom_export_widgets.intercom.credentials import Token
    from intercom_export_widgets.jobs.backfill import Backfill
    from intercom_export_widgets.jobs.entry import Entry
    from intercom_export_widgets.jobs.handle import Export

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
    pause : callable, optional
        Waits some seconds before a question that failed is asked again.

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
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__()
        self._connections: list[Connection] = []
        self.name = uuid.uuid4().hex
        self.connection = Connection(token, region=region, base_url=base_url, ask=ask, pause=pause)
        self.zone = zone
        self.folder = default_folder() if folder is None else Path(folder).expanduser()
        self.ledger = Ledger(default_ledger() if ledger is None else Path(ledger).expanduser())
        self.poll_interval = poll_interval
        self.now = now
        self.lineup = Lineup(self)
        self._lock = threading.RLock()
        self._attaching = threading.Lock()

    @observe("connection")
    def _remember_connection(self, change: Bunch) -> None:
        self._connections.append(change.new)

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

        A submission that is under way is answered first, so that its identifier is known.
        The jobs run on at Intercom; `attach` takes them up again.
        """
        exports: tuple[Export, ...] = self.exports
        leave_all([*self.lineup.backfills, *exports])
        if all(export.done for export in exports):
            for connection in self._connections:
                connection.close()

    def abandon(self, address: str, because: str) -> None:
        """Stop following the exports of an address whose jobs are gone with it.

        Parameters
        ----------
        address : str
            The API's address.
        because : str
            One sentence without its full stop, for cards and log.
        """
        exports: tuple[Export, ...] = self.exports
        gone = [export for export in exports if export.address == address and not export.done]
        leave_all(gone, because=because)
        for export in gone:
            with contextlib.suppress(LedgerError):
                self.ledger.update(
                    export.number,
                    status=JobStatus.CANCELED.value,
                    finished_at=self.now(),
                    error=f"{because}.",
                )

    # Beginning -----------------------------------------------------------------

    def timeframe(self, text: str) -> Timeframe:
        """Return the range that a text means in the session's zone, today.

        Raises
        ------
        TimeframeError
            If it means none.
        """
        return Timeframe.parse(text, zone=self.zone, now=self.now())

    def submit(
        self,
        timeframe: Timeframe | str,
        *,
        observe: str | date | None = None,
        fresh: bool = False,
        connection: Connection | None = None,
    ) -> Export:
        """Submit an export, and return it as soon as the API has accepted it.

        What was exported before, and is whole on disk, is read from there; see `fresh`.

        Parameters
        ----------
        timeframe : Timeframe or str
            The range; a text is read in the session's zone.
        observe : str or date, optional
            Until when opens, clicks and the like are counted: ``"30d"`` after the range's
            end, a day, or ``"now"``. Without it, until the range's end.
        fresh : bool
            Export anew, also what is on disk already.
        connection : Connection, optional
            Another workspace, for this export only.

        Raises
        ------
        TimeframeError
            If the range is none, or ends in the future.
        JobLockedError
            If another job of the workspace is active.
        IntercomExportError
            Whatever else the API, the network or the disk says.
        """
        export = self.start(timeframe, observe=observe, fresh=fresh, connection=connection)
        export.wait_submitted()
        return export

    def start(
        self,
        timeframe: Timeframe | str,
        *,
        observe: str | date | None = None,
        fresh: bool = False,
        connection: Connection | None = None,
        ask: bool = True,
        when_free: bool = False,
    ) -> Export:
        """Begin an export and return its handle at once, before the API has answered.

        A second call for the same range, while the first is being submitted, returns
        the first: a button that is clicked twice submits once.

        Parameters
        ----------
        timeframe : Timeframe or str
            The range; a text is read in the session's zone.
        observe, fresh, connection
            As for `submit`.
        ask : bool
            Whether the user may be asked for a token.
        when_free : bool
            Put the range into the queue, and submit it when the workspace's slot is free.

        Raises
        ------
        TimeframeError, TokenMissingError, SettingError, LedgerError, FileError
            What can be said without asking the API.
        """
        if isinstance(timeframe, str):
            timeframe = self.timeframe(timeframe)
        if observe:
            timeframe = timeframe.observed(observe, now=self.now())
        timeframe.check_past(self.now())
        connection = connection or self.connection
        client = connection.client(ask=ask)
        kept = None if fresh else find_kept(self.ledger, connection, timeframe)
        if kept is not None:
            return self._taken_from_disk(kept)
        if when_free:
            check_folder(self.folder)
            return self.lineup.enqueue(timeframe, connection, client)
        with self._lock:
            under_way = self._being_submitted(timeframe, connection.address)
            if under_way is not None:
                return under_way
            check_folder(self.folder)
            number = self.ledger.add(
                **origin_of(self.name, connection),
                status="submitting",
                submitted_at=self.now(),
                created_at_after=timeframe.created_at_after,
                created_at_before=timeframe.request_end,
                received_until=(
                    None if timeframe.observed_until is None else timeframe.created_at_before
                ),
                zone=timeframe.zone,
            )
            export = self.launcher().begin(connection, client, number, timeframe)
            self.publish(export)
            return export

    def backfill(
        self,
        timeframe: Timeframe | str,
        every: str = "month",
        *,
        connection: Connection | None = None,
        ask: bool = True,
        mixed: bool = False,
        row_limit: int = ROW_LIMIT,
    ) -> Backfill:
        """Export a long range in windows, one after the other, and return its handle at once.

        What is on disk already is read from there. The same call goes on with a backfill
        that was stopped, in this kernel or another.

        Parameters
        ----------
        timeframe : Timeframe or str
            The range; a text is read in the session's zone.
        every : str
            ``day``, ``week``, ``month``, ``quarter``, ``year`` or a number of days, ``30d``.
        connection : Connection, optional
            Another workspace, for this backfill only.
        ask : bool
            Whether the user may be asked for a token.
        mixed : bool
            Whether windows that count opens and clicks until different moments may be put
            together.
        row_limit : int
            Rows that Intercom returns at most: a window that promises more is split.

        Raises
        ------
        TimeframeError, TokenMissingError, SettingError, LedgerError, FileError
            What can be said before anything is submitted.
        UsageError
            If another notebook is at it.
        """
        if isinstance(timeframe, str):
            timeframe = self.timeframe(timeframe)
        timeframe.check_past(self.now())
        connection = connection or self.connection
        client = connection.client(ask=ask)
        check_folder(self.folder)
        return self.lineup.backfill(
            timeframe, every, connection, client, mixed=mixed, row_limit=row_limit
        )

    def attach(
        self, job_identifier: str, *, connection: Connection | None = None, ask: bool = True
    ) -> Export:
        """Take up a job that another notebook, or another day, began.

        What is on disk already is read from there; a file that turns out damaged is set
        aside, and its job asked for again.

        Parameters
        ----------
        job_identifier : str
            Intercom's name for the job.
        connection : Connection, optional
            Another workspace, for this export only.
        ask : bool
            Whether the user may be asked for a token.

        Raises
        ------
        JobNotFoundError
            If the workspace has no such job.
        IntercomExportError
            Whatever else the API, the network or the disk says.
        """
        connection = connection or self.connection
        with self._attaching:
            exports: tuple[Export, ...] = self.exports
            for export in exports:
                if export.job_identifier == job_identifier and is_usable(export, connection):
                    return export
            entry = self.ledger.find(job_identifier, connection.address)
            kept = None if entry is None else self.kept(entry)
            if kept is not None:
                return kept
            client = connection.client(ask=ask)
            job = client.refresh(job_identifier)
            timeframe = None if entry is None else timeframe_of(entry)
            if entry is not None:
                number = entry.number
                expires = job.download_expires_at
                self.ledger.update(number, status=status_word(job), expires_at=expires)
            else:
                number = self.ledger.add(
                    **origin_of(self.name, connection),
                    status=status_word(job),
                    job_identifier=job.job_identifier,
                    submitted_at=self.now(),
                )
            export = self.launcher().begin(connection, client, number, timeframe, job)
            self.publish(export)
            return export

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
            again = "" if entry is None else f" Or fetch it again: {attach_line(str(what))}."
            raise FileError(
                f"There is no downloaded export {str(what)!r}",
                advice="Name a file or the identifier of a job that was downloaded; "
                f"%intercom_export log --all lists them.{again}",
            )
        exports: tuple[Export, ...] = self.exports
        for export in exports:
            if export.progress.path == path and is_usable(export, None):
                return export
        if entry is None:
            entry = self.ledger.find_path(path)
        return self._loaded(path, entry)

    # Looking -------------------------------------------------------------------

    def entries(self, *, everything: bool = False) -> list[Entry]:
        """Return the ledger's rows of this session, or of this machine, oldest first.

        Submissions of processes that ended before the answer came are noted as lost first.
        """
        with contextlib.suppress(LedgerError):  # a ledger that can only be read is read
            settle_lost(self.ledger)
        if everything:
            return self.ledger.entries()
        mine = {export.number for export in self.exports if export.ledger is self.ledger}
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

    def launcher(self) -> Launcher:
        """Return what exports begin with, as the settings are now."""
        return Launcher(self.ledger, self.folder, Schedule(longest=self.poll_interval), self.now)

    def _taken_from_disk(self, entry: Entry) -> Export:
        """Return an export of before, the same handle if there is one in this session."""
        exports: tuple[Export, ...] = self.exports
        for export in exports:
            if export.number == entry.number and is_usable(export, None):
                return export
        return self._loaded(Path(entry.path or ""), entry)

    def kept(self, entry: Entry) -> Export | None:
        """Return a job that was downloaded before, unless its file is gone or damaged."""
        path = Path(entry.path) if entry.path else None
        if path is None or not path.exists():
            return None
        try:
            return self._loaded(path, entry)
        except ArchiveError:
            set_aside(path)
            self.ledger.update(entry.number, path=None)
            return None

    def _loaded(self, path: Path, entry: Entry | None) -> Export:
        address = self.connection.address if entry is None else entry.base_url
        export = self.launcher().loaded(path, entry, address)
        self.publish(export)
        return export

    def _being_submitted(self, timeframe: Timeframe, address: str) -> Export | None:
        exports: tuple[Export, ...] = self.exports
        for export in exports:
            same = export.timeframe == timeframe and export.address == address
            if same and export.progress.stage is Stage.SUBMITTING and not export.done:
                return export
        return None

    def publish(self, export: Export) -> None:
        """Let the faces know; an ended export of the same job gives way to the new one.

        A face that can't show it is no reason to lose it.
        """
        exports: tuple[Export, ...] = self.exports
        others = tuple(
            other
            for other in exports
            if not (other.done and export.number and other.number == export.number)
        )
        try:
            self.exports = (*others, export)
        except Exception:
            logging.getLogger(__name__).exception("A face could not show an export.")
