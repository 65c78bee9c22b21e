"""The session log as rows of words, for the form and for a page without a kernel."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.jobs.progress import duration
from intercom_export_widgets.jobs.reading import timeframe_of
from intercom_export_widgets.notebook.card import size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intercom_export_widgets.jobs.entry import Entry

LONGEST: Final = 100
"""Characters of an error that the log shows; the card and the DataFrame have all of it."""

__all__ = ["HEADS", "log_html", "log_rows"]

HEADS: Final = (
    "Job",
    "Status",
    "Range",
    "Submitted (UTC)",
    "Duration",
    "Size",
    "Rows",
    "Error",
)
"""The columns of the log as it is shown; ``%intercom_export log`` has all of them."""


def log_rows(entries: Sequence[Entry]) -> list[list[str]]:
    """Return the log as text, newest first, one list of `HEADS` per job."""
    return [_row(entry) for entry in reversed(entries)]


def log_html(entries: Sequence[Entry]) -> str:
    """Return the log as an HTML table, or nothing if it is empty."""
    if not entries:
        return ""
    heads = "".join(f"<th>{escape(head)}</th>" for head in HEADS)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in log_rows(entries)
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _row(entry: Entry) -> list[str]:
    timeframe = timeframe_of(entry)
    error = entry.error or ""
    ended = entry.finished_at is not None and entry.submitted_at is not None
    return [
        entry.job_identifier or "",
        entry.status.replace("_", " "),
        "" if timeframe is None else timeframe.label,
        _utc(entry.submitted_at),
        duration((entry.finished_at or 0) - (entry.submitted_at or 0)) if ended else "",
        "" if entry.bytes is None else size(entry.bytes),
        "" if entry.rows is None else f"{entry.rows:,}",
        error if len(error) <= LONGEST else f"{error[:LONGEST]}…",
    ]


def _utc(seconds: float | None) -> str:
    """Return an instant as date and time in UTC, to the minute."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
