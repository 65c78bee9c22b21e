"""Parquet files as a Dask DataFrame: read by Dask's own reader, with the dtypes of ours.

Left to itself, Dask reads text as ``string``, counts as ``int64``, and says of categories
that it knows them when it has seen none. It refuses to know jobs; where no cluster is, Dask's
own threads work.
"""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any, TypeAlias

from intercom_export_widgets.arguments import choice, names
from intercom_export_widgets.data.cached import no_such_column
from intercom_export_widgets.data.dataframe import string_dtype
from intercom_export_widgets.data.parquet import parquet_name
from intercom_export_widgets.data.schema import singular
from intercom_export_widgets.errors import FileError, PackageMissingError, TableNotFoundError
from intercom_export_widgets.jobs.address import parted
from intercom_export_widgets.jobs.store import store_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pandas.api.extensions import ExtensionDtype

    from intercom_export_widgets.data.schema import DataType
    from intercom_export_widgets.jobs.store import Store

__all__ = ["DaskFrame", "import_dask", "open_dask", "pandas_dtype"]

DaskFrame: TypeAlias = Any
"""A ``dask.dataframe.DataFrame``, which ships no type information."""


def open_dask(
    path: str | Path,
    table: str = "receipt",
    *,
    columns: Sequence[str] | None = None,
    filters: Sequence[Any] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    **options: object,
) -> DaskFrame:
    """Open a table that `to_parquet` has written as a ``dask.dataframe.DataFrame``.

    Only the files' ends are read before something is computed, with no session, token or ledger.

    Parameters
    ----------
    path : str or pathlib.Path
        What was given to `to_parquet`: a folder, a file, or an address, ``s3://bucket/folder``.
    table : str
        Its name, singular or plural; of a file it is not asked.
    columns : sequence of str, optional
        The columns to read, in that order; all by default.
    filters : sequence, optional
        Rows to read, as Dask's ``[("received_at", ">=", moment)]``, a ``pandas.Timestamp``
        with a zone; row groups without any are not fetched.
    storage_options : mapping, optional
        What the store's library takes. It travels to the workers; leave credentials to the
        places where that library looks for them on each machine.
    **options
        For ``dask.dataframe.read_parquet``: ``split_row_groups``, ``blocksize``.

    Returns
    -------
    dask.dataframe.DataFrame
        The dtypes of `data.tables.read_table`: ``str``, ``category``, ``datetime64[us, UTC]``,
        ``Int64``, ``Float64``. Categories are unknown, as Dask calls it, until they are
        computed: each partition has those of its file, ``compute()`` unites them, and
        ``frame.categorize()`` makes them known. There are no ``attrs``.

    Raises
    ------
    PackageMissingError
        If Dask, or the package for that store, is not installed.
    InputError
        If the table has no such column, or Dask no such option.
    TableNotFoundError, FileError
        If there is no such table; if the store refuses, or does not answer.
    """
    dask, dataframe = import_dask()
    wanted = names(columns, "columns", "a list of names, such as ['email', 'received_at']")
    _check(options, dataframe.read_parquet)
    files, store = _files_of(path, table, storage_options)
    with dask.config.set({"dataframe.convert-string": False}):  # else text becomes ``string``
        return dataframe.read_parquet(
            [store.address(name) for name in files],
            columns=wanted,
            filters=filters,
            categories=_categories_of(store, files[0], table, wanted or ()),
            storage_options=dict(storage_options) if storage_options else None,
            arrow_to_pandas={"types_mapper": pandas_dtype},
            **options,
        )


def _check(options: Iterable[str], reader: Callable[..., Any]) -> None:
    """Refuse an option that Dask does not know, and would not mention."""
    for option in options:
        choice(option, list(signature(reader).parameters), "an option")


def import_dask() -> tuple[Any, Any]:
    """Return ``dask`` and ``dask.dataframe``.

    Raises
    ------
    PackageMissingError
        If they are not installed.
    """
    try:
        import dask
        import dask.dataframe
    except ImportError as error:
        extra = "intercom-export-widgets[dask]"
        raise PackageMissingError.of("A Dask DataFrame", "dask", extra) from error
    return dask, dask.dataframe


def pandas_dtype(of_type: DataType) -> ExtensionDtype | None:
    """Return the pandas dtype of an Arrow type, or None where pandas' own choice is right."""
    import pandas as pd
    import pyarrow as pa

    if pa.types.is_string(of_type) or pa.types.is_large_string(of_type):
        dtype: ExtensionDtype = string_dtype()
        return dtype
    if pa.types.is_int64(of_type):
        return pd.Int64Dtype()
    return pd.Float64Dtype() if pa.types.is_float64(of_type) else None


def _files_of(
    path: str | Path, table: str, options: Mapping[str, Any] | None
) -> tuple[list[str], Store]:
    """Return the files of a table, and the store in which they are."""
    folder, name = parted(path)
    store = store_of(folder, options)
    if name:
        return [name], store
    for group in dict.fromkeys([table, singular(table)]):
        file = parquet_name(group)
        found = store.names(f"{file.removesuffix('.parquet')}/*.parquet") or store.names(file)
        if found:
            return found, store
    raise TableNotFoundError(
        f"There is no table {table!r} in {store.address()}", advice="Write it there: to_parquet."
    )


def _categories_of(store: Store, name: str, table: str, wanted: Sequence[str]) -> list[str]:
    """Return the columns of a file that are categories; it must have those that are wanted."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with store.open(name) as file:
            schema = parquet.read_schema(file)
    except (FileNotFoundError, pa.ArrowException) as error:
        raise FileError(
            f"{store.address(name)} is no Parquet file", advice="Write it again: to_parquet."
        ) from error
    for column in wanted:
        if column not in schema.names:
            raise no_such_column(table, column, schema.names)
    return [field.name for field in schema if pa.types.is_dictionary(field.type)]
