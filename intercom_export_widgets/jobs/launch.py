"""Putting an `Export` together: what it works with, and how its tables are opened.

`session` decides what is begun. An export keeps the client, the ledger and the folder
that it began with, whatever the settings become.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from intercom_export_widgets.jobs.handle import Export
from intercom_export_widgets.jobs.origin import quietly
from intercom_export_widgets.jobs.progress import Progress, Stage
from intercom_export_widgets.jobs.reading import (
    open_export,
    progress_of_file,
    progress_without_data,
    timeframe_of,
)
from intercom_export_widgets.jobs.slot import name_holder
from intercom_export_widgets.jobs.tools import Tools

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.intercom.models import Job
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.connection import Connection
    from intercom_export_widgets.jobs.entry import Entry
    from intercom_export_widgets.jobs.ledger import Ledger
    from intercom_export_widgets.jobs.schedule import Schedule
    from intercom_export_widgets.jobs.turn import Turn

__all__ = ["Launcher"]


@dataclass(frozen=True, slots=True)
class Launcher:
    """The settings that exports begin with.

    Attributes
    ----------
    ledger : Ledger
        Where their rows are.
    folder : pathlib.Path
        Where their archives are kept.
    schedule : Schedule
        When their jobs are asked about.
    now : callable
        The clock, Unix seconds.
    """

    ledger: Ledger
    folder: Path
    schedule: Schedule
    now: Callable[[], float]

    def begin(
        self,
        connection: Connection,
        client: IntercomClient,
        number: int,
        timeframe: Timeframe | None,
        job: Job | None = None,
        *,
        turn: Turn | None = None,
    ) -> Export:
        """Return an export that runs: it submits the range, or follows the job.

        Parameters
        ----------
        connection, client : Connection, IntercomClient
            Whose workspace, and what asks it.
        number : int
            The export's row in the ledger, which is there already.
        timeframe : Timeframe or None
            The range; None if the job was created elsewhere.
        job : Job or None
            A job to follow; None to submit a new one.
        turn : Turn or None
            The place in the queue, to submit the range when the slot is free.
        """
        stage = Stage.SUBMITTING if job is None else Stage.WAITING
        known = connection.workspace
        progress = Progress(
            stage if turn is None else Stage.QUEUED,
            started_at=self.now(),
            job=job,
            sandbox=known is not None and known.sandbox,
            source=connection.token_source,
        )
        export = Export(
            progress=progress,
            timeframe=timeframe,
            number=number,
            address=connection.address,
            ledger=self.ledger,
            opener=lambda export: open_export(export, lambda: quietly(connection, client)),
            explain=lambda error: name_holder(error, self.ledger, client, self.now()),
        )
        tools = Tools(
            client=client,
            ledger=self.ledger,
            number=number,
            folder=self.folder,
            schedule=self.schedule,
            source=connection.token_source,
            identify=lambda: quietly(connection, client),
            now=self.now,
            turn=turn,
        )
        export.begin(tools)
        return export

    def ended(self, entry: Entry) -> Export:
        """Return an export that ended without data, as the ledger has it.

        Parameters
        ----------
        entry : Entry
            Its row.
        """
        return Export(
            progress=progress_without_data(entry, self.now()),
            timeframe=timeframe_of(entry),
            number=entry.number,
            address=entry.base_url,
            ledger=self.ledger,
            opener=lambda export: open_export(export, lambda: None),
        )

    def loaded(
        self, path: Path, entry: Entry | None, address: str, *, verified: bool = False
    ) -> Export:
        """Return an export whose archive is on disk, after verifying it.

        Parameters
        ----------
        path : pathlib.Path
            The archive.
        entry : Entry or None
            Its row in the ledger, if it has one.
        address : str
            The API's address that it came from.
        verified : bool
            As in `progress_of_file`.

        Raises
        ------
        ArchiveError
            If it is no export, or damaged.
        """
        return Export(
            progress=progress_of_file(path, entry, verified=verified),
            timeframe=None if entry is None else timeframe_of(entry),
            number=0 if entry is None else entry.number,
            address=address,
            ledger=self.ledger,
            opener=lambda export: open_export(export, lambda: None),
        )
