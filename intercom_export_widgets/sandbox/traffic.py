"""What came in, and how much of it: the record of requests and the rate limit's windows.

Knows no answer and no job. The value of an Authorization header is never kept.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["SeenRequest", "Traffic"]

WINDOW: Final = 10
"""Seconds in which requests are counted together."""

SECRET: Final = frozenset({"authorization", "proxy-authorization", "cookie"})


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request as it came in.

    Parameters
    ----------
    method : str
        ``"GET"``, ``"POST"`` …
    path : str
        The path, with the query if there was one.
    headers : Mapping[str, str]
        Lower-case names; without the values that could hold a token.
    body : bytes
        The whole body.
    time : float
        Unix seconds, by the sandbox's clock.
    authorized : bool
        Whether an Authorization header came with it, right or wrong.
    call : str
        ``"create"``, ``"show"``, ``"cancel"``, ``"download"``, ``"me"``, ``"storage"`` (where
        redirects lead), ``"page"``, or ``"other"``.
    host : str
        The Host header: which origin the client believed it was speaking to.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    time: float
    authorized: bool
    call: str
    host: str


def without_secrets(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the headers without those that hold a secret."""
    return {name: value for name, value in headers if name.lower() not in SECRET}


class Traffic:
    """The last requests, and the count of the current window.

    Parameters
    ----------
    keep : int
        How many requests are remembered; older ones are forgotten.
    """

    def __init__(self, keep: int = 10_000) -> None:
        self._seen: deque[SeenRequest] = deque(maxlen=keep)
        self._window = 0
        self._count = 0
        self._lock = threading.Lock()

    @property
    def seen(self) -> tuple[SeenRequest, ...]:
        """The remembered requests, oldest first."""
        with self._lock:
            return tuple(self._seen)

    def record(self, request: SeenRequest) -> None:
        """Remember one request."""
        with self._lock:
            self._seen.append(request)

    def forget(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._seen.clear()

    def count(self, now: float) -> int:
        """Count one more request and return how many the current window has seen."""
        with self._lock:
            window = int(now // WINDOW)
            if window != self._window:
                self._window, self._count = window, 0
            self._count += 1
            return self._count


def window_end(now: float) -> int:
    """Return the Unix second at which the current window ends."""
    return (int(now // WINDOW) + 1) * WINDOW
