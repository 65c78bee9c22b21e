"""A backfill as one dataset on disk: a folder for each table, a file in it for each window.

A window's file is written as soon as the window is there, while Intercom works on the next
one; a file that is there already, of the same job, is left as it is. At the end the files of
a table have one schema. Knows no queue, and not who works.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.data.concat import not_comparable
from intercom_export_widgets.data.parquet import Part, facts_of, parquet_name
from intercom_export_widgets.errors import ExportWarning, FileError
from intercom_export_widgets.jobs.conversion import Conversion, Workers, make_alike
from intercom_export_widgets.jobs.shipment import SAME, facts_there, is_there

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intercom_export_widgets.data.tables import Tables
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.store import Store

__all__ = ["WindowFiles"]

WINDOWED: Final = (*SAME, "backfill", "mixed")
"""What a window's file that is there must say to be left as it is."""


@dataclass
class WindowFiles:
    """The files of a backfill in a folder or a store.

    Attributes
    ----------
    store : Store
        Where the tables' folders are.
    backfill : str
        The backfill in words, which its files say.
    mixed : bool
        Whether windows that count opens and clicks until different moments may be put
        together; each file then has a column ``observed_until``.
    trim : bool
        Whether rows outside a window's range are left out.
    workers : Workers
        Who writes.
    files : dict of str to list of str
        Each table's, by their names in the store, in the order in which the windows came.
    moments : set of str
        Until when the windows count, ISO 8601.
    """

    store: Store
    backfill: str
    mixed: bool = False
    trim: bool = True
    workers: Workers = field(default_factory=Workers)
    files: dict[str, list[str]] = field(default_factory=dict)
    moments: set[str] = field(default_factory=set)

    def check(self, windows: Sequence[Timeframe]) -> None:
        """Refuse, before anything is written, what could not be read as one dataset.

        Raises
        ------
        InputError
            If the windows count until different moments, and that was not allowed.
        FileError
            If the folder holds files of something else.
        """
        self._compare(f"The {len(windows)} windows", {_iso(w.request_end) for w in windows})
        self._check_folder(windows)

    def _compare(self, what: str, moments: set[str]) -> None:
        if len(moments) > 1 and not self.mixed:
            word = "backfill.to_parquet(path, mixed=True)"
            raise not_comparable(what, sorted(moments), word)

    def write(self, window: Timeframe, tables: Tables) -> None:
        """Write the tables of a window, unless they are there already.

        Deliveries have a file for each window, also one without rows.

        Raises
        ------
        ArchiveError
            If the data is damaged.
        FileError
            If the disk refuses.
        """
        until = str(tables.attrs["observed_until"])
        self.moments.add(until)
        self._compare("The windows", self.moments)
        part = Part(
            {"backfill": self.backfill, "mixed": str(self.mixed), "trim": str(self.trim)},
            until if self.mixed else "",
        )
        lacking = {}
        for table in dict.fromkeys(["receipt", *tables]):
            name = f"{parquet_name(table).removesuffix('.parquet')}/{_file_of(window)}"
            if not is_there(self.store, name, facts_of(tables.attrs, part), WINDOWED):
                lacking[table] = name
            self.files.setdefault(table, []).append(name)
        if lacking:
            self.workers.begin(Conversion.of(tables, self.store, lacking, part, trim=self.trim))

    def finish(self) -> tuple[str, ...]:
        """Give the files of each table one schema, and return the names of them all.

        Those of a table are together, in the order of the windows. Files that an earlier call
        has written for windows that were split since are removed.

        Raises
        ------
        ArchiveError, FileError
            What a worker has met, or if the disk or the store refuses.
        """
        self.workers.finish()
        for table, names in self.files.items():
            names.sort()  # they begin with the window's first instant
            self._clear(names)
            for column in make_alike(self.store, names, self.workers):
                warnings.warn(
                    f"Column {column} of {table} is text in some window, so it is text in all.",
                    ExportWarning,
                    stacklevel=4,
                )
        return tuple(name for names in self.files.values() for name in names)

    def _check_folder(self, windows: Sequence[Timeframe]) -> None:
        """Refuse a folder that holds files of something else: they would be read with ours."""
        ours = {_file_of(window) for window in windows}
        for name in self.store.names("*/*.parquet"):
            facts = facts_there(self.store, name)
            alien = facts or PurePosixPath(name).name not in ours
            if alien and facts.get("backfill") != self.backfill:
                raise FileError(
                    f"{self.store.address(name)} is of something else than {self.backfill}, and "
                    "would be read with it",
                    advice="Choose another folder, or remove that file.",
                )

    def _clear(self, names: Sequence[str]) -> None:
        """Remove files of this backfill whose windows there are no more."""
        folder = PurePosixPath(names[0]).parent
        for name in self.store.names(f"{folder}/*.parquet"):
            if name in names or facts_there(self.store, name).get("backfill") != self.backfill:
                continue
            self.store.remove(name)


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _file_of(window: Timeframe) -> str:
    """Return the name of a window's file."""
    return f"{_stamp(window.created_at_after)}-{_stamp(window.created_at_before)}.parquet"


def _stamp(seconds: int) -> str:
    """Return an instant as a part of a file's name."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")
