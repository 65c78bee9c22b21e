"""The file that a download grows in: ``<path>.part``, until it is whole.

Beside it ``<path>.part.json`` holds what a later attempt, or a later process, must
know to go on where this one ended: the job, and the validator that the server gave.
Without it, or if either differs, a download begins anew. It knows no connection.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from intercom_export_widgets.errors import FileBusyError, FileError
from intercom_export_widgets.intercom.digest import Digest
from intercom_export_widgets.intercom.folder import make_private
from intercom_export_widgets.intercom.settling import Settling

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

__all__ = ["Download", "Partial", "note_of", "part_of"]

BLOCK: Final = 1 << 20
OPEN_ATTEMPTS: Final = 10
OWNER_ONLY: Final = 0o600


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
        A strong ``ETag`` or the ``Last-Modified`` of what is on disk, or ``""``: then
        it can't be gone on with.

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
        self._hash = Digest()
        self.size = 0
        self.total: int | None = None
        self.validator = ""
        with self._disk():
            make_private(path.parent)
            self._file = self._open()
            self._settling = Settling(self._file.fileno())
            self._recall()

    def __enter__(self) -> Self:
        """Return it, to be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file, and leave it for a later attempt."""
        self.close()

    def restart(self, validator: str, total: int | None) -> None:
        """Begin anew, with data that the server marks with this validator."""
        with self._disk():
            # In this order: a note must never vouch for other bytes than its own.
            self._note.unlink(missing_ok=True)
            self._file.truncate(0)
            if validator:
                self._remember(validator, total)
        self._hash = Digest()
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
        self._settling.tell()

    def finish(self) -> Download:
        """Give it its final name, and return it; that it is durable is seen to meanwhile."""
        with self._disk():
            self._settling.begin()
            if sys.platform == "win32":  # where an open file can't be renamed
                self._file.close()
            # Renamed before it is unlocked: nobody may take it for a partial one still.
            self._part.replace(self._path)
            self._note.unlink(missing_ok=True)
            self._file.close()
        return Download(self._path, self.size, self._hash.hexdigest())

    def discard(self) -> None:
        """Remove what there is: its data is gone from the server."""
        with self._disk():
            self._file.close()
            self._part.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file. Again is harmless."""
        with self._disk():
            self._file.close()

    def _open(self) -> FileIO:
        """Open the part for appending, and lock it against other processes."""
        for _ in range(OPEN_ATTEMPTS):
            file = open(self._part, "a+b", buffering=0, opener=_owner_only)  # noqa: SIM115 - Path.open has no opener; `close` closes it
            if self._lock(file):
                return file
            file.close()
        raise FileBusyError(f"Another download is writing {self._part}.")

    def _lock(self, file: FileIO) -> bool:
        """Return whether the file is ours, and still the one of that name.

        The other process may have renamed it between our opening and our locking it;
        writing on would damage the whole file.
        """
        if sys.platform == "win32":
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            pass
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(file.fileno()), self._part.stat())
        return False

    def _recall(self) -> None:
        """Take up what an earlier attempt left, if its note says that it fits."""
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
            note = json.loads(self._note.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return note if isinstance(note, dict) else {}

    def _remember(self, validator: str, total: int | None) -> None:
        note = {"job_identifier": self._job_identifier, "validator": validator, "total": total}
        with open(self._note, "wb", opener=_owner_only) as file:
            file.write(json.dumps(note).encode())

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        """Say which file it was when the disk refuses."""
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise FileError(
                f"{self._part} can't be written: {reason}.",
                advice="Free some space or choose another folder, then load it again; "
                "what has been downloaded is kept.",
            ) from None


def part_of(path: Path) -> Path:
    """Return the file in which a download to ``path`` grows."""
    return path.with_name(f"{path.name}.part")


def note_of(path: Path) -> Path:
    """Return the note that stands beside a download to ``path`` while it is not whole."""
    return path.with_name(f"{path.name}.part.json")


def _owner_only(path: str, flags: int) -> int:
    """Open a file that only its owner may read."""
    return os.open(path, flags, OWNER_ONLY)
