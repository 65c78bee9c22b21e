"""What a range means, in the words of the form's preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intercom_export_widgets.intercom.windows import split

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.timeframe import Timeframe

__all__ = ["meaning_of"]


def meaning_of(timeframe: Timeframe, every: str) -> dict[str, object]:
    """Return the preview's lines by their names; an empty one has nothing to say.

    Parameters
    ----------
    timeframe : Timeframe
        The range.
    every : str
        The length of its windows; empty for one export.
    """
    said = timeframe.describe()
    count = len(split(timeframe, every)) if every else 1
    ends = count > 1 and timeframe.observed_until is None
    until = "until the end of each window" if ends else f"until {said.observed}"
    longer = (
        "" if timeframe.observed_until is not None else " “Count opens until” counts for longer."
    )
    return {
        "days": f"{said.days} {'day' if said.days == 1 else 'days'}",
        "local": said.local,
        "utc": said.utc,
        "unix": said.unix,
        "daylight": said.daylight,
        "windows": f"{count} exports, one after the other" if count > 1 else "",
        "counted": f"Messages sent in this range; their opens, clicks and replies {until}, "
        f"later ones not: that is why a month's numbers change.{longer}",
    }
