"""The numbers behind the pictures of an export: days, messages, and the engagement curve.

``Tables → ReceiptGauge → Figures → chart`` or drawing. Everything is counted here, so that what
is drawn is as small for ten million deliveries as for ten thousand. It refuses to know how
anything is drawn, jobs and notebooks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.data.curve import Curve, curve_of
from intercom_export_widgets.data.daily import OTHER, Daily, daily_of
from intercom_export_widgets.data.gauges import COLUMNS, ReceiptGauge
from intercom_export_widgets.data.origin import Origin

if TYPE_CHECKING:
    from intercom_export_widgets.data.tables import Tables

__all__ = ["OTHER", "Curve", "Daily", "Figures", "Message", "Origin", "figures_of", "interval"]

UNTITLED: Final = "(no title)"
"""What a message is called that has none."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its title and kind, its deliveries, and how many were opened and clicked."""

    title: str
    kind: str
    sent: int
    opened: int
    clicked: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What there is to draw of an export.

    Attributes
    ----------
    origin : Origin
        For what is written beside a picture.
    sent, undated : int
        Deliveries, and those of them without an instant of receipt.
    messages : tuple of Message
        Those that were sent most, first.
    curve : Curve
        The engagement curve; of no hours if nothing was delivered.
    quarters : tuple of tuple
        Quarter of an hour since 1970, content type, deliveries: what `daily` is made of.
    """

    origin: Origin
    sent: int
    undated: int
    messages: tuple[Message, ...]
    curve: Curve
    quarters: tuple[tuple[int, str, int], ...]

    def __repr__(self) -> str:
        """Return how much is counted; its attributes have the numbers."""
        return (
            f"Figures({self.sent:,} deliveries of {len(self.messages):,} messages, "
            f"{self.origin.observed})"
        )

    def daily(self, at_most: int) -> Daily:
        """Return deliveries a day; a week, or a month, if that were more columns than these.

        Parameters
        ----------
        at_most : int
            Columns, if months are few enough.
        """
        return daily_of(self.quarters, self.origin, at_most)


def figures_of(*parts: Tables) -> Figures:
    """Count what the pictures of an export show, in memory that does not grow with it.

    Parameters
    ----------
    *parts : Tables
        The export's, or those of each window, one at least.

    Raises
    ------
    ArchiveError
        If the data are damaged.
    """
    gauge, *others = [_gauge(tables) for tables in parts]
    for other in others:
        gauge.absorb(other)
    origins = [Origin.of(tables.attrs) for tables in parts]
    moments = {each.observed_until for each in origins}
    origin = replace(
        origins[0],
        last=origins[-1].last,
        observed_until=moments.pop() if len(moments) == 1 else None,
        apart=len(moments) > 1 and None not in moments,
    )
    return Figures(
        origin=origin,
        sent=gauge.sent,
        undated=gauge.undated,
        messages=_messages(gauge),
        curve=curve_of(gauge),
        quarters=tuple((quarter, kind, n) for (quarter, kind), n in gauge.quarters.items()),
    )


def _gauge(tables: Tables) -> ReceiptGauge:
    """Return what was counted of one export."""
    until = Origin.of(tables.attrs).observed_until
    seconds = None if until is None else int(until.timestamp())
    return tables.fold("receipt", COLUMNS, lambda: ReceiptGauge(seconds))


def interval(count: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, by Wilson's formula: a few tell little.

    Examples
    --------
    >>> [round(end, 2) for end in interval(1, 2)]
    [0.09, 0.91]
    """
    if not of:
        return 0.0, 1.0
    z = 1.959964
    share, weight = count / of, z * z / of
    middle = (share + weight / 2) / (1 + weight)
    half = z * ((share * (1 - share) + weight / 4) / of) ** 0.5 / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)


def _messages(gauge: ReceiptGauge) -> tuple[Message, ...]:
    """Put together what bears one ruleset_id, under the title that it was sent with most."""
    together: dict[tuple[str, ...], list[tuple[list[int], str, str]]] = {}
    for (ruleset, kind, title), totals in gauge.messages.items():
        key = (ruleset,) if ruleset else ("", kind, title)
        together.setdefault(key, []).append((totals, kind, title))
    found = []
    for versions in together.values():
        _, kind, title = max(versions, key=lambda version: version[0][0])
        sent, opened, clicked = (sum(totals[i] for totals, *_ in versions) for i in range(3))
        found.append(Message(title or UNTITLED, kind or OTHER, sent, opened, clicked))
    return tuple(sorted(found, key=lambda message: (-message.sent, message.title)))
