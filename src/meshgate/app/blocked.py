"""Calls that sidecars refused because nobody knows their hosts, told where users look: events on the pod, the status,
one line in the log.

The same call again is counted. However much is refused, little is kept: some hosts of some pods, and one write a pause.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from meshgate.host.controllers.events import event
from meshgate.store.core import StatusFault, Write
from meshgate.store.sqlite import Store
from meshgate.xds.blocked import BlockedCall

log = logging.getLogger(__name__)

REASON = "OutboundBlocked"
PAUSE_S = 1.0
MOST_PODS = 500
MOST_HOSTS = 20
"""Of one pod; the one that was called the longest ago goes."""

Key = tuple[str, int]
"""Host (or address) and port."""


class _Count:
    """How often something was called, and how often that has been told."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.calls = 0
        self.told = 0
        self.last = ""


class BlockedCalls:
    """Counts what is told of, and writes it down. One task (`run`); `note` is called on the same event loop."""

    def __init__(
        self,
        store: Store,
        name_of: Callable[[str], str] = lambda address: "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`name_of`: the name under which an address was looked up lately, if that is known."""
        self._store = store
        self._name_of = name_of
        self._now = now
        self._pods: dict[str, dict[Key, _Count]] = {}
        self._news = asyncio.Event()

    def note(self, proxy_id: str, call: BlockedCall) -> None:
        """A proxy has refused a call."""
        if proxy_id not in self._pods and len(self._pods) >= MOST_PODS:
            del self._pods[next(iter(self._pods))]
        counts = self._pods.setdefault(proxy_id, {})
        key = (call.host or call.address, call.port)
        count = counts.pop(key, None) or _Count(self._told_as(call))
        if len(counts) >= MOST_HOSTS:
            del counts[next(iter(counts))]
        counts[key] = count
        count.calls += 1
        count.last = self._time()
        self._news.set()

    def told(self) -> Sequence[Mapping[str, Any]]:
        """For the status: by pod, the last one first."""
        return [
            {"proxy": proxy_id, "call": count.what, "count": count.calls, "last": count.last}
            for proxy_id, counts in sorted(self._pods.items())
            for count in reversed(counts.values())
        ]

    async def run(self) -> None:
        """Write down what was noted, for ever."""
        while True:
            await self._news.wait()  # no deadline: nothing to tell as long as nothing is refused
            self._news.clear()
            self.write()
            await asyncio.sleep(PAUSE_S)

    def _told_as(self, call: BlockedCall) -> str:
        if call.host:
            return f'"{call.host}" port {call.port}'
        name = self._name_of(call.address)
        looked_up = f', looked up as "{name}"' if name else ""
        return f"{call.address} port {call.port}{looked_up}"

    def write(self) -> None:
        """Write down what is new."""
        for proxy_id in list(self._pods):
            namespace_and_name = proxy_id.rpartition(".")
            pod = self._store.get("Pod", namespace_and_name[2], namespace_and_name[0])
            if pod is None:
                del self._pods[proxy_id]
                continue
            news = [count for count in self._pods[proxy_id].values() if count.told < count.calls]
            for count in news:
                if not count.told:
                    detail = {"pod": proxy_id, "host": count.what}
                    log.info("a call to a host that nobody knows was refused", extra=detail)
                count.told = count.calls
            self._transact([event(self._store, pod, REASON, _message(count.what), self._time()) for count in news])

    def _transact(self, writes: Sequence[Write]) -> None:
        if writes:
            try:
                self._store.transact(writes)
            except StatusFault as fault:  # the pod or its namespace is going away
                log.debug("an event is not kept", extra={"reason": str(fault)})

    def _time(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _message(what: str) -> str:
    return (
        f"a call to {what} was refused: no Service or ServiceEntry that the pod sees has it, and outboundTrafficPolicy "
        "is REGISTRY_ONLY"
    )
