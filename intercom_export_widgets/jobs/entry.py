"""One row of the ledger: what is known here of one job.

The value that `ledger` reads and writes, and that the log, the faces and the slot look at.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

__all__ = ["COLUMNS", "KINDS", "Entry", "is_gone"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the ledger: what is known here of one job.

    Attributes
    ----------
    number : int
        Counts up from 1, in the order of submission.
    session : str
        The session that submitted it or took it up.
    job_identifier : str or None
        Intercom's name for it; None until the answer came, or if it was lost.
    status : str
        The API's word, or ``submitting`` before the answer, or ``unknown`` if the
        answer was lost, or ``queued`` while the range waits for the slot.
    created_at_after, created_at_before : int or None
        The range that was requested, Unix seconds, inclusive; None for a job taken up
        from elsewhere.
    received_until : int or None
        The last second of the range whose messages are kept, if it ends before the
        requested one, which then says until when opens and clicks are counted.
    zone : str
        The IANA time zone in which the range was meant.
    submitted_at, finished_at, expires_at : float or None
        Unix seconds.
    bytes : int or None
        Size of the downloaded archive.
    rows : int or None
        Rows of all tables in it.
    path : str or None
        Where the archive lies.
    sha256 : str or None
        The archive's checksum, hexadecimal.
    workspace, workspace_id : str or None
        The workspace's name and its ``id_code``.
    timezone : str or None
        The workspace's IANA time zone, in which timestamps without a zone are meant.
    base_url, region : str
        The host that was asked.
    sandbox : int
        1 if the data are synthetic.
    origin : str
        The machine and the process that submitted it.
    error : str or None
        What went wrong, in one sentence.
    notebook : str
        The notebook that submitted it, as far as Jupyter said; else empty.
    """

    number: int
    session: str
    job_identifier: str | None
    status: str
    created_at_after: int | None
    created_at_before: int | None
    zone: str
    submitted_at: float | None
    finished_at: float | None
    expires_at: float | None
    bytes: int | None
    rows: int | None
    path: str | None
    sha256: str | None
    workspace: str | None
    workspace_id: str | None
    timezone: str | None
    base_url: str
    region: str
    sandbox: int
    origin: str
    error: str | None
    received_until: int | None
    notebook: str


def is_gone(entry: Entry, address: str) -> bool:
    """Return whether a job went with its sandbox: one that a session at this address can't ask."""
    return bool(entry.sandbox) and entry.finished_at is None and entry.base_url != address


COLUMNS: Final = tuple(field.name for field in fields(Entry))
_KINDS: Final = {"int": (int,), "float": (int, float), "str": (str,), "None": (type(None),)}
KINDS: Final = tuple(
    tuple(kind for word in str(field.type).split(" | ") for kind in _KINDS[word])
    for field in fields(Entry)
)
"""The types that each column may have, by the annotations of `Entry`."""
