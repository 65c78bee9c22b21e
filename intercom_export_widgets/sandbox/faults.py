"""A fault: which call goes wrong, and how often.

A value only; who counts it down is :class:`Controls`, what it breaks is up to the gate, the
jobs and the delivery.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["CALLS", "NEVER", "Fault"]

CALLS: Final = ("create", "show", "cancel", "download", "me")
"""The five calls of the API, as a fault names them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The next so many requests of a call go wrong.

    Parameters
    ----------
    times : int
        How many more times; 0 is never.
    call : str
        One of :data:`CALLS`, or ``"any"``. Faults of jobs (``failed``, ``no_data``,
        ``stuck``) and of downloads have only one call and take no notice of it.
    """

    times: int = 0
    call: str = "any"

    def __post_init__(self) -> None:
        """Refuse a negative count and an unknown call."""
        if self.times < 0:
            raise ValueError(f"A fault can't happen {self.times} times.")
        if self.call not in ("any", *CALLS):
            raise ValueError(f"{self.call!r} is no call; the calls are {', '.join(CALLS)}.")

    @classmethod
    def of(cls, value: Fault | int | str) -> Fault:
        """Read ``3``, ``"3"`` or ``"3@show"``."""
        if isinstance(value, Fault):
            return value
        times, _, call = str(int(value) if isinstance(value, bool) else value).partition("@")
        try:
            return cls(int(times), call or "any")
        except ValueError as error:
            if not times.strip().lstrip("+-").isdigit():
                raise ValueError(f"{value!r} is no fault; write 2, or 2@show.") from error
            raise

    def __str__(self) -> str:
        """Return the text that :meth:`of` reads back."""
        return f"{self.times}" if self.call == "any" else f"{self.times}@{self.call}"


NEVER: Final = Fault()
