"""What people do with what they get: opens, clicks, replies, bounces, and when.

One table of kinds of event, each with its chance per kind of message, the event it follows
on, and how long that takes. Delays are log-normal with a late tail: an open may come
weeks after its mail, which is why June's numbers grow in July.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from intercom_export_widgets.sandbox.content import KINDS, SURVEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["EVENTS", "EventKind", "Happened", "happen"]

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
LATE_SHARE: Final = 0.04
LATE_FACTOR: Final = 40.0
MOST_REPEATS: Final = 6


@dataclass(frozen=True, slots=True)
class EventKind:
    """One kind of event.

    Parameters
    ----------
    name : str
        Its group, where it has one, and its ``first_`` column.
    chances : mapping
        Chance per kind of message, of those that have the event it follows on.
    after : str
        The event it follows on; nothing is the receipt itself.
    median : float
        Seconds from there, in the middle.
    spread : float
        Sigma of the logarithm of that delay.
    repeats : float
        How often it happens on average, if it does.
    """

    name: str
    chances: Mapping[str, float] = field(repr=False)
    after: str = ""
    median: float = HOUR
    spread: float = 1.5
    repeats: float = 1.0


def _kind(
    name: str, after: str = "", median: float = HOUR, repeats: float = 1.0, /, **chances: float
) -> EventKind:
    return EventKind(name, chances, after, median, repeats=repeats)


EVENTS: Final = (
    _kind("hard_bounce", "", 20.0, email=0.012, sms=0.02),
    _kind("soft_bounce", "", 60.0, 1.3, email=0.02),
    _kind("spam_complaint", "", 8 * HOUR, email=0.0008),
    _kind("sms_failure", "", 30.0, sms=0.03),
    _kind("whatsapp_failure", "", 30.0, whatsapp=0.03),
    _kind("push_failure", "", 5.0, push=0.04),
    _kind("webhook_failure", "", 5.0, workflow=0.01),
    _kind(
        "open", "", 3 * HOUR, 1.6,
        email=0.44, post=0.7, chat=0.8, tour=0.6, survey=0.55, banner=0.9, push=0.12,
        carousel=0.5, checklist=0.5, custom_bot=0.7, workflow=0.8,
    ),
    _kind(
        "click", "open", 90.0, 1.4,
        email=0.24, post=0.3, chat=0.1, banner=0.15, push=0.8, carousel=0.3,
    ),
    _kind("reply", "open", HOUR, 1.2, email=0.03, chat=0.25, post=0.05, custom_bot=0.5),
    _kind("keyword_reply", "", HOUR, sms=0.04, whatsapp=0.06),
    _kind("reaction", "open", 40.0, 1.2, post=0.2, chat=0.08),
    _kind("dismissal", "open", 30.0, post=0.35, banner=0.4, tour=0.3, survey=0.25, checklist=0.1),
    _kind("unsubscribe", "open", 2 * HOUR, email=0.012),
    _kind("collected_email", "open", 5 * 60.0, chat=0.04, custom_bot=0.15),
    _kind("tour_step_view", "open", 20.0, 3.0, tour=0.85),
    _kind("tour_step_failure", "tour_step_view", 5.0, tour=0.06),
    _kind("screen_view", "open", 10.0, carousel=0.9),
    _kind("button_tap", "screen_view", 20.0, carousel=0.5),
    _kind("permission_grant", "button_tap", 10.0, carousel=0.4),
    _kind("answer", "open", 60.0, survey=0.6),
    _kind("completion", "open", 3 * 60.0, tour=0.4, survey=0.5, checklist=0.3, carousel=0.6),
    _kind("checklist_step_receipt", "", 5.0, checklist=1.0),
    _kind("checklist_step_open", "open", 30.0, checklist=0.8),
    _kind("checklist_step_click", "checklist_step_open", 60.0, checklist=0.6),
    _kind("checklist_step_completion", "checklist_step_click", HOUR, checklist=0.7),
    _kind("people_reached_receipt", "open", 5.0, workflow=0.3),
    _kind("fin_step_reached", "open", 30.0, 1.5, workflow=0.7),
    _kind("fin_helpful_answer", "fin_step_reached", 120.0, workflow=0.5),
    _kind("goal_success", "open", 2 * DAY, email=0.08, post=0.06, chat=0.05, tour=0.1, banner=0.03),
    _kind(
        "series_completion", "", 9 * DAY,
        email=0.1, chat=0.06, tour=0.1, push=0.1, checklist=0.1,
    ),
    _kind("series_disengagement", "", 12 * DAY, email=0.05, chat=0.04, push=0.05),
    _kind("series_exit", "", 6 * DAY, email=0.04, chat=0.03, push=0.03, checklist=0.05),
)  # fmt: skip
"""Every kind, after those it follows on."""

IN_SERIES: Final = frozenset({"series_completion", "series_disengagement", "series_exit"})
QUESTIONS: Final = max(len(questions) for questions in SURVEYS.values())


@dataclass(frozen=True, slots=True)
class Happened:
    """Events of one kind, ordered by receipt and time.

    Parameters
    ----------
    row : ndarray of int64
        The receipt's place in its block.
    time : ndarray of int64
        Unix seconds.
    pick : ndarray of int64
        A random number each, for what else the event says.
    """

    row: NDArray[np.int64]
    time: NDArray[np.int64]
    pick: NDArray[np.int64]

    def between(self, after: int, before: int) -> Happened:
        """Return those within these seconds, both inclusive."""
        kept = (self.time >= after) & (self.time <= before)
        return self if kept.all() else Happened(self.row[kept], self.time[kept], self.pick[kept])

    def of_rows(self, kept: NDArray[np.bool_]) -> Happened:
        """Return those of the receipts that are kept."""
        mine = kept[self.row]
        return self if mine.all() else Happened(self.row[mine], self.time[mine], self.pick[mine])

    def firsts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the receipts that have any, and the time of the first of each."""
        begins = np.ones(len(self.row), dtype=np.bool_)
        begins[1:] = self.row[1:] != self.row[:-1]
        return self.row[begins], self.time[begins]


