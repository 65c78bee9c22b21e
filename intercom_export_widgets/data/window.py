"""The range that was asked for, held against the rows that came.

Used by `tables`. Intercom's pages don't say whether the server rounds to whole days or compares
exact seconds, so rows outside the instants asked for may come. It refuses to know
DataFrames and how the counts are told.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.data.timestamps import known_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from intercom_export_widgets.data.cached import CachedReading
    from intercom_export_widgets.data.reading import Reading
    from intercom_export_widgets.data.schema import Array

    Readable = Reading | CachedReading
    Opener = Callable[[str, Sequence[str] | None], Readable | None]

__all__ = ["MARGIN_HOURS", "Trimmer", "Window"]

MARGIN_HOURS: Final = 14
"""How far a local time may be from UTC: zones lie between UTC-12 and UTC+14."""


@dataclass(frozen=True, slots=True)
class Window:
    """Two inclusive Unix seconds: ``created_at_after`` and ``created_at_before``."""

    after: int
    before: int

    def widened(self) -> Window:
        """Return the window in which a local time of a zone that is not known may lie."""
        margin = MARGIN_HOURS * 3600
        return Window(self.after - margin, self.before + margin)

    def outside(self, received: Array) -> Array | None:
        """Return which of ``received`` lie outside; None if none do.

        Parameters
        ----------
        received : pyarrow.ChunkedArray
            timestamp[us, UTC]. Missing ones are not outside; neither is a fraction of the
            last second.

        Returns
        -------
        pyarrow.ChunkedArray of bool, or None
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        if not pa.types.is_timestamp(received.type) or received.null_count == len(received):
            return None
        instant = received.type
        first = pa.scalar(self.after * 1_000_000, pa.int64()).cast(instant)
        end = pa.scalar((self.before + 1) * 1_000_000, pa.int64()).cast(instant)
        bounds = pc.min_max(received)
        if pc.greater_equal(bounds["min"], first).as_py() and pc.less(bounds["max"], end).as_py():
            return None
        beyond = pc.or_(pc.less(received, first), pc.greater_equal(received, end))
        return pc.fill_null(beyond, fill_value=False)


class Trimmer:
    """Leaves out receipts received outside a window, and the events of those receipts.

    Events whose receipt the archive does not hold stay. Which receipts are left out is found
    out once, when a table of events is first trimmed; it costs reading two columns of them.

    Where received_at is local time of a zone that is not known, only what lies outside in
    every zone is left out: no row goes on the strength of a guess.

    Parameters
    ----------
    opened : callable
        Returns the reading of a group, or None if there is no such group.
    window : Window
        The range asked for.
    zone : str
        The zone of timestamps without one.

    Attributes
    ----------
    widened : bool
        Whether that was so.
    """

    def __init__(self, opened: Opener, window: Window, zone: str) -> None:
        self._opened = opened
        self._window = window
        self._zone = zone
        self.widened = False
        self._receipts: Array | None = None
        self._lock = Lock()

    @staticmethod
    def key(group: str) -> str:
        """Return the column that a group is trimmed by."""
        return "received_at" if group == "receipt" else "receipt_id"

    def beyond(self, reading: Readable, column: Array) -> Array | None:
        """Return which rows of a table are to be left out; None if none are.

        Parameters
        ----------
        reading : Reading or CachedReading
            The finished reading of that table, or what `judge` has returned.
        column : pyarrow.Array or pyarrow.ChunkedArray
            Its column `key`, or a piece of it.
        """
        import pyarrow.compute as pc

        if reading.group == "receipt":
            return self._outside(reading, column)
        receipts = self._receipts_outside()
        if not len(receipts):
            return None
        beyond = pc.is_in(column, value_set=receipts.cast(column.type))
        return beyond if pc.any(beyond).as_py() else None

    def judge(self, reading: Readable) -> Readable:
        """Return the reading by which rows are judged while they come, not after.

        Whether local times of a zone that is not known are among them is known at the end
        alone; where that counts, received_at is read before the rest.
        """
        unsure = reading.group == "receipt" and known_zone(self._zone) is None
        if reading.complete or not unsure or "received_at" not in reading.kinds:
            return reading
        before = self._opened("receipt", ["received_at"]) or reading
        for _ in before.batches():
            pass
        return before

    def _outside(self, reading: Readable, received: Array) -> Array | None:
        """Return which of ``received``, the received_at of ``reading``, surely lie outside."""
        tally = reading.tallies.get("received_at")
        local = tally is not None and tally.zoneless and not tally.refused
        if local and known_zone(self._zone) is None:
            self.widened = True
            return self._window.widened().outside(received)
        return self._window.outside(received)

    def _receipts_outside(self) -> Array:
        """Return the receipt_id of every receipt outside the window."""
        import pyarrow as pa

        with self._lock:
            if self._receipts is None:
                self._receipts = pa.array([], pa.string())
                columns = ("receipt_id", "received_at")
                there = self._opened("receipt", None)
                if there is not None and set(columns) <= set(there.kinds):
                    reading = self._opened("receipt", columns) or there
                    table = reading.table()
                    beyond = self._outside(reading, table["received_at"])
                    if beyond is not None:
                        self._receipts = table.filter(beyond)["receipt_id"].combine_chunks()
            return self._receipts
