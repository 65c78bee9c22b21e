"""Groups of an archive within the range that was asked for: into a DataFrame, or into a file.

Between `tables`, which names and remembers them, and the readings of the archive or, where it
has the group, of the cache. A cache that turns out damaged is left for the archive. It refuses
to know jobs, and groups that the archive does not have.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol, TypeVar

from intercom_export_widgets.data.aside import aside
from intercom_export_widgets.data.cache import Cache
from intercom_export_widgets.data.dataframe import new_frame
from intercom_export_widgets.data.memory import is_out_of_memory
from intercom_export_widgets.data.notes import reading_notes, trimming_notes
from intercom_export_widgets.data.parquet import BLOCK, ParquetSink
from intercom_export_widgets.data.reading import Reading
from intercom_export_widgets.data.window import Trimmer, Window
from intercom_export_widgets.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from intercom_export_widgets.data.archive import Archive
    from intercom_export_widgets.data.cached import CachedReading
    from intercom_export_widgets.data.dataframe import DtypeBackend
    from intercom_export_widgets.data.parquet import Part
    from intercom_export_widgets.data.schema import Array, Batch, Field, Schema

    Readable = Reading | CachedReading
    Facts = Callable[[int], Mapping[str, str]]

__all__ = ["Taker", "Trimmed"]


class _Takes(Protocol):
    """What takes batches, one after the other."""

    def add(self, batch: Batch) -> None: ...


Taker = TypeVar("Taker", bound=_Takes)


class Trimmed:
    """The groups of an archive, without the rows outside a range.

    Parameters
    ----------
    archive : Archive
        The downloaded file.
    zone : str
        The zone of timestamps without one.
    window : tuple of int, optional
        ``created_at_after`` and ``created_at_before``, inclusive Unix seconds; without it,
        every row stays.
    notes : list of str
        Where to add what must be said.
    """

    def __init__(
        self, archive: Archive, zone: str, window: tuple[int, int] | None, notes: list[str]
    ) -> None:
        self._archive = archive
        self._zone = zone
        self._window = window
        self._notes = notes
        self._found: dict[str, list[str]] = {}
        self._harmed = False
        self._trimmer = None if window is None else Trimmer(self._open, Window(*window), zone)

    def remembered(self, group: str) -> tuple[pd.DataFrame, int]:
        """Return what `frame` returns for a whole group, as the last kernel that did kept it.

        If none did, or the file is gone or damaged, it is read, and kept for the next.
        """
        snapshot = Cache(self._archive.path, self._zone).snapshot(group, self._window)
        kept = None if snapshot is None else snapshot.read()
        if kept is not None:
            self._add_notes(kept.said["notes"])
            return kept.frame, kept.said["trimmed"]
        frame, trimmed = self.frame(group, None, "pandas", trim=True)
        if snapshot is not None:
            snapshot.keep(frame, {"trimmed": trimmed, "notes": self._found[group]})
        return frame, trimmed

    def frame(
        self, group: str, columns: Sequence[str] | None, backend: DtypeBackend, *, trim: bool
    ) -> tuple[pd.DataFrame, int]:
        """Return a group as a DataFrame, and how many rows were left out of it."""
        trimmer = self._trimmer if trim else None
        wanted, key = columns, ""
        if trimmer is not None and columns is not None and trimmer.key(group) not in columns:
            key = trimmer.key(group) if trimmer.key(group) in self._fresh(group).kinds else ""
            wanted = [*columns, key] if key else columns
        with self._unless_harmed():
            return self._frame(self._readable(group, wanted), backend, trimmer, key)
        return self._frame(self._readable(group, wanted), backend, trimmer, key)

    def _frame(
        self, reading: Readable, backend: DtypeBackend, trimmer: Trimmer | None, added: str
    ) -> tuple[pd.DataFrame, int]:
        """Read a DataFrame; the column ``added`` is only there to trim by."""
        import pyarrow.compute as pc

        frame = new_frame(reading.schema, backend, reading.expected)
        reading.pour(frame)
        beyond, trimmed = None, 0
        if trimmer is not None and trimmer.key(reading.group) in reading.kinds:
            beyond = trimmer.beyond(reading, frame.column(trimmer.key(reading.group)))
        if beyond is not None:
            trimmed = pc.sum(beyond).as_py()
            beyond = pc.invert(beyond)
        if added:
            frame.drop(added)
        self._say(reading, trimmer, trimmed)
        return frame.finish(beyond), trimmed

    def write(
        self, group: str, path: Path, facts: Facts, *, trim: bool, part: Part | None = None
    ) -> None:
        """Write a group as Parquet.

        Parameters
        ----------
        group : str
            One that the archive has.
        path : pathlib.Path
            The file, which appears when it is whole.
        facts : callable
            Returns the file's metadata, given how many rows were left out.
        trim : bool
            Whether rows outside the range are left out.
        part : Part, optional
            What the file says as one of several.

        Raises
        ------
        FileError
            If the disk refuses.
        """
        trimmer = self._trimmer if trim else None
        with aside(path) as temporary:
            with self._unless_harmed():
                self._write(group, temporary, facts, trimmer, part)
                return
            self._write(group, temporary, facts, trimmer, part)

    def _write(
        self, group: str, path: Path, facts: Facts, trimmer: Trimmer | None, part: Part | None
    ) -> None:
        reading = self._cached(group, None) or Reading(
            self._archive, group, zone=self._zone, block_size=BLOCK
        )
        self._pour(reading, reading, path, facts, trimmer=trimmer, part=part)
        corrected = reading.corrected() if isinstance(reading, Reading) else None
        if corrected is not None:
            self._pour(corrected, reading, path, facts, trimmer=trimmer, part=part)

    def fold(self, group: str, columns: Sequence[str] | None, new: Callable[[], Taker]) -> Taker:
        """Let what ``new`` makes take every batch of a group within the range, and return it.

        Parameters
        ----------
        group : str
            One that the archive has.
        columns : sequence of str, optional
            Those to read, of those that there are, all by default; what is needed to trim by
            comes too.
        new : callable
            Makes what takes them; called again if the cache turns out damaged half way.
        """
        there = self._fresh(group).kinds
        names = [name for name in (there if columns is None else columns) if name in there]
        key = "" if self._trimmer is None else self._trimmer.key(group)
        if key in there and key not in names:
            names.append(key)
        if not names:
            return new()
        with self._unless_harmed():
            return self._let_take(self._readable(group, names), new())
        return self._let_take(self._readable(group, names), new())

    def _let_take(self, reading: Readable, taker: Taker) -> Taker:
        trimmer = self._trimmer
        if trimmer is None or trimmer.key(reading.group) not in reading.kinds:
            for batch in reading.batches():
                taker.add(batch)
            return taker
        judge = trimmer.judge(reading)
        for batch in reading.batches():
            beyond = trimmer.beyond(judge, batch.column(trimmer.key(reading.group)))
            _add(taker, batch, beyond)
        return taker

    def stream(
        self, group: str, columns: Sequence[str] | None, *, trim: bool
    ) -> tuple[Schema, Iterator[Batch]]:
        """Return a group's schema, and its batches within the range as they are asked for.

        A reading of the archive that would lose values, which is known at its end alone, is made
        twice, and no value is lost. The cache, if there is one, says so beforehand.
        """
        trimmer = self._trimmer if trim else None
        key = "" if trimmer is None else trimmer.key(group)
        wanted = columns
        if columns is not None and key and key not in columns and key in self._fresh(group).kinds:
            wanted = [*columns, key]
        first = self._readable(group, wanted)
        reading = first
        if isinstance(first, Reading):
            for _ in first.batches():
                pass
            reading = first.corrected() or self._fresh(group, wanted)
        schema = reading.schema
        names = schema.names if columns is None else list(columns)
        batches = self._stream(reading, first, trimmer, names)
        return _schema(schema.field(name) for name in names), batches

    def _stream(
        self, reading: Readable, first: Readable, trimmer: Trimmer | None, names: Sequence[str]
    ) -> Iterator[Batch]:
        taken = _Latest()
        trimmed = 0
        judged = trimmer is not None and trimmer.key(reading.group) in reading.kinds
        try:
            for batch in reading.batches():
                beyond = None
                if trimmer is not None and judged:
                    beyond = trimmer.beyond(first, batch.column(trimmer.key(reading.group)))
                trimmed += _add(taken, batch, beyond)
                yield taken.batch.select(names)
        except _damage() as error:
            if is_out_of_memory(error):
                raise
            self._harmed = True
            raise ArchiveError(
                f"The cache of {self._archive.path} was damaged while it was read: {error}",
                advice="Read the table again: the archive is read then.",
            ) from error
        self._say(first, trimmer, trimmed)

    @contextlib.contextmanager
    def _unless_harmed(self) -> Iterator[None]:
        """Give up what a damaged cache has begun, and take nothing more from it.

        Whoever comes to the end of this block begins anew, with the archive.
        """
        try:
            yield
        except _damage() as error:
            if self._harmed or is_out_of_memory(error):
                raise
            self._harmed = True

    def _cached(self, group: str, columns: Sequence[str] | None) -> CachedReading | None:
        if self._harmed:
            return None
        return Cache(self._archive.path, self._zone).reading(group, columns)

    def _fresh(self, group: str, columns: Sequence[str] | None = None) -> Reading:
        return Reading(self._archive, group, zone=self._zone, columns=columns)

    def _readable(self, group: str, columns: Sequence[str] | None) -> Readable:
        return self._cached(group, columns) or self._fresh(group, columns)

    def _open(self, group: str, columns: Sequence[str] | None) -> Readable | None:
        """Return a reading of a group, None if the archive does not have it."""
        if group not in self._archive.groups:
            return None
        return self._readable(group, columns)

    def _pour(
        self,
        reading: Readable,
        first: Readable,
        path: Path,
        facts: Facts,
        *,
        trimmer: Trimmer | None,
        part: Part | None,
    ) -> None:
        """Write a reading into a file; what is said is said of the first one."""
        sink = ParquetSink(path, reading.schema, part)
        trimmed = 0
        try:
            judge = first if trimmer is None else trimmer.judge(first)
            for batch in reading.batches():
                beyond = None
                if trimmer is not None and trimmer.key(reading.group) in reading.kinds:
                    beyond = trimmer.beyond(judge, batch.column(trimmer.key(reading.group)))
                trimmed += _add(sink, batch, beyond)
            sink.finish(facts(trimmed))
        finally:
            sink.abandon()
        if not reading.lossy:
            self._say(first, trimmer, trimmed)

    def _say(self, reading: Readable, trimmer: Trimmer | None, trimmed: int) -> None:
        found = reading_notes(reading)
        if trimmer is not None:
            found += trimming_notes(reading.group, trimmed, reading.rows, widened=trimmer.widened)
        self._found[reading.group] = found
        self._add_notes(found)

    def _add_notes(self, found: Sequence[str]) -> None:
        self._notes += [note for note in found if note not in self._notes]


class _Latest:
    """Keeps the batch that it took last."""

    batch: Batch = None

    def add(self, batch: Batch) -> None:
        self.batch = batch


def _schema(fields: Iterable[Field]) -> Schema:
    """Return an Arrow schema of some fields."""
    import pyarrow as pa

    return pa.schema(list(fields))


def _add(sink: _Takes, batch: Batch, beyond: Array | None) -> int:
    """Add the rows of a batch that are not ``beyond``; return how many were."""
    import pyarrow.compute as pc

    if beyond is None:
        sink.add(batch)
        return 0
    sink.add(batch.filter(pc.invert(beyond)))
    return int(pc.sum(beyond).as_py() or 0)


def _damage() -> tuple[type[Exception], ...]:
    """Return what a damaged cache raises while it is read."""
    import pyarrow as pa

    return OSError, pa.ArrowException
