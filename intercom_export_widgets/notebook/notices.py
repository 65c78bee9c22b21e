"""What the form says about a workspace and about an error, and what it offers to do.

Plain values for the page: sentences, and buttons as the messages that they send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from intercom_export_widgets.errors import (
    AccessError,
    IntercomExportError,
    JobError,
    JobLockedError,
    RequestRefusedError,
    SubmissionUnknownError,
    ThrottledError,
    TokenMissingError,
)
from intercom_export_widgets.intercom.credentials import misnamed
from intercom_export_widgets.intercom.responses import NAMELESS
from intercom_export_widgets.notebook.card import SANDBOX

if TYPE_CHECKING:
    from intercom_export_widgets.jobs.connection import Connection

__all__ = ["alert_of", "confirmation_of", "field_of", "sentence_of", "workspace_of"]

TRY_SANDBOX: Final = {"label": "Try the sandbox", "do": "sandbox"}
WAIT_THEN_EXPORT: Final = {"label": "Wait, then export", "do": "when free"}
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
        return {"state": "missing", "why": f"No access token was found. {misnamed()}".rstrip()}
    except AccessError as error:
        return {"state": "missing", "text": str(error)}
    except IntercomExportError as error:
        said = "" if error.message == NAMELESS else "Workspace not known: "
        return {"state": "unknown", "text": f"{said}{error}"}
    return {
        "state": "known",
        "sandbox": known.sandbox,
        "name": SANDBOX if known.sandbox else (known.name or known.id_code),
        "region": known.region,
        "source": "" if known.sandbox else connection.token_source,
        "timezone": known.timezone,
    }


def field_of(error: Exception) -> str:
    """Return the field that an error belongs to, as `fields.FIELDS` names it, or none.

    A refusal of the API names the parameter in its sentence.
    """
    field = getattr(error, "field", None)
    if field in {"first", "last", "observed", "zone"}:
        return str(field)
    if isinstance(error, RequestRefusedError):
        if error.message.startswith("'created_at_before'") or "greater than" in error.message:
            return "last"
        if "created_at_after" in error.message:
            return "first"
    return ""


def alert_of(error: Exception, again: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the sentences of an error and the buttons that do what they advise.

    Parameters
    ----------
    error : Exception
        What went wrong.
    again : dict, optional
        The message that asks for the same once more; without it, nothing offers to.

    Returns
    -------
    dict
        ``title`` says what happened, ``text`` what to do next, ``actions`` are buttons,
        ``holder`` is the job that holds the slot.
    """
    if not isinstance(error, IntercomExportError):
        return {"title": sentence_of(error), "text": "", "actions": [], "holder": ""}
    retry = [] if again is None else [{"label": "Try again", **again}]
    holder, text = "", error.advice
    match error:
        case JobLockedError(job_identifier=identifier, held=held) if identifier:
            holder, text = identifier, held
            named = {"job_identifier": identifier}
            actions = [
                {"label": "Follow it", "do": "attach", **named},
                WAIT_THEN_EXPORT,
                {"label": "Cancel it, then export", "do": "ask cancel", **named},
            ]
        case JobLockedError(held=held):
            text = held or text
            actions = [WAIT_THEN_EXPORT]
        case ThrottledError(may_be_lock=True):
            actions = [WAIT_THEN_EXPORT, *retry]
        case AccessError():
            actions = [TYPE_TOKEN, TRY_SANDBOX, *retry]
        case SubmissionUnknownError():
            actions = [{**each, "label": "Export again"} for each in retry]
        case JobError():
            actions = []
        case _:
            actions = retry
    return {"title": error.message, "text": text, "actions": actions, "holder": holder}


def confirmation_of(job_identifier: str) -> dict[str, Any]:
    """Return the question that comes before a job is canceled for another.

    Parameters
    ----------
    job_identifier : str
        The job that holds the slot.
    """
    named = {"job_identifier": job_identifier}
    return {
        "title": f"Cancel job {job_identifier}?",
        "text": "What Intercom has prepared for it is lost, for whoever waits for it. "
        "Your range is submitted then.",
        "actions": [
            {"label": "Yes, cancel it, then export", "do": "cancel then export", **named},
            {"label": "No, wait for it", "do": "when free"},
        ],
        "holder": job_identifier,
    }


def sentence_of(error: Exception) -> str:
    """Return what happened and what to do next, on one line.

    A fault of ours is named without its words, which nobody has checked.
    """
    if isinstance(error, IntercomExportError):
        return str(error)
    return (
        f"Something unexpected went wrong ({type(error).__name__}). "
        "The magic shows the whole of it: %intercom_export … --debug."
    )
