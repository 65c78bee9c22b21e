"""Where a job comes from: what the ledger writes down of workspace, machine and process."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from intercom_export_widgets.errors import IntercomExportError

if TYPE_CHECKING:
    from intercom_export_widgets.intercom.client import IntercomClient
    from intercom_export_widgets.intercom.workspace import Workspace
    from intercom_export_widgets.jobs.connection import Connection

__all__ = ["facts_of", "origin_of", "quietly"]


def origin_of(session: str, connection: Connection) -> dict[str, str | float | None]:
    """Return the ledger's columns that say who begins a job, and where."""
    known = connection.workspace
    return {
        "session": session,
        "base_url": connection.address,
        "region": "" if connection.base_url else connection.region,
        "origin": f"{socket.gethostname()}:{os.getpid()}",
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
