"""The queue in words: rows for the page, a list for a terminal, and what `queue` does."""

from __future__ import annotations

import difflib
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import UsageError
from intercom_export_widgets.jobs.progress import duration
from intercom_export_widgets.notebook.backfillview import backfill_line
from intercom_export_widgets.notebook.text import Note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intercom_export_widgets.jobs.backfill import Backfill
    from intercom_export_widgets.jobs.lineup import Lineup
    from intercom_export_widgets.jobs.waiters import Place

__all__ = ["change_queue", "more_line", "queue_note", "queue_rows"]

QUEUE_FOOT: Final = (
    "Take one out: %intercom_export queue remove N, all: %intercom_export queue clear"
)


def queue_rows(places: Sequence[Place]) -> list[dict[str, object]]:
    """Return what waits as values that JSON has, in order.

    Parameters
    ----------
    places : sequence of Place
        From `jobs.lineup.Lineup.places`.
    """
    return [
        {
            "number": place.number,
            "label": place.label,
            "note": place.note,
            "next_try": _clock(place.next_try_at),
            "where": f"Put in {place.where}.",
        }
        for place in places
    ]


def queue_note(
    places: Sequence[Place],
    now: float,
    backfills: Sequence[Backfill] = (),
    lost: Sequence[str] = (),
    *,
    waiting: int = 0,
    by_magic: bool = True,
) -> Note:
    """Return what waits as text and HTML.

    Parameters
    ----------
    places : sequence of Place
        From `jobs.lineup.Lineup.places`.
    now : float
        Unix seconds.
    backfills : sequence of Backfill
        Those of this session, each a line.
    lost : sequence of str
        What is to be said of submissions whose answers were lost.
    waiting : int
        How many ranges wait; those beyond `places` are counted in one line.
    by_magic : bool
        Whether the magic is at hand, which takes ranges out; a form has buttons for that.
    """
    begun = [*lost, *(backfill_line(backfill, now) for backfill in backfills)]
    above = "".join(f"<div>{escape(line)}</div>" for line in begun)
    if not places:
        nothing = "No range waits for the slot."
        return Note("\n".join([*begun, nothing]), f"<div>{above}{nothing}</div>")
    lines = [
        f"{place.position}. {place.label} (called {place.number}) · {place.note or 'waiting'}"
        + (
            f" · next try in {duration(place.next_try_at - now)}"
            if place.next_try_at is not None
            else ""
        )
        + f" · put in {place.where}"
        for place in places
    ]
    head = "Waiting for the workspace's one slot:"
    more = [line for line in [more_line(places, waiting)] if line]
    foot = QUEUE_FOOT if by_magic else ""
    items = "".join(f"<li>{escape(line.partition(' ')[2])}</li>" for line in lines)
    rest = "".join(f"<div>{line}</div>" for line in more)
    html = (
        f"<div>{above}<strong>{escape(head)}</strong><ol>{items}</ol>{rest}"
        f"<small>{foot}</small></div>"
    )
    return Note("\n".join([*begun, head, *lines, *more, foot]).rstrip(), html)


def more_line(places: Sequence[Place], waiting: int) -> str:
    """Return how many ranges wait behind those that are shown; empty if none do."""
    more = waiting - len(places)
    return f"… and {more:,} more." if more > 0 else ""


def change_queue(lineup: Lineup, words: Sequence[str]) -> str:
    """Take ranges out of the queue as the magic's words say, and return what was done.

    Raises
    ------
    UsageError
        If the words mean nothing, or no range of that number waits.
    """
    match tuple(words):
        case ("clear",):
            count = lineup.remove()
            return f"Taken out of the queue: {count} {'range' if count == 1 else 'ranges'}."
        case ("remove", number) if number.isdecimal():
            lineup.remove(int(number))
            return f"Taken out of the queue: the range called {number}."
        case _:
            close = difflib.get_close_matches(words[0][:40].lower(), ("clear", "remove"), n=1)
            hint = f"Did you mean {close[0]!r}? " if close and close[0] != words[0] else ""
            raise UsageError(
                f"{hint}Write it as: %intercom_export queue, … queue clear, or … queue remove N."
            )


def _clock(instant: float | None) -> str:
    """Return when something is due, on this machine's clock."""
    if instant is None:
        return ""
    return f"Next try at {datetime.fromtimestamp(instant).astimezone():%H:%M:%S}."
