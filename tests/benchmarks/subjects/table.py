"""The receipts of a ZIP as a DataFrame with this package's dtypes."""

from __future__ import annotations

import zipfile

from material import Kind, instants_of, kinds_of, member_of
from result import Target, ratio

TITLE = "A typed DataFrame from a ZIP member, {rows} rows"
NEEDS_ARCHIVE = True
NONE_MARKED = ("company_id", "series_id")


def ours(archive):
    import pyarrow.compute
    import pyarrow.csv  # noqa: F401 - imported before the clock starts

    from intercom_export_widgets.data.archive import Archive
    from intercom_export_widgets.data.tables import read_table

    return lambda: read_table(Archive.open(archive), "receipt", notes=[]) is None


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


CONTESTANTS = {"polars": by_polars, "pandas": by_pandas, "ours": ours}

TARGETS = [
    Target("time, of polars with the same frame", 0.7, ratio("ours", "polars")),
    Target("time, of pandas with the same dtypes", 0.45, ratio("ours", "pandas")),
    Target("peak memory, of polars", 0.45, ratio("ours", "polars", "peak")),
]
