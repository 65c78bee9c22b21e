"""Submissions whose answer was lost: found when their process is gone, kept, explained.

A row says ``submitting`` from before a submission leaves until its answer is written
down. If the process ends in between, nobody will ever write it: whoever reads the
ledger next notes it as ``unknown``. It is never sent again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from intercom_export_widgets.jobs.origin import is_alive

if TYPE_CHECKING:
    from intercom_export_widgets.jobs.ledger import Ledger

__all__ = ["LOST", "settle_lost"]

LOST: Final = (
    "The process that submitted it ended before the answer came: Intercom may have begun an "
    "export that the API can't name or list. It is not sent again; until it ends by itself, "
    "it may hold the workspace's one slot."
)
"""What is said about such a submission."""


def settle_lost(ledger: Ledger) -> None:
    """Note as ``unknown`` every submission whose process ended before the answer came.

    Raises
    ------
    LedgerError
        If the ledger can't be read or written.
    """
    for entry in ledger.entries(status="submitting"):
        if not entry.job_identifier and not is_alive(entry.origin, entry.submitted_at):
            ledger.give_up(entry.number, LOST)
