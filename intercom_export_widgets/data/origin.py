"""Where the deliveries of a picture come from: their zone, range, and until when they count.

Read from a table's ``attrs``, and said beside every picture. It refuses to know rows and drawing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from intercom_export_widgets.data.timestamps import known_zone

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

__all__ = ["Origin"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the deliveries come from, for what is written beside a picture.

    Attributes
    ----------
    zone : str
        The IANA zone in which days begin and end.
    first, last : datetime.date or None
        The first and last day asked for, in that zone; None if the range is not known.
    observed_until : datetime.datetime or None
        Until when opens and clicks are counted, in UTC; None if that is not known.
    sandbox : bool
        Whether the data are synthetic.
    apart : bool
        Whether opens and clicks are counted until the end of each of several windows.
    """

    zone: str
    first: date | None
    last: date | None
    observed_until: datetime | None
    sandbox: bool
    apart: bool = False

    @classmethod
    def of(cls, attrs: Mapping[str, object]) -> Origin:
        """Return what a table's ``attrs`` say."""
        named = str(attrs.get("zone") or "UTC")
        zone = known_zone(named) and ZoneInfo(named)
        first = _instant(attrs.get("received_from"))
        last = _instant(attrs.get("received_until"))
        return cls(
            zone=named if zone else "UTC",
            first=first and first.astimezone(zone or UTC).date(),
            last=last and last.astimezone(zone or UTC).date(),
            observed_until=_instant(attrs.get("observed_until")),
            sandbox=bool(attrs.get("sandbox")),
        )

    @property
    def is_known(self) -> bool:
        """Whether it is known for how long each delivery was observed."""
        return self.apart or self.observed_until is not None

    @property
    def observed(self) -> str:
        """Until when opens and clicks are counted, in words, in the zone of the days."""
        if self.apart:
            return "opens and clicks counted until the end of each window"
        if self.observed_until is None:
            return "until when opens and clicks are counted is not known"
        local = self.observed_until.astimezone(ZoneInfo(self.zone))
        return f"opens and clicks counted until {local:%Y-%m-%d %H:%M} {self.zone}"


def _instant(text: object) -> datetime | None:
    """Return an instant of ``attrs``; None if it is not known."""
    return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
