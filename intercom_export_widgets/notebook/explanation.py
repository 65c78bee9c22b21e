"""Where the notebook lies that shows why a month's numbers change.

The form links to it where it is near: on Binder, and in a clone of the project.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["EXPLANATION", "find_explanation"]

EXPLANATION: Final = "3_why_june_changes.ipynb"


def find_explanation(folder: Path | None = None) -> str:
    """Return the notebook's path from the kernel's folder, or an empty text if it is not there.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Where the kernel works; by default the current folder. Looked at are it, its parents,
        and the folder ``notebooks`` in each; then the clone that the package runs from.
    """
    try:
        here = Path.cwd() if folder is None else folder
    except OSError:  # the working directory was deleted
        return ""
    clone = Path(__file__).parents[2]
    for place in [here, *here.parents, clone]:
        for path in (place / EXPLANATION, place / "notebooks" / EXPLANATION):
            if path.is_file():
                try:
                    return Path(os.path.relpath(path, here)).as_posix()
                except ValueError:  # on another drive of Windows
                    return path.as_posix()
    return ""
