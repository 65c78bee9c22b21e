"""A download read while it grows, so that it is proven and parsed when its last byte comes.

Between `delivery`, which tells how far the download is, and `data.passing`, which reads what
has come, in a thread of its own. It has a say in nothing: if anything goes wrong with it, or
the download begins anew, the file is proven from the disk as if it had not been there.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from io import RawIOBase
from typing import TYPE_CHECKING, BinaryIO, cast

from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.ingest import Passed, take_in
from intercom_export_widgets.disk import open_plain
from intercom_export_widgets.errors import ArchiveError, IntercomExportError
from intercom_export_widgets.intercom.partial_file import part_of
from intercom_export_widgets.jobs.files import Proven

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

    from intercom_export_widgets.data.cache import Cache

__all__ = ["Arrival"]


class Arrival:
    """A file that is being downloaded, and its reader.

    Parameters
    ----------
    path : pathlib.Path
        Where it will be.
    cache : Cache
        Of the file there.
    """

    def __init__(self, path: Path, cache: Cache) -> None:
        self._path = path
        self._cache = cache
        self._growing = _Growing(path)
        self._passed = Passed()
        self._through = False
        self._thread: threading.Thread | None = None

    def tell(self, size: int) -> None:
        """Tell how many bytes are there; fewer than before mean that the download restarts."""
        self._growing.grow(size)
        if self._thread is None and size:
            thread = threading.Thread(
                target=self._read, name="intercom-export-arrival", daemon=True
            )
            thread.start()
            self._thread = thread

    def finish(self, sha256: str) -> Proven | None:
        """Wait for the reader; return what it has proven, or None if it saw other bytes.

        Parameters
        ----------
        sha256 : str
            The checksum of the whole file, hexadecimal.
        """
        self._growing.end()
        if self._thread is None:
            return None
        self._thread.join()
        if not self._through or self._growing.digest() != sha256:
            return None
        with contextlib.suppress(IntercomExportError, OSError, ValueError):
            return Proven(sha256, self._passed.keep(Archive.open(self._path), self._cache))
        return None

    def stop(self) -> None:
        """End the reader, and remove what it has not kept. After `finish` too."""
        self._growing.break_off()
        if self._thread is not None:
            self._thread.join()
        self._passed.abandon()

    def _read(self) -> None:
        """Read to the end; whatever goes wrong is judged when the file is whole."""
        with contextlib.suppress(Exception), contextlib.closing(self._growing):
            take_in(cast("BinaryIO", self._growing), self._path.name, self._cache, self._passed)
            self._through = True


class _Growing(RawIOBase):
    """The file as far as it has come; reading waits for more until its end is told.

    It is open only while it is read: Windows renames no open file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._hash = hashlib.sha256()
        self._read = self._size = 0
        self._ended = self._broken = False
        self._more = threading.Condition()

    def grow(self, size: int) -> None:
        """Say how many bytes there are."""
        with self._more:
            self._broken = self._broken or size < self._size
            self._size = size
            self._more.notify_all()

    def end(self) -> None:
        """Say that there will be no more."""
        with self._more:
            self._ended = True
            self._more.notify_all()

    def break_off(self) -> None:
        """Say that what was read is void."""
        with self._more:
            self._broken = True
            self._more.notify_all()

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes, once there are some; none at the end.

        Raises
        ------
        ArchiveError
            If the download began anew, or was given up.
        """
        with self._more:
            while self._size <= self._read and not self._ended and not self._broken:
                self._more.wait()
            if self._broken:
                raise ArchiveError("The download began anew.")
            wanted = min(size, self._size - self._read) if size >= 0 else self._size - self._read
        with self._open() as file:
            file.seek(self._read)
            found = file.read(wanted)
        self._hash.update(found)
        self._read += len(found)
        return found

    def _open(self) -> FileIO:
        """Open the file under the name that it has until it is whole, or after."""
        for path in (part_of(self._path), self._path):
            with contextlib.suppress(FileNotFoundError):
                return open(path, "rb", buffering=0, opener=open_plain)
        raise ArchiveError("The downloaded file is gone.")

    def digest(self) -> str:
        """Return the SHA-256 of what was read, hexadecimal."""
        return self._hash.hexdigest()
