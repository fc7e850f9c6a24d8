"""A memo: what was made from given values is not made again, and is the same object.

Keys are the making function and all its inputs, which are frozen, so an entry can't go stale. It keeps what the last
two worlds used: an entry that neither needed is dropped. One memo serves the building of snapshots and all proxies.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, TypeVar, cast

T = TypeVar("T")
W = TypeVar("W", bound=Hashable)
_MISSING: Final = object()


class Memo:
    """Remembers results. Not thread-safe: one owner."""

    def __init__(self) -> None:
        self._used: dict[Hashable, object] = {}
        self._before: dict[Hashable, object] = {}
        self._world: Hashable = None
        self.misses = 0
        """How often something had to be made."""

    def turn(self, world: W) -> W:
        """Begin planning for a world. The one returned is equal, and the same object as long as nothing changes."""
        if self._world == world:
            return self._world
        self._before, self._used = self._used, {}
        self._world = world
        return world

    def get(self, make: Callable[..., T], *inputs: Hashable) -> T:
        """`make(*inputs)`, made once."""
        return self._look_up(make, inputs, lambda: make(*inputs))

    def nest(self, make: Callable[..., T], *inputs: Hashable) -> T:
        """`make(memo, *inputs)`, made once: for what is put together from remembered pieces."""
        return self._look_up(make, inputs, lambda: make(self, *inputs))

    def _look_up(self, make: Callable[..., T], inputs: tuple[Hashable, ...], call: Callable[[], T]) -> T:
        key = (make, inputs)
        found = self._used.get(key, _MISSING)
        if found is _MISSING:
            found = self._before.get(key, _MISSING)
            if found is _MISSING:
                self.misses += 1
                found = call()
            self._used[key] = found
        return cast("T", found)
