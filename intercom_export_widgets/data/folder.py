"""A folder of unpacked CSVs: some browsers unpack every archive that they download."""

from __future__ import annotations

import filecmp
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from intercom_export_widgets.data import inflate, sniff
from intercom_export_widgets.data.directory import (
    MEMBERS_AT_MOST,
    Directory,
    Member,
    crowded,
    group_name,
    is_clutter,
)
from intercom_export_widgets.errors import ArchiveError, FileError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["csv_files", "read_folder", "size_of"]


def read_folder(path: Path) -> Directory:
    """Return the CSVs of a folder as the members of an archive.

    Raises
    ------
    ArchiveError
        If it has too many, or one of them twice.
    FileError
        If it has none.
    OSError
        If it can't be read.
    """
    files = csv_files(path)
    if not files:
        raise FileError(
            f"The folder {path} holds no CSV.",
            advice="Name the folder of the unpacked CSVs, or the archive itself.",
        )
    members = [_member(file) for file in files]
    for place, member in enumerate(members):
        for other in range(place):
            # A browser that unpacks an archive again names the copies "receipt_… (1).csv".
            alike = (member.group, member.size) == (members[other].group, members[other].size)
            if alike and member.size and filecmp.cmp(files[place], files[other], shallow=False):
                raise ArchiveError(
                    f"The files {files[other].name} and {files[place].name} are the same: their "
                    "rows would come twice.",
                    advice="Remove one of them.",
                )
    return Directory("folder", "", tuple(members))


def _member(file: Path) -> Member:
    def source() -> BinaryIO:
        return file.open("rb")

    with source() as opened:
        packed = sniff.is_gzip(opened.read(2))
    chunks = partial(inflate.inflate_gzip if packed else inflate.read_all, source)
    size = file.stat().st_size
    return Member(file.name, group_name(file.name, chunks), None if packed else size, size, chunks)


def csv_files(path: Path) -> list[Path]:
    """Return the CSVs of a folder by name; those of its only subfolder if it has none itself.

    Links are not followed. Whatever else is there is no part of the archive.
    """
    files, folders = _listed(path)
    if not files and len(folders) == 1:
        files, _ = _listed(folders[0])
    return files


def _listed(path: Path) -> tuple[list[Path], list[Path]]:
    """Return the CSVs of a folder, and its subfolders."""
    files, folders = [], []
    for each in path.iterdir():
        if each.is_symlink() or each.name.startswith(".") or is_clutter(f"{each.name}/x"):
            continue
        if each.is_dir():
            folders.append(each)
        elif each.is_file() and each.name.lower().endswith((".csv", ".csv.gz")):
            files.append(each)
        if len(files) > MEMBERS_AT_MOST:
            raise crowded()
    return sorted(files), folders


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of the CSVs of a folder.

    Raises
    ------
    OSError
        If they can't be read.
    """
    files = csv_files(path) if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)
