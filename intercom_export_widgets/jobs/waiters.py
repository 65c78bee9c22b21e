"""The ranges of the queue in words, for whoever shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from intercom_export_widgets.jobs.origin import place_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intercom_export_widgets.jobs.ticket import Ticket

__all__ = ["Place", "places_of"]


@dataclass(frozen=True, slots=True)
class Place:
    """One range of the queue, in words.

    Attributes
    ----------
    number : int
        Its name.
    position : int
        From 1.
    label : str
        The range.
    note : str
        What it waits for.
    next_try_at : float or None
        When it is tried next, if the slot was found taken; Unix seconds.
    where : str
        Where it was put in.
    backfill : int or None
        The backfill that it is a window of.
    """

    number: int
    position: int
    label: str
    note: str
    next_try_at: float | None
    where: str
    backfill: int | None


def places_of(tickets: Sequence[Ticket]) -> list[Place]:
    """Return ranges in words, in their order."""
    return [
        Place(
            number=ticket.number,
            position=position,
            label=ticket.timeframe.label,
            note=ticket.note,
            next_try_at=ticket.next_try_at,
            where=place_of(ticket.origin) if ticket.origin else "in a notebook that was closed",
            backfill=ticket.backfill,
        )
        for position, ticket in enumerate(tickets, 1)
    ]
