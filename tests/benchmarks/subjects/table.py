"""Item 1: the receipts of a ZIP as a DataFrame with this package's dtypes."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from material import Kind, instants_of, kinds_of, member_of

TITLE = "From a ZIP member to a DataFrame: ids as text, categories, instants in UTC"
NONE_MARKED = ("company_id", "series_id")
THREE = ["receipt_id", "received_at", "first_open"]


def floor(archive):
    """Inflate only, by isal."""
    import struct

    from isal import isal_zlib

    with zipfile.ZipFile(archive) as opened:
        entry = opened.getinfo(member_of(archive))

    def run():
        with archive.open("rb") as file:
            file.seek(entry.header_offset)
            name, extra = struct.unpack("<26xHH", file.read(30))
            file.seek(name + extra, 1)
            stream, left = isal_zlib.decompressobj(-15), entry.compress_size
            while left:
                packed = file.read(min(left, 1 << 18))
                left -= len(packed)
                while packed:
                    stream.decompress(packed, 1 << 20)
                    packed = stream.unconsumed_tail

    return run


def ours(archive, **options):
    import pyarrow.compute
    import pyarrow.csv  # noqa: F401 - imported before the clock starts

    from intercom_export_widgets.data.archive import Archive
    from intercom_export_widgets.data.tables import read_table

    return lambda: read_table(Archive.open(archive), "receipt", notes=[], **options) is None


def ours_arrow(archive):
    return ours(archive, dtype_backend="pyarrow")


def ours_three(archive):
    return ours(archive, columns=THREE)


def by_pandas(archive):
    import pandas as pd

    kinds, member = kinds_of(archive), member_of(archive)
    types = {Kind.TIMESTAMP: "Int64", Kind.CATEGORY: "category"}

    def run():
        with zipfile.ZipFile(archive) as opened, opened.open(member) as file:
            frame = pd.read_csv(
                file,
                dtype={name: types.get(kind, "str") for name, kind in kinds.items()},
                keep_default_na=False,
                na_values=[""],
            )
        for name in instants_of(kinds):
            frame[name] = pd.to_datetime(frame[name], unit="s", utc=True).dt.as_unit("us")
        for name in NONE_MARKED:
            frame[name] = frame[name].mask(frame[name] == "-1")

    return run


def polars_columns(kinds):
    """Return polars' types of the columns, and what makes instants and missing values of them."""
    import polars as pl

    types = {Kind.TIMESTAMP: pl.Int64, Kind.CATEGORY: pl.Categorical}
    instants = [
        pl.from_epoch(pl.col(name), "s").dt.cast_time_unit("us").dt.replace_time_zone("UTC")
        for name in instants_of(kinds)
    ]
    marks = [pl.when(pl.col(name) != "-1").then(pl.col(name)).alias(name) for name in NONE_MARKED]
    return {name: types.get(kind, pl.String) for name, kind in kinds.items()}, instants + marks


def by_polars(archive):
    import polars as pl

    kinds, member = kinds_of(archive), member_of(archive)
    types, made = polars_columns(kinds)

    def run():
        with zipfile.ZipFile(archive) as opened:
            data = opened.read(member)
        pl.read_csv(data, schema_overrides=types).with_columns(made).to_pandas()

    return run


def by_polars_isal(archive):
    import polars as pl

    from intercom_export_widgets.data.archive import Archive

    types, made = polars_columns(kinds_of(archive))

    def run():
        opened = Archive.open(archive)
        data = b"".join(opened.groups["receipt"][0].chunks(1 << 20))
        pl.read_csv(data, schema_overrides=types).with_columns(made).to_pandas()

    return run


def by_duckdb(archive):
    import duckdb

    kinds, member = kinds_of(archive), member_of(archive)
    types = {Kind.TIMESTAMP: "BIGINT", Kind.CATEGORY: "VARCHAR"}
    columns = {name: types.get(kind, "VARCHAR") for name, kind in kinds.items()}
    made = ", ".join(
        [f"to_timestamp({name}) AS {name}" for name in instants_of(kinds)]
        + [f"nullif({name}, '-1') AS {name}" for name in NONE_MARKED]
    )

    def run():
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(archive) as opened:
                path = Path(opened.extract(member, folder))
            duckdb.execute("SET timezone = 'UTC'")
            query = (
                f"SELECT * REPLACE ({made}) FROM read_csv(?, columns = {columns}, header = true)"  # noqa: S608 - names of columns that this file made
            )
            frame = duckdb.execute(query, [str(path)]).df()
        for name, kind in kinds.items():
            if kind is Kind.CATEGORY:
                frame[name] = frame[name].astype("category")

    return run


CONTESTANTS = {
    "inflate only (isal)": floor,
    "ours": ours,
    'ours, `dtype_backend="pyarrow"`': ours_arrow,
    "ours, three columns": ours_three,
    "polars": by_polars,
    "polars, inflated by isal": by_polars_isal,
    "DuckDB": by_duckdb,
    "pandas": by_pandas,
}


def targets(seconds, peaks):
    own, peak = seconds["ours"], peaks["ours"]
    return [
        ("time, of pandas' with the same dtypes", 1 / 5, own / seconds["pandas"]),
        ("time, of polars' with the same frame", 1, own / seconds["polars"]),
        ("peak memory, of polars'", 1 / 2, peak / peaks["polars"]),
        ("time, in times of inflating only", 3, own / seconds["inflate only (isal)"]),
    ]
