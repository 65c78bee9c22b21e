"""Item 4: what loading the extension and showing the form add to a kernel with ipywidgets."""

from __future__ import annotations

import importlib
import os
import time

TITLE = "The cold start: a shell that has ipywidgets loaded"


def shell_with_widgets():
    from IPython.core.interactiveshell import InteractiveShell

    importlib.import_module("ipywidgets")
    return InteractiveShell.instance()


def load(_archive):
    shell = shell_with_widgets()
    return lambda: shell.run_line_magic("load_ext", "intercom_export_widgets")


def form(_archive):
    shell = shell_with_widgets()
    shell.run_line_magic("load_ext", "intercom_export_widgets")
    os.environ["INTERCOM_ACCESS_TOKEN"] = "none"  # noqa: S105 - it is none

    def run():
        start = time.perf_counter()
        shell.run_line_magic("intercom_export", "")
        return time.perf_counter() - start

    return run


def pandas(_archive):
    return lambda: importlib.import_module("pandas")


CONTESTANTS = {"`import pandas`": pandas, "`%load_ext`": load, "`%intercom_export`": form}


def targets(seconds, _peaks):
    _, loading, showing = seconds.values()
    return [
        ("loading the extension, seconds", 0.15, loading),
        ("the form, after the magic, seconds", 0.3, showing),
    ]
