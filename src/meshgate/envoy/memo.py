"""Spelling each value only once.

A plan is built from values that are the same objects as long as nothing they depend on changes. What was made of a
value is kept under the value itself, which is all that it was made from: such a memo can't be stale.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar, cast

from meshgate.mesh import Memo as Remembered

V = TypeVar("V", bound=Hashable)
R = TypeVar("R")


class Memo(Remembered):
    """Results by maker and value. Not thread-safe."""

    def of(self, make: Callable[[V, Memo], R], value: V) -> R:
        """`make(value, self)`, made at most once while the value is in use."""
        return cast("R", self.nest(_spelled, make, value))


def _spelled(memo: Memo, make: Callable[[Hashable, Memo], object], value: Hashable) -> object:
    return make(value, memo)
