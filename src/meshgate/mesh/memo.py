"""A memo: what was made from given values is not made again, and is the same object.

Keys are the making function and all its inputs, which are frozen, so an entry can't go stale. A value that is put
together from other remembered ones keeps these, too: else a small change of a large value would make all of its pieces
again, because nobody had asked for them since. Kept is what the last two turns asked for, and what that is made of.
One memo serves the building of snapshots and all proxies.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar, cast

T = TypeVar("T")


class _Entry:
    """A value, the entries that it was made of, and by how many it is held: other entries, and the last turns."""

    __slots__ = ("holders", "key", "parts", "value")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.value: object = None
        self.parts: tuple[_Entry, ...] = ()
        self.holders = 0


class Memo:
    """Remembers results. Not thread-safe: one owner."""

    def __init__(self) -> None:
        self._entries: dict[Hashable, _Entry] = {}
        self._asked: set[_Entry] = set()
        self._asked_before: set[_Entry] = set()
        self._parts: list[_Entry] | None = None
        """Of the value that is being made; None: whoever asks is nobody's part."""
        self.misses = 0
        """How often something had to be made."""

    @property
    def size(self) -> int:
        """How many values are kept."""
        return len(self._entries)

    def turn(self) -> None:
        """Begin a turn (a build, with what is planned from it): what neither it nor the one before asks for goes."""
        for entry in self._asked - self._asked_before:
            entry.holders += 1
        gone = self._asked_before - self._asked
        self._asked_before, self._asked = self._asked, set()
        self._release(gone)

    def get(self, make: Callable[..., T], *inputs: Hashable) -> T:
        """`make(*inputs)`, made once."""
        key = (make, inputs)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._made(key, make, inputs)
        return cast("T", self._hold(entry))

    def nest(self, make: Callable[..., T], *inputs: Hashable) -> T:
        """`make(memo, *inputs)`, made once: for what is put together from remembered pieces."""
        key = (make, inputs)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._made(key, make, (self, *inputs))
        return cast("T", self._hold(entry))

    def same(self, value: T) -> T:
        """The value, or one that is equal and is there already."""
        return cast("T", self.get(_itself, value))

    def _hold(self, entry: _Entry) -> object:
        if self._parts is not None:
            self._parts.append(entry)
        else:
            self._asked.add(entry)
        return entry.value

    def _made(self, key: Hashable, make: Callable[..., object], arguments: tuple[object, ...]) -> _Entry:
        self.misses += 1
        entry = _Entry(key)
        outer, self._parts = self._parts, []
        try:
            entry.value = make(*arguments)
        except BaseException:
            made, self._parts = self._parts, outer
            for part in made:
                self._hold(part)
            raise
        entry.parts, self._parts = tuple(dict.fromkeys(self._parts)), outer
        for part in entry.parts:
            part.holders += 1
        self._entries[key] = entry
        return entry

    def _release(self, entries: set[_Entry]) -> None:
        released = list(entries)
        while released:
            entry = released.pop()
            entry.holders -= 1
            if not entry.holders:
                del self._entries[entry.key]
                released += entry.parts


def _itself(value: object) -> object:
    return value
