"""Heartbeat: renews the leases of a running backfill's windows every 30 s.

A window's job can take hours, in which nothing else would renew the leases of those behind.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import IntercomExportError
from intercom_export_widgets.intercom.deadline import start_thread
from intercom_export_widgets.jobs.alarm import ALARM

if TYPE_CHECKING:
    from collections.abc import Callable

    from intercom_export_widgets.jobs.queue import Queue
    from intercom_export_widgets.jobs.ticket import Owner

__all__ = ["LifeSign"]

BEAT: Final = 30.0
"""Seconds between two signs of life."""


class LifeSign:
    """Renews an owner's leases of a backfill's windows until it is stopped.

    Parameters
    ----------
    queue : Queue
        Where they are.
    owner : Owner
        Whose.
    backfill : int
        Of which backfill.
    now : callable
        The clock, Unix seconds.
    """

    def __init__(self, queue: Queue, owner: Owner, backfill: int, now: Callable[[], float]) -> None:
        self._queue = queue
        self._owner = owner
        self._backfill = backfill
        self._now = now
        self._stopped = False
        self._beat()

    def stop(self) -> None:
        """Give no more."""
        self._stopped = True
        self._call.done = True

    def _beat(self) -> None:
        if self._stopped:
            return
        self._call = ALARM.after(BEAT, self._beat)
        start_thread(self._renew, name="intercom-export-lease")

    def _renew(self) -> None:
        with contextlib.suppress(IntercomExportError):
            self._queue.renew(self._owner, self._now(), backfill=self._backfill)
