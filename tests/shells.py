"""A real IPython shell in this process, with the extension loaded."""

from __future__ import annotations

import atexit
from contextlib import contextmanager

from IPython.core.interactiveshell import InteractiveShell


@contextmanager
def loaded_shell(config):
    """Give the one shell of this process, and take the extension out of it in the end."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    shell.run_cell("%load_ext intercom_export_widgets").raise_error()
    yield shell
    shell.run_cell("%unload_ext intercom_export_widgets").raise_error()
    # Its own end would come at the interpreter's exit, when the test's folder is gone.
    atexit.unregister(shell.atexit_operations)
    shell.history_manager.end_session()
    if hasattr(shell.history_manager, "close"):  # since IPython 9
        shell.history_manager.close()
    InteractiveShell.clear_instance()
