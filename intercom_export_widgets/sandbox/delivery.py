"""From a written archive and the request's headers to the answer that sends it.

Knows HTTP's ranges and validators, and the faults of downloads; nothing of jobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from intercom_export_widgets.sandbox.transfer import Transfer, byte_range

if TYPE_CHECKING:
    from intercom_export_widgets.sandbox.jobs import Written
    from intercom_export_widgets.sandbox.switches import Controls, Switches

__all__ = ["delivered", "encoding_of"]


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
