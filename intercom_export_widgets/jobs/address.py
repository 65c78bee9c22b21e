"""Where something is to be written, as it was passed: a path, or an address of a store.

Used by `store`, which opens what an address names. It opens nothing itself.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from intercom_export_widgets.arguments import home_resolved, path_of
from intercom_export_widgets.errors import FileError

__all__ = ["OBJECT_STORES", "checked", "is_remote", "local_path", "parted"]

OBJECT_STORES: Final = frozenset(
    {"abfs", "abfss", "adl", "az", "gcs", "gs", "memory", "oci", "oss", "r2", "s3", "s3a"}
)
"""What has no half files: an object is there when all of it has been sent."""

_WANTED: Final = "a folder, or an address such as s3://bucket/folder"


def checked(address: object) -> str:
    """Return an address as text, if something can be written there.

    Raises
    ------
    InputError
        If it is neither text nor a path.
    FileError
        If nothing can be called so, or be written there.
    """
    if not is_remote(address):
        path = path_of(address, "path", _WANTED)
        return address if isinstance(address, str) else str(path)
    text = str(address)
    protocol, _, rest = text.partition("://")
    if protocol in {"http", "https"}:
        raise FileError(f"Nothing can be written to {text}.", advice=f"Pass {_WANTED}.")
    if protocol in OBJECT_STORES and not rest.strip("/"):
        raise FileError(f"{text} names no bucket.", advice=f"Pass {_WANTED}.")
    return text


def is_remote(address: object) -> bool:
    """Return whether an address is one of a store, ``s3://bucket/folder``, and not a path."""
    protocol, found, _ = address.partition("://") if isinstance(address, str) else ("", "", "")
    return bool(found) and protocol != "file" and len(protocol) > 1  # C:// is a drive


def local_path(address: str) -> str:
    """Return the path that an address ``file://…`` names; any other as it is."""
    path = address.removeprefix("file://")
    # file:///C:/folder: the slash before a drive's letter is no part of the path.
    drive = os.name == "nt" and path != address and path[2:3] == ":"
    return path.removeprefix("/") if drive else path


def parted(address: str | Path) -> tuple[str, str]:
    """Return the folder that an address means, and the name of its one Parquet file, if any.

    Examples
    --------
    >>> parted("s3://bucket/june.parquet"), parted("s3://bucket/june")
    (('s3://bucket', 'june.parquet'), ('s3://bucket/june', ''))
    """
    text = local_path(checked(address))
    if not text.lower().endswith(".parquet"):
        return text, ""
    if is_remote(text):
        folder, _, name = text.rpartition("/")
        return folder, name
    path = home_resolved(Path(text))
    return (str(path), "") if path.is_dir() else (str(path.parent), path.name)
