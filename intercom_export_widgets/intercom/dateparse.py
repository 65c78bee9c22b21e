"""Text to dates: ``2018-06``, ``last-week``, ``2018-06-01T09:30``, ``30d``.

A word is parsed to its first instant and its last second; `timeframe` puts one or two of them
together. *today* and *now* are arguments.

"Every first_* column counts only events inside the job's requested range": to count July's
opens of June's messages, a longer range is exported, and only what was received in June is
kept. `read_observed` parses the end of that longer range.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import TimeframeError
from intercom_export_widgets.intercom.zones import day_start, find_zone

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

__all__ = [
    "FORMS",
    "LATEST",
    "NO_FIRST",
    "NO_LAST",
    "PRESETS",
    "Period",
    "days_period",
    "read_observed",
    "read_period",
    "two_sides",
    "with_t",
]

# Intercom's own sentences, "Example Errors" of "Creating an export job".
NO_FIRST: Final = "'created_at_after' is a required parameter"
NO_LAST: Final = "'created_at_before' is a required parameter"

LATEST: Final = 99_999_999_999
"""The latest instant, in Unix seconds: the last one of eleven digits, in the year 5138."""
EARLIEST_YEAR: Final = 1970
LATEST_YEAR: Final = 5137

PRESETS: Final = {
    "today": "Today",
    "yesterday": "Yesterday",
    "last-7-days": "Last 7 days",
    "last-30-days": "Last 30 days",
    "last-90-days": "Last 90 days",
    "last-week": "Last week",
    "last-month": "Last month",
    "last-quarter": "Last quarter",
    "last-year": "Last year",
    "month-to-date": "Month to date",
    "year-to-date": "Year to date",
}
"""Names of ranges and their titles, in the order in which they are offered."""

FORMS: Final = (
    "Write days as 2018-06-01 2018-06-30, one period as 2018-06, 2018-Q2 or 2018, "
    "a name such as last-week, instants as 2018-06-01T09:30, or Unix seconds."
)


@dataclass(frozen=True, slots=True)
class Period:
    """What one word of a range stands for, in Unix seconds.

    Attributes
    ----------
    start, end : int
        First instant and last second, both inclusive.
    is_instant : bool
        Whether the word names an instant, which has no length and is no range.
    """

    start: int
    end: int
    is_instant: bool = False


def days_period(first: date, last: date, zone: ZoneInfo) -> Period:
    """Return the period of whole local days, from the first through the last."""
    return Period(day_start(first, zone), day_start(last + timedelta(days=1), zone) - 1)


DAY_AND_TIME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\s+(?=[0-9]{2}:[0-9]{2})")


def with_t(text: str) -> str:
    """Return a text with a "T" between day and time, where `str(datetime)` has a space."""
    return DAY_AND_TIME.sub(r"\1T", text)


def two_sides(text: str) -> list[str]:
    """Return the one or two words of a range."""
    text = with_t(text)
    joined = "-".join(text.lower().split())
    if joined in PRESETS:  # "last month" is "last-month"
        return [joined]
    dotted = ".." in text
    words = [side.strip() for side in text.split("..", 1)] if dotted else text.split()
    if len(words) == len(("first", "to", "last")) and words[1].lower() == "to":
        del words[1]
    if not words or not words[0]:
        raise TimeframeError(NO_FIRST, advice=FORMS, field="first")
    if not words[-1]:
        raise TimeframeError(NO_LAST, advice=FORMS, field="last")
    too_many = len(words) > len(("first", "last"))
    if too_many or any(re.search(r"\s", word) for word in words):
        raise TimeframeError(
            f"{text.strip()[:60]!r} has more than two parts.", advice=FORMS, field="last"
        )
    return words


def read_period(word: str, *, field: str, zone: ZoneInfo, today: date) -> Period:
    """Return the period that a word stands for.

    Parameters
    ----------
    word : str
        A day, month, quarter, year, preset, instant or Unix seconds; any case.
    field : str
        Which side of the range it is, for the error: ``"first"`` or ``"last"``.
    zone : ZoneInfo
        Where days begin, and where an instant without an offset is read.
    today : date
        The current local day, for the presets.

    Raises
    ------
    TimeframeError
        If it is none of these, or names a day or an instant that does not exist.
    """
    lower = word.lower()
    try:
        if lower.isascii() and lower.isdigit() and len(lower) > len("2018"):
            return _unix(lower, field)
        days = _preset(lower, today) or _calendar(lower, field)
        if days is not None:
            return days_period(*days, zone)
        if INSTANT.fullmatch(word):
            return _instant(word.upper(), field, zone)
    except OverflowError:
        pass
    raise _unknown(word, field)


def _unix(digits: str, field: str) -> Period:
    if len(digits) in {9, 10, 11}:
        return Period(int(digits), int(digits), is_instant=True)
    milliseconds = len(digits) == len("1527811200000")
    raise TimeframeError(
        f"{digits} looks like milliseconds, not Unix seconds."
        if milliseconds
        else f"{digits[:40]!r} is neither a date nor Unix seconds.",
        advice=f"Leave out the last three digits: {digits[:-3]}." if milliseconds else FORMS,
        field=field,
    )


LAST_DAYS: Final = re.compile(r"last-([1-9][0-9]{0,3})-days")
NAMED: Final[dict[str, Callable[[date], tuple[date, date]]]] = {
    "today": lambda today: (today, today),
    "yesterday": lambda today: (today - timedelta(days=1),) * 2,
    "last-week": lambda today: _week_of(today - timedelta(days=7)),
    "last-month": lambda today: _months_of(today.year, today.month - 1, 1),
    "last-quarter": lambda today: _months_of(today.year, (today.month - 1) // 3 * 3 - 2, 3),
    "last-year": lambda today: _months_of(today.year - 1, 1, 12),
    "month-to-date": lambda today: (today.replace(day=1), today),
    "year-to-date": lambda today: (today.replace(month=1, day=1), today),
}


def _preset(name: str, today: date) -> tuple[date, date] | None:
    """Return the days of a named range; the week is ISO 8601's, Monday to Sunday."""
    count = LAST_DAYS.fullmatch(name)
    if count:
        return today - timedelta(days=int(count[1])), today - timedelta(days=1)
    named = NAMED.get(name)
    return named(today) if named else None


