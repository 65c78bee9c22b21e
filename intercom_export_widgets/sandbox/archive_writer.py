"""Writes the tables of a range as ZIP, gzip, tar.gz or CSV.

Each table is compressed while its rows come, in a spool of its own, so that all of them grow
side by side and memory holds one block; the spools are then copied into the archive. The ZIP
is written by hand, because zipfile can't take what is compressed already.
"""

from __future__ import annotations

import gzip
import shutil
import struct
import tarfile
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, BinaryIO, Final

from intercom_export_widgets.sandbox.csv_columns import Stamps, csv_field
from intercom_export_widgets.sandbox.state import Written
from intercom_export_widgets.sandbox.tables import (
    CHECKPOINT_COLUMNS,
    EVENT_GROUPS,
    OVERVIEW_COLUMNS,
    RECEIPT_COLUMNS,
    EventSheets,
    Overview,
    checkpoint_lines,
    receipt_lines,
)

try:
    from isal import isal_zlib as zlib
except ImportError:  # no wheel for Windows on ARM or Pyodide
    import zlib  # type: ignore[no-redef] # the same interface

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from intercom_export_widgets.sandbox.data_generator import Block, Workspace
    from intercom_export_widgets.sandbox.options import Switches

__all__ = [
    "DEFLATED",
    "STORED",
    "Member",
    "write_archive",
    "write_gzip",
    "write_plain",
    "write_tar_gz",
    "write_zip",
]

FAR: Final = 0xFFFFFFFF
"""A size or offset of 4 GiB: from here on ZIP64 (APPNOTE 4.5.3)."""

DEFLATED: Final = 8
STORED: Final = 0
STREAMED: Final = 0x0008
"""The flag that sizes follow the data (APPNOTE 4.4.4, bit 3)."""

UTF8: Final = 0x0800
MOMENT: Final = struct.pack("<HH", 0, 33)
"""1980-01-01, ZIP's first day: an archive of the same rows has the same bytes."""


SPOOLED: Final = 1 << 16
"""How many bytes of a member are kept in memory; more of them go to a file."""


