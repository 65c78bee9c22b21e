"""A backfill in words and as a live card: how far it is, what runs, what must be said.

Built from the same parts as the card of one export, so that text, HTML and page agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from intercom_export_widgets.jobs.progress import duration
from intercom_export_widgets.notebook import pictures, text
from intercom_export_widgets.notebook.card import SANDBOX, Card
from intercom_export_widgets.notebook.lines import backfill_code
from intercom_export_widgets.notebook.pictures import drawings_of_backfill

if TYPE_CHECKING:
    from intercom_export_widgets.jobs.backfill import Backfill
    from intercom_export_widgets.notebook.live import LivePage

__all__ = [
    "backfill_html",
    "backfill_line",
    "backfill_text",
    "card_of_backfill",
    "describe",
    "number_of",
]

SAID: Final = 3
"""How many of its notes stand on the card: the newest; `Backfill.notes` has all."""


def number_of(backfill: Backfill) -> int:
    """Return what names a backfill's card on a page: below 0, where no export is."""
    return -backfill.plan.number


def describe(backfill: Backfill, *, by_magic: bool = True) -> Card:
    """Return what there is to say about a backfill now.

    Parameters
    ----------
    backfill : Backfill
        Whichever.
    by_magic : bool
        Whether its line is the magic's; else it is Python, with ``session``.
    """
    done, windows = backfill.count
    exports = backfill.exports
    rows: dict[str, int] = {}
    for export in exports:
        for name, count in export.progress.rows.items():
            rows[name] = rows.get(name, 0) + count
    ended = backfill.done
    error = backfill.error
    whole = ended and error is None and done == windows
    return Card(
        number=number_of(backfill),
        title=backfill.plan.name,
        identifier="",
        status=f"{done} of {windows} windows",
        tone="running" if not ended else "good" if whole else "bad",
        steps=[],
        detail=_detail(backfill),
        problem=str(error) if error is not None else _said(backfill.notes),
        rows=[[name, count] for name, count in rows.items()],
        started_at=backfill.begun_at,
        finished_at=backfill.finished_at if ended else None,
        code=backfill_code(backfill, by_magic=by_magic) if done and ended and not error else "",
        can_cancel=not ended,
        label=SANDBOX if any(e.progress.sandbox for e in exports) else "",
    )


def _said(notes: tuple[str, ...]) -> str:
    """Return the newest notes, and how many others there are."""
    others = len(notes) - SAID
    more = [f"{others} more: backfill.notes."] if others > 0 else []
    return " ".join([*notes[-SAID:], *more])


def _detail(backfill: Backfill) -> str:
    """Return what goes on: each window that runs, in its own words."""
    done, windows = backfill.count
    if backfill.done:
        left = windows - done
        if not left:
            return "All windows are on disk."
        return f"{left} of {windows} windows are missing; the same line exports them again."
    running = [text.line(e) for e in backfill.exports if not e.done]
    return " | ".join(running) or "Reading what is on disk."


def backfill_line(backfill: Backfill, now: float) -> str:
    """Return one line about a backfill.

    Parameters
    ----------
    backfill : Backfill
        What to describe.
    now : float
        Unix seconds, to say how long it has been running.
    """
    card = describe(backfill)
    until = card.finished_at or now
    lasted = duration(until - card.started_at) if card.started_at else ""
    said = [card.label, card.title, card.status, lasted, card.detail, card.problem]
    return " · ".join(part for part in said if part)


def backfill_text(backfill: Backfill) -> str:
    """Return a backfill as a few lines of text."""
    return text.card_text(describe(backfill))


def backfill_html(backfill: Backfill) -> str:
    """Return a backfill as HTML that needs no kernel, with its pictures if it has ended."""
    return text.card_html(describe(backfill), pictures.as_html(drawings_of_backfill(backfill)[0]))


_CARDS: WeakKeyDictionary[Backfill, LivePage] = WeakKeyDictionary()


def card_of_backfill(backfill: Backfill) -> LivePage:
    """Return the live card of a backfill, the same one each time it is shown."""
    from intercom_export_widgets.notebook.backfillpage import BackfillPage

    class BackfillCard(BackfillPage):
        """How far a backfill is, over its newest windows."""

        def as_text(self) -> str:
            return backfill_text(backfill)

        def as_html(self) -> str:
            return self.whole_html(backfill)

    card = _CARDS.get(backfill)
    if card is None or card.comm is None:
        card = _CARDS[backfill] = BackfillCard(kind="card")
        card.follow_backfills([backfill])
    return card
