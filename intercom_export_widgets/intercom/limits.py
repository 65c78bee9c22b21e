"""How long a request may take, and how much a download may bring: the defaults, as one value."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite

from intercom_export_widgets.arguments import expect
from intercom_export_widgets.errors import InputError

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of requests and downloads, the same for every call of a client.

    Attributes
    ----------
    request : float
        Seconds for one request as a whole: connecting, sending, headers and body. For a
        download, until its first byte.
    connect : float
        Seconds to connect, TLS handshake included, within ``request``.
    stall : float
        Seconds over which the speed of a download is measured.
    slowest : float
        Bytes per second. A download that is slower for ``stall`` seconds has stalled: it is
        interrupted and resumed, up to five times.
    free : int
        Bytes that a download of more than 16 MB leaves free on its disk.
    largest : int
        Bytes at which a download is taken for endless. An `ExportSession` uses 100 times the
        largest export in its ledger, if that is more.

    Raises
    ------
    InputError
        If a limit is not a positive number.
    """

    request: float = 90.0
    connect: float = 10.0
    stall: float = 60.0
    slowest: float = 1000.0
    free: int = 1_000_000_000
    largest: int = 10_000_000_000

    def __post_init__(self) -> None:
        """Check the values."""
        for field in fields(self):
            value = getattr(self, field.name)
            expect(value, (int, float), field.name, "a number above 0")
            if not (isfinite(value) and value > 0):
                raise InputError(f"{field.name} can't be {value}.", advice="Pass a number above 0.")
