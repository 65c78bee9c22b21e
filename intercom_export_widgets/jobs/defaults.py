"""Where things are kept unless told otherwise; it imports nothing that takes time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import FileError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["default_folder", "default_ledger"]

APPLICATION: Final = "intercom-export-widgets"


def default_folder() -> Path:
    """Return where downloaded archives are kept unless told otherwise.

    Raises
    ------
    FileError
        If there is no home directory.
    """
    return _data_path() / "exports"


def default_ledger() -> Path:
    """Return where the record of jobs lies unless told otherwise.

    Raises
    ------
    FileError
        If there is no home directory.
    """
    return _data_path() / "ledger.sqlite"


def _data_path() -> Path:
    import platformdirs

    # Without HOME and for a user id that the system does not know, platformdirs raises
    # RuntimeError; before 4.6 it returned "~" unresolved, a folder of that name in the current one.
    try:
        found = platformdirs.user_data_path(APPLICATION)
        # On Windows the folder used to lie inside another one of the same name.
        if not os.path.isdir(found):  # noqa: PTH112 - Path.is_dir raises where it may not look
            found = platformdirs.user_data_path(APPLICATION, appauthor=False)
    except RuntimeError:
        found = None
    if found is None or found.parts[:1] == ("~",):
        raise FileError(
            "There is no home directory for downloads and the ledger.",
            advice='Name places for both: %config IntercomExport.folder = "/path/exports" and '
            '%config IntercomExport.ledger = "/path/ledger.sqlite" (or the variables '
            "INTERCOM_EXPORT_FOLDER and INTERCOM_EXPORT_LEDGER). Nothing was submitted.",
        )
    return found
