"""Receipts and what became of them, block by block, for any range of any size.

The line of all receipts since 2018 is cut into blocks that depend only on the seed and on
the number of rows a day. Each block has a random generator of its own, so that a day has
the same rows whichever range is asked for, and memory holds one block. A block knows all
that ever happens to its receipts; what a range shows of it, :meth:`Block.within` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from intercom_export_widgets.sandbox.content import content_of
from intercom_export_widgets.sandbox.engagement import Happened, happen
from intercom_export_widgets.sandbox.people import people_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Block", "Workspace"]

DAY: Final = 86400
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
