"""The log as a DataFrame that shows in a terminal what a reader looks for.

Imported by `log` when a log is first asked for, since it needs pandas. It is an ordinary
DataFrame: only its text is chosen, and whatever is made of it is plain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

__all__ = ["LogFrame"]

NEEDED: Final = frozenset(
    {"job_identifier", "status", "created_at_after", "created_at_before", "received_until"}
    | {"zone", "submitted", "duration", "rows", "error"}
)
LONGEST: Final = 32
"""Characters of an error that the text shows."""


class LogFrame(pd.DataFrame):
    """The rows of the ledger; columns as `log.COLUMNS`."""

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    def __repr__(self) -> str:
        """Return the columns that tell jobs apart, in 100 columns of text, and where all are."""
        if not self.columns.is_unique or not set(self.columns) >= NEEDED or self.empty:
            return super().__repr__()
        rows = [_told(row) for row in self.to_dict("records")]
        shown = pd.DataFrame(rows, index=self.index)
        text = shown.to_string(max_rows=pd.get_option("display.max_rows"), line_width=10_000)
        jobs = f"{len(self)} {'job' if len(self) == 1 else 'jobs'}"
        return f"{text}\n\n[{jobs}; log.columns names all {len(self.columns)} columns]"


def _told(row: Mapping[Hashable, Any]) -> dict[str, str]:
    """Return what the text shows of a job."""
    error = _text(row["error"])
    took = row["duration"]
    return {
        "job": _text(row["job_identifier"]),
        "status": _text(row["status"]),
        "range": _range(row),
        "submitted": _instant(row["submitted"]),
        "took": "" if pd.isna(took) else f"{pd.Timedelta(took).total_seconds():,.0f} s",
        "rows": "" if pd.isna(row["rows"]) else f"{row['rows']:,}",
        "error": error if len(error) <= LONGEST else f"{error[: LONGEST - 1]}…",
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _instant(value: object) -> str:
    """Return an instant in UTC, to the minute."""
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, pd.Timestamp) else ""


def _range(row: Mapping[Hashable, Any]) -> str:
    """Return the days of the range, in its zone."""
    last = row["received_until"]
    last = last if isinstance(last, pd.Timestamp) else row["created_at_before"]
    first = row["created_at_after"]
    if not isinstance(first, pd.Timestamp) or not isinstance(last, pd.Timestamp):
        return ""
    zone = _text(row["zone"]) or "UTC"
    try:
        days = [f"{each.tz_convert(zone):%Y-%m-%d}" for each in (first, last)]
    except (ValueError, KeyError):  # a zone that this machine does not know
        days = [f"{each:%Y-%m-%d}" for each in (first, last)]
    return " to ".join(dict.fromkeys(days))
