"""Where an export's archive lies: one folder, one name, nothing ever overwritten.

A download arrives as ``….download``, is proven whole, and only then gets its final
name, whose ending says what its bytes are. What is damaged is renamed, not deleted.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import re
import secrets
import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from intercom_export_widgets import disk
from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.cache import Cache
from intercom_export_widgets.data.ingest import prove
from intercom_export_widgets.errors import FileBusyError, FileError
from intercom_export_widgets.intercom.partial_file import note_of, remove_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from intercom_export_widgets.intercom.timeframe import Timeframe

__all__ = [
    "Kept",
    "Place",
    "Proven",
    "check_folder",
    "check_plain",
    "checksum",
    "set_aside",
]

BLOCK: Final = 1 << 20

OTHERS: Final = 0o077
"""The permissions of everybody but the owner."""

LONGEST_NAME: Final = 140
"""Characters of the longest name that a download has on its way; Windows counts them."""

ANOTHER_FOLDER: Final = 'Another folder: %config IntercomExport.folder = "/path".'


@dataclass(frozen=True, slots=True)
class Kept:
    """A verified archive on disk.

    Attributes
    ----------
    path : pathlib.Path
        Where it lies.
    size : int
        In bytes.
    sha256 : str
        Its checksum, hexadecimal.
    rows : mapping of str to int
        Rows of each table.
    """

    path: Path
    size: int
    sha256: str
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Proven:
    """What is known of a file that has been verified: its SHA-256, and the rows of each table."""

    sha256: str
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Place:
    """The names that one job's file goes through.

    Attributes
    ----------
    folder : pathlib.Path
        Where archives are kept.
    job_identifier : str
        As the server gave it; never used as a path as it stands.
    timeframe : Timeframe or None
        The range, if it is known here.
    number : int
        The job's row in the ledger, which keeps names apart.
    zone : str
        The workspace's zone, for timestamps that name none; empty if unknown.
    """

    folder: Path
    job_identifier: str
    timeframe: Timeframe | None
    number: int
    zone: str = ""

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        name = re.sub(r"[^A-Za-z0-9-]", "_", self.job_identifier)[:80]
        if self.timeframe is None:
            return f"intercom_{name}"
        return f"intercom_{self.timeframe.first}_{self.timeframe.last}_{name}"

    @property
    def arrived(self) -> Path:
        """The name of the file as it was downloaded, whole but not yet proven."""
        return self.folder / f"{self.stem}-{self.number}.download"

    def prepare(self) -> None:
        """Make the folder, readable by its owner only.

        Raises
        ------
        FileError
            If it can't be made.
        """
        try:
            _make(self.folder)
        except OSError as error:
            raise self._refused(error) from error

    def keep(self, announce: Callable[[Kept], object], proven: Proven | None = None) -> Kept:
        """Verify the file that arrived and give it its final name.

        Parameters
        ----------
        announce : callable
            Writes down what the file will be called, before it is: should the process be
            killed in between, the next one knows where to look.
        proven : Proven, optional
            What is known of the file, if it has been verified already.

        Raises
        ------
        ArchiveDamagedError
            If it is cut short or a checksum does not match.
        ArchiveError
            If it is no export.
        FileBusyError
            If another notebook has just given it that name.
        FileError
            If the disk refuses.
        """
        try:
            found = self.adopt(self.arrived, proven)
            kept = replace(found, path=self._final(found))
            announce(kept)
            disk.remove(note_of(self.arrived))  # of a process killed at the last moment
            remove_lock(self.arrived)
            disk.replace(self.arrived, kept.path)
            Cache(self.arrived, self.zone).move(kept.path)
        except (FileError, OSError) as error:
            if not self.arrived.exists():
                raise self._taken() from error
            if isinstance(error, FileError):
                raise
            raise self._refused(error) from error
        return kept

    def adopt(self, path: Path, proven: Proven | None = None) -> Kept:
        """Verify a file that lies there already, and leave it where it is.

        What is inflated for that is parsed too, and kept beside it for later.

        Raises
        ------
        ArchiveError
            If it is damaged, or no export.
        FileError
            If it is a symbolic link.
        OSError
            If it can't be read.
        """
        check_plain(path)
        if proven is None:
            rows = prove(Archive.open(path), Cache(path, self.zone))
            proven = Proven(checksum(path), rows)
        size = path.stat().st_size
        return Kept(path=path, size=size, sha256=proven.sha256, rows=proven.rows)

    def _final(self, found: Kept) -> Path:
        """Return the name that no other content has."""
        suffix = Archive.open(found.path).suffix
        path = self.folder / f"{self.stem}{suffix}"
        if path.exists() and checksum(path) != found.sha256:
            return self.folder / f"{self.stem}-{self.number}{suffix}"
        return path

    def _taken(self) -> FileBusyError:
        return FileBusyError(f"Another notebook has just taken {self.arrived}.")

    def _refused(self, error: OSError) -> FileError:
        return FileError(
            f"The folder {self.folder} can't be used: {disk.reason_of(error)}",
            advice=f"{disk.remedy_for(error)}, then resume the job: "
            f"%intercom_export attach {self.job_identifier}. {ANOTHER_FOLDER}",
        )


def checksum(path: Path) -> str:
    """Return a file's SHA-256, hexadecimal.

    Raises
    ------
    OSError
        If it can't be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def check_folder(folder: Path) -> None:
    """Make the folder of archives, and write a file in it, which is removed.

    A job is not submitted if its data could not be kept.

    Raises
    ------
    FileError
        If it can't be made or written.
    """
    probe = folder / f".intercom_{secrets.token_hex(LONGEST_NAME // 2)}"[:LONGEST_NAME]
    try:
        _make(folder)
        # `os.access` says yes to root, and where a quota or a full disk says no.
        with open(probe, "xb", buffering=0, opener=disk.open_plain) as file:
            try:
                file.write(bytes(BLOCK // 256))
            finally:
                file.close()
                disk.remove(probe)
    except OSError as error:
        raise FileError(
            f"The folder {folder} can't be used: {disk.reason_of(error)}",
            advice=f"Nothing was submitted. {disk.remedy_for(error)}. {ANOTHER_FOLDER}",
        ) from error


def check_plain(path: Path) -> None:
    """Raise if there is a symbolic link in place of an archive of ours.

    Raises
    ------
    FileError
        If there is one.
    """
    try:
        disk.refuse_link(path)
    except OSError as error:
        raise disk.refused(path, error, "read", "then export the range again") from error


def _make(folder: Path) -> None:
    """Make the folder; one that holds nothing but archives is closed to others."""
    disk.make_private(folder)
    with contextlib.suppress(OSError):  # drives without permissions
        found = folder.stat()
        if found.st_mode & OTHERS and all(
            each.name.startswith(("intercom_", ".intercom_")) for each in folder.iterdir()
        ):
            folder.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)


def set_aside(path: Path) -> Path:
    """Rename a damaged file, so that it is neither lost nor taken for whole.

    Returns
    -------
    pathlib.Path
        Its new name, which no other file had.

    Raises
    ------
    FileError
        If the disk refuses.
    """
    names = (path.with_name(f"{path.stem}-{number}.damaged") for number in itertools.count(1))
    aside = next(name for name in names if not name.exists())
    try:
        disk.replace(path, aside)
    except OSError as error:
        raise disk.refused(path, error, "renamed", "then resume the job") from error
    return aside
