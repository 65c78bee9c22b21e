"""How long to wait before something is asked again.

Arithmetic over what failed, how often, and the server's own hints. It sleeps not,
and decides nothing about submissions, which are never sent twice.
"""

from __future__ import annotations

import random
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

    from intercom_export_widgets.errors import (
        IntercomExportError,
    )

__all__ = ["ATTEMPTS", "TEMPORARY", "delay", "reset_time"]

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


def reset_time(headers: Mapping[str, str], now: float) -> float | None:
    """Return when requests are welcome again, in Unix seconds, or None.

    ``X-RateLimit-Reset`` is documented (Unix seconds), ``Retry-After`` is not, but is
    obeyed if it comes (seconds or an HTTP date); the later one counts. Hints in the
    past or over a day ahead are ignored, others clipped to two minutes.

    Parameters
    ----------
    headers : mapping
        The answer's headers.
    now : float
        Unix seconds.
    """
    hints = (_number(headers.get("x-ratelimit-reset")), _retry_after(headers, now))
    ahead = [
        min(hint - now, LONGEST_HINT)
        for hint in hints
        if hint is not None and 0 <= hint - now <= BELIEVABLE_HINT
    ]
    return now + max(ahead) if ahead else None


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    text = headers.get("retry-after")
    seconds = _number(text)
    if text is None or seconds is not None:
        return None if seconds is None else now + seconds
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
