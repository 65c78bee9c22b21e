"""Where a dataset's files lie: a folder of this machine, or an address that fsspec knows.

Whatever the place, a file is there whole or not at all: a folder's is written beside its name
and renamed, a store's is made on this machine first and then sent as one object. Knows no
tables. Credentials are the store's own business, found where its library looks for them.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from intercom_export_widgets import disk
from intercom_export_widgets.arguments import home_resolved
from intercom_export_widgets.data.parquet import check_folder
from intercom_export_widgets.errors import FileError, PackageMissingError
from intercom_export_widgets.jobs.address import OBJECT_STORES, checked, is_remote, local_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["FolderStore", "RemoteStore", "Store", "store_of"]

_PACKAGES: Final = {
    "s3": ("s3fs", "intercom-export-widgets[remote]"),
    "s3a": ("s3fs", "intercom-export-widgets[remote]"),
    "gs": ("gcsfs", "gcsfs"),
    "gcs": ("gcsfs", "gcsfs"),
    "abfs": ("adlfs", "adlfs"),
    "az": ("adlfs", "adlfs"),
}
"""What fsspec needs for a protocol, and what brings it."""


def store_of(address: str | Path, options: Mapping[str, Any] | None = None) -> Store:
    """Return the folder or store at an address.

    Parameters
    ----------
    address : str or pathlib.Path
        A path, or an address as fsspec has them: ``s3://bucket/folder``, ``gs://…``.
    options : mapping, optional
        What the store's library takes, as pandas' ``storage_options``.

    Raises
    ------
    PackageMissingError
        If the package for that store is not installed.
    FileError
        If there is no such kind of store.
    """
    text = checked(address)
    if is_remote(text):
        return RemoteStore(text, options or {})
    return FolderStore(check_folder(home_resolved(Path(local_path(text)))))


class Store(ABC):
    """A folder of files, named by relative paths with slashes."""

    @abstractmethod
    def address(self, name: str = "") -> str:
        """Return where a file is, as pandas, Dask and DuckDB take it."""

    @abstractmethod
    def place(self, name: str) -> contextlib.AbstractContextManager[Path]:
        """Give a path on this machine; what is written there is the file's, if all goes well.

        Raises
        ------
        FileError
            If it can't be written or sent.
        """

    @abstractmethod
    def open(self, name: str) -> BinaryIO:
        """Return a file to read from.

        Raises
        ------
        FileNotFoundError
            If there is none.
        FileError
            If the store refuses, or does not answer.
        """

    @abstractmethod
    def names(self, pattern: str) -> list[str]:
        """Return the files that fit a pattern, ``*/*.parquet``, sorted; hidden ones never.

        Raises
        ------
        FileError
            If the store refuses, or does not answer.
        """

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file.

        Raises
        ------
        FileError
            If the store refuses, or does not answer.
        """


class FolderStore(Store):
    """A folder of this machine.

    Parameters
    ----------
    folder : pathlib.Path
        Is made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def address(self, name: str = "") -> str:
        """Return the path."""
        return str(self.folder / name)

    @contextlib.contextmanager
    def place(self, name: str) -> Iterator[Path]:
        """Give the path itself: whoever writes Parquet here writes it beside and renames it."""
        yield self.folder / name

    def open(self, name: str) -> BinaryIO:
        """Return the opened file."""
        try:
            return (self.folder / name).open("rb")
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _refused(self.address(name), "read", error) from error

    def names(self, pattern: str) -> list[str]:
        """Return what the folder holds."""
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in self.folder.glob(pattern)
            if not path.name.startswith(".")
        )

    def remove(self, name: str) -> None:
        """Unlink the file."""
        try:
            disk.remove(self.folder / name)
        except OSError as error:
            raise _refused(self.address(name), "removed", error) from error


class RemoteStore(Store):
    """A folder in a store that fsspec knows.

    Parameters
    ----------
    address : str
        With its protocol.
    options : mapping
        For the store's library.
    """

    def __init__(self, address: str, options: Mapping[str, Any]) -> None:
        protocol = address.partition("://")[0]
        try:
            import fsspec

            self._files, path = fsspec.url_to_fs(address, **options)
        except ImportError as error:
            raise _lacks(protocol) from error
        except Exception as error:
            raise _refused(address, "used", error) from error
        self._folder = PurePosixPath(path)
        self._protocol = protocol
        self._made_from = (address, dict(options))

    def __reduce__(self) -> tuple[object, ...]:
        """Travel to another process as an address, to be opened anew there."""
        return store_of, self._made_from

    def address(self, name: str = "") -> str:
        """Return the address, with its protocol and without what its library was told."""
        return f"{self._protocol}://{str(self._folder / name).lstrip('/')}"

    @contextlib.contextmanager
    def place(self, name: str) -> Iterator[Path]:
        """Give a path in a folder of its own, and send what is there in the end."""
        with tempfile.TemporaryDirectory(prefix="intercom-export-") as folder:
            path = Path(folder) / PurePosixPath(name).name
            yield path
            with self._spoken_plainly(name, "written"):
                self._send(path, str(self._folder / name))

    def _send(self, path: Path, target: str) -> None:
        """Send a file; where half of it could be seen, under another name first."""
        if self._protocol in OBJECT_STORES:
            self._files.put_file(str(path), target)
            return
        self._files.makedirs(str(PurePosixPath(target).parent), exist_ok=True)
        aside = str(PurePosixPath(target).with_name(f".{path.name}.part"))
        try:
            self._files.put_file(str(path), aside)
            self._files.mv(aside, target)
        except BaseException:
            with contextlib.suppress(Exception):
                self._files.rm_file(aside)
            raise

    def open(self, name: str) -> BinaryIO:
        """Return a file that is fetched in pieces."""
        with self._spoken_plainly(name, "read"):
            opened: BinaryIO = self._files.open(str(self._folder / name), "rb")
            return opened

    def names(self, pattern: str) -> list[str]:
        """Ask the store, not what it said before."""
        with self._spoken_plainly("", "read"):
            self._files.invalidate_cache()
            found = map(PurePosixPath, self._files.glob(str(self._folder / pattern)))
        return sorted(
            str(path.relative_to(self._folder)) for path in found if not path.name.startswith(".")
        )

    def remove(self, name: str) -> None:
        """Remove the object."""
        with self._spoken_plainly(name, "removed"):
            self._files.rm_file(str(self._folder / name))

    @contextlib.contextmanager
    def _spoken_plainly(self, name: str, done: str) -> Iterator[None]:
        """Say in a sentence what the store's library raised, which may be of any class."""
        try:
            yield
        except FileNotFoundError:
            if done == "read":
                raise
            raise _refused(self.address(name), done, "there is no such bucket or folder") from None
        except Exception as error:
            raise _refused(self.address(name), done, error) from error


def _refused(address: str, done: str, why: Exception | str) -> FileError:
    if not is_remote(address) and isinstance(why, OSError):
        return disk.refused(address, why, done, "then try again")
    reason = (isinstance(why, OSError) and why.strerror) or str(why) or type(why).__name__
    shown = re.sub(r"//[^/@]*@", "//", address)
    return FileError(
        f"{shown} can't be {done}: {str(reason).rstrip('.')}",
        advice="Check the address, the network, and the credentials that the store's library uses.",
    )


def _lacks(protocol: str) -> PackageMissingError:
    package, install = _PACKAGES.get(protocol, ("fsspec, or its package for it", "fsspec"))
    return PackageMissingError.of(f"An address of {protocol}://", package, install)
