"""The ranges of the queue in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from intercom_export_widgets.jobs.origin import place_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intercom_export_widgets.jobs.ticket import Ticket

__all__ = ["Place", "passed_over", "places_of"]


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


def passed_over(count: int, first: Ticket | None) -> str:
    """Return the sentence about ranges that wait while another is submitted, or an empty text.

    Parameters
    ----------
    count : int
        How many wait at that address and have owners that are there.
    first : Ticket or None
        The first of them.
    """
    if first is None:
        return ""
    label = first.timeframe.label
    ranges = f"{label} waits" if count == 1 else f"{count} ranges wait, {label} first,"
    return (
        f"{ranges[0].upper()}{ranges[1:]} in the queue for the workspace's one slot, and this "
        "range was submitted past the queue. To put one behind it: the same line with --when-free."
    )
