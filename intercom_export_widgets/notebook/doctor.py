"""``%intercom_export doctor``: what is set, what works, and what to do about the rest."""

from __future__ import annotations

import importlib.metadata
from html import escape
from typing import TYPE_CHECKING

from intercom_export_widgets.errors import IntercomExportError
from intercom_export_widgets.notebook.frontend import find_frontend
from intercom_export_widgets.notebook.text import SANDBOX, Note

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from intercom_export_widgets.jobs.session import ExportSession
    from intercom_export_widgets.notebook.settings import IntercomExport

__all__ = ["examine"]


def examine(session: ExportSession, settings: IntercomExport, shell: InteractiveShell) -> Note:
    """Return what was found, a line per check; it asks the API for the workspace."""
    connection = session.connection
    findings = [
        ("frontend", find_frontend(shell).value),
        ("ipykernel", _version("ipykernel")),
        ("address", connection.base_url or f"region {connection.region}"),
        ("token", _token(session)),
        ("workspace", _workspace(session)),
        ("zone", session.zone),
        ("poll_interval", f"{settings.poll_interval:g} s"),
        ("folder", str(session.folder)),
        ("ledger", _ledger(session)),
    ]
    width = max(len(name) for name, _ in findings)
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(said)}</td></tr>'
        for name, said in findings
    )
    plain = "\n".join(f"{name:<{width}}  {said}" for name, said in findings)
    return Note(plain, f"<table>{rows}</table>")


def _version(name: str) -> str:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
    if name == "ipykernel" and version.startswith("7.0."):
        return f"{version}: it can't update widgets from threads. pip install -U ipykernel"
    return version


def _token(session: ExportSession) -> str:
    try:
        session.connection.client()
    except IntercomExportError as error:
        return str(error)
    return f"found in {session.connection.token_source}"


def _workspace(session: ExportSession) -> str:
    try:
        known = session.connection.identify()
    except IntercomExportError as error:
        return str(error)
    name = SANDBOX if known.sandbox else known.name
    return f"{name} ({known.id_code}), {known.region or 'region unknown'}, {known.timezone}"


def _ledger(session: ExportSession) -> str:
    try:
        count = len(session.ledger.entries())
    except IntercomExportError as error:
        return str(error)
    return f"{session.ledger.path} ({count} {'job' if count == 1 else 'jobs'})"
