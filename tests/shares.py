"""Windows' share modes on Linux: what this process has open or mapped is not renamed or removed."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import pytest

OWN = Path("/proc/self")
SHARING_VIOLATION = 32


@pytest.fixture
def windows_shares():
    """Refuse to rename and remove as Windows does; elsewhere than on Linux, change nothing.

    It looks at the descriptors and maps of the process in these calls only.
    """
    with pytest.MonkeyPatch.context() as patched:  # of its own: a test may undo the shared one
        if OWN.exists():
            for name, arguments in (("replace", 2), ("rename", 2), ("unlink", 1), ("remove", 1)):
                patched.setattr(os, name, _guarded(getattr(os, name), arguments))
        yield


def _guarded(real, arguments):
    """Return a function of `os` that refuses paths that are in use."""

    def call(*paths, **options):
        folders = (options.get("dir_fd", options.get("src_dir_fd")), options.get("dst_dir_fd"))
        for path, folder in zip(paths[:arguments], folders, strict=False):
            full = _full_path(path, folder)
            # filelock opens its file so that it can be removed.
            if not full.endswith(".lock") and _is_in_use(full):
                refused = PermissionError(errno.EACCES, "The file is in use", full)
                refused.winerror = SHARING_VIOLATION
                raise refused
        return real(*paths, **options)

    return call


def _full_path(path, folder):
    """Return a path without links above its last part."""
    base = Path() if folder is None else (OWN / "fd" / str(folder)).readlink()
    path = base / os.fsdecode(path)
    return f"{os.path.realpath(path.parent)}/{path.name}"


def _is_in_use(path):
    """Return whether a file, or one in a folder of that name, is open or mapped."""
    if not os.path.lexists(path):  # mostly where a file is renamed to; maps take long to read
        return False
    inside = f"{path}/"
    if any(f"{each}/".startswith(inside) and os.path.isfile(each) for each in _open_files()):  # noqa: PTH113 - the text is all that there is
        return True
    maps = (OWN / "maps").read_text(encoding="utf-8", errors="replace")
    return f" {path}\n" in maps or f" {inside}" in maps


def _open_files():
    """Yield the paths of the descriptors of this process."""
    folder = str(OWN / "fd")
    for each in os.listdir(folder):  # noqa: PTH208 - Path.iterdir of 3.11 is slower
        with contextlib.suppress(OSError):  # closed meanwhile
            yield os.readlink(f"{folder}/{each}")  # noqa: PTH115 - the text is all that is wanted
