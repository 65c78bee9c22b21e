"""What the form says about a workspace and about an error, and what it offers to do.

Plain values for the page: sentences, and buttons as the messages that they send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import (
    AccessError,
    ConnectionFailedError,
    IntercomExportError,
    JobLockedError,
    RequestRefusedError,
    ServiceError,
    SubmissionUnknownError,
    ThrottledError,
    TokenMissingError,
)
from intercom_export_widgets.notebook.card import SANDBOX

if TYPE_CHECKING:
    from intercom_export_widgets.jobs.connection import Connection

__all__ = ["alert_of", "field_of", "workspace_of"]

AGAIN: Final = {"label": "Try again", "do": "export"}
TYPE_TOKEN: Final = {"label": "Use another token", "do": "ask token"}


def workspace_of(connection: Connection) -> dict[str, object]:
    """Return whose workspace it is, after asking the API, or what is missing.

    Parameters
    ----------
    connection : Connection
        Is asked; no error leaves this function.

    Returns
    -------
    dict
        ``state`` is ``known``, ``missing`` (a token) or ``unknown`` (no answer).
    """
    try:
        known = connection.identify()
    except TokenMissingError:
        return {"state": "missing"}
    except AccessError as error:
        return {"state": "missing", "text": str(error)}
    except IntercomExportError as error:
        return {"state": "unknown", "text": f"Workspace not known: {error.message}"}
    return {
        "state": "known",
        "sandbox": known.sandbox,
        "name": SANDBOX if known.sandbox else (known.name or known.id_code),
        "region": known.region,
        "source": "" if known.sandbox else connection.token_source,
    }


def field_of(error: Exception) -> str:
    """Return the field that an error belongs to: ``first``, ``last``, ``zone``, or none.

    A refusal of the API names the parameter in its sentence.
    """
    field = getattr(error, "field", None)
    if field in {"first", "last", "zone"}:
        return str(field)
    if isinstance(error, RequestRefusedError):
        if error.message.startswith("'created_at_before'") or "greater than" in error.message:
            return "last"
        if "created_at_after" in error.message:
            return "first"
    return ""


def alert_of(error: Exception) -> dict[str, object]:
    """Return the sentence of an error and the buttons that do what it advises."""
    actions: list[dict[str, str]] = []
    match error:
        case JobLockedError(job_identifier=identifier) if identifier:
            actions = [
                {"label": "Follow it", "do": "attach", "job_identifier": identifier},
                {"label": "Cancel it", "do": "cancel job", "job_identifier": identifier},
            ]
        case AccessError():
            actions = [TYPE_TOKEN, {"label": "Try the sandbox", "do": "sandbox"}]
        case SubmissionUnknownError():
            actions = []
        case JobLockedError() | ThrottledError() | ConnectionFailedError() | ServiceError():
            actions = [AGAIN]
        case _:
            actions = []
    said = str(error) if isinstance(error, IntercomExportError) else _unexpected(error)
    holder = error.job_identifier if isinstance(error, JobLockedError) else ""
    return {"text": said, "actions": actions, "holder": holder}


def _unexpected(error: Exception) -> str:
    """Return a sentence about a fault of ours, without its words, which nobody has checked."""
    return (
        f"Something unexpected went wrong ({type(error).__name__}). "
        "The magic shows the whole of it: %intercom_export … --debug."
    )
