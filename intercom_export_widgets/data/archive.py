"""A downloaded file, opened by its bytes: which members, which groups, which blocks.

The first stop of the way back up: *download → Archive → tables → chart*. It refuses to know
networks, types and DataFrames, and never uses a member's name as a path.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from intercom_export_widgets.data import sniff
from intercom_export_widgets.data.blocks import cut_blocks
from intercom_export_widgets.data.directory import Member, read_directory
from intercom_export_widgets.data.folder import read_folder
from intercom_export_widgets.data.memory import memory_errors
from intercom_export_widgets.data.records import first_record
from intercom_export_widgets.errors import FileError, forgetting_locals, without_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Literal

    from intercom_export_widgets.data.directory import Directory

__all__ = ["BLOCK_SIZE", "Archive", "Member"]

BLOCK_SIZE = 4 * 1024 * 1024
"""How long a block is at least, in bytes, unless its member ends before."""

_CHUNK_SIZE = 1024 * 1024
_HEADER_SIZE = 64 * 1024


class Archive:
    """A downloaded export: ZIP or tar of CSVs, gzip, or plain CSV, by its bytes alone.

    A folder of CSVs that were unpacked is one too.

    Attributes
    ----------
    path : Path
        The file, or the folder.
    kind : {"zip", "gzip", "tar", "csv", "folder"}
        What it is; a gzip of a tar is a ``"tar"``.
    suffix : str
        The suffix that names it rightly: ``".zip"``, ``".csv.gz"``, ``".tar.gz"``, ``".tar"``
        or ``".csv"``; empty for a folder.
    members : tuple of Member
        Its CSVs, in order.
    ignored : tuple of str
        The names of members that are no CSV (a README, say): they are not read.
    """

    def __init__(self, path: Path, directory: Directory) -> None:
        self.path = path
        self.kind: Literal["zip", "gzip", "tar", "csv", "folder"] = directory.kind
        self.suffix = directory.suffix
        self.members = directory.members
        self.ignored = directory.ignored

    @classmethod
    @forgetting_locals()
    @memory_errors("open the archive")
    def open(cls, path: Path) -> Archive:
        """Return the archive at ``path``; only its directory and its first bytes are read.

        A tar is the exception: it has no directory, so all of it is read, and a gzip of it
        verified.

        Raises
        ------
        ArchiveDamagedError
            If the file is empty, cut short, or its directory is damaged.
        ArchiveError
            If it is something else (a web page, JSON), or holds files but no CSV.
        FileError
            If it can't be read, or is a folder without a CSV.
        OutOfMemoryError
            If there is not enough memory.
        """
        try:
            if path.is_dir():
                return cls(path, read_folder(path))
            return cls(path, read_directory(lambda: path.open("rb"), path.name))
        except OSError as error:
            raise _unreadable(path, error) from error

    def __repr__(self) -> str:
        """Return what it is and which groups it holds."""
        groups = without_tokens(", ".join(self.groups))
        return f"<Archive {self.path.name}: {self.kind}, {groups or 'empty'}>"

    @cached_property
    def groups(self) -> dict[str, tuple[Member, ...]]:
        """The members of each group, in order; a group may be cut into several."""
        groups: dict[str, list[Member]] = {}
        for member in self.members:
            groups.setdefault(member.group, []).append(member)
        return {group: tuple(members) for group, members in groups.items()}

    def blocks(self, member: Member, size: int = BLOCK_SIZE) -> Iterator[memoryview]:
        r"""Yield ``member`` inflated, in blocks of whole records, the header in the first.

        Each block ends with ``\n``; a byte order mark is dropped. Its checksum and length are
        compared after the last block, so the data is verified when the iterator ends.

        Parameters
        ----------
        member : Member
            One of ``members``.
        size : int
            How long a block is at least, in bytes; it is as long as its records need.

        Raises
        ------
        ArchiveDamagedError
            If the data ends early, can't be inflated, differs from its checksum, or ends
            inside quotes.
        ArchiveError
            If it is no CSV, is encrypted, or has a record beyond all measure.
        """
        try:
            yield from cut_blocks(_only_data(member.chunks(min(size, _CHUNK_SIZE))), size)
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def header(self, member: Member) -> list[str]:
        """Return the names of the columns of ``member`` as they came; reads its first record.

        Raises
        ------
        ArchiveError
            As `blocks`, or if it is separated by something else than commas.
        """
        return sniff.header_names(first_record(self.blocks(member, _HEADER_SIZE)))


def _only_data(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield ``chunks`` unless the first one is a web page, JSON or no text."""
    for index, chunk in enumerate(chunks):
        if index == 0:
            sniff.refuse_other_data(chunk)
        yield chunk


def _unreadable(path: Path, error: OSError) -> FileError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return FileError(
            f"The file {path.name} is no longer in {path.parent}.",
            advice="Put it back, or export the range again: it is fetched anew.",
        )
    return FileError(
        f"The file {path.name} can't be read: {error.strerror or error}.",
        advice="See to its permissions and its disk, then try again.",
    )
