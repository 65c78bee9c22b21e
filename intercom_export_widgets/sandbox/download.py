"""Sends an archive: byte ranges, validators, encodings, and the faults of a download.

A Starlette response streams the file in bounded memory, at full or limited speed, to the end
or not.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

    from intercom_export_widgets.sandbox.options import Controls, Switches
    from intercom_export_widgets.sandbox.state import Written

__all__ = ["Broken", "Transfer", "byte_range", "delivered", "encoding_of"]

BLOCK: Final = 256 * 1024
LATE: Final = 0.5
"""How much lost time, in seconds, a slow transfer makes up for."""
RANGE: Final = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*")


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """Read a Range header of one range.

    Returns
    -------
    tuple of int, optional
        First byte and the byte after the last one; both ``size`` if the range lies
        beyond the end; None if the header is to be ignored (RFC 9110, 14.2).
    """
    found = RANGE.fullmatch(header)
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
    if start >= size or (not first and not int(last)):
        return size, size
    return (start, end) if start < end else None


class Broken(Response):
    """No answer at all: the connection closes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the interface of ASGI
        """Close the connection and wait until the server knows it."""
        await _hang_up(scope, receive)


class Transfer(Response):
    """Part of a file as a body.

    Parameters
    ----------
    path : Path
        The file.
    span : tuple of int
        First byte and the byte after the last one.
    status_code : int
        200 or 206.
    headers : dict[str, str]
        Without Content-Length, which the span gives.
    break_after : int, optional
        Close the connection after so many bytes of the body.
    bytes_per_second : callable
        Returns the speed, also of a transfer that has begun; 0 is as fast as it goes.
    flip : int, optional
        The offset in the file of a byte to be sent wrong.
    """

    def __init__(
        self,
        path: Path,
        span: tuple[int, int],
        *,
        status_code: int,
        headers: dict[str, str],
        break_after: int | None = None,
        bytes_per_second: Callable[[], int] = lambda: 0,
        flip: int | None = None,
    ) -> None:
        length = str(span[1] - span[0])
        super().__init__(None, status_code, headers | {"Content-Length": length})
        self.path = path
        self.span = span
        self.break_after = break_after
        self.bytes_per_second = bytes_per_second
        self.flip = flip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head and then the body, block by block."""
        transport = scope["state"]["transport"]
        position, end = self.span
        breaks = self.break_after is not None and self.break_after < end - position
        if breaks and self.break_after is not None:
            end = position + self.break_after
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        loop = asyncio.get_running_loop()
        due = loop.time()
        with self.path.open("rb") as file:
            file.seek(position)
            while position < end and not transport.is_closing():
                speed = self.bytes_per_second()
                # A tenth of a second's worth at a time, so that slow is slow and not in bursts.
                step = max(1, min(BLOCK, speed // 10)) if speed else BLOCK
                block = self._block(file.read(min(step, end - position)), position)
                if not block:
                    break
                position += len(block)
                await send({"type": "http.response.body", "body": block, "more_body": True})
                if speed:
                    # By the clock: what waking up late has cost is made up for, if not all.
                    due = max(due + len(block) / speed, loop.time() - LATE)
                    await asyncio.sleep(max(0.0, due - loop.time()))
        if breaks:
            await _hang_up(scope, receive)
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _block(self, block: bytes, position: int) -> bytes:
        if self.flip is None or not position <= self.flip < position + len(block):
            return block
        wrong = bytearray(block)
        wrong[self.flip - position] ^= 0x55
        return bytes(wrong)


async def _hang_up(scope: Scope, receive: Receive) -> None:
    # What has been written still goes out; then the client sees the end too early.
    scope["state"]["transport"].close()
    while (await receive())["type"] != "http.disconnect":
        pass


def encoding_of(container: str, switches: Switches) -> str:
    """Return the Content-Encoding to send, or nothing.

    The 2.17 page has ``Content-Encoding: zip`` beside a ZIP, which is no encoding that
    HTTP knows: clients must leave it alone.
    """
    if switches.content_encoding == "auto":
        return {"gzip": "gzip", "csv": "", "tar.gz": "gzip"}.get(container, "zip")
    return "" if switches.content_encoding == "none" else switches.content_encoding


def delivered(
    written: Written,
    controls: Controls,
    *,
    range_header: str | None,
    if_range: str | None,
    encoding: str,
) -> Response:
    """Return the answer: 200, 206 or 416, with the fault that is due.

    Parameters
    ----------
    written : Written
        The archive.
    controls : Controls
        Switches and faults.
    range_header, if_range : str, optional
        The request's headers.
    encoding : str
        The Content-Encoding, or nothing.
    """
    switches = controls.switches
    tag = f'"{written.path.stem}-{written.size:x}"'
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f'attachment; filename="{written.path.name}"',
    }
    if encoding:
        headers["Content-Encoding"] = encoding
    if switches.etag:
        headers["ETag"] = tag
    if switches.ranges:
        headers["Accept-Ranges"] = "bytes"
    if controls.take("truncated", "download"):
        return Transfer(written.path, (0, written.size * 2 // 3), status_code=200, headers=headers)
    span = _span(written, switches, range_header, None if if_range == tag else if_range)
    if span == (written.size, written.size):
        return Response(status_code=416, headers={"Content-Range": f"bytes */{written.size}"})
    if span is not None:
        headers["Content-Range"] = f"bytes {span[0]}-{span[1] - 1}/{written.size}"
    breaks = controls.take("broken_download", "download")
    return Transfer(
        written.path,
        span or (0, written.size),
        status_code=200 if span is None else 206,
        headers=headers,
        break_after=switches.broken_after if breaks else None,
        bytes_per_second=lambda: controls.switches.bytes_per_second,
        flip=written.middle if controls.take("corrupt", "download") else None,
    )


def _span(
    written: Written, switches: Switches, range_header: str | None, stale: str | None
) -> tuple[int, int] | None:
    """Return the part asked for; None for the whole, as for a validator that is stale."""
    if range_header is None or stale is not None or not switches.ranges:
        return None
    return byte_range(range_header, written.size)
