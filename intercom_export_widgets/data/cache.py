"""What was parsed once, kept as Parquet beside the archive for the readings that follow.

``<archive>.cache`` is a folder of one file for each table, and beside it what the reading has
found out, and a `memory_map` of what was read as a DataFrame. A file counts only if it is what was
written, and was made from the very archive that lies beside it now, by this version of the
package; whatever else lies there is ignored. Nothing depends on it: where it can't be written,
or is damaged or gone, the archive is read. It refuses to know DataFrames and ranges.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import re
import shutil
import stat
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from intercom_export_widgets import __version__
from intercom_export_widgets.data.archive import csv_files
from intercom_export_widgets.data.aside import aside
from intercom_export_widgets.data.cached import CachedReading
from intercom_export_widgets.data.memory_map import Snapshot
from intercom_export_widgets.data.parquet import ParquetSink
from intercom_export_widgets.disk import is_reserved, reason_of, refuse_link, replace
from intercom_export_widgets.errors import FileError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from intercom_export_widgets.data.reading import Reading
    from intercom_export_widgets.data.schema import Batch

__all__ = ["Cache"]

_LOG: Final = logging.getLogger(__name__)
_FORMAT: Final = 3
_TAIL: Final = 64 * 1024
_BLOCK: Final = 1024 * 1024
_PLAIN_NAME: Final = re.compile(r"[a-z0-9_]{1,80}")


class Cache:
    """The tables of one archive that lie beside it, parsed already.

    Parameters
    ----------
    path : pathlib.Path
        The archive.
    zone : str
        The zone that timestamps without one are read in.
    """

    def __init__(self, path: Path, zone: str) -> None:
        self.path = path
        self.zone = zone
        self.folder = path.with_name(f"{path.name}.cache")

    def reading(self, group: str, columns: Sequence[str] | None = None) -> CachedReading | None:
        """Return a reading of a table that costs a fraction of the archive's, or None.

        None too where the answers would not be the archive's to the letter: some columns of a
        table in which there was something to say about whole rows.

        Raises
        ------
        InputError
            If the table has no such column.
        """
        from pyarrow import ArrowException

        try:
            self._check(group)
            facts = self._facts(group)
            if not facts or (columns is not None and facts["rows_noted"]):
                return None
            path = self._file(group)
            return CachedReading(path, group, facts, zone=self.zone, columns=columns)
        except InputError:
            raise
        except (OSError, ArrowException, ValueError, KeyError):
            return None

    def _facts(self, group: str) -> dict[str, Any]:
        """Return what is known of a table, if it is the archive's and undamaged; else nothing."""
        text = self._file(group).with_suffix(".json").read_text(encoding="utf-8")
        checksum, _, rest = text.partition("\n")
        if checksum != hashlib.sha256(rest.encode()).hexdigest():
            return {}
        facts: dict[str, Any] = json.loads(rest)
        here = facts["key"] == self._key() and facts["checksum"] == checksum_of(self._file(group))
        zoned = facts["zone"] == self.zone or not facts["zone_used"]
        return facts if here and zoned else {}

    def snapshot(self, group: str, window: tuple[int, int] | None) -> Snapshot | None:
        """Return where a table is kept as it was read, None where nothing can be.

        Parameters
        ----------
        group : str
            The table.
        window : tuple of int, optional
            The range that it was trimmed to; none by default.
        """
        try:
            self._check(group)
            key = {"archive": self._key(), "zone": self.zone, "window": window}
        except OSError:
            return None
        return Snapshot(self.folder / f"{group}.frame", key)

    def begin(self, group: str) -> CacheFile | None:
        """Return a new file for a table; None if it can't be written."""
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self._check(group)
            return CacheFile(self._file(group))
        except (OSError, FileError):
            return None

    def move(self, path: Path) -> None:
        """Follow the archive to its new name; if that fails, the cache is gone.

        Windows keeps what another kernel has open or mapped: it does not fit this archive, so
        it is ignored, and written again when that kernel has ended.
        """
        target = Cache(path, self.zone).folder
        with contextlib.suppress(OSError):
            shutil.rmtree(target, ignore_errors=True)
            replace(self.folder, target)
        shutil.rmtree(self.folder, ignore_errors=True)

    def facts(self, reading: Reading) -> dict[str, object]:
        """Return what a file says of a finished reading and of the archive it read."""
        return {
            "key": self._key(),
            "zone": self.zone,
            "zone_used": any(tally.zoneless for tally in reading.tallies.values()),
            "rows": reading.rows,
            "short": reading.short,
            "replaced": reading.replaced,
            "repeated": reading.repeated,
            "remarks": reading.remarks,
            "surplus": asdict(reading.surplus),
            "rows_noted": bool(
                reading.short or reading.replaced or reading.repeated or reading.surplus.records
            ),
            "kinds": reading.kinds,
            "tallies": {name: asdict(tally) for name, tally in reading.tallies.items()},
        }

    def _file(self, group: str) -> Path:
        return self.folder / f"{group}.parquet"

    def _check(self, group: str) -> None:
        """Raise `OSError` unless a group's files are ours alone: others could tell us anything."""
        if not _PLAIN_NAME.fullmatch(group) or is_reserved(group):
            raise OSError(errno.EINVAL, "no name of a file", group)
        files = [self._file(group).with_suffix(each) for each in (".parquet", ".json", ".frame")]
        for path in (self.folder, *files):
            try:
                refuse_link(path)
            except OSError as error:
                _LOG.warning("%s; the archive is read instead.", reason_of(error))
                raise
        found = self.folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(self.folder)
        if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o022):
            raise PermissionError(self.folder)

    def _key(self) -> dict[str, Any]:
        """Return what tells the archive and this package from any other.

        A ZIP ends in its members' checksums and a gzip in its own, so other content of the
        same length and time has another end. Of a folder each file counts.
        """
        folder = self.path.is_dir()
        files = csv_files(self.path) if folder else [self.path]
        return {
            "format": _FORMAT,
            "package": __version__,
            # An archive may be renamed; in a folder a name tells the table.
            "names": [file.name for file in files] if folder else [],
            "files": [_facts_of_file(file) for file in files],
        }


