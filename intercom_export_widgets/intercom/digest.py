"""The SHA-256 of what is downloaded, computed beside the downloading.

Used by `partial`. It knows no files and no connections.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Digest"]

_GATHERED: Final = 1 << 20
_AHEAD: Final = 8


class Digest:
    """A SHA-256 that is given blocks of any size, and computes in a thread of its own."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._blocks: list[bytes | memoryview] = []
        self._gathered = 0
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: list[Future[None]] = []

    def update(self, block: bytes | memoryview) -> None:
        """Add a block, which must not change after."""
        self._blocks.append(block)
        self._gathered += len(block)
        if self._gathered >= _GATHERED:
            self._pool = self._pool or ThreadPoolExecutor(1, "intercom-export-digest")
            self._under_way.append(self._pool.submit(self._take, self._blocks))
            self._blocks, self._gathered = [], 0
            if len(self._under_way) > _AHEAD:
                self._under_way.pop(0).result()

    def hexdigest(self) -> str:
        """Return the digest of all blocks, in 64 hexadecimal digits; none are added after."""
        if self._pool is not None:
            self._pool.shutdown()
        self._take(self._blocks)
        self._blocks = []
        return self._hash.hexdigest()

    def _take(self, blocks: list[bytes | memoryview]) -> None:
        for block in blocks:
            self._hash.update(block)
