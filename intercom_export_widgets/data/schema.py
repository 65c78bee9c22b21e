"""Every table of an export, its columns and their types, and the Arrow types for them.

Source: the columns seen in production, and those that Intercom's reference documents ("Content
data export"). Columns are found by their header's name, never
by position: Intercom appends columns. A column that is not listed here is text, with two
exceptions: every ``first_*`` of ``receipt`` is a timestamp, as Intercom keeps adding those; and
every ``*_at`` is a timestamp if all of its values are (see `is_guess`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

__all__ = [
    "GROUPS",
    "Array",
    "Batch",
    "BatchReader",
    "Column",
    "DataType",
    "Field",
    "Group",
    "Kind",
    "MemoryPool",
    "Schema",
    "Table",
    "arrow_type",
    "column_kind",
    "has_none_marker",
    "is_guess",
    "is_known",
    "singular",
]


class Kind(StrEnum):
    """What a column holds, and so which type it becomes.

    ========= ============================== ========================
    kind      pandas                         Arrow
    ========= ============================== ========================
    id        ``str``                        string
    text      ``str``                        string
    category  ``category`` (of ``str``)      dictionary(int32, string)
    timestamp ``datetime64[us, UTC]``        timestamp[us, UTC]
    count     ``Int64``                      int64
    rate      ``Float64``                    double
    ========= ============================== ========================
    """

    ID = "id"
    TEXT = "text"
    CATEGORY = "category"
    TIMESTAMP = "timestamp"
    COUNT = "count"
    RATE = "rate"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its header's name, its kind, and what it means in a sentence."""

    name: str
    kind: Kind
    description: str


