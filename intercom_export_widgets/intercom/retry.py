"""How long to wait before a request is sent again, and how far the server's clock is ahead.

Arithmetic, no sleeping. A submission is sent again only after HTTP 429, when nothing began.
"""

from __future__ import annotations

import random
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import (
    ConnectionFailedError,
    ServerFaultError,
    ThrottledError,
    UnreadableAnswerError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intercom_export_widgets.errors import IntercomExportError

__all__ = [
    "ATTEMPTS",
    "LONGEST_HINT",
    "TEMPORARY",
    "delay",
    "reset_time",
    "seconds_ahead",
    "throttle_delay",
]


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


ATTEMPTS: Final = 5
"""How often a question is asked before its error is raised."""

TEMPORARY: Final[tuple[type[IntercomExportError], ...]] = (
    ConnectionFailedError,
    ServerFaultError,
    ThrottledError,
    UnreadableAnswerError,
)
"""The errors that another try may cure. The job lock is not among them."""

LONGEST_HINT: Final = 120.0
"""Seconds: throttling is counted "in 10-second windows", so more is a mistake."""
BELIEVABLE_HINT: Final = 86_400.0
"""Seconds beyond which a hint is not clipped but ignored: it is in other units."""
LONGEST_PAUSE: Final = 20.0
SHORTEST_HINT: Final = 1.0
CLOCK_SLACK: Final = 2.0
"""Seconds by which the server's ``Date`` may differ without its clock being another."""


def delay(error: IntercomExportError, attempt: int, now: float) -> float:
    """Return the seconds to wait after a failed attempt.

    Parameters
    ----------
    error : IntercomExportError
        One of `TEMPORARY`. A throttled request waits until the server's ``reset_at``.
    attempt : int
        Which attempt failed, from 1: the pause doubles, from one second to twenty,
        give or take a quarter, so that many clients don't come back at once.
    now : float
        Unix seconds.
    """
    jitter = random.uniform(0.75, 1.25)  # noqa: S311 - spreads requests, keeps no secret
    pause = min(LONGEST_PAUSE, 2.0 ** (attempt - 1)) * jitter
    if isinstance(error, ThrottledError) and error.reset_at is not None:
        return min(LONGEST_HINT, max(pause, error.reset_at - now))
    return pause


def throttle_delay(error: ThrottledError, attempt: int, now: float) -> float:
    """Return the seconds to wait before a throttled submission is sent again.

    Parameters
    ----------
    error : ThrottledError
        Its ``reset_at`` is obeyed, within 1 to 120 seconds.
    attempt : int
        Which attempt failed, from 1; without a ``reset_at`` the pause grows as in `delay`.
    now : float
        Unix seconds.
    """
    if error.reset_at is None:
        return delay(error, attempt, now)
    return min(LONGEST_HINT, max(SHORTEST_HINT, error.reset_at - now))


def reset_time(headers: Mapping[str, str], now: float) -> float | None:
    """Return when requests are welcome again, in Unix seconds, or None.

    ``X-RateLimit-Reset`` is documented (Unix seconds), ``Retry-After`` is not, but is
    obeyed if it comes (seconds or an HTTP date); the later one counts. Hints in the
    past or over a day ahead are ignored, others clipped to two minutes. Both are in the
    server's time: where its ``Date`` differs from `now`, they are corrected by that.

    Parameters
    ----------
    headers : mapping
        The answer's headers.
    now : float
        Unix seconds.
    """
    skew = seconds_ahead(headers, now) or 0.0
    skew = skew if CLOCK_SLACK < abs(skew) <= BELIEVABLE_HINT else 0.0
    hints = (_number(headers.get("x-ratelimit-reset")), _retry_after(headers, now + skew))
    waits = [hint - now - skew for hint in hints if hint is not None]
    ahead = [min(wait, LONGEST_HINT) for wait in waits if 0 <= wait <= BELIEVABLE_HINT]
    return now + max(ahead) if ahead else None


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    text = headers.get("retry-after")
    seconds = _number(text)
    if text is None or seconds is not None:
        return None if seconds is None else now + seconds
    try:
        found = parsedate_to_datetime(text)
        # "-0000" is UTC too (RFC 5322, 3.3), but comes without a zone.
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
