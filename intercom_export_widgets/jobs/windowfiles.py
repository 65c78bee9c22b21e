"""A backfill as one dataset on disk: a folder for each table, a file in it for each window.

A window's file is written as soon as the window is there, while Intercom works on the next
one; a file that is there already, of the same job, is left as it is. At the end the files of
a table have one schema. Knows no network and no queue.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.data.alike import facts_in, make_alike
from intercom_export_widgets.data.combination import not_comparable
from intercom_export_widgets.data.parquet import Part, facts_of, make_folder, parquet_name
from intercom_export_widgets.errors import ExportWarning, FileError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intercom_export_widgets.data.tables import Tables
    from intercom_export_widgets.intercom.timeframe import Timeframe

__all__ = ["WindowFiles"]

SAME: Final = (
    "job_identifier",
    "archive",
    "received_from",
    "received_until",
    "observed_until",
    "package_version",
    "backfill",
    "mixed",
)
"""What a file that is there must say to be left as it is."""


@dataclass
class WindowFiles:
    """The files of a backfill in a folder.

    Attributes
    ----------
    folder : pathlib.Path
        Where the tables' folders are.
    backfill : str
        The backfill in words, which its files say.
    mixed : bool
        Whether windows that count opens and clicks until different moments may be put
        together; each file then has a column ``observed_until``.
    trim : bool
        Whether rows outside a window's range are left out.
    files : dict of str to list of pathlib.Path
        Each table's, in the order in which they were written.
    moments : set of str
        Until when the windows count, ISO 8601.
    """

    folder: Path
    backfill: str
    mixed: bool = False
    trim: bool = True
    files: dict[str, list[Path]] = field(default_factory=dict)
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
            {"backfill": self.backfill, "mixed": str(self.mixed)}, until if self.mixed else ""
        )
        for name in dict.fromkeys(["receipt", *tables]):
            place = self.folder / Path(parquet_name(name)).stem
            path = (
                place
                / f"{_stamp(window.created_at_after)}-{_stamp(window.created_at_before)}.parquet"
            )
            make_folder(place)
            if not self._is_there(path, tables, part):
                tables.to_parquet(path, name, trim=self.trim, part=part)
            self.files.setdefault(name, []).append(path)

    def finish(self) -> tuple[Path, ...]:
        """Give the files of each table one schema, and return them all.

        Files that an earlier call has written for windows that were split since are removed.

        Raises
        ------
        FileError
            If the disk refuses.
        """
        for name, paths in self.files.items():
            self._clear(paths)
            for column in make_alike(paths):
                warnings.warn(
                    f"Column {column} of {name} is text in some window, so it is text in all.",
                    ExportWarning,
                    stacklevel=4,
                )
        return tuple(path for paths in self.files.values() for path in paths)

    def _check_folder(self, windows: Sequence[Timeframe]) -> None:
        """Refuse a folder that holds files of something else: they would be read with ours."""
        names = {_file_of(window) for window in windows}
        for path in sorted(self.folder.glob("*/*.parquet")):
            facts = facts_in(path)
            ours = facts.get("backfill") == self.backfill
            if not ours and (facts or path.name not in names):
                raise FileError(
                    f"{path} is of something else than {self.backfill}, and would be read with it",
                    advice="Choose another folder, or remove that file.",
                )

    def _is_there(self, path: Path, tables: Tables, part: Part) -> bool:
        if not path.exists():
            return False
        wanted, found = facts_of(tables.attrs, part), facts_in(path)
        return all(found.get(key) == wanted.get(key) for key in SAME)

    def _clear(self, paths: Sequence[Path]) -> None:
        """Remove files of this backfill whose windows there are no more."""
        for path in sorted(paths[0].parent.glob("*.parquet")):
            if path not in paths and facts_in(path).get("backfill") == self.backfill:
                path.unlink()


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _file_of(window: Timeframe) -> str:
    """Return the name of a window's file."""
    return f"{_stamp(window.created_at_after)}-{_stamp(window.created_at_before)}.parquet"


def _stamp(seconds: int) -> str:
    """Return an instant as a part of a file's name."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")