def _week_of(day: date) -> tuple[date, date]:
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=6)


def _months_of(year: int, month: int, count: int) -> tuple[date, date]:
    """Return the days of some months; a month under 1 is one of the year before."""
    start = year * 12 + month - 1
    after = start + count
    first = date(start // 12, start % 12 + 1, 1)
    return first, date(after // 12, after % 12 + 1, 1) - timedelta(days=1)


DATE: Final = re.compile(
    r"(?P<year>[0-9]{4})(-(?:q(?P<quarter>[0-9])|(?P<month>[0-9]{2})(-(?P<day>[0-9]{2}))?))?"
)


def _calendar(word: str, field: str) -> tuple[date, date] | None:
    """Return the days of a year, quarter, month or day, or None if it is none."""
    found = DATE.fullmatch(word)
    if found is None:
        return None
    year = int(found["year"])
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        raise TimeframeError(
            f"The year {found['year']} is outside of {EARLIEST_YEAR} to {LATEST_YEAR}.",
            advice="Intercom has messages from 2011 on.",
            field=field,
        )
    month, day, quarter = (int(found[part] or 1) for part in ("month", "day", "quarter"))
    try:
        if found["day"]:
            return date(year, month, day), date(year, month, day)
        if found["month"]:
            return _months_of(date(year, month, 1).year, month, 1)
        if found["quarter"]:
            return _months_of(date(year, quarter * 3, 1).year, quarter * 3 - 2, 3)
    except ValueError:
        pass
    else:
        return _months_of(year, 1, 12)
    raise TimeframeError(f"{word!r} is not a date that exists.", advice=FORMS, field=field)


INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}(:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,18})?)?)?"
    r"([Zz]|[+-][0-9]{2}:?[0-9]{2}(:[0-9]{2})?)?"
)
"""ISO 8601; hours alone and 18 decimals are what numpy writes, the offset's seconds pytz."""


def _instant(word: str, field: str, zone: ZoneInfo) -> Period:
    """Return the period of an ISO 8601 instant, to the second.

    Without an offset it is local; where the clock shows it twice, it starts a range
    the first time and ends it the second, so that nothing is left out.
    """
    problem = f"{word!r} is not an instant that exists."
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        pass
    else:
        if moment.tzinfo is not None:
            instant = int(moment.timestamp() // 1)
            return Period(instant, instant, is_instant=True)
        instants = [int(moment.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (0, 1)]
        if instants[0] <= instants[1]:
            return Period(instants[0], instants[1], is_instant=True)
        # PEP 495: only in a gap does fold=0 come after fold=1.
        problem = f"{word!r} does not exist in {zone.key}: the clock skips it."
    raise TimeframeError(problem, advice=FORMS, field=field)


def _unknown(word: str, field: str) -> TimeframeError:
    """Return the error for a word that is none of the forms, with the nearest name."""
    if re.fullmatch(r"[0-9]{5,}-[0-9]{2}(-[0-9]{2})?.*", word):
        return TimeframeError(
            f"{word[:40]!r} has a year of more than four digits.", advice=FORMS, field=field
        )
    close = difflib.get_close_matches(word[:40].lower().replace("_", "-"), PRESETS, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return TimeframeError(
        f"{word[:40]!r} is not a date or a range.", advice=hint + FORMS, field=field
    )


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
