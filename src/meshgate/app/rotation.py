"""From one authority to the next: each step when the one before has reached every proxy (`ca/trust.py` has the steps).

First everybody trusts the new roots and has said so, then certificates are made anew, and when all of these have
arrived and whatever was signed for others has ended, the old roots go. A proxy that hangs delays a switch for a minute
at most, and the end of the old roots for as long as it hangs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final, Protocol

from meshgate.aio import Latest
from meshgate.ca import Authority, Trust, settled, switched

log = logging.getLogger(__name__)

SPREAD_S: Final = 60.0
"""How long a step may take to reach all proxies."""
LINGER_S: Final = 10.0
"""Handshakes end, and proxies of a control plane that was restarted come back, within this time."""
LOOK_S: Final = 60.0


class Proxies(Protocol):
    """Who gets roots and certificates. Both return those that have not accepted them in time."""

    async def wait_roots(self, timeout_s: float) -> Collection[str]: ...
    async def wait_certificates(self, timeout_s: float) -> Collection[str]: ...


class Rotation:
    """Owned by one task (`run`)."""

    def __init__(
        self,
        trust: Latest[Trust | None],
        proxies: Proxies,
        now: Callable[[], datetime],
        last_end: Callable[[Authority], datetime],
        *,
        linger_s: float = LINGER_S,
    ) -> None:
        """`last_end`: when the last certificate ends that another authority has signed for a key elsewhere."""
        self._trust = trust
        self._proxies = proxies
        self._now = now
        self._linger_s = linger_s
        self._last_end = last_end

    async def run(self) -> None:
        """Take the next step whenever there is one, for ever."""
        async for trust in self._trust:
            if trust is None or trust.is_settled:
                continue
            if trust.coming is not None:
                await self._switch(trust)
            else:
                await self._settle(trust)

    async def _switch(self, trust: Trust) -> None:
        late = await self._proxies.wait_roots(SPREAD_S)
        if late:
            log.warning("proxies have not taken the new roots in time", extra={"proxies": sorted(late)})
        if self._trust.value is trust:
            self._trust.set(switched(trust))
            log.info("certificates are signed by the new authority")

    async def _settle(self, trust: Trust) -> None:
        while True:
            late = await self._proxies.wait_certificates(SPREAD_S)
            if late:
                log.warning("proxies have not taken their new certificates in time", extra={"proxies": sorted(late)})
            rest_s = self._rest_s(trust)
            if await self._changes_within(trust, min(max(rest_s, self._linger_s), LOOK_S)):
                return
            if not late and self._rest_s(trust) <= 0:
                break
        self._trust.set(settled(trust))
        log.info("the roots of the old authority are trusted no more")

    def _rest_s(self, trust: Trust) -> float:
        """How long certificates of other authorities are valid yet, in seconds."""
        return (self._last_end(trust.authority) - self._now()).total_seconds()

    async def _changes_within(self, trust: Trust, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._trust.wait_for(lambda value: value is not trust)
        except TimeoutError:
            return False
        return True
