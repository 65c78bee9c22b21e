"""What `%load_ext` costs in a fresh shell, and what it imports."""

from __future__ import annotations

import importlib
import sys
import time

from result import Target, value

TITLE = "`%load_ext` in a fresh shell"
NEEDS_ARCHIVE = False
HEAVY = ("pandas", "pyarrow", "httpx")


def load(_archive):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()

    def run():
        start = time.perf_counter()
        shell.run_line_magic("load_ext", "intercom_export_widgets")
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "heavy": sum(name in sys.modules for name in HEAVY)}

    return run


def heavy(name):
    """Return a contestant that imports a package, for comparison."""
    return lambda _archive: lambda: importlib.import_module(name) and None


CONTESTANTS = {"`%load_ext`": load} | {f"`import {name}`": heavy(name) for name in HEAVY}

TARGETS = [
    Target("`%load_ext`", 150, value("`%load_ext`", times=1000), "ms"),
    Target("of pandas, pyarrow and httpx, imported by it", 0, value("`%load_ext`", "heavy")),
]
