"""An export's tables: typed DataFrames, read when asked for and remembered.

The last stop before the reader: *Archive → tables → chart*. `Tables` knows the range that was
asked for and says aloud what it left out. It refuses to know jobs, networks and notebooks.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import partial
from threading import Lock, RLock
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary, ref

from intercom_export_widgets.arguments import choice, expect, names, path_of
from intercom_export_widgets.data.cached import empty_schema
from intercom_export_widgets.data.dataframe import DtypeBackend, empty_frame
from intercom_export_widgets.data.group import empty_table, read_arrow, read_table
from intercom_export_widgets.data.handle import TableHandle
from intercom_export_widgets.data.memory import memory_errors, release_memory
from intercom_export_widgets.data.notes import warn
from intercom_export_widgets.data.parquet import facts_of, make_folder, parquet_name, write_empty
from intercom_export_widgets.data.schema import GROUPS, singular
from intercom_export_widgets.data.trimmed import Trimmed
from intercom_export_widgets.errors import TableNotFoundError, forgetting_locals, without_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pandas as pd

    from intercom_export_widgets.data.archive import Archive
    from intercom_export_widgets.data.parquet import Part
    from intercom_export_widgets.data.schema import Batch, BatchReader, Schema
    from intercom_export_widgets.data.trimmed import Taker

__all__ = ["DtypeBackend", "Tables", "empty_table", "read_arrow", "read_table"]


_REMEMBERED: Final = 16
"""The exports whose tables are remembered; a loop over hundreds of them keeps no more."""

_recent: list[ref[Tables]] = []
_recent_lock = Lock()


def _forget_others(used: Tables) -> None:
    """Let all but the exports that were read last drop the tables that nobody holds."""
    with _recent_lock:
        # Compared by identity: two mappings are equal if all of their tables are.
        others = [each for each in _recent if each() is not None and each() is not used]
        _recent[:] = [*others, ref(used)]
        dropped = [each() for each in _recent[:-_REMEMBERED]]
        del _recent[:-_REMEMBERED]
    for tables in dropped:
        if tables is not None:
            tables.forget()


class Tables(Mapping[str, "pd.DataFrame"]):
    """The tables of one export by group, each read when first asked for, then remembered.

    Those of the 16 exports that were read last are remembered; a table that is held elsewhere,
    by a variable say, always is.

    Names are singular; the plural is understood too (``tables["receipts"]``). Iterating and
    ``in`` tell what the archive holds; a known group that it does not hold had no rows
    (Intercom leaves those out), so asking for it gives an empty, typed DataFrame.

    Parameters
    ----------
    archive : Archive or None
        The downloaded file; None for a job that ended without data.
    zone : str
        The IANA zone of timestamps that name none (the workspace's); empty if unknown, then
        they are read as UTC.
    window : tuple of int, optional
        ``created_at_after`` and ``created_at_before``, inclusive Unix seconds. Receipts
        received outside are left out, should the server have rounded to whole days, and so
        are the events of those receipts. If received_at is local time of a zone that is not
        known, the window is taken 14 hours wider on both sides.
    attrs : mapping, optional
        What every DataFrame carries in its ``attrs``; plain values.
    rows : mapping of str to int, optional
        How many rows each group has in the archive, if they were counted.

    Attributes
    ----------
    notes : list of str
        What must be said about the tables read so far, in sentences. Each is an
        `ExportWarning` too, once.
    """

    def __init__(
        self,
        archive: Archive | None,
        *,
        zone: str = "UTC",
        window: tuple[int, int] | None = None,
        attrs: Mapping[str, object] | None = None,
        rows: Mapping[str, int] | None = None,
    ) -> None:
        self.archive = archive
        self._rows = dict(rows or {})
        self.zone = zone
        self.window = window
        self.attrs: dict[str, object] = dict(attrs or {})
        self.notes: list[str] = []
        if archive is not None:
            self.notes += [
                f"{name} in the archive is no CSV, not read." for name in archive.ignored
            ]
        self._groups = archive.groups if archive is not None else {}
        self._trimmed = None
        if archive is not None:
            self._trimmed = Trimmed(archive, zone, window, self.notes)
        self._read: dict[str, pd.DataFrame] = {}
        self._held: WeakValueDictionary[str, pd.DataFrame] = WeakValueDictionary()
        self._said: set[str] = set()
        self._lock = RLock()

    @forgetting_locals()
    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return the table of that group, whole, with pandas' dtypes."""
        group = self._resolve(name)
        with self._lock, memory_errors(f"read the table {group}"):
            frame = self._read.get(group)
            if frame is None:
                frame = self._held.get(group)
            if frame is None:
                frame = self._remembered(group)
            self._read[group] = self._held[group] = frame
        _forget_others(self)
        return frame

    def __iter__(self) -> Iterator[str]:
        """Iterate over the groups of the archive, in its order; reads nothing."""
        return iter(self._groups)

    def __len__(self) -> int:
        """Return the number of groups in the archive."""
        return len(self._groups)

    def __contains__(self, name: object) -> bool:
        """Return whether the archive holds that group; reads nothing."""
        return isinstance(name, str) and (name in self._groups or singular(name) in self._groups)

    def __getattr__(self, name: str) -> object:
        """Say how a table is read, where one was asked for as an attribute."""
        told = f"; read the table: tables[{name!r}]" if name in GROUPS else ""
        raise AttributeError(f"Tables have no attribute {name!r}{told}")

    def __repr__(self) -> str:
        """Return the groups, their rows and their bytes in the archive; reads nothing."""
        if not self._groups:
            return "Tables: none, the export holds no rows."
        lines = []
        for group, members in self._groups.items():
            rows = f"{self._rows[group]:>13,} rows" if group in self._rows else ""
            packed = sum(member.compressed for member in members)
            lines.append(f"  {group:<24}{rows}{packed:>15,} bytes packed")
        return without_tokens("\n".join(["Tables, read when asked for:", *lines]))

    def forget(self) -> None:
        """Drop the tables that were read; each is read again when it is next asked for.

        A table that is held elsewhere is not read again: asking for it gives the same object.
        """
        self._read.clear()

    def _remembered(self, group: str) -> pd.DataFrame:
        """Return what `read` returns, from where the last kernel that read it has kept it."""
        if self._trimmed is None or group not in self._groups:
            return self.read(group)
        frame, trimmed = self._trimmed.remembered(group)
        return self._labelled(frame, trimmed)

    def _labelled(self, frame: pd.DataFrame, trimmed: int) -> pd.DataFrame:
        """Give a frame its ``attrs``, and warn of what reading it has found out."""
        frame.attrs.update(self.attrs, rows_trimmed=trimmed)
        self._say_notes()
        return frame

    @forgetting_locals()
    def read(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        dtype_backend: DtypeBackend | None = None,
        trim: bool = True,
    ) -> pd.DataFrame:
        """Return a table anew, not remembered.

        Parameters
        ----------
        name : str
            The group, singular or plural.
        columns : sequence of str, optional
            The columns to read, in that order; all by default.
        dtype_backend : {"pandas", "pyarrow"}, optional
            As in `read_table`.
        trim : bool
            Leave out what lies outside the window; ``attrs["rows_trimmed"]`` says how many
            rows that were.

        Raises
        ------
        TableNotFoundError
            If neither the archive nor the API knows such a group.
        InputError
            If the table has no such column.
        ArchiveError
            If the data is damaged, or is no CSV.
        OutOfMemoryError
            If there is not enough memory.
        """
        group = self._resolve(name)
        backend = dtype_backend or "pandas"
        choice(backend, ("pandas", "pyarrow"), "dtype_backend")
        columns = names(columns, "columns", "a list of names, such as ['email', 'received_at']")
        trimmed = 0
        if self._trimmed is None or group not in self._groups:
            frame = empty_frame(group, backend)
            frame = frame if columns is None else frame[list(columns)]
        else:
            with memory_errors(f"read the table {group}"):
                frame, trimmed = self._trimmed.frame(group, columns, backend, trim=trim)
        return self._labelled(frame, trimmed)

    @forgetting_locals()
    def handle(
        self, name: str, *, columns: Sequence[str] | None = None, trim: bool = True
    ) -> TableHandle:
        """Return a table for Arrow's users: it speaks the Arrow PyCapsule protocol.

        Parameters
        ----------
        name : str
            The group, singular or plural.
        columns : sequence of str, optional
            The columns to read, in that order; all by default.
        trim : bool
            Leave out what lies outside the window.

        Raises
        ------
        TableNotFoundError
            If neither the archive nor the API knows such a group.
        InputError
            If the table has no such column.
        """
        group = self._resolve(name)
        columns = names(columns, "columns", "a list of names, such as ['email', 'received_at']")
        return TableHandle(group, partial(self._reader, group, columns, trim=trim))

    def _reader(self, group: str, columns: Sequence[str] | None, *, trim: bool) -> BatchReader:
        """Return a new ``pyarrow.RecordBatchReader`` of a group."""
        import pyarrow as pa

        if self._trimmed is not None and group in self._groups:
            with memory_errors(f"read the table {group}"):
                schema, batches = self._trimmed.stream(group, columns, trim=trim)
        else:
            schema, batches = empty_schema(group, columns), iter(())
        schema = schema.with_metadata(facts_of(self.attrs))
        return pa.RecordBatchReader.from_batches(schema, self._told(batches, schema))

    def _told(self, batches: Iterator[Batch], schema: Schema) -> Iterator[Batch]:
        """Yield batches of a schema; warn at the end of what reading them has found out."""
        with memory_errors("read the table"):
            for batch in batches:
                yield batch.replace_schema_metadata(schema.metadata)
        self._say_notes()

    def fold(self, name: str, columns: Sequence[str] | None, new: Callable[[], Taker]) -> Taker:
        """Let something take a table batch by batch, in memory that does not grow with it.

        Parameters
        ----------
        name : str
            The group, singular or plural.
        columns : sequence of str, optional
            Those that are wanted, of those that there are; all by default. Rows outside the
            window are left out.
        new : callable
            Makes what takes the batches, ``pyarrow.RecordBatch``, by its method ``add``; called
            again if reading has to begin anew.

        Returns
        -------
        object
            What ``new`` made last, after it has taken them all.

        Raises
        ------
        TableNotFoundError
            If neither the archive nor the API knows such a group.
        ArchiveError
            If the data is damaged, or is no CSV.
        OutOfMemoryError
            If there is not enough memory.
        """
        group = self._resolve(name)
        if self._trimmed is None or group not in self._groups:
            return new()
        with memory_errors(f"read the table {group}"):
            return self._trimmed.fold(group, columns, new)

    def _say_notes(self) -> None:
        """Warn once of each thing that reading has found out."""
        for note in self.notes:
            if note not in self._said:
                self._said.add(note)
                warn(note)

    def _resolve(self, name: str) -> str:
        """Return the group that ``name`` means: as it stands, or its singular."""
        expect(name, str, "table", "its name, such as 'receipt'")
        if name in self._groups:
            return name
        group = singular(name)
        if group in self._groups or group in GROUPS:
            return group
        known = [*self._groups, *GROUPS]
        close = difflib.get_close_matches(name, known, 1)
        meant = f"Did you mean {close[0]!r}? " if close else ""
        held = ", ".join(self._groups) or "no tables"
        raise TableNotFoundError(
            f"There is no table {name!r}.", advice=f"{meant}This export holds {held}."
        )

    @forgetting_locals()
    def to_parquet(
        self,
        path: str | Path,
        name: str | None = None,
        *,
        trim: bool = True,
        part: Part | None = None,
    ) -> tuple[Path, ...]:
        """Write tables as Parquet, in memory that does not grow with them.

        Types are those of `read_arrow`, categories are dictionaries, rows are sorted as they
        came; ``received_at`` has statistics in every row group. The file's metadata has every
        key of ``attrs``, and ``package_version``; ``pandas.read_parquet`` gives them back.

        Parameters
        ----------
        path : str or pathlib.Path
            A file that ends in ``.parquet``, for one table; else a folder, in which each table
            is a file of its own, ``receipt.parquet``. What is there of that name is replaced
            once the new file is whole.
        name : str, optional
            The table; by default ``receipt`` in a file, and in a folder all there are.
        trim : bool
            As in `read`.
        part : Part, optional
            What the files say if they are some of several that make a dataset.

        Returns
        -------
        tuple of pathlib.Path
            The files that were written.

        Raises
        ------
        TableNotFoundError
            If neither the archive nor the API knows such a group.
        ArchiveError
            If the data is damaged, or is no CSV.
        OutOfMemoryError
            If there is not enough memory.
        FileError
            If the disk refuses; there is no new file then, and never half of one.
        """
        path = path_of(path, "path", "a folder, or a file that ends in .parquet")
        single = path.suffix.lower() == ".parquet" and not path.is_dir()
        default = ["receipt"] if single else list(self._groups)
        groups = [self._resolve(each) for each in ([name] if name else default)]
        files = [path] if single else [path / parquet_name(group) for group in groups]
        make_folder(files[0].parent if files else path)
        for group, file in zip(groups, files, strict=True):
            if self._trimmed is None or group not in self._groups:
                write_empty(group, file, self._facts(0, trim=trim, part=part), part)
            else:
                facts = partial(self._facts, trim=trim, part=part)
                with memory_errors(f"write the table {group}"):
                    self._trimmed.write(group, file, facts, trim=trim, part=part)
        release_memory()
        self._say_notes()
        return tuple(files)

    def _facts(self, trimmed: int, *, trim: bool, part: Part | None) -> dict[str, str]:
        """Return what a file says of its origin."""
        return facts_of(self.attrs | {"rows_trimmed": trimmed}, part) | {"trim": str(trim)}
