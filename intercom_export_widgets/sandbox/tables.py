"""The rows of each table of an export, as lines of CSV.

The columns of deliveries and their order are those seen in production. The tables of events
join on ``receipt_id``, which repeats there. ``overview`` is counted while blocks go by and
written at the end; ``checkpoint`` says where people stand in series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from intercom_export_widgets.sandbox.csv_columns import Texts, csv_field, csv_lines, integers
from intercom_export_widgets.sandbox.data_generator import Happened
from intercom_export_widgets.sandbox.sample_content import SERIES, SURVEYS

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from numpy.typing import NDArray

    from intercom_export_widgets.sandbox.csv_columns import Stamps
    from intercom_export_widgets.sandbox.data_generator import Block, Workspace
    from intercom_export_widgets.sandbox.sample_content import Content

__all__ = [
    "CHECKPOINT_COLUMNS",
    "EVENT_GROUPS",
    "OVERVIEW_COLUMNS",
    "RECEIPT_COLUMNS",
    "EventSheets",
    "Overview",
    "SurveyQuestions",
    "checkpoint_lines",
    "receipt_lines",
]


class SurveyQuestions:
    """The questions of all surveys, flat, and who was asked which.

    Parameters
    ----------
    content : Content
        The workspace's.
    """

    def __init__(self, content: Content) -> None:
        self._content = content
        flat = [(title, *question) for title, asked in SURVEYS.items() for question in asked]
        self.titles = [question for _, question, _, _ in flat]
        first: dict[str, int] = {}
        for place, (title, *_) in enumerate(flat):
            first.setdefault(title, place)
        self._surveys = [title for title, *_ in flat]
        answers = [(place, text) for place, row in enumerate(flat) for text in row[3]]
        self.responses = Texts([text for _, text in answers])
        counts = [len(row[3]) for row in flat]
        self._counts = np.array(counts, dtype=np.int64)
        self._begins = np.cumsum([0, *counts[:-1]]).astype(np.int64)
        self._question = Texts(self.titles)
        self._kind = Texts([kind for _, _, kind, _ in flat])
        self._id = Texts([f"q{place:05}" for place in range(len(flat))])
        self._start = np.array([first.get(title, 0) for title in content.titles], np.int64)
        lengths = [len(SURVEYS.get(title, ())) for title in content.titles]
        self._length = np.array(lengths, dtype=np.int64)

    def asked(
        self, block: Block, found: Happened
    ) -> tuple[Happened, NDArray[np.int64], NDArray[np.int64]]:
        """Return the answers that are some, their questions, and their responses."""
        serial = np.arange(len(found.row)) - np.searchsorted(found.row, found.row)
        version = block.version[found.row]
        kept = serial < self._length[version]
        question = (self._start[version] + serial)[kept]
        mine = Happened(found.row[kept], found.time[kept], found.pick[kept])
        response = self._begins[question] + mine.pick % self._counts[question]
        return mine, question, response

    def columns(self, block: Block, found: Happened) -> list[pa.Array]:
        """Return question_id, question, response_type and response."""
        _, question, response = self.asked(block, found)
        return [
            self._id.take(question),
            self._question.take(question),
            self._kind.take(question),
            self.responses.take(response),
        ]

    def between(self, first: int, last: int) -> list[str]:
        """Return the questions of the surveys that were live then (days since 1970)."""
        content = self._content
        live = (content.begins <= last) & (content.ends >= first)
        shown = {content.titles[place] for place in np.flatnonzero(live).tolist()}
        pairs = zip(self._surveys, self.titles, strict=True)
        return [question for survey, question in pairs if survey in shown]


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
