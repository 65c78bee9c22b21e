"""The files that were written: a tuple that shows how many there are, and where."""

from __future__ import annotations

from typing import Final, TypeVar

__all__ = ["Files"]

Place = TypeVar("Place")

FEW: Final = 4
"""So many are shown as they are."""


class Files(tuple[Place, ...]):
    """Paths or addresses; as any tuple, but many are shown in short."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the files, or of many their number, the first and the last."""
        if len(self) <= FEW:
            return super().__repr__()
        return f"<{len(self)} files, from {str(self[0])!r} to {str(self[-1])!r}>"
