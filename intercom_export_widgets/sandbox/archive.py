"""One export, from a range to a file on disk.

Blocks come out of the workspace, go through the groups' CSVs into compressed members, and
those into a container. Memory holds one block, whatever the size.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.sandbox.container import (
    DEFLATED,
    STORED,
    Member,
    write_gzip,
    write_plain,
    write_tar_gz,
    write_zip,
)
from intercom_export_widgets.sandbox.groups import (
    EVENT_GROUPS,
    RECEIPT_COLUMNS,
    EventSheets,
    receipt_lines,
)
from intercom_export_widgets.sandbox.jobs import Written
from intercom_export_widgets.sandbox.sheets import Stamps, csv_field
from intercom_export_widgets.sandbox.summaries import (
    CHECKPOINT_COLUMNS,
    OVERVIEW_COLUMNS,
    Overview,
    checkpoint_lines,
)

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from intercom_export_widgets.sandbox.switches import Switches
    from intercom_export_widgets.sandbox.workspace import Block, Workspace

__all__ = ["write_archive"]

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
        """Let go of the members."""
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
