"""The engagement curve: how many deliveries were opened within so many hours.

Counted by a `ReceiptGauge`, drawn elsewhere. A delivery that was observed for a day says nothing
of its second, so that two curves are made: of all deliveries, and of those observed for long
enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from intercom_export_widgets.data.gauges import HOURS

if TYPE_CHECKING:
    from intercom_export_widgets.data.gauges import ReceiptGauge

__all__ = ["Curve", "curve_of"]

FEW: Final = 30
"""Fewer deliveries than these make no share worth drawing as a line."""

SMALL_SHARE: Final = 0.05
"""Nor does a smaller share of all deliveries than this."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The share of deliveries that were opened, by hours since they were received.

    Attributes
    ----------
    hours : tuple of int
        Hours since receipt.
    counted : tuple of float
        Opened within so many hours, as a share of all deliveries, 0 to 1: what the export knows.
    watched : tuple of float
        The share of deliveries that were observed for so many hours, 0 to 1.
    fair : tuple of (float or None)
        The same as `counted`, of those deliveries only that were observed for so many hours;
        None where they are too few (fewer than 30, or 5 %).
    youngest : float or None
        Hours for which the last delivery was observed; None if that is not known.
    """

    hours: tuple[int, ...]
    counted: tuple[float, ...]
    watched: tuple[float, ...]
    fair: tuple[float | None, ...]
    youngest: float | None


def curve_of(gauge: ReceiptGauge) -> Curve:
    """Return the curve up to the hours for which the first delivery was observed."""
    import numpy as np

    dated = int(gauge.watched.sum())
    size = len(HOURS)
    watched = gauge.watched[::-1].cumsum()[::-1][1:]  # observed for HOURS[i] at least
    drawn = [i for i in range(size) if watched[i]]
    if not dated or not drawn:
        return Curve((), (), (), (), None)
    counted = gauge.opened.sum(axis=1).cumsum()[:size]
    within: Any = gauge.opened.cumsum(axis=0)[:, ::-1].cumsum(axis=1)[:, ::-1]
    fair: list[float | None] = [
        float(within[i, i + 1] / watched[i])
        if watched[i] >= max(FEW, SMALL_SHARE * dated)
        else None
        for i in drawn
    ]
    youngest = None if gauge.youngest is None else gauge.youngest / 3600
    return Curve(
        tuple(HOURS[i] for i in drawn),
        tuple(float(counted[i]) / dated for i in drawn),
        tuple(float(np.asarray(watched[i])) / dated for i in drawn),
        tuple(fair),
        youngest,
    )
