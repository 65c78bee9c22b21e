"""``%intercom_export doctor``: what is set, what works, and what to do about the rest.

It asks Intercom one question, who the token belongs to, once and for seconds at most;
`machine` looks at this computer. No error leaves it: each is a finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import IntercomExportError, TokenRejectedError
from intercom_export_widgets.intercom.hosts import REGIONS
from intercom_export_widgets.intercom.responses import NAMELESS
from intercom_export_widgets.jobs.entry import is_gone
from intercom_export_widgets.notebook import machine
from intercom_export_widgets.notebook.finding import Diagnosis, Finding, State
from intercom_export_widgets.notebook.text import SANDBOX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from IPython.core.interactiveshell import InteractiveShell

    from intercom_export_widgets.intercom.models import Workspace
    from intercom_export_widgets.jobs.connection import Connection
    from intercom_export_widgets.jobs.session import ExportSession
    from intercom_export_widgets.notebook.settings import IntercomExport

__all__ = ["examine"]

PATIENCE: Final = 5.0
"""Seconds that the one question may take."""

TOLERATED: Final = 60.0
"""Seconds that two clocks may be apart before it matters to a countdown."""


def examine(
    session: ExportSession, settings: IntercomExport, shell: InteractiveShell | None
) -> Diagnosis:
    """Return what was found, a row per check.

    Parameters
    ----------
    session : ExportSession
        Whose workspace is asked for.
    settings : IntercomExport
        Shown with where each value came from.
    shell : InteractiveShell
        Whose frontend and kernel are looked at.
    """
    return Diagnosis(
        [
            *_settings(settings, session),
            *_workspace(session.connection),
            machine.find_disk("folder", session.folder),
            machine.find_disk("ledger", session.ledger.path),
            _jobs(session),
            machine.find_kernel(shell),
            machine.find_frontend_state(shell),
            machine.find_keyring(),
            machine.find_decompression(),
            machine.find_versions(),
        ]
    )


def _settings(settings: IntercomExport, session: ExportSession) -> Iterator[Finding]:
    usual = {
        "base_url": "empty: the region's own address",
        "folder": f"empty: {session.folder}",
        "ledger": f"empty: {session.ledger.path}",
    }
    for name in settings.class_own_traits(config=True):
        value = getattr(settings, name)
        shown = repr(value) if value != "" else usual.get(name, "empty")
        found = f"{shown} ({settings.origin(name)})"
        refused = settings.refused.get(name)
        if refused is None:
            yield Finding(f"setting {name}", found)
        else:
            advice = f"Exports are refused until it is corrected. {refused}"
            yield Finding(f"setting {name}", found, advice, State.WRONG)
    for name in settings.refused.keys() - set(settings.class_own_traits(config=True)):
        advice = "Exports are refused until it is taken out or corrected, and the kernel restarted."
        check = f"a {name}" if name else "settings"
        yield Finding(check, settings.refused[name], advice, State.WRONG)


def _workspace(connection: Connection) -> Iterator[Finding]:
    """Yield what the token, the workspace, its region and its clock are like."""
    try:
        client = connection.client()
    except IntercomExportError as error:
        yield Finding("token", error.message, error.advice, State.WRONG)
        return
    sandbox = connection.workspace is not None and connection.workspace.sandbox
    where = "the sandbox's own" if sandbox else f"found in {connection.token_source}"
    yield Finding("token", f"{where}; its value is not shown")
    try:
        known = client.identify(attempts=1, timeout=PATIENCE)
    except TokenRejectedError as error:
        others = ", ".join(f"{name!r}" for name in REGIONS if name != connection.region)
        advice = f"{error.advice} Or the workspace is hosted elsewhere: region {others}."
        yield Finding("workspace", error.message, advice, State.WRONG)
        return
    except IntercomExportError as error:
        state = State.LOOK if error.message == NAMELESS else State.WRONG
        yield Finding("workspace", error.message, error.advice, state)
        return
    name = SANDBOX if known.sandbox else known.name or "without a name"
    yield Finding("workspace", f"{name} ({known.id_code}), time zone {known.timezone or 'unknown'}")
    yield _region(connection, known)
    yield _clock(known)


def _region(connection: Connection, known: Workspace) -> Finding:
    """Return whether the workspace lives where it is asked for."""
    asked = connection.base_url or REGIONS[connection.region]
    if known.sandbox or not known.region:
        return Finding("region", f"asked at {asked}")
    match = connection.base_url or connection.region == known.region
    if match or known.region not in REGIONS:
        return Finding("region", f"{known.region}, asked at {asked}")
    return Finding(
        "region",
        f"the workspace is hosted in {known.region}, and {asked} is asked",
        f'%config IntercomExport.region = "{known.region}"',
        State.WRONG,
    )


def _clock(known: Workspace) -> Finding:
    """Return how far this machine's clock is from the server's."""
    ahead = known.ahead
    if ahead is None:
        return Finding("clock", "the server did not say what time it is")
    if abs(ahead) <= TOLERATED:
        return Finding("clock", "agrees with the server's to the minute")
    return Finding(
        "clock",
        f"{abs(ahead):,.0f} s {'behind' if ahead > 0 else 'ahead of'} the server's",
        "Set this machine's clock: until then today, last-7-days and what says when the data "
        "expire are off by as much.",
        State.LOOK,
    )


def _jobs(session: ExportSession) -> Finding:
    """Return how many jobs are remembered, and how many were not seen to end."""
    try:
        entries = session.ledger.entries()
    except IntercomExportError as error:
        return Finding("jobs", error.message, error.advice, State.WRONG)
    address = session.connection.address
    left = [
        each
        for each in entries
        if each.job_identifier and each.finished_at is None and not is_gone(each, address)
    ]
    found = f"{len(entries):,} in the ledger, {len(left):,} not seen to end"
    advice = "%intercom_export log --all lists them; attach ID takes one up." if left else ""
    return Finding("jobs", found, advice)
