"""The session: settings, the exports that were begun, and their log.

The magic, the form and plain Python all work through `ExportSession`. It knows no
notebook: how a token is asked for is handed in, and nothing is shown from here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from intercom_export_widgets.arguments import expect, path_of, seconds
from intercom_export_widgets.intercom.timeframe import Timeframe
from intercom_export_widgets.intercom.zones import find_zone
from intercom_export_widgets.jobs.backfill import Backfill
from intercom_export_widgets.jobs.connection import Connection
from intercom_export_widgets.jobs.defaults import default_folder, default_ledger
from intercom_export_widgets.jobs.files import check_folder
from intercom_export_widgets.jobs.following import Following
from intercom_export_widgets.jobs.ledger import Ledger
from intercom_export_widgets.jobs.lineup import Lineup
from intercom_export_widgets.jobs.reuse import find_kept
from intercom_export_widgets.jobs.shelf import load, taken_from_disk
from intercom_export_widgets.jobs.submission import attach, begin, range_of, unwritten_export

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from datetime import date

    from intercom_export_widgets.intercom.credentials import Token
    from intercom_export_widgets.intercom.deadline import Limits
    from intercom_export_widgets.jobs.handle import Export

__all__ = ["ExportSession"]


class ExportSession(Following):
    """Submits exports, follows them, and remembers them.

    Parameters
    ----------
    token : str or Token, optional
        An access token. Without it, one is looked for when first needed: in the
        environment, Colab's secrets, a keyring, and through `ask`.
    region : {"us", "eu", "au"}
        Where the workspace is hosted.
    base_url : str, optional
        Another address for the API: https at Intercom, or http on loopback; else `SettingError`.
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
        Waits some seconds before a request that failed is repeated.
    limits : Limits, optional
        How long a request may take (90 s), when a download has stalled (1 kB/s for 60 s),
        and how much it may bring.

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
        limits: Limits | None = None,
    ) -> None:
        find_zone(zone)
        seconds(poll_interval, "poll_interval")
        ledger_path = default_ledger() if ledger is None else ledger
        super().__init__(
            Connection(
                token, region=region, base_url=base_url, ask=ask, pause=pause, limits=limits
            ),
            folder=path_of(default_folder() if folder is None else folder, "folder", "a path"),
            ledger=Ledger(path_of(ledger_path, "ledger", "a path")),
            poll_interval=poll_interval,
            now=now,
        )
        self.zone = zone
        self.lineup = Lineup(self)

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
    ) -> Export | Backfill:
        """Submit an export, and return it as soon as the API has accepted it.

        What was exported before, and is whole on disk, is read from there; see `fresh`.
        A range that promises more than the 10 million rows that Intercom returns, by the
        exports seen so far, is split: a `Backfill` of its parts is returned, which says so.

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
        if isinstance(export, Backfill):
            return export
        export.wait_submitted()
        export.warn(stacklevel=2)
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
    ) -> Export | Backfill:
        """Begin an export and return its handle at once, before the API has answered.

        A range that promises too many rows begins as a `Backfill` of its parts.

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
        timeframe = range_of(self, timeframe)
        if observe is not None:
            timeframe = timeframe.observed(observe, now=self.now())
        timeframe.check_past(self.now())
        connection = connection or self.connection
        client = connection.client(ask=ask)
        there = None if fresh else unwritten_export(self, timeframe, connection.address)
        if there is not None:
            return there
        kept = None if fresh else find_kept(self.ledger, connection, timeframe)
        if kept is not None:
            return taken_from_disk(self, kept)
        return begin(self, timeframe, connection, client, fresh=fresh, when_free=when_free)

    def backfill(
        self,
        timeframe: Timeframe | str,
        every: str = "month",
        *,
        connection: Connection | None = None,
        ask: bool = True,
        mixed: bool = False,
        fresh: bool = False,
        row_limit: int | None = None,
    ) -> Backfill:
        """Export a long range in windows, one after the other, and return its handle at once.

        What is on disk already is read from there. The same call goes on with a backfill
        that was stopped, in this kernel or another. A window whose submission got no response
        is not sent again by itself: it is in `Backfill.missing`, and the next call tries it.

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
        fresh : bool
            Export anew, also what is on disk already.
        row_limit : int, optional
            Rows that Intercom returns at most, 10 million: a window that promises more is
            split.

        Raises
        ------
        TimeframeError, TokenMissingError, SettingError, LedgerError, FileError
            What can be said before anything is submitted.
        UsageError
            If another notebook is at it.
        """
        timeframe = range_of(self, timeframe)
        expect(row_limit, (int, type(None)), "row_limit", "a number of rows")
        timeframe.check_past(self.now())
        connection = connection or self.connection
        client = connection.client(ask=ask)
        check_folder(self.folder)
        return self.lineup.backfill(
            timeframe, every, connection, client, mixed=mixed, row_limit=row_limit, fresh=fresh
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
        return attach(self, job_identifier, connection or self.connection, ask=ask)

    def load(self, what: str | os.PathLike[str]) -> Export:
        """Open an archive on disk: a file, a folder, or a job that was downloaded before.

        Parameters
        ----------
        what : str or path
            A job's identifier, or a file that was downloaded by whatever means, or the folder
            of CSVs that a browser unpacked from one.

        Raises
        ------
        FileError
            If there is no such file or folder.
        ArchiveError
            If it is no export, or damaged.
        """
        return load(self, what)
