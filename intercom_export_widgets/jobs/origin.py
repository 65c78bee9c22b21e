"""Where a job comes from: what the ledger writes down of workspace, machine and process."""

from __future__ import annotations

import functools
import os
import socket
import time
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import IntercomExportError

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.intercom.models import Workspace
    from intercom_export_widgets.jobs.connection import Connection

__all__ = ["facts_of", "here", "is_alive", "origin_of", "place_of", "quietly"]

SLACK: Final = 2.0
"""Seconds by which two readings of a process's start may differ."""

FRESH: Final = 0.05
"""Seconds for which an answer is given again: a queue may hold hundreds of ranges of a process."""


def here() -> str:
    """Return ``machine:process@start``: this machine, this process, and when it started."""
    return _origin_of_process(os.getpid())  # not the same after a fork


@functools.cache
def _origin_of_process(process: int) -> str:
    return f"{socket.gethostname()}:{process}@{_start_of(process):.2f}"


def is_alive(origin: str, since: float | None = None) -> bool:
    """Return whether the process that wrote something down may still be running.

    Parameters
    ----------
    origin : str
        As `here` returns it, or ``machine:process`` as ledgers had it before. A process of
        another machine can't be looked up and counts as running.
    since : float, optional
        When it was written, Unix seconds. It decides where the origin has no start: a process
        that started later has only the same number.
    """
    return origin == here() or _look_up(origin, since, int(time.monotonic() / FRESH))


@functools.lru_cache(maxsize=64)
def _look_up(origin: str, since: float | None, _moment: int) -> bool:
    import psutil

    host, _, process = origin.rpartition(":")
    number, _, start = process.partition("@")
    if host != socket.gethostname() or not number.isdecimal():
        return True
    try:
        found = psutil.Process(int(number))
        if found.status() == psutil.STATUS_ZOMBIE:
            return False
        if start:
            return abs(_start_of(found.pid) - float(start)) <= SLACK
        return since is None or found.create_time() <= since + SLACK
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, ValueError, OverflowError):
        return True


def _start_of(process: int) -> float:
    """Return when a process started, in seconds: since boot on Linux, else Unix time."""
    import psutil

    # Linux counts from boot. psutil adds the time of the boot, which moves whenever the
    # clock is set; so it is subtracted again. Asked first: older versions remember it.
    boot = psutil.boot_time() if psutil.LINUX else 0.0
    return float(psutil.Process(process).create_time() - boot)


def place_of(origin: str, notebook: str = "") -> str:
    """Return where something was begun, in words, as seen from this process.

    Parameters
    ----------
    origin : str
        As `here` returns it.
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