@dataclass(frozen=True, slots=True)
class Group:
    """One kind of table in an export.

    Attributes
    ----------
    name : str
        The group's name, singular, as in the member's name.
    description : str
        What one row is.
    columns : tuple of Column
        The known columns, in the order in which Intercom writes them.
    signature : tuple of str
        Columns that together tell this group by its header alone; empty if none do.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    signature: tuple[str, ...] = ()


def _id(name: str, description: str) -> Column:
    return Column(name, Kind.ID, description)


def _text(name: str, description: str) -> Column:
    return Column(name, Kind.TEXT, description)


def _category(name: str, description: str) -> Column:
    return Column(name, Kind.CATEGORY, description)


def _instant(name: str, description: str) -> Column:
    return Column(name, Kind.TIMESTAMP, description)


_RECEIPT_ID = _id("receipt_id", "The delivery; the key of receipt, and what event groups join on.")
_NONE_MARKED = frozenset({"company_id", "series_id"})

# What the first_* columns of receipt are the first of, in the order of the columns.
_FIRSTS = {
    "first_reply": "the person replied",
    "first_completion": "the person completed the message (a survey, a tour, a post)",
    "first_series_completion": "the person completed the series",
    "first_series_disengagement": "the person was disengaged from the series",
    "first_series_exit": "the person left the series by an exit rule",
    "first_goal_success": "the person met the goal of the message",
    "first_tour_step_failure": "a step of the tour could not be shown",
    "first_tour_step_view": "the person saw a step of the tour",
    "first_reaction": "the person reacted",
    "first_open": "the message was opened",
    "first_click": "a link in the message was clicked",
    "first_dismissal": "the message was dismissed",
    "first_collected_email": "the message collected an email address",
    "first_unsubscribe": "the person unsubscribed",
    "first_hard_bounce": "the email bounced for good",
    "first_soft_bounce": "the email bounced for the moment",
    "first_spam_complaint": "the email was reported as spam",
    "first_permission_grant": "the person allowed push messages",
    "first_button_tap": "a button of the message was tapped",
    "first_screen_view": "the person saw a screen of the carousel",
    "first_webhook_failure": "the webhook failed",
    "first_sms_failure": "the SMS could not be delivered",
    "first_whatsapp_failure": "the WhatsApp message could not be delivered",
    "first_push_failure": "the push message could not be delivered",
    "first_answer": "the person answered a question of the survey",
    "first_keyword_reply": "the person replied by a keyword",
    "first_people_reached_receipt": "the person counted as reached",
    "first_checklist_step_receipt": "a step of the checklist was received",
    "first_checklist_step_open": "a step of the checklist was opened",
    "first_checklist_step_click": "a step of the checklist was clicked",
    "first_checklist_step_completion": "a step of the checklist was completed",
    "first_fin_helpful_answer": "Fin gave an answer that was found helpful",
    "first_fin_step_reached": "the person reached a step handled by Fin",
}

_RECEIPT = Group(
    "receipt",
    "One row for each delivery of a message to a person.",
    (
        _id("user_id", "The person, by Intercom's identifier."),
        _id("user_external_id", "The person, by your own identifier."),
        _id("company_id", "The person's company, by Intercom's identifier; missing if none."),
        _id("company_external_id", "The person's company, by your own identifier."),
        _text("email", "The person's email address."),
        _text("name", "The person's name."),
        _id("ruleset_id", "The message."),
        _id("content_id", "The content; each version in an A/B test has its own."),
        _category("content_type", "What the message is: an email, a post, a tour, a survey …"),
        _category("content_title", "The title of the message."),
        _category("created_via", "How the message was created."),
        _category("device", "The device that the message was shown on."),
        _id("ruleset_version_id", "The version of the message."),
        _RECEIPT_ID,
        _instant("received_at", "When the person received the message."),
        _id("conversation_id", "The conversation that the message began, if any."),
        _id("series_id", "The series that the message belongs to; missing if none."),
        _category("series_title", "The title of the series."),
        _id("node_id", "The block of the series that sent the message."),
        *(
            _instant(name, f"When {event} for the first time, inside the exported range.")
            for name, event in _FIRSTS.items()
        ),
    ),
    ("receipt_id", "received_at"),
)

# Of event groups not every column is documented: the columns that describe a delivery
# may come there too, and are then what they are in receipt.
_SHARED = {column.name: column.kind for column in _RECEIPT.columns if column.name not in _FIRSTS}


def _event(name: str, description: str, at: str, *columns: Column, told_by: str = "") -> Group:
    """Return an event group, which joins on ``receipt_id``; ``at`` is its instant."""
    known = (_RECEIPT_ID, _instant(at, "When it happened."), *columns)
    return Group(name, description, known, ("receipt_id", at, *filter(None, [told_by])))


_EVENTS = (
    _event("open", "One row for each time that a message was opened.", "opened_at"),
    _event(
        "click",
        "One row for each click on a link in a message.",
        "clicked_at",
        _category("link_type", "What kind of link was clicked."),
        _text("url", "The address that the link leads to."),
    ),
    _event("reply", "One row for each reply to a message.", "replied_at"),
    _event("completion", "One row for each completed message.", "completed_at"),
    _event("dismissal", "One row for each dismissed message.", "dismissed_at"),
    _event(
        "reaction",
        "One row for each reaction to a message.",
        "reacted_at",
        _category("reaction", "The reaction, mostly an emoji."),
    ),
    _event("goal_success", "One row for each goal that was met.", "goal_hit_at"),
    _event("hard_bounce", "One row for each email that bounced for good.", "hard_bounced_at"),
    _event("soft_bounce", "One row for each email that bounced for now.", "soft_bounced_at"),
    _event("unsubscribe", "One row for each unsubscription.", "unsubscribed_at"),
    _event(
        "series_completion",
        "One row for each completed series.",
        "completed_at",
        _id("completion_node_ruleset_id", "The block that completed the series."),
        told_by="completion_node_ruleset_id",
    ),
    _event(
        "series_disengagement",
        "One row for each disengagement from a series.",
        "disengaged_at",
        _id("disengaged_node_ruleset_id", "The block at which the person was disengaged."),
    ),
    _event(
        "tour_step_view",
        "One row for each step of a tour that was seen.",
        "viewed_at",
        _id("step_id", "The step of the tour."),
    ),
    _event(
        "tour_step_failure",
        "One row for each step of a tour that could not be shown.",
        "failed_at",
        _id("step_id", "The step of the tour."),
        _text("failed_selector", "The CSS selector that matched nothing."),
        _text("failure_url", "The page on which the step failed."),
    ),
    _event(
        "answer",
        "One row for each answer to a question of a survey.",
        "answered_at",
        _id("question_id", "The question."),
        _category("question", "The question's text."),
        _category("response_type", "What kind of answer was asked for."),
        _text("response", "The answer."),
    ),
    _event("series_exit", "One row for each exit from a series.", "exited_at"),
    _event("fin_step_reached", "One row for each step of Fin that was reached.", "involved_at"),
)

_OTHERS = (
    Group(
        "answer_combined",
        "One row for each completed survey, one more column for each question.",
        (
            _RECEIPT_ID,
            _id("user_id", "The person, by Intercom's identifier."),
            _instant("completed_at", "When the survey was completed."),
        ),
    ),
    Group(
        "checkpoint",
        "One row for each person's way through a block of a series.",
        (
            _id("user_id", "The person, by Intercom's identifier."),
            _id("company_id", "The person's company, by Intercom's identifier; missing if none."),
            _id("series_entry_record_id", "The person's entry into the series."),
            _id("ruleset_id", "The message."),
            _category("status_code", "The state of the checkpoint, as a code."),
            _category("status_name", "The state of the checkpoint, as a word."),
            _instant("created_at", "When the checkpoint was created."),
            _instant("last_processed_at", "When the checkpoint was last processed."),
            _instant("expires_at", "When the checkpoint expires."),
            Column("times_processed", Kind.COUNT, "How often the checkpoint was processed."),
        ),
        ("series_entry_record_id", "times_processed"),
    ),
    Group(
        "overview",
        "One row for each message; totals, uniques and rates of each event.",
        (
            _id("ruleset_id", "The message."),
            _id("content_id", "The content; each version in an A/B test has its own."),
            _category("content_type", "What the message is: an email, a post, a tour, a survey …"),
            _category("content_title", "The title of the message."),
            _id("series_id", "The series that the message belongs to; missing if none."),
            _category("series_title", "The title of the series."),
            _category("audience_type", "Which people the message is for."),
            _category("state", "The state of the message: live, paused, a draft …"),
            _instant("created_at", "When the message was created."),
            _instant("last_sent_at", "When the message was last sent."),
            _instant("last_state_change_at", "When the state of the message last changed."),
            _category("last_state_change_by", "Who changed the state of the message last."),
            _instant("last_edited_at", "When the message was last edited."),
            _category("last_edited_by", "Who edited the message last."),
            _text("url", "The address of the message in Intercom."),
        ),
    ),
)

GROUPS: dict[str, Group] = {group.name: group for group in (_RECEIPT, *_EVENTS, *_OTHERS)}
_KINDS = {name: _SHARED | {c.name: c.kind for c in group.columns} for name, group in GROUPS.items()}


def column_kind(group: str, column: str) -> Kind:
    """Return what ``column`` of ``group`` holds, by its name."""
    kind = _KINDS.get(group, {}).get(column)
    if kind is not None:
        return kind
    if group == "receipt" and column.startswith("first_"):
        return Kind.TIMESTAMP
    if group == "overview":
        if column.endswith(("_total", "_unique")):
            return Kind.COUNT
        if column.endswith("_rate"):
            return Kind.RATE
    return Kind.TIMESTAMP if column.endswith("_at") else Kind.TEXT


def is_guess(group: str, column: str) -> bool:
    """Return whether ``column`` is taken for a timestamp by its name alone, ``*_at``.

    It is one only if all of its values are timestamps of one form; else it is text.
    """
    return column.endswith("_at") and not is_known(group, column)


def is_known(group: str, column: str) -> bool:
    """Return whether ``column`` of ``group`` has a meaning here."""
    if column in _KINDS.get(group, {}):
        return True
    if group == "receipt":
        return column.startswith("first_")
    return group == "overview" and column.endswith(("_total", "_unique", "_rate"))


def has_none_marker(group: str, column: str) -> bool:
    """Return whether ``-1`` means *none* there: in ids of companies and series."""
    return group in GROUPS and column in _NONE_MARKED


def singular(word: str) -> str:
    """Return the known group that ``word`` names, singular or plural, else ``word`` itself.

    The reference writes ``receipts_YYYYMMDD_hhmmss.csv`` where the files say ``receipt``.
    """
    plain = word.strip().lower().replace(" ", "_").replace("-", "_")
    for ending, replacement in (("", ""), ("s", ""), ("es", ""), ("ies", "y")):
        if plain.endswith(ending):
            candidate = plain[: len(plain) - len(ending)] + replacement
            if candidate in GROUPS:
                return candidate
    return word


Array: TypeAlias = Any
"""A ``pyarrow.Array``, or a ``pyarrow.ChunkedArray`` where it is a column of a `Table`."""

Batch: TypeAlias = Any
"""A ``pyarrow.RecordBatch``."""

BatchReader: TypeAlias = Any
"""A ``pyarrow.RecordBatchReader``."""

DataType: TypeAlias = Any
"""A ``pyarrow.DataType``."""

Field: TypeAlias = Any
"""A ``pyarrow.Field``."""

MemoryPool: TypeAlias = Any
"""A ``pyarrow.MemoryPool``."""

Schema: TypeAlias = Any
"""A ``pyarrow.Schema``."""

Table: TypeAlias = Any
"""A ``pyarrow.Table``."""


def arrow_type(kind: Kind) -> DataType:
    """Return the Arrow type of a column of that kind."""
    import pyarrow as pa

    match kind:
        case Kind.TIMESTAMP:
            return pa.timestamp("us", "UTC")
        case Kind.COUNT:
            return pa.int64()
        case Kind.RATE:
            return pa.float64()
        case Kind.CATEGORY:
            return pa.dictionary(pa.int32(), pa.string())
        case Kind.ID | Kind.TEXT:
            return pa.string()
