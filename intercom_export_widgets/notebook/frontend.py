"""What stands behind the notebook: a page with widgets, a pipe, a terminal, a script.

Each quirk of an environment is one small function here, so that the faces need not
know them.
"""

from __future__ import annotations

import os
import sys
from enum import Enum
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from IPython.core.interactiveshell import InteractiveShell

__all__ = [
    "Frontend",
    "ask_hidden",
    "can_ask",
    "caution_of_host",
    "find_cell",
    "find_frontend",
    "remedy_of_host",
]

BINDER_VARIABLES: Final = ("BINDER_LAUNCH_HOST", "BINDER_REPO_URL", "BINDER_SERVICE_HOST")
"""The first two are set by BinderHub in each session (jupyterhub/binderhub#1010), the third by
Kubernetes where the hub's own service is called ``binder``, as on mybinder.org."""

ON_BINDER: Final = (
    "This is Binder: don't enter a real token here. It is a public server, on which whoever runs "
    "it, and whatever code the session was launched from, can read what is typed. Try the sandbox "
    "here; use your token where only you can look."
)


class Frontend(Enum):
    """Who will look at what is shown."""

    LIVE = "a page where widgets live"
    HEADLESS = "a kernel that nobody watches"
    TERMINAL = "a terminal"
    SCRIPT = "no IPython at all"


def find_frontend(shell: InteractiveShell | None) -> Frontend:
    """Return what stands behind `shell`, as far as the kernel can know.

    nbclient, papermill and nbconvert announce that they take no input, and Voilà
    too, which shows widgets all the same and says so in ``SERVER_SOFTWARE``.
    """
    if shell is None:
        return Frontend.SCRIPT
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return Frontend.TERMINAL
    if getattr(kernel, "_allow_stdin", True) or _is_voila():
        return Frontend.LIVE
    return Frontend.HEADLESS


def find_cell(shell: InteractiveShell | None) -> str:
    """Return the identifier of the cell that is being run; empty where cells have none.

    JupyterLab and Notebook send it with each request ("cellId" in its metadata).
    """
    get_parent = getattr(shell, "get_parent", None)
    if get_parent is None:
        return ""
    parent = get_parent() or {}
    return str(parent.get("metadata", {}).get("cellId") or "")


def can_ask(shell: InteractiveShell | None) -> bool:
    """Return whether somebody can be asked to type something, unseen."""
    match find_frontend(shell):
        case Frontend.LIVE:
            return not _is_voila()
        case Frontend.TERMINAL | Frontend.SCRIPT:
            return sys.stdin is not None and sys.stdin.isatty()
        case Frontend.HEADLESS:
            return False


def caution_of_host(environ: Mapping[str, str] | None = None) -> str:
    """Return why no real token should be typed on this machine; empty if it may be.

    Parameters
    ----------
    environ : mapping, optional
        The environment variables; ``os.environ`` if None.
    """
    variables = os.environ if environ is None else environ
    return ON_BINDER if any(map(variables.get, BINDER_VARIABLES)) else ""


def remedy_of_host(shell: InteractiveShell | None) -> str:
    """Return what to do where a form does not appear, which differs from host to host.

    Colab asks for leave (googlecolab/colabtools, ``output/_widgets.py``), VS Code for a source
    of widgets' scripts if the kernel's environment is not at hand; it names the notebook in a
    variable of its own.
    """
    if "google.colab" in sys.modules:
        return (
            "Colab shows such a widget once it is allowed: from google.colab import output; "
            "output.enable_custom_widget_manager(). Then run the cell again"
        )
    if "__vsc_ipynb_file__" in getattr(shell, "user_ns", {}):
        return (
            'VS Code may lack the widget\'s script: set "jupyter.widgetScriptSources" to '
            '["jsdelivr.com", "unpkg.com"] in its settings, and reload the window'
        )
    return (
        "The Jupyter server may lack anywidget: run pip install anywidget ipywidgets in the "
        "server's environment, restart it, and reload the page"
    )


def ask_hidden(prompt: str) -> str:
    """Return what the user types, which is not shown; empty if nobody can be asked.

    Where no real token should be typed, that is said first.
    """
    from getpass import getpass

    if caution := caution_of_host():
        print(printable(caution, sys.stderr), file=sys.stderr)  # noqa: T201 - it stands above the prompt
    try:
        return getpass(prompt)
    except (EOFError, KeyboardInterrupt):
        return ""
    except Exception as error:
        # ipykernel raises a class of its own, which is not there without ipykernel.
        if type(error).__name__ == "StdinNotImplementedError":
            return ""
        raise


def _is_voila() -> bool:
    return os.environ.get("SERVER_SOFTWARE", "").startswith("voila/")
