"""The sandbox that a session can be pointed at, from the magic or from a form.

Only faces start it; the rooms below know an address and a token.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import IntercomExportError

if TYPE_CHECKING:
    from intercom_export_widgets.jobs.session import ExportSession
    from intercom_export_widgets.sandbox import Sandbox

__all__ = ["SandboxHost"]

STOPPED: Final = "The sandbox has stopped, and its jobs with it"


class SandboxHost:
    """At most one sandbox, started when it is first asked for.

    Attributes
    ----------
    sandbox : Sandbox or None
        The one that runs.
    """

    def __init__(self) -> None:
        self.sandbox: Sandbox | None = None
        self._lock = threading.Lock()

    def start(self, session: ExportSession) -> None:
        """Start it unless it runs, and point a session at it."""
        from intercom_export_widgets.jobs.connection import Connection
        from intercom_export_widgets.sandbox import Sandbox

        with self._lock:
            if self.sandbox is None:
                started = Sandbox()
                started.start()
                self.sandbox = started
            connection = Connection(self.sandbox.token, base_url=self.sandbox.base_url)
        session.connection = connection
        with contextlib.suppress(IntercomExportError):
            connection.identify()

    def stop(self, session: ExportSession | None) -> bool:
        """Stop it, and what a session still follows there; return whether it ran."""
        with self._lock:
            running, self.sandbox = self.sandbox, None
        if running is None:
            return False
        if session is not None:
            session.abandon(running.base_url, STOPPED)
        running.stop()
        return True
