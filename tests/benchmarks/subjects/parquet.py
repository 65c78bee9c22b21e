"""Item 2: the receipts of a ZIP as a Parquet file, and the cache for the readings after."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from material import kinds_of, member_of
from subjects.table import polars_columns

TITLE = "From a ZIP member to a Parquet file (zstd), and the second reading"
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


def by_duckdb(archive):
    import duckdb
    from subjects.table import NONE_MARKED, Kind, instants_of

    kinds, member, folder = kinds_of(archive), member_of(archive), scratch()
    columns = {
        name: "BIGINT" if kind is Kind.TIMESTAMP else "VARCHAR" for name, kind in kinds.items()
    }
    made = ", ".join(
        [f"to_timestamp({name}) AS {name}" for name in instants_of(kinds)]
        + [f"nullif({name}, '-1') AS {name}" for name in NONE_MARKED]
    )

    def run():
        with zipfile.ZipFile(archive) as opened:
            path = opened.extract(member, folder)
        source = f"read_csv('{path}', columns = {columns}, header = true)"
        query = f"SELECT * REPLACE ({made}) FROM {source}"  # noqa: S608 - names that this file made
        target = f"'{folder / 'receipt.parquet'}' (FORMAT parquet, COMPRESSION zstd)"
        duckdb.execute(f"COPY ({query}) TO {target}")

    return run


def first(archive):
    """Read the receipts as an export does: from the archive."""
    return read(archive, scratch() / "export.zip")


def proved(archive):
    """Read the receipts as the first kernel after a download does: from Parquet beside it."""
    place = cached(archive)
    (place.with_name(f"{place.name}.cache") / "receipt.frame").unlink(missing_ok=True)
    return read(archive, place)


def second(archive):
    """Read the receipts as the next kernel does: from what the first one has kept."""
    place = cached(archive)
    if not (place.with_name(f"{place.name}.cache") / "receipt.frame").exists():
        code = (
            "import pathlib, sys; from intercom_export_widgets.data.archive import Archive;"
            "from intercom_export_widgets.data.tables import Tables;"
            "Tables(Archive.open(pathlib.Path(sys.argv[1])))['receipt']"
        )
        subprocess.run([sys.executable, "-c", code, str(place)], check=True)
    return read(archive, place)


def cached(archive):
    """Return a copy of the archive beside which its tables lie as Parquet, as after a download."""
    from intercom_export_widgets.data.archive import Archive
    from intercom_export_widgets.data.cache import Cache
    from intercom_export_widgets.data.proof import prove

    place = archive.with_name("cached.zip")
    if not place.exists():
        place.hardlink_to(archive)
    if Cache(place, "UTC").reading("receipt") is None:
        prove(Archive.open(place), Cache(place, "UTC"))
    return place


def read(archive, place):
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401 - imported before the clock starts

    from intercom_export_widgets.data.archive import Archive
    from intercom_export_widgets.data.tables import Tables

    if not place.exists():
        place.symlink_to(archive)

    return lambda: len(Tables(Archive.open(place))["receipt"])


CONTESTANTS = {
    "polars' sink": by_polars,
    "DuckDB": by_duckdb,
    "ours": ours,
    "`export.receipts`, first": first,
    "`export.receipts`, first after a download": proved,
    "`export.receipts`, second": second,
}


def targets(seconds, peaks):
    again = seconds["`export.receipts`, second"] / seconds["`export.receipts`, first"]
    return [
        ("time, of polars' sink", 0.9, seconds["ours"] / seconds["polars' sink"]),
        ("peak memory beyond imports, MB", 300, peaks["ours"]),
        ("time of the second reading, of the first", 0.1, again),
    ]
