"""The windows of a backfill as the queue has them, with their exports and what must be said.

Base of `course`, which begins and judges them. Knows no network and no thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.handle import Export
    from intercom_export_widgets.jobs.plan import Plan
    from intercom_export_widgets.jobs.session import ExportSession
    from intercom_export_widgets.jobs.ticket import Ticket

__all__ = ["Roll"]


class Roll:
    """The windows of one backfill.

    Parameters
    ----------
    session : ExportSession
        Whose exports they are.
    plan : Plan
        The backfill.

    Attributes
    ----------
    notes : list of str
        What must be said, in sentences.
    """

    def __init__(self, session: ExportSession, plan: Plan) -> None:
        self._session = session
        self._plan = plan
        self._queue = session.lineup.queue
        self._owner = session.lineup.owner
        self._exports: dict[int, Export] = {}
        self.notes: list[str] = []
        self._tickets: list[Ticket] = []
        self._refresh()

    @property
    def exports(self) -> tuple[Export, ...]:
        """The exports that have begun, in the order of the windows."""
        numbers = [ticket.number for ticket in self._tickets]
        return tuple(self._exports[number] for number in numbers if number in self._exports)

    def now(self) -> float:
        """Return the session's clock, Unix seconds."""
        return self._session.now()

    @property
    def folder(self) -> Path:
        """Where the session keeps its archives."""
        return self._session.folder

    @property
    def count(self) -> tuple[int, int]:
        """How many windows are on disk, and how many there are."""
        return sum(ticket.state == "done" for ticket in self._tickets), len(self._tickets)

    @property
    def missing(self) -> tuple[Timeframe, ...]:
        """The windows whose data are not there."""
        return tuple(ticket.timeframe for ticket in self._tickets if ticket.state != "done")

    @property
    def windows(self) -> tuple[Timeframe, ...]:
        """The windows, in order."""
        return tuple(ticket.timeframe for ticket in self._tickets)

    @property
    def ready(self) -> tuple[tuple[Timeframe, Export], ...]:
        """The windows that are on disk, with their exports, in order."""
        done = [t for t in self._tickets if t.state == "done" and t.number in self._exports]
        return tuple((ticket.timeframe, self._exports[ticket.number]) for ticket in done)

    def _refresh(self) -> list[Ticket]:
        self._tickets = self._queue.tickets(backfill=self._plan.number)
        return self._tickets

    def _set(self, number: int, **values: str | float | None) -> None:
        self._queue.update(number, **values)
        self._refresh()

    def _say(self, *sentences: str) -> None:
        """Add to the notes what they don't say yet."""
        self.notes += [said for said in sentences if said not in self.notes]
