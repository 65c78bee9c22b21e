"""Whose data it is: the workspace that a token belongs to.

Reads the answer of ``GET /me``; knows no connection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from intercom_export_widgets.errors import TimeframeError, UnreadableAnswerError
from intercom_export_widgets.intercom.words import one_line
from intercom_export_widgets.intercom.zones import find_zone

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Workspace"]

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace, as ``/me`` describes it under ``app``.

    Attributes
    ----------
    id_code : str
        Its identifier, as in the web application's addresses.
    name : str
        Its name, or ``""``.
    timezone : str
        IANA name of its time zone, or ``""`` if it is absent or no IANA name.
    region : str
        Such as ``"us"``, in lower case, or ``""``.
    sandbox : bool
        Whether it is the sandbox's synthetic workspace on this machine.
    ahead : float or None
        How far the server's clock was ahead of this machine's when it answered, in
        seconds; None if it did not say.
    """

    id_code: str
    name: str = ""
    timezone: str = ""
    region: str = ""
    sandbox: bool = False
    ahead: float | None = field(default=None, compare=False)

    @classmethod
    def from_json(
        cls,
        value: object,
        *,
        loopback: bool,
        hide: Callable[[str], str] = str,
        ahead: float | None = None,
    ) -> Workspace:
        """Return the workspace that the answer of ``/me`` describes.

        Parameters
        ----------
        value : object
            Whatever ``json.loads`` returned.
        loopback : bool
            Whether this machine answered: nobody else can be the sandbox.
        hide : callable
            Takes the token out of a text, should the server repeat it.
        ahead : float, optional
            As the attribute.

        Raises
        ------
        UnreadableAnswerError
            If ``app`` or ``app.id_code`` is not there.
        """
        app = value.get("app") if isinstance(value, dict) else None
        if not isinstance(app, dict):
            raise UnreadableAnswerError("The answer names no workspace: app is missing.")

        def line(key: str) -> str:
            found = app.get(key)
            return one_line(found, hide, LONGEST_NAME) if isinstance(found, str) else ""

        id_code = line("id_code")
        if not id_code:
            raise UnreadableAnswerError("The answer names no workspace: app.id_code is missing.")
        return cls(
            id_code=id_code,
            name=line("name"),
            timezone=_zone(line("timezone")),
            region=line("region").lower(),
            sandbox=loopback and id_code.startswith("sandbox"),
            ahead=ahead,
        )


def _zone(name: str) -> str:
    try:
        return find_zone(name).key
    except TimeframeError:
        return ""
