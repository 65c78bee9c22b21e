"""Deliveries and the events that follow them, for any range of any size.

The deliveries since 2018 are cut into blocks that depend only on the seed and on the number of
rows a day. Each block has its own random generator, so that a day has the same rows whichever
range is exported, and memory holds one block. `EVENTS` gives each kind of event its chance per
kind of message, the event that it follows, and its delay. Delays are log-normal with a late
tail: an open may come weeks after its mail, which is why June's numbers grow in July.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from intercom_export_widgets.sandbox.sample_content import KINDS, SURVEYS, content_of, people_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["EVENTS", "Block", "EventKind", "Happened", "Workspace", "happen"]

HOUR: Final = 3600.0
DAY: Final = 86_400
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


FIRST_DAY: Final = 17532
"""2018-01-01, in days since 1970."""

BLOCK_ROWS: Final = 16_000
LONGEST_BLOCK: Final = 16
"""Days."""

WEEK: Final = (1.25, 1.45, 1.3, 1.2, 1.0, 0.42, 0.38)
"""Messages on each weekday from Monday, against the mean of them all."""

HOURS: Final = (
    1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 16, 13, 11, 12, 14, 15, 13, 10, 8, 7, 6, 4, 3, 2,
)  # fmt: skip
"""Messages in each hour of the day, UTC."""

YEARLY_GROWTH: Final = 0.06
ID_BITS: Final = 59
ID_FACTOR: Final = 0x2C1B3C6D5A7F9E35 | 1
"""Odd, and so one to one modulo a power of two: no receipt_id comes twice."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some receipts in the order of their time, with all their events.

    Parameters
    ----------
    receipt_id : ndarray of int64
        Nineteen digits.
    received : ndarray of int64
        Unix seconds.
    person, version : ndarray of int64
        Places among the people and the content's versions.
    talk : ndarray of int64
        The conversation_id, or -1.
    events : dict
        What happened, by kind.
    """

    receipt_id: NDArray[np.int64]
    received: NDArray[np.int64]
    person: NDArray[np.int64]
    version: NDArray[np.int64]
    talk: NDArray[np.int64]
    events: dict[str, Happened]

    def __len__(self) -> int:
        """Return the number of receipts."""
        return len(self.received)

    def within(self, after: int, before: int, until: int) -> Block:
        """Return what an export of this range shows.

        Receipts outside the range go, with all their events; so do events outside it
        ("``first_*`` count only events inside the requested range"), and everything after
        ``until``, which is now.
        """
        last = min(before, until)
        kept = (self.received >= after) & (self.received <= last)
        if kept.all():
            events = {name: found.between(after, last) for name, found in self.events.items()}
            return Block(
                self.receipt_id, self.received, self.person, self.version, self.talk, events
            )
        place = np.cumsum(kept) - 1
        events = {}
        for name, found in self.events.items():
            mine = found.of_rows(kept).between(after, last)
            events[name] = Happened(place[mine.row], mine.time, mine.pick)
        return Block(
            self.receipt_id[kept],
            self.received[kept],
            self.person[kept],
            self.version[kept],
            self.talk[kept],
            events,
        )


class Workspace:
    """A workspace of synthetic messages.

    Parameters
    ----------
    seed : int
        Of all that is random.
    rows_per_day : int
        Messages on an average day of 2018.
    first_day : int
        The first day with data, in days since 1970; not before 2018-01-01.
    """

    def __init__(self, seed: int = 1, rows_per_day: int = 300, first_day: int = FIRST_DAY) -> None:
        self.seed = seed
        self.rows_per_day = rows_per_day
        self.first_day = max(first_day, FIRST_DAY)
        self.people = people_of(seed, min(max(rows_per_day * 8, 300), 100_000))
        self.content = content_of(seed)
        self._days_a_block = max(1, min(LONGEST_BLOCK, BLOCK_ROWS // max(1, rows_per_day)))
        self._parts = max(1, round(rows_per_day / BLOCK_ROWS))

    def rows_on(self, day: int) -> int:
        """Return the number of receipts on a day (days since 1970)."""
        years = (day - FIRST_DAY) / 365.25
        weekday = datetime.fromtimestamp(day * DAY, UTC).weekday()
        noise = np.random.default_rng((self.seed, 3, day)).normal(1.0, 0.06)
        return max(
            0, round(self.rows_per_day * WEEK[weekday] * (1 + YEARLY_GROWTH * years) * noise)
        )

    def blocks(self, after: int, before: int, until: int) -> Iterator[Block]:
        """Yield what an export of this range shows, in the order of time.

        Parameters
        ----------
        after, before : int
            Unix seconds, both inclusive.
        until : int
            Now, in Unix seconds: nothing is later.
        """
        after = max(after, self.first_day * DAY)
        first, last = after // DAY, min(before, until) // DAY
        step = self._days_a_block
        start = FIRST_DAY + (first - FIRST_DAY) // step * step
        for day in range(start, last + 1, step):
            for part in range(self._parts):
                block = self._block(day, part).within(after, before, until)
                if len(block):
                    yield block

    def _block(self, day: int, part: int) -> Block:
        """Return the receipts of a part of a day, or of several days, whole."""
        rng = np.random.default_rng((self.seed, 4, day, part))
        shares = np.cumsum((0, *HOURS)) / sum(HOURS)
        numbers, days, seconds, versions = [], [], [], []
        for each in range(day, day + self._days_a_block):
            total = self.rows_on(each)
            begin, end = total * part // self._parts, total * (part + 1) // self._parts
            place = (part + np.sort(rng.random(end - begin))) / self._parts
            numbers.append(np.arange(begin, end, dtype=np.int64))
            days.append(np.full(end - begin, each, dtype=np.int64))
            seconds.append(np.interp(place, shares, np.arange(25) * 3600.0).astype(np.int64))
            chosen = np.searchsorted(
                self.content.chances(each), rng.random(end - begin), side="right"
            )
            versions.append(np.minimum(chosen, self.content.count - 1).astype(np.int64))
        at = np.concatenate(days)
        received = at * DAY + np.minimum(np.concatenate(seconds), DAY - 1)
        return self._lived(
            rng, _receipt_ids(at, np.concatenate(numbers)), received, np.concatenate(versions)
        )

    def _lived(
        self,
        rng: np.random.Generator,
        receipt_id: NDArray[np.int64],
        received: NDArray[np.int64],
        version: NDArray[np.int64],
    ) -> Block:
        """Give people to receipts, and let happen what happens."""
        count = len(received)
        # Some people get far more than others.
        person = (rng.random(count) ** 1.6 * self.people.count).astype(np.int64)
        talk = rng.integers(10**14, 9 * 10**14, size=count)
        events = happen(
            rng,
            received,
            self.content.kind[version],
            in_series=self.content.series[version] >= 0,
        )
        talked = np.zeros(count, dtype=np.bool_)
        for name in ("reply", "fin_step_reached", "keyword_reply"):
            talked[events[name].row] = True
        return Block(receipt_id, received, person, version, np.where(talked, talk, -1), events)


def _receipt_ids(day: NDArray[np.int64], number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return identifiers of nineteen digits, all different, in no visible order."""
    place = ((day << 32) | number).astype(np.uint64)
    mixed = place * np.uint64(ID_FACTOR) & np.uint64((1 << ID_BITS) - 1)
    return mixed.astype(np.int64) + 10**18
