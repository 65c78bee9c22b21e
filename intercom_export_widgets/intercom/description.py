"""A range in words, as it is shown before it is submitted.

Beside `timeframe`, which holds the range itself. It refuses to know a form and a magic.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.intercom.zones import clock_changes, find_zone, local

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.timeframe import Timeframe

__all__ = ["TimeframeDescription", "describe"]

SHOWN_CHANGES: Final = 4


@dataclass(frozen=True, slots=True)
class TimeframeDescription:
    """A range as it is shown before it is submitted.

    Attributes
    ----------
    local : str
        Days, or instants, in the range's own zone.
    utc : str
        First instant and last second in UTC.
    unix : str
        The same in Unix seconds, as they go to the API.
    days : int
        Local calendar days touched.
    daylight : str
        A note on the clock changes within the range, or ``""``.
    observed : str
        Until when opens and clicks are counted, in the range's own zone.
    """

    local: str
    utc: str
    unix: str
    days: int
    daylight: str
    observed: str


def describe(timeframe: Timeframe) -> TimeframeDescription:
    """Return a range in local time, in UTC and in Unix seconds, ready to show."""
    first = datetime.fromtimestamp(timeframe.created_at_after, UTC)
    last = datetime.fromtimestamp(timeframe.created_at_before, UTC)
    until = local(timeframe.request_end, find_zone(timeframe.zone))
    return TimeframeDescription(
        local=timeframe.label,
        utc=f"{first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC",
        unix=f"{timeframe.created_at_after} to {timeframe.created_at_before}",
        days=timeframe.days,
        daylight=_daylight(timeframe),
        observed=f"{until:%Y-%m-%d %H:%M:%S} {timeframe.zone}",
    )


def _daylight(timeframe: Timeframe) -> str:
    """Return a note on the changes of the clock within a range, or nothing."""
    first, last = timeframe.created_at_after, timeframe.created_at_before
    changes = [str(change) for change in clock_changes(first, last, find_zone(timeframe.zone))]
    if not changes:
        return ""
    more = len(changes) - SHOWN_CHANGES
    rest = f", and {more} more times" if more > 0 else ""
    return f"The clock goes {', '.join(changes[:SHOWN_CHANGES])}{rest}."
