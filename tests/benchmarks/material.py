"""What the contestants are given: an archive out of the sandbox's generator."""

from __future__ import annotations

import os
import platform
import shutil
import zipfile
from importlib.metadata import version
from pathlib import Path

from intercom_export_widgets.data.schema import Kind, column_kind
from intercom_export_widgets.sandbox.archive_writer import write_archive
from intercom_export_widgets.sandbox.data_generator import Workspace
from intercom_export_widgets.sandbox.options import Switches

DAY = 86_400
FIRST = 17_683 * DAY
DAYS = 30
QUICK = os.environ.get("BENCHMARKS_QUICK") == "1"
"""Whether this process is a contestant of a quick run."""


def archive_of(folder, rows):
    """Return a ZIP of June 2018 with about so many receipts, made once."""
    path = folder / f"receipts-{rows}.zip"
    if not path.exists():
        workspace = Workspace(1, rows_per_day=rows // DAYS)
        last = FIRST + DAYS * DAY - 1
        switches = Switches()
        write_archive(
            folder, path.stem, workspace, after=FIRST, before=last, until=last, switches=switches
        )
    return path


def room_for(folder, rows):
    """Return why so many rows don't fit on the disk; empty if they do."""
    # A receipt is 100 bytes packed; polars reads from the unpacked file, 600 bytes a receipt.
    need, free = rows * 1000, shutil.disk_usage(folder).free
    if need < free:
        return ""
    return f"{need / 1e9:.0f} GB must be free in {folder}, and {free / 1e9:.0f} GB are."


def member_of(archive):
    """Return the name of the member of receipts."""
    with zipfile.ZipFile(archive) as opened:
        return next(name for name in opened.namelist() if name.startswith("receipt"))


def kinds_of(archive):
    """Return the kind of every column of the receipts, in order."""
    with zipfile.ZipFile(archive) as opened, opened.open(member_of(archive)) as file:
        header = file.readline().decode().strip().split(",")
    return {name: column_kind("receipt", name) for name in header}


def instants_of(kinds):
    """Return the columns of instants."""
    return [name for name, kind in kinds.items() if kind is Kind.TIMESTAMP]


def machine():
    """Return what this ran on."""
    model = platform.processor() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        names = [line for line in cpus.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("pandas", "pyarrow", "polars", "isal")
    )
    return f"{os.cpu_count()} cores ({model}); Python {platform.python_version()}, {packages}"
