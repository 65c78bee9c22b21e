"""Intercom's message data export in a notebook: two dates become a DataFrame.

``%load_ext intercom_export_widgets`` gives the magic ``%intercom_export``; the names
below give the same to Python. Nothing heavy is imported until it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from intercom_export_widgets.data.concat import combine
    from intercom_export_widgets.errors import ExportWarning, IntercomExportError
    from intercom_export_widgets.intercom.deadline import Limits
    from intercom_export_widgets.intercom.timeframe import Timeframe
    from intercom_export_widgets.jobs.backfill import Backfill
    from intercom_export_widgets.jobs.handle import Export
    from intercom_export_widgets.jobs.lazy import open_dask
    from intercom_export_widgets.jobs.session import ExportSession
    from intercom_export_widgets.notebook.form import ExportForm

__all__ = [
    "Backfill",
    "Export",
    "ExportForm",
    "ExportSession",
    "ExportWarning",
    "IntercomExportError",
    "Limits",
    "Timeframe",
    "__version__",
    "combine",
    "load_ipython_extension",
    "open_dask",
    "unload_ipython_extension",
]

__version__ = "0.1.0"

_HOMES = {
    "Backfill": "jobs.backfill",
    "Export": "jobs.handle",
    "ExportForm": "notebook.form",
    "ExportSession": "jobs.session",
    "ExportWarning": "errors",
    "IntercomExportError": "errors",
    "Limits": "intercom.deadline",
    "Timeframe": "intercom.timeframe",
    "combine": "data.concat",
    "open_dask": "jobs.lazy",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names, imported or not."""
    return sorted(__all__)


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Register ``%intercom_export``; called by ``%load_ext intercom_export_widgets``."""
    from intercom_export_widgets.notebook.extension import load

    load(ipython)


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """Take the magic away; called by ``%unload_ext``. Jobs run on at Intercom."""
    from intercom_export_widgets.notebook.extension import unload

    unload(ipython)
