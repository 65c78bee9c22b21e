"""The body of an answer that is no download: read whole, in bounded memory and time.

It stands between `wire`, whose response it reads and closes, and `answers`, which says
what was read. It does not believe a header about what the bytes are.
"""

from __future__ import annotations

import contextlib
import zlib
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.intercom.answers import LONGEST_BODY, Answer
from intercom_export_widgets.intercom.wire import Faults, blocks, close

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from intercom_export_widgets.intercom.credentials import Token

__all__ = ["ANSWER_SECONDS", "Deadline", "read_answer"]

ANSWER_SECONDS: Final = 90.0
"""Seconds for an answer as a whole; the limits of `wire` are between two bytes."""

GZIP_MAGIC: Final = b"\x1f\x8b"
GZIP_WBITS: Final = 31
INFLATED_AT_ONCE: Final = 1024


class Deadline:
    """When an answer must have come.

    Parameters
    ----------
    clock : callable
        Returns seconds that never go back.
    seconds : float
        How long from now on.

    Attributes
    ----------
    seconds : float
        As given.
    """

    def __init__(self, clock: Callable[[], float], seconds: float = ANSWER_SECONDS) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    @property
    def passed(self) -> bool:
        """Whether it is too late."""
        return self._clock() >= self._end


def read_answer(response: httpx.Response, token: Token, deadline: Deadline) -> Answer:
    """Read an answer up to a bound, until a deadline, and close it.

    If the body breaks off, or does not end in time, what came of it is kept: it may
    name a job.
    """
    faults = Faults(token.hide_in)
    body, broken = bytearray(), ""
    try:
        for block in blocks(response, faults):
            body += block[: LONGEST_BODY - len(body)]
            if len(body) >= LONGEST_BODY:
                break
            if deadline.passed:
                broken = f"it took longer than {deadline.seconds:g} s"
                break
    finally:
        close(response)
    if faults.lost is not None:
        broken = faults.lost.reason
    headers = {name: token.hide_in(text) for name, text in response.headers.items()}
    plain = _without(token, _plain(bytes(body)))
    return Answer(response.status_code, headers, plain, broken, token.hide_in)


def _without(token: Token, body: bytes) -> bytes:
    """Return a body without the token, whatever its bytes are.

    A verbose traceback prints the locals of those who read it.
    """
    text = body.decode("utf-8", "surrogateescape")
    return token.hide_in(text).encode("utf-8", "surrogateescape")


def _plain(body: bytes) -> bytes:
    """Return the bytes of a body, inflated up to the bound if they are gzip.

    No encoding was asked for (``Accept-Encoding: identity``): a ``Content-Encoding``
    that comes all the same is as often wrong as right, so the bytes themselves decide.
    """
    if not body.startswith(GZIP_MAGIC):
        return body
    inflater, plain = zlib.decompressobj(GZIP_WBITS), bytearray()
    with contextlib.suppress(zlib.error):  # what came before the damage is kept
        for start in range(0, len(body), INFLATED_AT_ONCE):
            piece = body[start : start + INFLATED_AT_ONCE]
            plain += inflater.decompress(piece, LONGEST_BODY - len(plain) or 1)
            if inflater.unconsumed_tail or inflater.eof:
                break
    return bytes(plain[:LONGEST_BODY])
