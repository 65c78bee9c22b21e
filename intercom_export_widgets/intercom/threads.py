"""Daemon threads, and what Python says when it is too late to start one.

From Python 3.12 on, no thread can be started once the interpreter shuts down, which begins
before the functions of `atexit` run.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["is_shutdown", "start_thread"]


def is_shutdown(error: BaseException) -> bool:
    """Return whether an error says that the interpreter shuts down and starts no thread."""
    return isinstance(error, RuntimeError) and "interpreter shutdown" in str(error)


def start_thread(target: Callable[..., object], *args: object, name: str) -> bool:
    """Start a daemon thread; return False if the interpreter shuts down and starts none.

    Raises
    ------
    RuntimeError
        If the system has no more threads to give.
    """
    thread = threading.Thread(target=target, args=args, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        if is_shutdown(error):
            return False
        raise
    return True
