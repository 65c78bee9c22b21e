"""Where a job comes from: what the ledger writes down of workspace, machine and process."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import IntercomExportError

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.intercom.workspace import Workspace
    from intercom_export_widgets.jobs.connection import Connection

__all__ = ["facts_of", "here", "is_alive", "origin_of", "place_of", "quietly"]

STARTED_FIELD: Final = 19
"""Where the time of the start stands in ``/proc/PID/stat``, behind the command's bracket."""

SLACK: Final = 2.0
"""Seconds by which the two clocks of a row and of a process may disagree."""


def here() -> str:
    """Return ``machine:process``: this machine and this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_alive(origin: str, since: float | None = None) -> bool:
    """Return whether the process that wrote something down may still be running.

    Parameters
    ----------
    origin : str
        ``machine:process``, as the ledger has it. A process of another machine, or on
        Windows, can't be asked about and counts as running.
    since : float, optional
        When it was written, Unix seconds: a process that began later is another one of
        the same number, as a container's first process is.
    """
    host, _, process = origin.rpartition(":")
    if host != socket.gethostname() or not process.isdigit() or sys.platform == "win32":
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    began = _began_at(int(process))
    return began is None or since is None or began <= since + SLACK


def _began_at(process: int) -> float | None:
    """Return when a process began, in Unix seconds, or None where the system does not say."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        ticks = int(status.rpartition(")")[2].split()[STARTED_FIELD])
        awake = float(Path("/proc/uptime").read_text(encoding="utf-8").split()[0])
        return time.time() - awake + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def place_of(origin: str, notebook: str = "") -> str:
    """Return where something was begun, in words, as seen from this process.

    Parameters
    ----------
    origin : str
        ``machine:process``.
    notebook : str
        The notebook's path, if it is known.
    """
    host, _, _ = origin.rpartition(":")
    named = f" ({PurePath(notebook).name})" if notebook else ""
    if origin == here():
        return f"in this kernel{named}"
    if host != socket.gethostname():
        return f"on the machine {host or 'unknown'}{named}"
    if is_alive(origin):
        return f"in another kernel on this machine{named}"
    return f"in a kernel on this machine that has ended{named}"


def _notebook() -> str:
    """Return the notebook's path, which Jupyter's server tells its kernels."""
    return os.environ.get("JPY_SESSION_NAME", "")


def origin_of(session: str, connection: Connection) -> dict[str, str | float | None]:
    """Return the ledger's columns that say who begins a job, and where."""
    known = connection.workspace
    return {
        "session": session,
        "base_url": connection.address,
        "region": "" if connection.base_url else connection.region,
        "origin": here(),
        "notebook": _notebook(),
        **({} if known is None else facts_of(known)),
    }


def facts_of(workspace: Workspace) -> dict[str, str | float | None]:
    """Return the ledger's columns that say whose job it is."""
    return {
        "workspace": workspace.name,
        "workspace_id": workspace.id_code,
        "timezone": workspace.timezone,
        "sandbox": int(workspace.sandbox),
    }


def quietly(connection: Connection, client: IntercomClient) -> Workspace | None:
    """Return the workspace, or None: an export does not wait or fail for want of a name."""
    try:
        return connection.identify_for(client)
    except IntercomExportError:
        return None
