"""Where things are kept unless told otherwise; it imports nothing that takes time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["default_folder", "default_ledger"]

APPLICATION: Final = "intercom-export-widgets"


def default_folder() -> Path:
    """Return where downloaded archives are kept unless told otherwise."""
    import platformdirs

    return platformdirs.user_data_path(APPLICATION) / "exports"


def default_ledger() -> Path:
    """Return where the record of jobs lies unless told otherwise."""
    import platformdirs

    return platformdirs.user_data_path(APPLICATION) / "ledger.sqlite"
