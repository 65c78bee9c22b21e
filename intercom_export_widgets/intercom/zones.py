"""Time zones, and when a local day begins in them.

Arithmetic over the zone database; it knows no range and no clock.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, available_timezones

from intercom_export_widgets.arguments import expect
from intercom_export_widgets.errors import TimeframeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

__all__ = ["ClockChange", "clock_changes", "day_start", "find_zone", "local", "zone_names"]

ZONE_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,3}")
# "right/" zones count leap seconds, which Unix seconds don't; the others are no names.
NOT_ZONES: Final = ("right/", "posix/", "localtime", "posixrules")
LONGEST_NAME: Final = 64
DAY: Final = 86400
SCANNED_DAYS: Final = 3660


def find_zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Parameters
    ----------
    name : str
        Such as ``"Europe/Dublin"``, in any case.

    Raises
    ------
    TimeframeError
        If there is no such zone, with the nearest name; ``field`` is ``"zone"``.
    """
    expect(name, str, "zone", "an IANA name, such as 'Europe/Dublin' or 'UTC'")
    plain = len(name) <= LONGEST_NAME and ZONE_NAME.fullmatch(name) is not None
    if plain and not name.startswith(NOT_ZONES):
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # OSError: a folder, such as "America"
            pass
        for known in zone_names():
            if known.lower() == name.lower():
                return ZoneInfo(known)
    raise TimeframeError(
        f"There is no time zone {name[:LONGEST_NAME]!r}." if name else "The time zone is empty.",
        advice=_nearest(name[:LONGEST_NAME]),
        field="zone",
    )


@cache
def zone_names() -> tuple[str, ...]:
    """Return the names of all zones of this machine, in order; found once, in some 25 ms."""
    # Some machines list "localtime", which is whatever they are set to.
    return tuple(sorted(name for name in available_timezones() if not name.startswith(NOT_ZONES)))


def _nearest(name: str) -> str:
    """Return the advice for a name that is no zone."""
    by_lower = {known.lower(): known for known in zone_names()}
    wanted = name.strip().lower().replace(" ", "_")
    by_city = {lower.rpartition("/")[2]: known for lower, known in by_lower.items()}
    found = by_lower.get(wanted) or by_city.get(wanted)
    if found is None:
        close = difflib.get_close_matches(wanted, by_lower, n=1, cutoff=0.7)
        found = by_lower[close[0]] if close else None
    hint = f"Did you mean {found}? " if found else ""
    return f"{hint}Use an IANA name, such as Europe/Dublin or UTC."


def local(instant: int, zone: ZoneInfo) -> datetime:
    """Return the local time of an instant in Unix seconds, aware of its zone."""
    return datetime.fromtimestamp(instant, zone)


def day_start(day: date, zone: ZoneInfo) -> int:
    """Return the first instant of a local day, in Unix seconds.

    Where a clock change skips midnight (Sao Paulo, Cairo, Beirut, Havana), the day
    begins at the first instant that exists; a day that is skipped altogether
    (Apia, 2011-12-30) begins where the next one does. Where midnight comes twice,
    the first one counts.
    """
    midnight = datetime.combine(day, time(), tzinfo=zone)
    before, after = midnight.utcoffset(), midnight.replace(fold=1).utcoffset()
    instant = int(midnight.timestamp())
    if before is None or after is None or after <= before:
        return instant
    # PEP 495: in a gap, fold=0 reads the offset before the change, fold=1 the one
    # after it; the change itself lies between the two instants that they give.
    return _change_between(instant - int((after - before).total_seconds()), instant, zone)


def _change_between(low: int, high: int, zone: ZoneInfo) -> int:
    """Return the first second of ``(low, high]`` that has the offset of ``high``."""
    wanted = local(high, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if local(middle, zone).utcoffset() == wanted:
            high = middle
        else:
            low = middle
    return high


@dataclass(frozen=True, slots=True)
class ClockChange:
    """One change of a zone's offset from UTC.

    Attributes
    ----------
    day : date
        Local day on which it happens.
    minutes : int
        How far the clock goes: positive forward, negative back.
    """

    day: date
    minutes: int

    def __str__(self) -> str:
        """Return it as a phrase, such as ``forward 1 h on 2018-03-25``."""
        hours, minutes = divmod(abs(self.minutes), 60)
        amount = " ".join(
            part for part in (hours and f"{hours} h", minutes and f"{minutes} min") if part
        )
        return f"{'forward' if self.minutes > 0 else 'back'} {amount} on {self.day}"


def clock_changes(first: int, last: int, zone: ZoneInfo) -> Iterator[ClockChange]:
    """Yield the clock changes between two instants (Unix seconds), in order.

    Only the first ten years of a longer range are looked at.
    """
    end = min(last, first + SCANNED_DAYS * DAY)
    low, before = first, local(first, zone).utcoffset() or timedelta()
    while low < end:
        high = min(low + DAY, end)
        after = local(high, zone).utcoffset() or timedelta()
        if after != before:
            instant = _change_between(low, high, zone)
            minutes = round((after - before).total_seconds() / 60)
            yield ClockChange(local(instant, zone).date(), minutes)
        low, before = high, after