def _facts_of_file(path: Path) -> list[str | int]:
    """Return the size, the time and the end of a file."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        file.seek(max(0, found.st_size - _TAIL))
        tail = hashlib.sha256(file.read()).hexdigest()
    return [found.st_size, found.st_mtime_ns, tail]


class CacheFile:
    """One table on its way into the cache; whatever goes wrong with it is no matter.

    Parameters
    ----------
    path : pathlib.Path
        Its final name.

    Raises
    ------
    FileError
        If nothing can be written there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._aside = contextlib.ExitStack()
        self._temporary = self._aside.enter_context(aside(path))
        self._sink: ParquetSink | None = None
        self._broken = False
        self._checksum: int | None = None

    def add(self, batch: Batch) -> None:
        """Add the rows of a batch."""
        if self._broken:
            return
        try:
            self._sink = self._sink or ParquetSink(self._temporary, batch.schema)
            self._sink.add(batch)
        except (OSError, MemoryError):
            self._broken = True

    def seal(self) -> None:
        """Write the end of the file: no more rows come."""
        if self._sink is None or self._broken:
            return
        try:
            self._sink.finish({})
            self._sink = None
            self._checksum = checksum_of(self._temporary)
        except (OSError, MemoryError):
            self._broken = True

    def finish(self, facts: dict[str, object]) -> None:
        """Give the file its name, unless something went wrong, and write ``facts`` beside it."""
        self.seal()
        if self._checksum is None:
            return
        rest = json.dumps(facts | {"checksum": self._checksum})
        text = f"{hashlib.sha256(rest.encode()).hexdigest()}\n{rest}"
        with (
            contextlib.suppress(OSError, FileError),
            aside(self._path.with_suffix(".json")) as beside,
        ):
            beside.write_text(text, encoding="utf-8")
            self._aside.close()

    def abandon(self) -> None:
        """Remove what did not get its name."""
        if self._sink is not None:
            self._sink.abandon()
        with contextlib.suppress(OSError, FileError):
            self._aside.__exit__(OSError, OSError(), None)


def checksum_of(path: Path) -> int:
    """Return the CRC32 of a file: a Parquet file's own don't cover what says where pages are."""
    from intercom_export_widgets.data.compression import zlib

    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            checksum = zlib.crc32(block, checksum)
    return checksum
