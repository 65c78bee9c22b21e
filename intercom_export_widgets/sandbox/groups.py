"""The CSVs of an export: which columns each group has, and how a block fills them.

The receipts' columns and their order are those seen in production; the groups beside
them join on ``receipt_id``, which repeats there. Knows blocks and columns, no files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from intercom_export_widgets.sandbox.content import SERIES
from intercom_export_widgets.sandbox.sheets import Texts, csv_lines, integers
from intercom_export_widgets.sandbox.surveys import SurveyQuestions

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from numpy.typing import NDArray

    from intercom_export_widgets.sandbox.content import Content
    from intercom_export_widgets.sandbox.engagement import Happened
    from intercom_export_widgets.sandbox.sheets import Stamps
    from intercom_export_widgets.sandbox.workspace import Block, Workspace

__all__ = ["EVENT_GROUPS", "RECEIPT_COLUMNS", "EventSheets", "receipt_lines"]

RECEIPT_COLUMNS: Final = (
    "user_id", "user_external_id", "company_id", "company_external_id", "email", "name",
    "ruleset_id", "content_id", "content_type", "content_title", "created_via", "device",
    "ruleset_version_id", "receipt_id", "received_at", "conversation_id", "series_id",
    "series_title", "node_id", "first_reply", "first_completion", "first_series_completion",
    "first_series_disengagement", "first_series_exit", "first_goal_success",
    "first_tour_step_failure", "first_tour_step_view", "first_reaction", "first_open",
    "first_click", "first_dismissal", "first_collected_email", "first_unsubscribe",
    "first_hard_bounce", "first_soft_bounce", "first_spam_complaint", "first_permission_grant",
    "first_button_tap", "first_screen_view", "first_webhook_failure", "first_sms_failure",
    "first_whatsapp_failure", "first_push_failure", "first_answer", "first_keyword_reply",
    "first_people_reached_receipt", "first_checklist_step_receipt", "first_checklist_step_open",
    "first_checklist_step_click", "first_checklist_step_completion",
    "first_fin_helpful_answer", "first_fin_step_reached",
)  # fmt: skip
"""The 52 columns of ``receipt``, in order (seen in production)."""

EVENT_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "open": ("receipt_id", "opened_at"),
    "click": ("receipt_id", "clicked_at", "link_type", "url"),
    "reply": ("receipt_id", "replied_at"),
    "completion": ("receipt_id", "completed_at"),
    "dismissal": ("receipt_id", "dismissed_at"),
    "reaction": ("receipt_id", "reacted_at", "reaction"),
    "goal_success": ("receipt_id", "goal_hit_at"),
    "hard_bounce": ("receipt_id", "hard_bounced_at"),
    "soft_bounce": ("receipt_id", "soft_bounced_at"),
    "unsubscribe": ("receipt_id", "unsubscribed_at"),
    "series_completion": ("receipt_id", "completed_at", "completion_node_ruleset_id"),
    "series_disengagement": ("receipt_id", "disengaged_at", "disengaged_node_ruleset_id"),
    "series_exit": ("receipt_id", "exited_at"),
    "tour_step_view": ("receipt_id", "step_id", "viewed_at"),
    "tour_step_failure": ("receipt_id", "step_id", "failed_selector", "failure_url", "failed_at"),
    "answer": (
        "receipt_id", "answered_at", "question_id", "question", "response_type", "response",
    ),
    "fin_step_reached": (
        "receipt_id", "involved_at", "content_id", "content_type", "ruleset_id",
        "conversation_id",
    ),
}  # fmt: skip
"""The columns of each group of events."""

URLS: Final = (
    "https://www.example.com/",
    'https://www.example.com/pricing?plan=team,annual&ref="mail"',
    "https://docs.example.org/a/b?utm_source=newsletter&utm_campaign=june",
    "https://example.net/ünï/путь#Abschnitt",
    "mailto:help@example.org",
    "https://www.example.com/long?" + "q=1&" * 60,
)
LINKS: Final = ("text", "button", "image")
REACTIONS: Final = ("👍", "👎", "🎉", "❤️", "😐")
SELECTORS: Final = ("#next", 'button[data-test="export, now"]', "div > a:nth-child(2)")


def receipt_lines(
    workspace: Workspace, block: Block, stamps: Stamps, *, novelties: bool = False
) -> bytes:
    """Return the receipts of a block as CSV.

    Parameters
    ----------
    workspace : Workspace
        Where the block is from.
    block : Block
        What the range shows.
    stamps : Stamps
        The form of timestamps.
    novelties : bool
        Whether there is one more column than is known.
    """
    people, content = workspace.people, workspace.content
    columns = [
        *people.columns(block.person),
        *content.columns_before(block.version),
        integers(block.receipt_id),
        stamps.column(block.received),
        integers(block.talk, block.talk >= 0),
        *content.columns_after(block.version),
    ]
    for name in RECEIPT_COLUMNS[len(columns) :]:
        rows, times = block.events[name.removeprefix("first_")].firsts()
        columns.append(_scattered(stamps, len(block), rows, times))
    if novelties:
        columns.append(integers(block.person % 7))
    return csv_lines(columns, len(block))


def _scattered(
    stamps: Stamps, count: int, rows: NDArray[np.int64], times: NDArray[np.int64]
) -> pa.Array:
    if not len(rows):
        return None
    values = np.zeros(count, dtype=np.int64)
    present = np.zeros(count, dtype=np.bool_)
    values[rows], present[rows] = times, True
    return stamps.column(values, present)


class EventSheets:
    """The groups of events of a workspace, block after block.

    Parameters
    ----------
    workspace : Workspace
        Where the blocks are from.
    stamps : Stamps
        The form of timestamps.
    """

    def __init__(self, workspace: Workspace, stamps: Stamps) -> None:
        self._people = workspace.people
        self._content = workspace.content
        self._stamps = stamps
        self.questions = SurveyQuestions(workspace.content)
        self._urls, self._links = Texts(URLS), Texts(LINKS)
        self._reactions, self._selectors = Texts(REACTIONS), Texts(SELECTORS)
        self._nodes = _nodes_of_series(workspace.content)
        self._extras: dict[str, Callable[[Block, Happened], list[pa.Array]]] = {
            "click": self._click,
            "reaction": lambda _, found: [self._reactions.take(found.pick % len(REACTIONS))],
            "series_completion": self._node,
            "series_disengagement": self._node,
            "fin_step_reached": self._fin,
        }

    def lines(self, group: str, block: Block) -> tuple[bytes, int]:
        """Return a group's rows of a block as CSV, and how many they are."""
        found = block.events[group]
        if group == "answer":
            found = self.questions.asked(block, found)[0]
        count = len(found.row)
        if not count:
            return b"", 0
        receipt = integers(block.receipt_id[found.row])
        time = self._stamps.column(found.time)
        if group == "answer":
            columns = [receipt, time, *self.questions.columns(block, block.events[group])]
        elif group == "tour_step_view":
            columns = [receipt, integers(_step(found)), time]
        elif group == "tour_step_failure":
            columns = [
                receipt,
                integers(_step(found)),
                self._selectors.take(found.pick % len(SELECTORS)),
                self._urls.take(found.pick % len(URLS)),
                time,
            ]
        else:
            extra = self._extras.get(group)
            columns = [receipt, time, *(extra(block, found) if extra else [])]
        return csv_lines(columns, count), count

    def combined(self, block: Block, header: list[str]) -> tuple[bytes, int]:
        """Return ``answer_combined``: one row per receipt, one column per question."""
        found, question, response = self.questions.asked(block, block.events["answer"])
        if not len(found.row):
            return b"", 0
        rows = np.unique(found.row)
        last = np.zeros(len(block), dtype=np.int64)
        np.maximum.at(last, found.row, found.time)
        person = block.person[rows]
        columns = [
            integers(block.receipt_id[rows]),
            self._people.user_id.take(person),
            self._people.external_id.take(person),
            self._people.email.take(person),
            self._stamps.column(last[rows]),
        ]
        for name in header:
            asked = question == self.questions.titles.index(name)
            index = np.zeros(len(block), dtype=np.int64)
            present = np.zeros(len(block), dtype=np.bool_)
            index[found.row[asked]], present[found.row[asked]] = response[asked], True
            columns.append(self.questions.responses.take(index[rows], present[rows]))
        return csv_lines(columns, len(rows)), len(rows)

    def novel(self, block: Block) -> tuple[bytes, int]:
        """Return a group that nobody documented."""
        found = block.events["open"]
        columns = [
            integers(block.receipt_id[found.row]),
            self._stamps.column(found.time),
            integers(found.pick % 9),
        ]
        return csv_lines(columns, len(found.row)), len(found.row)

    def _click(self, block: Block, found: Happened) -> list[pa.Array]:  # noqa: ARG002 - all extras are called alike
        return [self._links.take(found.pick % len(LINKS)), self._urls.take(found.pick % len(URLS))]

    def _node(self, block: Block, found: Happened) -> list[pa.Array]:
        series = self._content.series[block.version[found.row]]
        return [self._content.ruleset_id.take(self._nodes[series, found.pick % 4])]

    def _fin(self, block: Block, found: Happened) -> list[pa.Array]:
        version = block.version[found.row]
        return [
            self._content.content_id.take(version),
            self._content.content_type.take(version),
            self._content.ruleset_id.take(version),
            integers(block.talk[found.row]),
        ]


def _step(found: Happened) -> NDArray[np.int64]:
    return 70_000 + found.pick % 5


def _nodes_of_series(content: Content) -> NDArray[np.int64]:
    """Return four places of versions for each series."""
    nodes = [np.flatnonzero(content.series == series) for series in range(len(SERIES))]
    return np.stack([np.resize(places, 4) for places in nodes]).astype(np.int64)