class Member:
    """A file in the making.

    Parameters
    ----------
    folder : Path
        Where its compressed bytes go once they are many.
    name : str
        Its name in the archive.
    method : int
        8 to deflate, 0 to store.
    """

    def __init__(self, folder: Path, name: str, method: int = DEFLATED) -> None:
        self.name = name
        self.method = method
        self.crc = 0
        self.size = 0
        self.compressed = 0
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - see `discard`
            SPOOLED, dir=str(folder)
        )
        self._deflate = zlib.compressobj(1, zlib.DEFLATED, -15)

    def write(self, data: bytes) -> None:
        """Add bytes."""
        self.crc = zlib.crc32(data, self.crc)
        self.size += len(data)
        packed = self._deflate.compress(data) if self.method else data
        self.compressed += self._file.write(packed)

    def finish(self) -> None:
        """Write what is left."""
        if self.method:
            self.compressed += self._file.write(self._deflate.flush())

    def open(self) -> IO[bytes]:
        """Return the compressed bytes, from the first on."""
        self._file.seek(0)
        return self._file

    def copy_to(self, target: BinaryIO) -> None:
        """Copy the compressed bytes."""
        shutil.copyfileobj(self.open(), target, 1 << 20)

    def discard(self) -> None:
        """Drop the bytes."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class Entry:
    """A member with its place in the ZIP."""

    member: Member
    offset: int
    flags: int
    far: int

    @property
    def large(self) -> bool:
        """Whether its sizes need ZIP64."""
        return max(self.member.size, self.member.compressed) >= self.far


def write_zip(
    path: Path, members: Sequence[Member], *, streamed: bool = False, far: int = FAR
) -> dict[str, int]:
    """Write a ZIP.

    Parameters
    ----------
    path : Path
        The file to write.
    members : sequence of Member
        Finished ones.
    streamed : bool
        Whether sizes follow the data, in data descriptors, as from a server that
        compresses while it sends.
    far : int
        The size or offset from which on ZIP64 is used.

    Returns
    -------
    dict
        The offset of each member's data, by name.
    """
    starts: dict[str, int] = {}
    entries: list[Entry] = []
    with path.open("wb") as file:
        for member in members:
            flags = UTF8 | (STREAMED if streamed else 0)
            entry = Entry(member, file.tell(), flags, far)
            file.write(_local_header(entry))
            starts[member.name] = file.tell()
            member.copy_to(file)
            if streamed:
                file.write(_descriptor(entry))
            entries.append(entry)
        directory = b"".join(_central_header(entry) for entry in entries)
        offset = file.tell()
        file.write(directory + _end(len(entries), len(directory), offset, far))
    return starts


def write_gzip(path: Path, member: Member) -> int:
    """Write a member as gzip, with its name; return the offset of its data."""
    head = b"\x1f\x8b\x08\x08\0\0\0\0\x04\xff" + member.name.encode("latin-1") + b"\0"
    with path.open("wb") as file:
        file.write(head)
        member.copy_to(file)
        file.write(struct.pack("<II", member.crc, member.size & FAR))
    return len(head)


def write_plain(path: Path, member: Member) -> int:
    """Write a stored member as it is."""
    with path.open("wb") as file:
        member.copy_to(file)
    return 0


def write_tar_gz(path: Path, members: Sequence[Member]) -> None:
    """Write stored members as a tar in a gzip."""
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        for member in members:
            info = tarfile.TarInfo(member.name)
            info.size = member.size
            tar.addfile(info, member.open())


def _local_header(entry: Entry) -> bytes:
    member, name = entry.member, entry.member.name.encode()
    crc, packed, size, extra = member.crc, member.compressed, member.size, b""
    if entry.flags & STREAMED:
        crc = packed = size = 0
        if entry.large:
            packed = size = FAR
            extra = struct.pack("<HHQQ", 1, 16, 0, 0)
    elif entry.large:
        extra = struct.pack("<HHQQ", 1, 16, size, packed)
        packed = size = FAR
    version = 45 if extra else 20
    return (
        struct.pack("<IHHH", 0x04034B50, version, entry.flags, member.method)
        + MOMENT
        + struct.pack("<IIIHH", crc, packed, size, len(name), len(extra))
        + name
        + extra
    )


def _descriptor(entry: Entry) -> bytes:
    member = entry.member
    sizes = "<IIQQ" if entry.large else "<IIII"
    return struct.pack(sizes, 0x08074B50, member.crc, member.compressed, member.size)


def _central_header(entry: Entry) -> bytes:
    member, name = entry.member, entry.member.name.encode()
    packed, size, offset = member.compressed, member.size, entry.offset
    values = b""
    if entry.large:
        values += struct.pack("<QQ", size, packed)
        packed = size = FAR
    if offset >= entry.far:
        values += struct.pack("<Q", offset)
        offset = FAR
    extra = struct.pack("<HH", 1, len(values)) + values if values else b""
    version = 45 if extra else 20
    return (
        struct.pack("<IHHHH", 0x02014B50, version, version, entry.flags, member.method)
        + MOMENT
        + struct.pack(
            "<IIIHHHHHII", member.crc, packed, size, len(name), len(extra), 0, 0, 0, 0, offset
        )
        + name
        + extra
    )


def _end(count: int, size: int, offset: int, far: int) -> bytes:
    large = b""
    near = offset
    if offset >= far:
        fields = (0x06064B50, 44, 45, 45, 0, 0, count, count, size, offset)
        large = struct.pack("<IQHHIIQQQQ", *fields)
        large += struct.pack("<IIQI", 0x07064B50, 0, offset + size, 1)
        near = FAR
    return large + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, size, near, 0)


DAY: Final = 86400
COMBINED_COLUMNS: Final = ("receipt_id", "user_id", "user_external_id", "email", "completed_at")
NOVEL_COLUMN: Final = "first_hologram_view"
NOVEL_GROUP: Final = "hologram_view"
SUFFIXES: Final = {"gzip": "csv.gz", "csv": "csv", "tar.gz": "tar.gz"}
IRREGULAR: Final = {
    "reply": "replies",
    "goal_success": "goal_successes",
    "fin_step_reached": "fin_steps_reached",
    "answer_combined": "answers_combined",
}


def write_archive(
    folder: Path,
    name: str,
    workspace: Workspace,
    *,
    after: int,
    before: int,
    until: int,
    switches: Switches,
    stop: threading.Event | None = None,
) -> Written:
    """Write what an export of a range holds.

    Parameters
    ----------
    folder : Path
        An existing one.
    name : str
        The file's name without its suffix.
    workspace : Workspace
        Where the rows are from.
    after, before : int
        Unix seconds, both inclusive.
    until : int
        Now, in Unix seconds: nothing is later, and members are named after it.
    switches : Switches
        Container, names, timestamps, rounding, novelties.
    stop : threading.Event, optional
        Give up when it is set.

    Returns
    -------
    Written
        The file; with no rows at all it is empty.

    Raises
    ------
    InterruptedError
        If it was stopped.
    """
    if switches.rounding == "days":
        after, before = after // DAY * DAY, before // DAY * DAY + DAY - 1
    draft = Draft(folder, workspace, after=after, before=before, until=until, switches=switches)
    try:
        for block in workspace.blocks(after, before, until):
            if stop is not None and stop.is_set():
                raise InterruptedError("The export was stopped.")
            draft.add(block)
        draft.add_overview()
        suffix = SUFFIXES.get(switches.container, "zip")
        return draft.pack(folder / f"{name}.{suffix}")
    finally:
        draft.discard()


class Draft:
    """The members of an export in the making.

    Parameters
    ----------
    folder : Path
        Where their compressed bytes go until they are packed.
    workspace : Workspace
        Where the rows are from.
    after, before, until : int
        As for :func:`write_archive`.
    switches : Switches
        As for :func:`write_archive`.
    """

    def __init__(
        self,
        folder: Path,
        workspace: Workspace,
        *,
        after: int,
        before: int,
        until: int,
        switches: Switches,
    ) -> None:
        self._folder = folder
        self._workspace = workspace
        self._until = until
        self._last = min(before, until)
        self._switches = switches
        self._stamps = Stamps(switches.timestamps, switches.timezone)
        self._sheets = EventSheets(workspace, self._stamps)
        self._overview = Overview(workspace, self._stamps, self._last)
        self._questions = self._sheets.questions.between(after // DAY, self._last // DAY)
        self._members: dict[str, Member] = {}
        self._rows: dict[str, int] = {}

    def add(self, block: Block) -> None:
        """Add a block to every group."""
        switches, stamps = self._switches, self._stamps
        if not switches.receipt_left_out:
            header = RECEIPT_COLUMNS + ((NOVEL_COLUMN,) if switches.novelties else ())
            data = receipt_lines(self._workspace, block, stamps, novelties=switches.novelties)
            self._write("receipt", header, (data, len(block)))
        if switches.container in ("gzip", "csv"):
            return
        for group, header in EVENT_GROUPS.items():
            self._write(group, header, self._sheets.lines(group, block))
        header = (*COMBINED_COLUMNS, *self._questions)
        self._write("answer_combined", header, self._sheets.combined(block, self._questions))
        checkpoints = checkpoint_lines(self._workspace, block, stamps, self._last)
        self._write("checkpoint", CHECKPOINT_COLUMNS, checkpoints)
        if switches.novelties:
            header = ("receipt_id", "viewed_at", "depth")
            self._write(NOVEL_GROUP, header, self._sheets.novel(block))
        self._overview.add(block)

    def add_overview(self) -> None:
        """Add the counts, once all blocks are in."""
        self._write("overview", OVERVIEW_COLUMNS, self._overview.lines())

    def pack(self, path: Path) -> Written:
        """Put the members together."""
        members = list(self._members.values())
        for member in members:
            member.finish()
        middle = 0
        if not members:
            path.touch()
        elif self._switches.container in ("gzip", "csv"):
            write = write_gzip if self._switches.container == "gzip" else write_plain
            middle = write(path, members[0]) + members[0].compressed // 2
        elif self._switches.container == "tar.gz":
            write_tar_gz(path, members)
            middle = path.stat().st_size // 2
        else:
            middle = self._pack_zip(path, members)
        return Written(path, dict(self._rows), path.stat().st_size, middle)

    def discard(self) -> None:
        """Drop the members."""
        for member in self._members.values():
            member.discard()

    def _pack_zip(self, path: Path, members: list[Member]) -> int:
        largest = max(members, key=lambda member: member.compressed)
        streamed = self._switches.container == "zip-streamed"
        starts = write_zip(path, members, streamed=streamed)
        return starts[largest.name] + largest.compressed // 2

    def _write(self, group: str, header: tuple[str, ...], found: tuple[bytes, int]) -> None:
        data, rows = found
        if not rows:
            return
        member = self._members.get(group)
        if member is None:
            plain = self._switches.container in ("csv", "zip-stored", "tar.gz")
            method = STORED if plain else DEFLATED
            member = Member(self._folder, self._name(group), method)
            member.write((",".join(csv_field(name) for name in header) + "\n").encode())
            self._members[group] = member
        member.write(data)
        self._rows[group] = self._rows.get(group, 0) + rows

    def _name(self, group: str) -> str:
        moment = datetime.fromtimestamp(self._until, UTC)
        if self._switches.member_names == "singular":
            return f"{group}_{moment:%Y%m%d-%H%M%S}.csv"
        return f"{IRREGULAR.get(group, group + 's')}_{moment:%Y%m%d_%H%M%S}.csv"
