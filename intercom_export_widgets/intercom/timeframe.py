"""The range of an export: two inclusive instants, the zone they are read in, and its description.

What a user typed or picked becomes the two numbers that the API takes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.arguments import expect
from intercom_export_widgets.errors import TimeframeError
from intercom_export_widgets.intercom.dateparse import (
    FORMS,
    LATEST,
    NO_FIRST,
    NO_LAST,
    PRESETS,
    days_period,
    read_observed,
    read_period,
    two_sides,
)
from intercom_export_widgets.intercom.zones import clock_changes, find_zone, local

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["PRESETS", "Timeframe", "TimeframeDescription", "describe"]

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


# Intercom's own sentence, "Example Errors" of "Creating an export job".
REVERSED: Final = "created_at_after is greater than created_at_before"


@dataclass(frozen=True, slots=True)
class Timeframe:
    """A range of time, inclusive at both ends.

    "Requesting data for 2018-06-01 until 2018-06-30 will get all data for those days
    including those specified." (Creating an export job.) Whole days end with their
    last second; Unix seconds given by the user are passed on unchanged.

    Attributes
    ----------
    created_at_after : int
        First instant, in Unix seconds.
    created_at_before : int
        Last second, in Unix seconds.
    zone : str
        IANA name of the time zone in which the range is read and shown.
    observed_until : int or None
        Last second in which opens, clicks and the like are counted, in Unix seconds;
        None for the range's own end. Intercom counts them inside the requested range
        only, so a later one makes the request longer than the range that is kept.

    Raises
    ------
    TimeframeError
        If it ends before it begins, lies outside of 1970 to 5138, is observed no longer
        than its end, or the zone is unknown; ``field`` is ``"first"``, ``"last"``,
        ``"observed"`` or ``"zone"``.
    """

    created_at_after: int
    created_at_before: int
    zone: str = "UTC"
    observed_until: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no range can be."""
        find_zone(self.zone)
        ends = (("first", self.created_at_after), ("last", self.created_at_before))
        for field, instant in ends:
            if type(instant) is not int or not 0 <= instant <= LATEST:
                raise TimeframeError(
                    "The range is outside of what Unix seconds from 1970 to 5138 can say.",
                    advice=FORMS,
                    field=field,
                )
        if self.created_at_after > self.created_at_before:
            raise TimeframeError(
                REVERSED,
                advice=f"The range begins on {self.first_instant:%Y-%m-%d %H:%M:%S} "
                f"and ends on {self.last_instant:%Y-%m-%d %H:%M:%S} ({self.zone}).",
                field="last",
            )

        until = self.observed_until
        if until is not None and not self.created_at_before <= until <= LATEST:
            raise TimeframeError(
                f"The range ends on {self.last}, after the last moment in which opens and clicks "
                f"would be counted",
                advice="Count until a later day, or leave that out.",
                field="observed",
            )

    @classmethod
    def of_days(cls, first: date | None, last: date | None, zone: str = "UTC") -> Timeframe:
        """Return the range of whole local days, both included.

        Parameters
        ----------
        first, last : date or None
            None is an empty picker.
        zone : str
            IANA name of the zone in which the days begin and end.

        Raises
        ------
        TimeframeError
            If a day is missing, they are reversed, or the days don't exist there.
        """
        if first is None:
            raise TimeframeError(NO_FIRST, advice="Give the first day.", field="first")
        if last is None:
            raise TimeframeError(NO_LAST, advice="Give the last day.", field="last")
        found = find_zone(zone)
        for name, day in (("first", first), ("last", last)):
            expect(day, date, name, "a datetime.date")
        first, last = _only_day(first), _only_day(last)
        if first > last:
            raise TimeframeError(
                REVERSED, advice=f"The range begins on {first} and ends on {last}.", field="last"
            )
        try:
            period = days_period(first, last, found)
        except OverflowError:
            period = None
        if period is None or period.end > LATEST:
            raise TimeframeError(f"{last} is too late.", advice=FORMS, field="last")
        return cls._checked(period.start, period.end, found)

    @classmethod
    def parse(cls, text: str, *, zone: str = "UTC", now: float | None = None) -> Timeframe:
        """Return the range that a text names.

        Parameters
        ----------
        text : str
            One period (``2018-06-01``, ``2018-06``, ``2018-Q2``, ``2018``, a preset), or
            two of them with a space or ``..`` between: from the start of the first
            through the end of the second. An instant (``2018-06-01T09:30``, with an
            offset or ``Z`` if it is not local) and Unix seconds stand for themselves.
        zone : str
            IANA name of the zone in which days begin and local instants are read.
        now : float, optional
            The current time in Unix seconds, for the presets.

        Raises
        ------
        TimeframeError
            For every text that is none of these; ``field`` names the side at fault.
        """
        expect(text, str, "timeframe", "a text such as '2018-06-01 2018-06-30'")
        found = find_zone(zone)
        today = datetime.fromtimestamp(time.time() if now is None else now, found).date()
        words = two_sides(text)
        first = read_period(words[0], field="first", zone=found, today=today)
        if len(words) == 1:
            if first.is_instant:
                raise TimeframeError(NO_LAST, advice="Give the last instant too.", field="last")
            return cls._checked(first.start, first.end, found)
        last = read_period(words[1], field="last", zone=found, today=today)
        if last.start < first.start:  # also of neighbouring days, which end where they begin
            return cls(first.start, last.end, found.key)
        return cls._checked(first.start, last.end, found)

    @classmethod
    def _checked(cls, start: int, end: int, zone: ZoneInfo) -> Timeframe:
        """Return the range, unless it is of days that the zone has skipped."""
        if end == start - 1:
            raise TimeframeError(
                f"These days do not exist in {zone.key}: the calendar skips them.",
                advice="Choose the day before or after.",
                field="first",
            )
        return cls(start, end, zone.key)

    def observed(self, until: str | date | None, *, now: float | None = None) -> Timeframe:
        """Return the same range, with opens and clicks counted for longer.

        Parameters
        ----------
        until : str, date or None
            As `dateparse.read_observed` reads it; None or ``""`` for the range's end.
        now : float, optional
            The current time in Unix seconds: nothing is counted past it.

        Raises
        ------
        TimeframeError
            If it says no day, or one before the range's end; ``field`` is ``"observed"``.
        """
        if until is None or until == "":
            return replace(self, observed_until=None)
        expect(until, (str, date), "observe", "'30d', 'now', a day such as '2018-07-31', or a date")
        instant = time.time() if now is None else now
        found = read_observed(until, last=self.last, zone=self.zone, now=instant)
        return replace(self, observed_until=found)

    @property
    def request_end(self) -> int:
        """What is asked for as ``created_at_before``: the end of what is observed."""
        return self.created_at_before if self.observed_until is None else self.observed_until

    @property
    def first_instant(self) -> datetime:
        """The first instant, aware, in the range's zone."""
        return local(self.created_at_after, find_zone(self.zone))

    @property
    def last_instant(self) -> datetime:
        """The last second, aware, in the range's zone."""
        return local(self.created_at_before, find_zone(self.zone))

    @property
    def first(self) -> date:
        """The local day of the first instant."""
        return self.first_instant.date()

    @property
    def last(self) -> date:
        """The local day of the last second."""
        return self.last_instant.date()

    @property
    def whole_days(self) -> bool:
        """Whether the range is made of whole local days."""
        days = days_period(self.first, self.last, find_zone(self.zone))
        return (days.start, days.end) == (self.created_at_after, self.created_at_before)

    @property
    def days(self) -> int:
        """How many local calendar days the range touches."""
        return (self.last - self.first).days + 1

    @property
    def label(self) -> str:
        """The range in a few words, such as ``2018-06-01 to 2018-06-30 (UTC)``."""
        return f"{self._local()} ({self.zone})"

    @property
    def literal(self) -> str:
        """A text that `parse`, in the same zone, reads back to the same range."""
        if self.whole_days:
            return f"{self.first} {self.last}"
        return f"{self.created_at_after:09d} {self.created_at_before:09d}"

    def check_past(self, now: float) -> None:
        """Refuse a range that ends after today, which Intercom would accept in silence.

        Parameters
        ----------
        now : float
            The current time, in Unix seconds.

        Raises
        ------
        TimeframeError
            With ``field="last"``. All of today is fine, though some of it is to come.
        """
        zone = find_zone(self.zone)
        today = datetime.fromtimestamp(now, zone).date()
        if self.created_at_before > days_period(today, today, zone).end:
            raise TimeframeError(
                f"The range ends in the future, on {self.last}.",
                advice=f"Today is {today} in {self.zone}; choose a last day up to it.",
                field="last",
            )

    def describe(self) -> TimeframeDescription:
        """Return the range in local time, in UTC and in Unix seconds, ready to show."""
        return describe(self)

    def _local(self) -> str:
        if not self.whole_days:
            return f"{self.first_instant.isoformat()} to {self.last_instant.isoformat()}"
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


def _only_day(day: date) -> date:
    """Return the day of a ``date`` or of a ``datetime``, which is one too."""
    return day.date() if isinstance(day, datetime) else day
