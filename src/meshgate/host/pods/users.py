"""User and group ids for pods, from a range that nobody else uses.

As root, a mesh takes a block of 65536 ids inside 1879048192-2147352575, which systemd's table of ids calls unused
(systemd.io/UIDS-GIDS): above what containers, subordinate ids and directories of people use, below 2^31. The block is
chosen by the data directory, so that meshes side by side differ. Where ids cannot be changed (a user namespace of one
id), everybody is 0.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import NamedTuple

from meshgate.errors import EnvironmentFault

_FIRST = 0x7000_0000
_BLOCK = 0x1_0000
_BLOCKS = 4092


class PodIds(NamedTuple):
    """What a pod's processes run under."""

    pod: int
    """User of the applications, and group of the whole pod."""
    proxy: int
    """User of the sidecar (its group is 1337)."""


class UserIds:
    """Free ids of one mesh. Not shared between processes: the holder's notes say what is in use."""

    def __init__(self, first: int, count: int = _BLOCK) -> None:
        self._first = first
        self._count = count
        self._used: set[int] = set()
        self._next = first

    @classmethod
    def of_mesh(cls, data_directory: str) -> UserIds:
        return cls(_FIRST + zlib.crc32(data_directory.encode()) % _BLOCKS * _BLOCK)

    def take(self) -> int:
        """An id that nothing runs under, the one that has been free for long first."""
        for offset in range(self._count):
            candidate = self._first + (self._next - self._first + offset) % self._count
            if candidate not in self._used:
                self._used.add(candidate)
                self._next = candidate + 1
                return candidate
        raise EnvironmentFault(f"all {self._count} user ids of this mesh are in use")

    def claim(self, ids: Iterable[int]) -> None:
        """Note ids that run since before our restart."""
        self._used.update(ids)

    def give_back(self, ids: Iterable[int]) -> None:
        self._used.difference_update(ids)
