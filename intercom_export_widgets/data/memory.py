"""Out-of-memory errors, and memory that is returned to the operating system.

Used by everything in `data` that reads or writes whole tables.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import sys
import weakref
from functools import cache
from typing import TYPE_CHECKING, Final

from intercom_export_widgets.errors import OutOfMemoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

__all__ = [
    "is_out_of_memory",
    "memory_errors",
    "release_memory",
    "release_when_dropped",
    "require_memory",
]

_RELEASED_AT: Final = 8 * 1024 * 1024
"""The bytes of dropped tables after which freed memory is returned. One return takes some ms."""

_ROOM: Final = 96 * 1024 * 1024
"""The bytes of address space that Arrow's allocator and a new thread may reserve at once."""
_NO_THREAD: Final = ("can't start new thread", "Failed to launch worker thread")
_dropped = 0


@contextlib.contextmanager
def memory_errors(doing: str) -> Iterator[None]:
    """Raise `OutOfMemoryError` in place of any error that means that memory is exhausted.

    Parameters
    ----------
    doing : str
        What needs the memory, for the message: "read the table receipt".
    """
    try:
        yield
    except OutOfMemoryError:
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(f"There is not enough memory to {doing}.") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory is exhausted.

    numpy's and pyarrow's errors are `MemoryError`; mapping a file raises `OSError`; a thread
    that gets no stack is a `RuntimeError` of Python's or an ``ArrowException``.
    """
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or any(words in str(error) for words in _NO_THREAD)


def require_memory(size: int) -> None:
    """Raise `MemoryError` unless so many bytes, and some room beside, can be allocated.

    Called before Arrow works on a block. Arrow ends the process, without an exception, when
    its CSV parser or one of its threads gets no memory.
    """
    try:
        mmap.mmap(-1, size + _ROOM).close()
    except OSError as error:
        raise MemoryError(size) from error


def release_memory() -> None:
    """Return freed memory to the operating system.

    Arrow and the C library keep freed memory for the next allocation. That can be several
    times what a table needs.
    """
    # What was never imported holds no memory, and another thread may be importing it now.
    pool = getattr(sys.modules.get("pyarrow"), "default_memory_pool", None)
    if pool is not None:
        pool().release_unused()
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    """Return glibc's ``malloc_trim``; None with any other C library."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return trim


def release_when_dropped(frame: pd.DataFrame, size: int) -> None:
    """Return the memory of dropped DataFrames, once their bytes amount to a few megabytes."""
    weakref.finalize(frame, _count_dropped, size).atexit = False


def _count_dropped(size: int) -> None:
    global _dropped  # noqa: PLW0603 - the C library's heap is one for the process, too
    _dropped += size
    # Called just before `frame` is freed: its own memory is returned with the next ones.
    if _dropped >= _RELEASED_AT:
        _dropped = 0
        release_memory()
