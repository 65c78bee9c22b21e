"""Until when opens and clicks are counted: ``30d``, ``2026-01-31``, ``today``, an instant.

"Every first_* column counts only events inside the job's requested range", so whoever
wants July's opens of June's mail asks for a longer range and keeps what was received in
June. Here are the words for the longer range's end. Nothing reads a clock: *now* is an
argument.
"""

from __future__ import annotations

import difflib
import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import TimeframeError
from intercom_export_widgets.intercom.periods import PRESETS, days_period, read_period, with_t
from intercom_export_widgets.intercom.zones import find_zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["read_observed"]

ADVICE: Final = "Write it as 30d (days after the last one), or as a day such as 2018-07-31."
DAYS: Final = re.compile(r"(\d{1,4})\s*d(ays?)?", re.ASCII)


def read_observed(until: str | date, *, last: date, zone: str, now: float) -> int:
    """Return the last second in which opens, clicks and the like are counted.

    Parameters
    ----------
    until : str or date
        ``30d``: so many days after the last day. A day, a month or another period: its
        end. An instant, or Unix seconds: itself.
    last : date
        The range's last day.
    zone : str
        The IANA time zone in which days are meant.
    now : float
        Unix seconds: nothing is counted past it, so neither is asked for.

    Returns
    -------
    int
        Unix seconds, `now` at the latest.

    Raises
    ------
    TimeframeError
        If it can't be understood; ``field`` is ``"observed"``.
    """
    found = find_zone(zone)
    if isinstance(until, date):
        return min(_end_of(until, found), int(now))
    text = until.strip().lower()
    days = DAYS.fullmatch(text)
    if days is not None:
        return min(_end_of(last, found, later=int(days[1])), int(now))
    today = datetime.fromtimestamp(now, UTC).astimezone(found).date()
    if text == "now":
        return int(now)
    try:
        period = read_period(with_t(text), field="observed", zone=found, today=today)
    except TimeframeError as error:
        close = difflib.get_close_matches(text[:40], ("now", *PRESETS), n=1)
        hint = f"Did you mean {close[0]}? " if close else ""
        raise TimeframeError(
            f"{until!r} says no day until which opens and clicks could be counted",
            advice=f"{hint}{ADVICE}",
            field="observed",
        ) from error
    return min(period.end, int(now))


def _end_of(day: date, zone: ZoneInfo, later: int = 0) -> int:
    """Return the last second of a day, or of one so many days later."""
    try:
        day += timedelta(days=later)
        return days_period(day, day, zone).end
    except OverflowError as error:
        raise TimeframeError(f"{day} is too late", advice=ADVICE, field="observed") from error
