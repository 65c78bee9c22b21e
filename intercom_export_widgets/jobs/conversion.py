"""Archives become Parquet files, here or on the workers of a Dask cluster.

What travels to a worker is a path, a range and plain facts: no session, no connection, no
token. A worker must reach the archive by its path, and the place where the files go. Which
worker does what, and what is done again when one is lost, is Dask's business alone.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from intercom_export_widgets.arguments import unfit
from intercom_export_widgets.data.archive import Archive
from intercom_export_widgets.data.notes import warn
from intercom_export_widgets.data.parquet import make_folder, rewrite, united
from intercom_export_widgets.data.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from intercom_export_widgets.data.parquet import Part
    from intercom_export_widgets.data.schema import Schema
    from intercom_export_widgets.jobs.store import Store

__all__ = ["Client", "Conversion", "Refit", "Workers", "make_alike"]

Client: TypeAlias = Any
"""A ``distributed.Client``, which ships no type information."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """Tables of one archive, to a file each.

    Attributes
    ----------
    archive : pathlib.Path or None
        None for an export without data.
    zone, window, attrs
        As `data.tables.Tables` takes them.
    store : Store
        Where the files go.
    files : mapping of str to str
        The tables, and the name of each one's file.
    part : Part or None
        What the files say as some of several.
    trim : bool
        Whether rows outside the window are left out.
    """

    archive: Path | None
    zone: str
    window: tuple[int, int] | None
    attrs: Mapping[str, object]
    store: Store
    files: Mapping[str, str]
    part: Part | None = None
    trim: bool = True

    @classmethod
    def of(
        cls, tables: Tables, store: Store, files: Mapping[str, str], part: Part, *, trim: bool
    ) -> Conversion:
        """Return the conversion of an export's tables."""
        archive = None if tables.archive is None else Path(tables.archive.path).absolute()
        source = (archive, tables.zone, tables.window, tables.attrs)
        return cls(*source, store, files, part, trim)

    def run(self) -> tuple[str, ...]:
        """Write the files; return what must be said about the tables, in sentences.

        Raises
        ------
        ArchiveError
            If the archive is damaged, or not there.
        FileError
            If the disk or the store refuses.
        """
        archive = None if self.archive is None else Archive.open(self.archive)
        tables = Tables(archive, zone=self.zone, window=self.window, attrs=self.attrs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are said where somebody looks
            for table, name in self.files.items():
                with self.store.place(name) as path:
                    make_folder(path.parent)
                    tables.to_parquet(path, table, trim=self.trim, part=self.part)
        return tuple(tables.notes)


@dataclass(frozen=True, slots=True)
class Refit:
    """A file, to be given the columns of all.

    Attributes
    ----------
    store, name
        The file.
    schema : pyarrow.Schema
        Of all files of its table.
    """

    store: Store
    name: str
    schema: Schema

    def run(self) -> tuple[str, ...]:
        """Write it anew.

        Raises
        ------
        FileError
            If the disk or the store refuses.
        """
        with self.store.place(self.name) as path:
            rewrite(partial(self.store.open, self.name), path, self.schema)
        return ()


class Workers:
    """Who works: this process, one task after the other, or a Dask cluster.

    Parameters
    ----------
    client : distributed.Client, optional
        The user's; without it, this process.
    """

    def __init__(self, client: Client | None = None) -> None:
        if client is not None and not hasattr(client, "submit"):
            raise unfit(client, "client", "a dask.distributed.Client")
        self._client = client
        self._under_way: list[Any] = []

    def begin(self, task: Conversion | Refit) -> None:
        """Do a task, or hand it over to the cluster."""
        if self._client is None:
            _say(_run(task))
        else:
            self._under_way.append(self._client.submit(_run, task, pure=False))

    def finish(self) -> None:
        """Wait for what was handed over.

        Raises
        ------
        IntercomExportError
            What a task has raised; the others are ended.
        """
        under_way, self._under_way = self._under_way, []
        if self._client is not None:
            for notes in self._client.gather(under_way):
                _say(notes)


def make_alike(store: Store, names: Sequence[str], workers: Workers) -> tuple[str, ...]:
    """Give files the same columns, with the same types; return those that became text.

    A file that has them is not touched; another is written anew. Columns that a file does
    not have are missing in it; where types differ, the column is text in all.

    Parameters
    ----------
    store : Store
        Where the files are.
    names : sequence of str
        Parquet files of this package.
    workers : Workers
        Who works.

    Returns
    -------
    tuple of str
        Columns that are text only because some file has text there.

    Raises
    ------
    FileError
        If the disk or the store refuses.
    """
    from pyarrow import parquet

    schemas = []
    for name in names:
        with store.open(name) as file:
            schemas.append(parquet.read_schema(file).remove_metadata())
    whole, became_text = united(schemas)
    for name, schema in zip(names, schemas, strict=True):
        if not schema.equals(whole):
            workers.begin(Refit(store, name, whole))
    workers.finish()
    return became_text


def _run(task: Conversion | Refit) -> tuple[str, ...]:
    return task.run()


def _say(notes: Sequence[str]) -> None:
    for note in notes:
        warn(note)
