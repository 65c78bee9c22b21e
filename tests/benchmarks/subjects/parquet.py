"""The receipts of a ZIP as a Parquet file, compressed by zstd."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from material import kinds_of, member_of
from result import Target, ratio, value
from subjects.table import polars_columns

TITLE = "Parquet from a ZIP member, {rows} rows"
NEEDS_ARCHIVE = True
_FOLDERS = []


def scratch():
    """Return a folder that goes with the process."""
    _FOLDERS.append(tempfile.TemporaryDirectory())
    return Path(_FOLDERS[-1].name)


def ours(archive):
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401 - imported before the clock starts

    from intercom_export_widgets.data.archive import Archive
    from intercom_export_widgets.data.tables import Tables

    folder = scratch()
    return lambda: Tables(Archive.open(archive)).to_parquet(folder / "receipt.parquet")


def by_polars(archive):
    import polars as pl

    member, folder = member_of(archive), scratch()
    types, made = polars_columns(kinds_of(archive))

    def run():
        with zipfile.ZipFile(archive) as opened:
            path = opened.extract(member, folder)
        lazy = pl.scan_csv(path, schema_overrides=types).with_columns(made)
        lazy.sink_parquet(folder / "receipt.parquet", compression="zstd", compression_level=1)

    return run


CONTESTANTS = {"polars' sink": by_polars, "ours": ours}

TARGETS = [
    Target("time, of polars' sink", 0.8, ratio("ours", "polars' sink")),
    Target("peak memory beyond imports", 300, value("ours", "peak"), "MB"),
]
