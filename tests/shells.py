"""A real IPython shell in this process, with or without the extension."""

from __future__ import annotations

import atexit
from contextlib import contextmanager

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


def without_history():
    """Return a configuration of a shell that writes no history."""
    config = Config()
    config.HistoryManager.enabled = False
    return config


@contextmanager
def bare_shell(config=None):
    """Give the one shell of this process, and end it."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=without_history() if config is None else config)
    yield shell
    # At the interpreter's exit it would end once more, for a quarter of a second, and write its
    # history into a folder that is gone.
    atexit.unregister(shell.atexit_operations)
    shell.history_manager.end_session()
    if hasattr(shell.history_manager, "close"):  # since IPython 9
        shell.history_manager.close()
    InteractiveShell.clear_instance()


@contextmanager
def loaded_shell(config=None):
    """Give the one shell of this process, with the extension while it is used."""
    with bare_shell(config) as shell:
        shell.run_cell("%load_ext intercom_export_widgets").raise_error()
        yield shell
        shell.run_cell("%unload_ext intercom_export_widgets").raise_error()
