"""What reading will need, imported while there is only to wait for Intercom.

pandas and pyarrow take a second or two to import. Nobody waits for that if it is done while a
job is pending; before that, and where nothing is pending, they are not imported at all. It
refuses to know what they are used for.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import threading
from typing import Final

__all__ = ["NEEDED", "warm_up"]

NEEDED: Final = ("pyarrow.csv", "pyarrow.parquet", "pyarrow.compute", "pandas")
"""The modules that reading an archive imports, in the order in which it needs them."""


@functools.cache
def warm_up() -> None:
    """Import what is `NEEDED` in a thread, once in a process; return at once.

    What can't be imported is no matter here: whoever needs it says so.
    """
    threading.Thread(target=_import, name="intercom-export-warm-up", daemon=True).start()


def _import() -> None:
    for name in NEEDED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
