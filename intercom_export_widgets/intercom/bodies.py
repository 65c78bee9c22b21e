"""Reads the body of an answer that is no download, in bounded memory and time.

No header decides what the bytes are.
"""

from __future__ import annotations

import contextlib
import zlib
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.intercom.answers import LONGEST_BODY, Answer
from intercom_export_widgets.intercom.wire import Faults, blocks, close

if TYPE_CHECKING:
    import httpx

    from intercom_export_widgets.intercom.credentials import Token
    from intercom_export_widgets.intercom.deadline import Deadline

__all__ = ["read_answer"]

GZIP_MAGIC: Final = b"\x1f\x8b"
GZIP_WBITS: Final = 31
INFLATED_AT_ONCE: Final = 1024


def read_answer(response: httpx.Response, token: Token, deadline: Deadline) -> Answer:
    """Read an answer up to a bound, until a deadline, and close it.

    If the body breaks off, or does not end in time, what came of it is kept: it may
    name a job.
    """
    faults = Faults(token.hide_in, deadline)
    body, broken = bytearray(), ""
    try:
        for block in blocks(response, faults):
            body += block[: LONGEST_BODY - len(body)]
            if len(body) >= LONGEST_BODY:
                break
            if broken := deadline.reason:
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
