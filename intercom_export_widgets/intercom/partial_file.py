"""The file of a download that is not complete: ``<path>.part``.

Beside it ``<path>.part.json`` holds what a later attempt or process needs to resume the
download: the job, and the validator that the server gave. Without that note, or if either
differs, the download restarts. ``<path>.lock`` is locked while a process writes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from intercom_export_widgets import disk
from intercom_export_widgets.errors import FileBusyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

    from filelock import FileLock

__all__ = ["Download", "Partial", "note_of", "part_of", "remove_lock"]

BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Download:
    """A file that was downloaded whole.

    Attributes
    ----------
    path : Path
        Where it is.
    size : int
        Its bytes.
    sha256 : str
        Its SHA-256, in 64 hexadecimal digits.
    """

    path: Path
    size: int
    sha256: str


class Partial:
    """A download that is not whole yet, open for writing by one process at a time.

    Parameters
    ----------
    path : Path
        Where the whole file will be.
    job_identifier : str
        The job that it belongs to.

    Attributes
    ----------
    size : int
        Bytes so far.
    total : int or None
        Bytes in all, if the server has said.
    validator : str
        A strong ``ETag`` or the ``Last-Modified`` of what is on disk; ``""`` if there is
        none: the download can't be resumed then.

    Raises
    ------
    FileError
        Here and in every method, if the disk refuses, or if another process is
        downloading to the same path.
    """

    def __init__(self, path: Path, job_identifier: str) -> None:
        self._path = path
        self._part = part_of(path)
        self._note = note_of(path)
        self._job_identifier = job_identifier
        self._hash = hashlib.sha256()
        self.size = 0
        self.total: int | None = None
        self.validator = ""
        with self._disk(), contextlib.ExitStack() as opened:
            disk.make_private(path.parent)
            lock = _locked(path)
            if lock is None:
                raise FileBusyError(f"Another download is writing {self._part}.")
            opened.callback(_unlock, lock)
            self._file: FileIO = open(self._part, "a+b", buffering=0, opener=disk.open_plain)  # noqa: SIM115 - Path.open has no opener; `close` closes it
            opened.callback(self._file.close)
            self._resume()
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        """Return it, to be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file, and leave it for a later attempt."""
        self.close()

    def restart(self, validator: str, total: int | None) -> None:
        """Restart with data that the server marks with this validator."""
        with self._disk():
            # In this order: a note must never vouch for other bytes than its own.
            disk.remove(self._note)
            self._file.truncate(0)
            if validator:
                self._remember(validator, total)
        self._hash = hashlib.sha256()
        self.size, self.total, self.validator = 0, total, validator

    def write(self, block: bytes) -> None:
        """Append a block; if the disk fills up within it, what fits is kept."""
        view = memoryview(block)
        while view:
            with self._disk():
                written = self._file.write(view)
            self._hash.update(view[:written])
            self.size += written
            view = view[written:]

    def finish(self) -> Download:
        """Write it out to the disk, give it its final name, and return it."""
        with self._disk():
            os.fsync(self._file.fileno())
            self._file.close()  # Windows renames no open file
            disk.replace(self._part, self._path)
            disk.remove(self._note)
        self.close()
        return Download(self._path, self.size, self._hash.hexdigest())

    def discard(self) -> None:
        """Remove what there is: its data is gone from the server."""
        with self._disk():
            self._file.close()
            disk.remove(self._part)
            disk.remove(self._note)
        self.close()

    def close(self) -> None:
        """Close the file and release the lock. Again is harmless."""
        with self._disk():
            self._opened.close()

    def _resume(self) -> None:
        """Continue what an earlier attempt left, if its note says that it fits."""
        note = self._read_note()
        if note.get("job_identifier") != self._job_identifier:
            return
        validator, total = note.get("validator"), note.get("total")
        if not isinstance(validator, str) or not isinstance(total, int | None):
            return
        self._file.seek(0)
        while block := self._file.read(BLOCK):
            self._hash.update(block)
            self.size += len(block)
        self.validator, self.total = validator, total

    def _read_note(self) -> dict[str, object]:
        try:
            with open(self._note, "rb", opener=disk.open_plain) as file:
                note = json.load(file)
        except (FileNotFoundError, ValueError, RecursionError):
            return {}
        return note if isinstance(note, dict) else {}

    def _remember(self, validator: str, total: int | None) -> None:
        note = {"job_identifier": self._job_identifier, "validator": validator, "total": total}
        with open(self._note, "wb", opener=disk.open_plain) as file:
            file.write(json.dumps(note).encode())

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        """Say which file it was when the disk refuses."""
        try:
            yield
        except OSError as error:
            again = "then load it again; what has been downloaded is kept"
            raise disk.refused(self._part, error, "written", again) from None


def remove_lock(path: Path) -> None:
    """Remove the lock file of a killed download to ``path``, unless another process holds it."""
    if _lock_of(path).exists():
        lock = _locked(path)
        if lock is not None:
            _unlock(lock)


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _locked(path: Path) -> FileLock | None:
    """Return the lock of a download to ``path``, held; None if another process holds it."""
    from filelock import FileLock, Timeout

    disk.refuse_link(_lock_of(path))  # Windows has no O_NOFOLLOW
    # A lock of one thread's own could not be released by another.
    lock = FileLock(_lock_of(path), mode=disk.FILE_MODE, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock


def _unlock(lock: FileLock) -> None:
    # filelock removes its file on Windows, and before 3.30 everywhere; since then it has
    # this attribute. Removing is safe while the lock is held: another process that opened
    # the file before sees that it is gone, and tries again.
    if sys.platform != "win32" and hasattr(lock, "preserve_lock_file"):
        with contextlib.suppress(OSError):
            os.unlink(lock.lock_file)  # noqa: PTH108 - the lock's path is text
    lock.release()


def part_of(path: Path) -> Path:
    """Return the file in which a download to ``path`` grows."""
    return path.with_name(f"{path.name}.part")


def note_of(path: Path) -> Path:
    """Return the note that stands beside a download to ``path`` while it is not whole."""
    return path.with_name(f"{path.name}.part.json")
