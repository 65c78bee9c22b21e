"""What a picture needs of the deliveries, counted while their batches pass.

Used by `chart_data`. Each gauge keeps counts only: how large the table is changes neither its
memory nor what is drawn. It refuses to know archives, days, zones and how anything is drawn.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from intercom_export_widgets.data.schema import Batch

    Numbers: TypeAlias = NDArray[Any]

__all__ = ["COLUMNS", "HOURS", "QUARTER", "ReceiptGauge"]

COLUMNS: Final = (
    "ruleset_id",
    "content_type",
    "content_title",
    "received_at",
    "first_open",
    "first_click",
)
"""The columns of ``receipt`` that are counted, of those that there are."""

QUARTER: Final = 900
"""Seconds: every zone's days begin at a multiple of a quarter of an hour in UTC."""

HOURS: Final = (*range(49), *range(54, 169, 6), *range(192, 721, 24))
"""The hours after a delivery at which the share opened is counted, up to 30 days."""

MICRO: Final = 1_000_000


class ReceiptGauge:
    """Counts of deliveries: by time and kind, by message, and by the time until their opening.

    Parameters
    ----------
    until : int, optional
        Unix seconds until when opens are counted, inclusive; None if that is not known.

    Attributes
    ----------
    sent : int
        Deliveries in all.
    undated : int
        Those of them without an instant of receipt.
    quarters : collections.Counter
        Deliveries by (quarter of an hour since 1970, content_type).
    messages : dict
        ``[sent, opened, clicked]`` by (ruleset_id, content_type, content_title).
    watched : numpy.ndarray of int64, shape (len(HOURS) + 1,)
        Deliveries by how many of `HOURS` they were observed for.
    opened : numpy.ndarray of int64, shape (len(HOURS) + 1, len(HOURS) + 1)
        Opened ones by the first of `HOURS` that their opening came within, and as `watched`.
    youngest : float or None
        Seconds for which the last delivery was observed.
    """

    def __init__(self, until: int | None) -> None:
        import numpy as np

        self._until = until
        self._grid = np.array(HOURS, dtype="int64") * 3600 * MICRO
        self.sent = self.undated = 0
        self.quarters: Counter[tuple[int, str]] = Counter()
        self.messages: dict[tuple[str, str, str], list[int]] = {}
        self.watched = np.zeros(len(HOURS) + 1, dtype="int64")
        self.opened = np.zeros((len(HOURS) + 1, len(HOURS) + 1), dtype="int64")
        self.youngest: float | None = None

    def add(self, batch: Batch) -> None:
        """Count the rows of a batch that has some of `COLUMNS`."""
        received, dated = _instants(batch, "received_at")
        opened, is_open = _instants(batch, "first_open")
        _, is_click = _instants(batch, "first_click")
        kinds, kind_names = _codes(batch, "content_type")
        self.sent += batch.num_rows
        self.undated += int(batch.num_rows - dated.sum())
        self._add_messages(batch, kinds, kind_names, is_open, is_click)
        if dated.any():
            self._add_quarters(received[dated], kinds[dated], kind_names)
            self._add_delays(received[dated], opened[dated], is_open[dated])

    def absorb(self, other: ReceiptGauge) -> None:
        """Add what another has counted, of deliveries that may be observed until another time."""
        self.sent += other.sent
        self.undated += other.undated
        self.quarters.update(other.quarters)
        for name, counts in other.messages.items():
            mine = self.messages.get(name, [0, 0, 0])
            self.messages[name] = [a + b for a, b in zip(mine, counts, strict=True)]
        self.watched += other.watched
        self.opened += other.opened
        known = [each for each in (self.youngest, other.youngest) if each is not None]
        self.youngest = min(known, default=None)

    def _add_quarters(self, received: Numbers, kinds: Numbers, names: list[str]) -> None:
        width = len(names)
        found, counts = _counted(received // (QUARTER * MICRO) * width + kinds)
        for key, count in zip(found.tolist(), counts.tolist(), strict=True):
            self.quarters[key // width, names[key % width]] += count

    def _add_messages(
        self,
        batch: Batch,
        kinds: Numbers,
        kind_names: list[str],
        is_open: Numbers,
        is_click: Numbers,
    ) -> None:
        import numpy as np
        import pandas as pd

        rulesets, ruleset_names = _codes(batch, "ruleset_id")
        titles, title_names = _codes(batch, "content_title")
        keys = (rulesets * len(kind_names) + kinds) * len(title_names) + titles
        codes, found = pd.factorize(keys)
        counts = [
            np.bincount(codes[which], minlength=len(found)).tolist()
            for which in (slice(None), is_open, is_click)
        ]
        for place, key in enumerate(found.tolist()):
            rest, title = divmod(key, len(title_names))
            ruleset, kind = divmod(rest, len(kind_names))
            name = (ruleset_names[ruleset], kind_names[kind], title_names[title])
            totals = self.messages.setdefault(name, [0, 0, 0])
            for index in range(3):
                totals[index] += counts[index][place]

    def _add_delays(self, received: Numbers, opened: Numbers, is_open: Numbers) -> None:
        import numpy as np

        size = len(HOURS) + 1
        delays = np.where(is_open, np.maximum(opened - received, 0), 0)
        if self._until is None:
            watched = np.full(len(received), size - 1)
        else:
            seconds = np.maximum((self._until + 1) * MICRO - received, delays)
            youngest = float(seconds.min()) / MICRO
            self.youngest = youngest if self.youngest is None else min(youngest, self.youngest)
            watched = np.searchsorted(self._grid, seconds, side="right")
        self.watched += np.bincount(watched, minlength=size)
        within = np.searchsorted(self._grid, delays[is_open], side="left")
        pairs = np.bincount(within * size + watched[is_open], minlength=size * size)
        self.opened += pairs.reshape(size, size)


def _instants(batch: Batch, name: str) -> tuple[Numbers, Numbers]:
    """Return a column of instants as microseconds since 1970, and which rows have one."""
    import numpy as np
    import pyarrow as pa

    column = batch.column(name) if name in batch.schema.names else None
    if column is None or not pa.types.is_timestamp(column.type):
        return np.zeros(batch.num_rows, "int64"), np.zeros(batch.num_rows, "bool")
    instants = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    return instants.fill_null(0).to_numpy(), column.is_valid().to_numpy(zero_copy_only=False)


def _codes(batch: Batch, name: str) -> tuple[Numbers, list[str]]:
    """Return a column of text as places in a list of its values; a missing one is ``""``."""
    import numpy as np
    import pyarrow as pa

    if name not in batch.schema.names:
        return np.zeros(batch.num_rows, "int64"), [""]
    column = batch.column(name)
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    names = ["" if value is None else str(value) for value in column.dictionary.to_pylist()]
    codes = column.indices.cast(pa.int64()).fill_null(len(names)).to_numpy()
    return codes, [*names, ""]


def _counted(keys: Numbers) -> tuple[Numbers, Numbers]:
    """Return the keys that occur, and how often each does."""
    import numpy as np
    import pandas as pd

    codes, found = pd.factorize(keys)
    return found, np.bincount(codes, minlength=len(found))
