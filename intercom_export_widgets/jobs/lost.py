"""Find the submissions whose process ended before the response came.

A row has the status ``submitting`` from before the submission until its response is written.
If the process ends in between, the next reader of the ledger sets it to ``unknown``. It is
never sent again by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from intercom_export_widgets.jobs.origin import is_alive

if TYPE_CHECKING:
    from intercom_export_widgets.jobs.ledger import Ledger

__all__ = ["LOST", "settle_lost"]

LOST: Final = (
    "The process that submitted it ended before Intercom's response came: Intercom may have "
    "started an export that the API can't name or list. It is not sent again by itself. "
    "Until it ends, it may hold the workspace's one slot."
)
"""The sentence about a submission that its process left without a response."""


def settle_lost(ledger: Ledger) -> None:
    """Set to ``unknown`` every submission whose process ended before the response came.

    What its process had not submitted yet, and waits in no queue, is removed.

    Raises
    ------
    LedgerError
        If the ledger can't be read or written.
    """
    for entry in ledger.entries(status="submitting"):
        if not entry.job_identifier and not is_alive(entry.origin, entry.submitted_at):
            ledger.give_up(entry.number, LOST)
    for entry in ledger.entries(status="queued"):
        if not is_alive(entry.origin):  # it may have waited for the API to take requests again
            ledger.drop_unsent(entry.number)