def happen(
    rng: np.random.Generator,
    received: NDArray[np.int64],
    kind: NDArray[np.int64],
    *,
    in_series: NDArray[np.bool_],
) -> dict[str, Happened]:
    """Return all that ever happens to these receipts.

    Parameters
    ----------
    rng : numpy.random.Generator
        The block's own.
    received : ndarray of int64
        Unix seconds.
    kind : ndarray of int64
        Places in :data:`KINDS`.
    in_series : ndarray of bool
        Which of them belong to a series.
    """
    everyone = np.arange(len(received), dtype=np.int64)
    found: dict[str, Happened] = {}
    reached = np.ones(len(received), dtype=np.bool_)
    for event in EVENTS:
        if event.after:
            candidates, base = found[event.after].firsts()
        else:
            candidates, base = everyone, received
        chances = np.array([event.chances.get(name, 0.0) for name in KINDS])
        lucky = rng.random(len(candidates)) < chances[kind[candidates]]
        if event.name in IN_SERIES:
            lucky &= in_series[candidates]
        lucky &= reached[candidates]
        found[event.name] = _repeated(rng, event, candidates[lucky], base[lucky])
        if event.name == "hard_bounce":
            # What bounced is never opened.
            reached[found[event.name].row] = False
    return found


def _repeated(
    rng: np.random.Generator,
    event: EventKind,
    rows: NDArray[np.int64],
    base: NDArray[np.int64],
) -> Happened:
    if event.name == "answer":
        counts = np.full(len(rows), QUESTIONS)
    elif event.repeats > 1:
        counts = np.minimum(rng.geometric(1 / event.repeats, len(rows)), MOST_REPEATS)
    else:
        counts = np.ones(len(rows), dtype=np.int64)
    row = np.repeat(rows, counts)
    delay = rng.lognormal(np.log(event.median), event.spread, len(row))
    delay *= np.where(rng.random(len(row)) < LATE_SHARE, LATE_FACTOR, 1.0)
    time = np.repeat(base, counts) + delay.astype(np.int64) + 1
    order = np.lexsort((time, row))
    return Happened(row, time[order], rng.integers(1 << 31, size=len(row)))
