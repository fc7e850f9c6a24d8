"""An event loop whose clock jumps: what would sleep is awake at once, in order, and nobody waits."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jumping(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.clock = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(None if timeout is None else 0)
        if not events and timeout is not None:
            self.clock += timeout
        return events


class QuickLoop(asyncio.SelectorEventLoop):
    """`time` starts at 0."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.clock


def run_quickly(body: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=QuickLoop) as runner:
        return runner.run(body)
