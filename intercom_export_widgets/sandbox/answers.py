"""Answers as Intercom words them: the error list, the job, the admin of ``/me``.

Pure functions from facts to JSON; they know neither requests nor connections.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from intercom_export_widgets.sandbox.jobs import ExportJob
    from intercom_export_widgets.sandbox.switches import Switches

__all__ = ["LOCKED", "admin_body", "error", "job_body", "range_fault"]

LOCKED: Final = "Exceeded rate limit of 1 pending message data export jobs"
PARAMETERS: Final = ("created_at_after", "created_at_before")


def error(
    switches: Switches,
    status: int,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an ``error.list`` of one error."""
    body: dict[str, object] = {"type": "error.list"}
    if switches.request_id != "absent":
        body["request_id"] = secrets.token_hex(10) if switches.request_id == "text" else None
    body["errors"] = [{"code": code, "message": message}]
    return JSONResponse(body, status, headers=dict(headers or {}))


def range_fault(given: Mapping[str, object]) -> str:
    """Return what is wrong with the body of a create, or nothing.

    The sentences are the documentation's ("Creating an export job", Example Errors), but
    for the one about integers, of which it says nothing.
    """
    for name in PARAMETERS:
        if given.get(name) is None:
            return f"'{name}' is a required parameter"
    for name in given:
        if name not in PARAMETERS:
            return f"bad '{name}' parameter"
    seconds: list[int] = []
    for name in PARAMETERS:
        value = given[name]
        if not isinstance(value, int) or isinstance(value, bool):
            return f"'{name}' must be an integer"
        seconds.append(value)
    if seconds[0] > seconds[1]:
        return "created_at_after is greater than created_at_before"
    return ""


def job_body(switches: Switches, job: ExportJob, now: float, address: str) -> dict[str, str]:
    """Return a job as JSON: all values are strings, the last two empty until it is ready."""
    status = job.status(now)
    words = {
        "pending": switches.pending_word,
        "in_progress": switches.in_progress_word,
        "completed": switches.completed_word,
        "canceled": switches.canceled_word,
    }
    ready = status == "completed"
    return {
        "job_identfier" if switches.misspelt_key else "job_identifier": job.identifier,
        "status": words.get(status, status),
        "download_expires_at": str(job.expires) if ready else "",
        "download_url": address if ready else "",
    }


def admin_body(switches: Switches, id_code: str, region: str, created: int) -> dict[str, object]:
    """Return the admin to whom the token belongs, with the workspace as ``app``."""
    return {
        "type": "admin",
        "id": "814860",
        "email": "ada.sandbox@example.org",
        "name": "Ada Sandbox",
        "email_verified": True,
        "app": {
            "type": "app",
            "id_code": id_code,
            "name": "Sandbox: synthetic data",
            "created_at": created,
            "secure": False,
            "identity_verification": False,
            "timezone": switches.timezone,
            "region": region,
        },
        "has_inbox_seat": True,
    }
