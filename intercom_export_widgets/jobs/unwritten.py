"""Keep changes of ledger rows that can't be written yet, in memory and in files.

The row of an export is in the ledger before the submission. If the ledger is full or locked
when the response comes, the change is kept here. The next transaction that succeeds writes it:
of this process, or, from the files in a folder beside the ledger, of any other.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

from intercom_export_widgets import disk
from intercom_export_widgets.errors import LedgerError
from intercom_export_widgets.jobs.entry import COLUMNS, KINDS, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["Change", "Unwritten", "unwritten_of", "write_all"]

Values = dict[str, str | float | None]

RETRY_SECONDS: Final = 1.0
"""Seconds between two attempts to write what is kept."""

KINDS_OF: Final = dict(zip(COLUMNS, KINDS, strict=True))


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one row that is not in the ledger yet.

    Attributes
    ----------
    row : Entry
        The row as it was.
    values : dict or None
        The columns that change; None if the row is to be removed.
    """

    row: Entry
    values: Values | None

    @property
    def identifier(self) -> str | None:
        """The job's identifier, if the change writes it."""
        found = (self.values or {}).get("job_identifier")
        return None if found is None else str(found)

    def joined(self, later: Change) -> Change:
        """Return this change and a later one as one."""
        if self.values is None or later.values is None:
            return later
        return Change(self.row, self.values | later.values)

    def matches(self, entry: Entry) -> bool:
        """Return whether an entry is the row: numbers begin again in a ledger that is new."""
        identifier = self.identifier
        return (entry.number, entry.created_at_after) == (
            self.row.number,
            self.row.created_at_after,
        ) and (identifier is None or entry.job_identifier in {None, identifier})

    def applied(self, entry: Entry) -> Entry | None:
        """Return an entry with the change made; None if it is removed."""
        if self.values is None:
            return None
        return replace(entry, **self.values)  # type: ignore[arg-type] # the columns were checked


class Unwritten:
    """The changes that one ledger still lacks; safe from any thread.

    Parameters
    ----------
    ledger : pathlib.Path
        The ledger's file.
    """

    def __init__(self, ledger: Path) -> None:
        self._folder = ledger.with_name(f"{ledger.name}.unwritten")
        self._kept: dict[int, Change] = {}
        self._unsaved: set[int] = set()
        self._write: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> bool:
        """Whether this process has changes that could not be written."""
        return bool(self._kept)

    def keep(self, change: Change, write: Callable[[], None]) -> None:
        """Keep a change, and call `write` in the background until it is in the ledger."""
        number = change.row.number
        with self._lock:
            before = self._kept.get(number)
            self._kept[number] = change if before is None else before.joined(change)
            self._unsaved.add(number)
            self._write = write
            self._save()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._retry, name="intercom-export-ledger", daemon=True
                )
                self._thread.start()

    def changes(self) -> dict[int, Change]:
        """Return what the ledger lacks, by row: of this process, and of others that left files."""
        found = {}
        with contextlib.suppress(OSError):
            disk.refuse_link(self._folder)
            for path in sorted(self._folder.iterdir()):
                change = _read(path) if path.suffix == ".json" else None
                if change is not None:
                    found[change.row.number] = change
        return found | self._kept

    def drop(self, written: Mapping[int, Change]) -> None:
        """Forget changes that are in the ledger now, unless they were changed again."""
        if not written:
            return
        with self._lock:
            for number, change in written.items():
                if self._kept.get(number, change) is change:
                    self._kept.pop(number, None)
                    self._unsaved.discard(number)
                    with contextlib.suppress(OSError):
                        disk.remove(self._path(number))
            with contextlib.suppress(OSError):
                self._folder.rmdir()

    def write_at_exit(self) -> None:
        """Try to write once more; name on stderr what can be kept nowhere."""
        if not self._kept:
            return
        with contextlib.suppress(LedgerError):
            self._write()
        with self._lock:
            self._save()
            lost = [self._kept[number] for number in sorted(self._unsaved)]
        for identifier in filter(None, (change.identifier for change in lost)):
            sys.stderr.write(
                f"The identifier of an export could not be saved. Note it down: {identifier}\n"
            )

    def _retry(self) -> None:
        """Write what is kept as soon as the ledger can be written."""
        while not _ENDING.wait(RETRY_SECONDS):
            with contextlib.suppress(LedgerError):
                self._write()
            with self._lock:
                self._save()
                if not self._kept:
                    self._thread = None
                    return

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.json"

    def _save(self) -> None:
        """Write the files that could not be written yet: the disk may be full."""
        for number in sorted(self._unsaved):
            with contextlib.suppress(OSError):
                disk.refuse_link(self._folder)
                disk.make_private(self._folder)
                _write_file(self._path(number), self._kept[number])
                self._unsaved.discard(number)


def _write_file(path: Path, change: Change) -> None:
    """Write a change so that its whole file is there or nothing."""
    text = json.dumps({"row": asdict(change.row), "values": change.values})
    part = path.with_suffix(f".{os.getpid()}")
    disk.remove(part)
    try:
        with open(part, "x", encoding="utf-8", opener=disk.open_plain) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        disk.replace(part, path)
    except OSError:
        disk.remove(part)
        raise


def _read(path: Path) -> Change | None:
    """Return the change in a file; None if it holds none, as after a disk fault."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        row, values = found["row"], found["values"]
        whole = set(row) == set(COLUMNS) and _is_of_kind(row)
        if not whole or not (values is None or _is_of_kind(values)):
            return None
        return Change(Entry(**row), values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _is_of_kind(values: dict[str, object]) -> bool:
    return all(isinstance(value, KINDS_OF[name]) for name, value in values.items())


_ENDING: Final = threading.Event()
_LEDGERS: Final[dict[str, Unwritten]] = {}


def unwritten_of(ledger: Path) -> Unwritten:
    """Return the changes that a ledger lacks, the same object for the whole process."""
    name = os.path.abspath(ledger)  # noqa: PTH100 - resolve() would ask the disk about each part
    return _LEDGERS.get(name) or _LEDGERS.setdefault(name, Unwritten(ledger.absolute()))


def write_all() -> None:
    """Save what is kept for any ledger, when the process ends."""
    _ENDING.set()
    for unwritten in list(_LEDGERS.values()):
        unwritten.write_at_exit()
