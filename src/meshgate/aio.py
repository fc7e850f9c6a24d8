"""How state travels between shells: the newest value wins.

`Latest[T]` holds one value. Setting an equal value is no event; a reader first gets the present value and then
whatever is newest when it looks again, so a slow reader skips what is outdated and nothing ever queues up.
`supervise` keeps one part of the program alive that must not take the others down with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


class Latest(Generic[T]):
    """One value, set by one owner and watched by many. Not thread-safe: one event loop."""

    def __init__(self, value: T) -> None:
        self._value = value
        self._turn = 0
        self._changed = asyncio.Event()

    @property
    def value(self) -> T:
        return self._value

    def set(self, value: T) -> bool:
        """Set the value; True if it differs from the one before (else nobody is woken)."""
        if value == self._value:
            return False
        self._value = value
        self._turn += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        return True

    async def __aiter__(self) -> AsyncIterator[T]:
        seen = -1
        while True:
            while seen == self._turn:
                await self._changed.wait()  # no deadline: a reader waits as long as nothing changes
            seen = self._turn
            yield self._value

    async def wait_for(self, condition: Callable[[T], bool]) -> T:
        """The first value, the present one included, for which the condition holds. The caller sets the deadline."""
        async for value in self:
            if condition(value):
                return value
        raise AssertionError("a Latest never ends")


async def supervise(name: str, part: Callable[[], Awaitable[None]], *, pause_s: float = 0.5) -> None:
    """Run `part` again and again whenever it fails, with a log line each time; end when it returns or is cancelled."""
    while True:
        try:
            return await part()
        except Exception:
            log.exception("a part failed and is started again", extra={"part": name})
            await asyncio.sleep(pause_s)
