"""What the doctor looks at on this machine: disk, kernel, page, keyring, versions.

No network. Each check returns a `Finding` and raises nothing.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import sys
import threading
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.notebook.card import size
from intercom_export_widgets.notebook.finding import Finding, State
from intercom_export_widgets.notebook.frontend import Frontend, find_frontend, remedy_of_host

if TYPE_CHECKING:
    from pathlib import Path

    from IPython.core.interactiveshell import InteractiveShell

    from intercom_export_widgets.notebook.live import LivePage

__all__ = [
    "find_decompression",
    "find_disk",
    "find_frontend_state",
    "find_kernel",
    "find_keyring",
    "find_versions",
]

LITTLE: Final = 2_000_000_000
"""Bytes under which a large export may not fit: archive, and its Parquet cache beside it."""

KEYRING_SECONDS: Final = 3.0
SHOWN: Final = (
    "intercom-export-widgets",
    "ipython",
    "pandas",
    "pyarrow",
    "ipywidgets",
    "anywidget",
)
UPGRADE_KERNEL: Final = 'pip install -U "ipykernel>=7.4", then restart the kernel.'


def find_disk(name: str, path: Path) -> Finding:
    """Return whether a folder, or the file in one, can be written, and how much room there is.

    Parameters
    ----------
    name : str
        The setting, ``folder`` or ``ledger``.
    path : Path
        Its value; what is missing is not made.
    """
    there = next((each for each in (path, *path.parents) if each.exists()), path)
    refused = not os.access(there, os.W_OK) or (there != path and not there.is_dir())
    advice = f'Name another place: %config IntercomExport.{name} = "…".'
    if refused:
        return Finding(name, f"{path} can't be written", advice, State.WRONG)
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        return Finding(name, f"{path} ({error.strerror})", advice, State.LOOK)
    found = f"{path}, {size(free)} free"
    if free < LITTLE:
        return Finding(name, found, f"Make room, or: {advice}", State.LOOK)
    return Finding(name, found)


def find_kernel(shell: InteractiveShell | None, version: str | None = None) -> Finding:
    """Return which kernel runs, and what is known to go wrong with it.

    Parameters
    ----------
    shell : InteractiveShell
        Without a kernel it is a terminal's.
    version : str, optional
        ipykernel's; the installed one if None.

    Notes
    -----
    7.0 updates no widget from a thread (``LookupError: shell_parent``). 7.1 to 7.3 may leave
    a cell or a click unread until the next one (ipython/ipykernel#1529, fixed in 7.4).
    """
    version = _version("ipykernel") if version is None else version
    numbers = [int(each) for each in re.findall(r"\d+", version)[:2]]
    if getattr(shell, "kernel", None) is None:
        return Finding("kernel", "none: IPython in a terminal")
    if numbers[:2] == [7, 0]:
        said = f"ipykernel {version} can't update widgets from threads"
        return Finding("kernel", said, UPGRADE_KERNEL, State.WRONG)
    if [7, 1] <= numbers < [7, 4]:
        said = f"ipykernel {version} may leave a cell or a click unread until the next"
        return Finding("kernel", said, UPGRADE_KERNEL, State.LOOK)
    if numbers < [6, 17]:
        said = f"ipykernel {version} is older than what is tested"
        return Finding("kernel", said, UPGRADE_KERNEL, State.LOOK)
    return Finding("kernel", f"ipykernel {version}")


def find_frontend_state(shell: InteractiveShell | None) -> Finding:
    """Return who looks at what is shown, and whether a page of ours has ever answered."""
    frontend = find_frontend(shell)
    if frontend is not Frontend.LIVE:
        return Finding("frontend", f"{frontend.value}: text and HTML in place of widgets")
    pages = _pages()
    if any(page.alive.is_set() for page in pages):
        return Finding("frontend", f"{frontend.value}, which has answered")
    if not pages:
        return Finding("frontend", f"{frontend.value}; no form or card is shown yet")
    return Finding(
        "frontend",
        "a form or card was shown, and no page has answered",
        f"{remedy_of_host(shell)}.",
        State.LOOK,
    )


def _pages() -> list[LivePage]:
    """Return the forms and cards that are open, if any was ever made."""
    live = sys.modules.get("intercom_export_widgets.notebook.live")
    module = sys.modules.get("ipywidgets.widgets.widget")
    known = getattr(module, "_instances", None)
    if known is None:  # ipywidgets 7 has no such dictionary
        known = {} if module is None else module.Widget.widgets
    return [] if live is None else [w for w in known.values() if isinstance(w, live.LivePage)]


def find_keyring() -> Finding:
    """Return which keyring there is; one that does not answer in time is said to be silent."""
    how = "keyring set intercom-export-widgets access-token"
    if importlib.util.find_spec("keyring") is None:
        return Finding(
            "keyring", "not installed", f"To keep the token in one: pip install keyring; {how}."
        )
    found: list[str] = []

    def look() -> None:
        # Its backends raise types of their own.
        with contextlib.suppress(Exception):
            import keyring

            backend = keyring.get_keyring()
            found.append(f"{type(backend).__module__}.{type(backend).__name__}")

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(KEYRING_SECONDS)
    if not found:
        return Finding("keyring", "no answer", "Use INTERCOM_ACCESS_TOKEN instead.", State.LOOK)
    if ".fail." in found[0] or ".null." in found[0]:
        return Finding(
            "keyring", f"{found[0]}: keeps nothing", "Use INTERCOM_ACCESS_TOKEN instead."
        )
    return Finding("keyring", found[0], f"To keep the token in it: {how}.")


def find_decompression() -> Finding:
    """Return which library decompresses archives."""
    from intercom_export_widgets.data.compression import zlib

    if zlib.__name__ != "zlib":
        return Finding("decompression", f"isal {_version('isal')}")
    return Finding("decompression", "Python's zlib: isal, which is faster, is not installed")


def find_versions() -> Finding:
    """Return what is installed, in a line to paste into a bug report."""
    others = ", ".join(f"{name} {_version(name)}" for name in SHOWN)
    return Finding(
        "versions",
        f"Python {platform.python_version()}, {others}, {platform.system()} {platform.machine()}",
    )


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
