"""The environment variables that hold a token, and those that only look as if they did.

``INTERCOM_TOKEN`` is what many scripts call it. It is not taken, since nobody said that it is
meant for this; it is named where a token is missing, so that nobody looks for it in vain.
Names alone are looked at and shown, values never.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["VARIABLES", "misnamed"]

VARIABLES: Final = ("INTERCOM_ACCESS_TOKEN", "INTERCOM_API_KEY")
"""The environment variables looked at: this package's, then the official SDK's."""

LIKELY: Final = re.compile(r"INTERCOM_?(\w*_)?(TOKEN|API_?KEY|ACCESS_?KEY|PAT)", re.IGNORECASE)


def misnamed(environ: Mapping[str, str] | None = None) -> str:
    """Return a sentence on the variables that look like a token's and are not read.

    Parameters
    ----------
    environ : mapping, optional
        The environment variables; ``os.environ`` if None.

    Returns
    -------
    str
        Empty if there is none.
    """
    variables = os.environ if environ is None else environ
    found = sorted(
        name
        for name, value in variables.items()
        if name not in VARIABLES and value.strip() and LIKELY.fullmatch(name)
    )
    if not found:
        return ""
    if len(found) == 1:
        return f"{found[0]} is set, but nothing reads it: name it {VARIABLES[0]}."
    return f"{', '.join(found)} are set, but nothing reads them: name one {VARIABLES[0]}."
