"""The zlib in use: isal's where it is installed, which inflates twice as fast, else Python's.

isal has no wheel for Windows on ARM or Pyodide, where it is not a dependency. Both have the
same functions and give the same bytes.
"""

from __future__ import annotations

from typing import Any, cast

try:
    from isal import isal_zlib as zlib
except ImportError:
    import zlib  # type: ignore[no-redef] # the same interface

__all__ = ["DamagedStream", "zlib"]

_error: Any = zlib.error
DamagedStream = cast("type[Exception]", _error)  # isal's stub takes the class for an instance
"""What the functions raise for a stream that can't be decompressed."""
