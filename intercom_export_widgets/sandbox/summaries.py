"""The two groups that don't follow from events: ``overview`` and ``checkpoint``.

The overview counts as blocks go by and is written when all have; the checkpoints are where
people stand in series. Knows blocks and columns, no files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from intercom_export_widgets.sandbox.sheets import Texts, csv_field, csv_lines, integers

if TYPE_CHECKING:
    from intercom_export_widgets.sandbox.sheets import Stamps
    from intercom_export_widgets.sandbox.workspace import Block, Workspace

__all__ = ["CHECKPOINT_COLUMNS", "OVERVIEW_COLUMNS", "Overview", "checkpoint_lines"]

CHECKPOINT_COLUMNS: Final = (
    "user_id", "company_id", "series_entry_record_id", "ruleset_id", "status_code",
    "status_name", "created_at", "last_processed_at", "expires_at", "times_processed",
)  # fmt: skip

# No soft bounces: the header that was seen in production has none.
COUNTED: Final = (
    "open", "click", "reply", "goal_success", "completion", "dismissal", "unsubscribe",
    "hard_bounce",
)  # fmt: skip

OVERVIEW_COLUMNS: Final = (
    "ruleset_id", "content_id", "content_type", "content_title", "series_id", "series_title",
    "audience_type", "state", "created_at", "last_sent_at", "last_state_change_at",
    "last_state_change_by", "last_edited_at", "last_edited_by", "url", "receipt_total",
    *(f"{event}_{what}" for event in COUNTED for what in ("total", "unique", "rate")),
)  # fmt: skip

STATES: Final = ("processed", "waiting", "expired", "exited")
AUDIENCES: Final = ("users", "leads", "visitors")
EDITORS: Final = ("Ada Admin", "Grace Editor", "Otto, the intern")
DAY: Final = 86400
FOUNDED: Final = 15_000
"""The day, since 1970, on which the first message was created."""
FOLLOWED: Final = 2
"""Fifths of the receipts in series that have a checkpoint."""


class Overview:
    """Counts per message version.

    Parameters
    ----------
    workspace : Workspace
        Where the blocks are from.
    stamps : Stamps
        The form of timestamps.
    until : int
        The last second that may show.
    """

    def __init__(self, workspace: Workspace, stamps: Stamps, until: int) -> None:
        self._content = workspace.content
        self._stamps = stamps
        self._until = until
        count = self._content.count
        self._receipts = np.zeros(count, dtype=np.int64)
        self._last_sent = np.zeros(count, dtype=np.int64)
        self._totals = np.zeros((len(COUNTED), count), dtype=np.int64)
        self._uniques = np.zeros((len(COUNTED), count), dtype=np.int64)

    def add(self, block: Block) -> None:
        """Count a block."""
        count = self._content.count
        self._receipts += np.bincount(block.version, minlength=count)
        np.maximum.at(self._last_sent, block.version, block.received)
        for place, name in enumerate(COUNTED):
            found = block.events[name]
            self._totals[place] += np.bincount(block.version[found.row], minlength=count)
            rows, _ = found.firsts()
            self._uniques[place] += np.bincount(block.version[rows], minlength=count)

    def lines(self) -> tuple[bytes, int]:
        """Return the counts as CSV, one row per version that was sent, and how many."""
        content, rows, lives = self._content, [], self._lives()
        for version in np.flatnonzero(self._receipts).tolist():
            sent = int(self._receipts[version])
            series = int(content.series_index(np.array([version]))[0])
            fields = [
                content.ruleset_ids[version],
                content.content_ids[version],
                content.kinds[version],
                content.titles[version],
                content.series_ids[series],
                content.series_titles[series],
                *(column[version] for column in lives),
                str(sent),
            ]
            for place in range(len(COUNTED)):
                unique = int(self._uniques[place, version])
                rate = f"{unique / sent:.4f}"
                fields += [str(int(self._totals[place, version])), str(unique), rate]
            rows.append(",".join(csv_field(field) for field in fields) + "\n")
        return "".join(rows).encode(), len(rows)

    def _lives(self) -> list[list[str]]:
        """Return ``audience_type`` to ``url``, one value for each version."""
        content, numbers = self._content, np.arange(self._content.count)
        begun = np.where(content.begins > 0, content.begins, FOUNDED + numbers)
        created = begun * DAY - 3600 * (1 + numbers % 48)
        ended = content.ends * DAY <= self._until
        changed = np.where(ended, content.ends * DAY, created + 600)
        edited = numbers % 5 > 0  # the others were never edited
        stamps = [
            self._stamps.column(created),
            self._stamps.column(self._last_sent),
            self._stamps.column(changed),
            self._stamps.column(created + 300, edited),
        ]
        created_at, last_sent_at, changed_at, edited_at = (
            [value or "" for value in column.to_pylist()] for column in stamps
        )
        return [
            [AUDIENCES[number % len(AUDIENCES)] for number in numbers],
            ["stopped" if value else "live" for value in ended],
            created_at,
            last_sent_at,
            changed_at,
            [EDITORS[number % len(EDITORS)] for number in numbers],
            edited_at,
            [EDITORS[number % 2] if value else "" for number, value in enumerate(edited)],
            [f"https://app.example.com/outbound/{number}" for number in content.ruleset_ids],
        ]


def checkpoint_lines(
    workspace: Workspace, block: Block, stamps: Stamps, until: int
) -> tuple[bytes, int]:
    """Return ``checkpoint``: where people stand in series; it has no receipt_id.

    Parameters
    ----------
    workspace : Workspace
        Where the block is from.
    block : Block
        What the range shows.
    stamps : Stamps
        The form of timestamps.
    until : int
        The last second that may show.
    """
    people, content = workspace.people, workspace.content
    rows = np.flatnonzero((content.series[block.version] >= 0) & (block.receipt_id % 5 < FOLLOWED))
    if not len(rows):
        return b"", 0
    chance = block.receipt_id[rows] // 5
    person, entered = block.person[rows], block.received[rows]
    processed = entered + chance % (6 * DAY)
    state = chance % len(STATES)
    columns = [
        people.user_id.take(person),
        people.company_id.take(people.company[person]),
        integers(chance % 10**9),
        content.ruleset_id.take(block.version[rows]),
        integers(state),
        Texts(STATES).take(state),
        stamps.column(entered),
        stamps.column(processed, processed <= until),
        stamps.column(entered + 30 * DAY, state == STATES.index("waiting")),
        integers(1 + chance % 3),
    ]
    return csv_lines(columns, len(rows)), len(rows)
