"""Tables of an export as Parquet files in a folder or a store, each written once.

A file that is there already, of the same job and the same package, is left as it is. It
refuses to know how an export came about, and how a store is spoken to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from intercom_export_widgets.data.parquet import facts_in, facts_of, parquet_name
from intercom_export_widgets.data.schema import singular
from intercom_export_widgets.jobs.address import checked, is_remote, local_path, parted
from intercom_export_widgets.jobs.store import store_of
from intercom_export_widgets.jobs.written import Files

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from intercom_export_widgets.data.tables import Tables
    from intercom_export_widgets.jobs.store import Store

__all__ = ["SAME", "ensure_written", "facts_there", "is_there", "write_tables"]

SAME: Final = (
    "job_identifier",
    "workspace_id",
    "received_from",
    "received_until",
    "observed_until",
    "zone",
    "package_version",
    "trim",
)
"""What a file that is there must say to be left as it is."""


def write_tables(
    tables: Tables,
    path: str | Path,
    table: str | None = None,
    *,
    trim: bool = True,
    options: Mapping[str, Any] | None = None,
) -> tuple[Path, ...] | tuple[str, ...]:
    """Write one table, or all of them; as `data.tables.Tables.to_parquet`, to stores too.

    Parameters
    ----------
    tables : Tables
        The export's.
    path, table, trim
        As in `Tables.to_parquet`; `path` may be an address such as ``s3://bucket/folder``.
    options : mapping, optional
        What the store's library takes.

    Returns
    -------
    tuple of pathlib.Path, or of str
        The files that were written; in a store, their addresses.

    Raises
    ------
    PackageMissingError, FileError, TableNotFoundError, ArchiveError
        As for `store_of` and `Tables.to_parquet`.
    """
    path = checked(path)
    if not is_remote(path):
        return Files(tables.to_parquet(local_path(path), table, trim=trim))
    folder, name = parted(path)
    if name:
        files = {name: table or "receipt"}
    else:
        groups = [_group_of(tables, table)] if table else list(tables)
        files = {parquet_name(group): group for group in groups}
    store = store_of(folder, options)
    for name, group in files.items():
        with store.place(name) as place:
            tables.to_parquet(place, group, trim=trim)
    return Files(store.address(name) for name in files)


def ensure_written(
    tables: Tables, path: str | Path, table: str, options: Mapping[str, Any] | None = None
) -> None:
    """Write a table into a folder or a store, unless it is there already.

    Raises
    ------
    PackageMissingError, FileError, TableNotFoundError, ArchiveError
        As for `write_tables`.
    """
    group = _group_of(tables, table)
    folder, named = parted(path)
    name = named or parquet_name(group)
    store = store_of(folder, options)
    if is_there(store, name, facts_of(tables.attrs) | {"trim": "True"}):
        return
    with store.place(name) as place:
        tables.to_parquet(place, group)


def _group_of(tables: Tables, name: str) -> str:
    """Return the group that a name means, as it stands or its singular."""
    return name if name in list(tables) else singular(name)


def is_there(
    store: Store, name: str, facts: Mapping[str, str], same: Collection[str] = SAME
) -> bool:
    """Return whether a file is there, and says the same of its origin.

    Parameters
    ----------
    store, name
        Where the file would be.
    facts : mapping of str to str
        What it must say.
    same : collection of str
        The facts that are compared.
    """
    found = facts_there(store, name)
    return bool(found) and all(found.get(key) == facts.get(key) for key in same)


def facts_there(store: Store, name: str) -> dict[str, str]:
    """Return a file's metadata, without Arrow's own; empty if there is no whole file."""
    try:
        with store.open(name) as file:
            return facts_in(file)
    except FileNotFoundError:
        return {}
