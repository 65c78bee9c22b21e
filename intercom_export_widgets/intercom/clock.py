"""How far two clocks are apart: the server's, by its ``Date`` header, and this machine's."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["seconds_ahead"]


def seconds_ahead(headers: Mapping[str, str], now: float) -> float | None:
    """Return how far the server's clock is ahead, in seconds; negative if behind.

    Parameters
    ----------
    headers : mapping
        Of an answer, their names in lower case. "Date" is in whole seconds (RFC 9110, 6.6.1).
    now : float
        This machine's clock, Unix seconds.

    Returns
    -------
    float or None
        None if the server said no date that can be read.
    """
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
