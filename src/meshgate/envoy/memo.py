"""Spelling each value only once.

A plan is built from values that are the same objects as long as nothing they depend on changes. What was made of a
value is kept under the value itself, which is all that it was made from: such a memo can't be stale. What neither the
present nor the previous build used is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar, cast

V = TypeVar("V", bound=Hashable)
R = TypeVar("R")


class Memo:
    """Results by maker and value, of this build and the one before. Not thread-safe."""

    def __init__(self) -> None:
        self._present: dict[tuple[object, Hashable], object] = {}
        self._previous: dict[tuple[object, Hashable], object] = {}

    def of(self, make: Callable[[V, Memo], R], value: V) -> R:
        """`make(value, self)`, made at most once while the value is in use."""
        key = (make, value)
        made = self._present.get(key, self)
        if made is self:
            made = self._previous.get(key, self)
            if made is self:
                made = make(value, self)
            self._present[key] = made
        return cast(R, made)

    def next_build(self) -> None:
        """A build of all proxies is done: what it did not use is kept for one more."""
        self._previous, self._present = self._present, {}

    def __len__(self) -> int:
        return len(self._present | self._previous)
