"""Events about pods: what `kubectl describe` and `get events` show of warnings.

The same one again is counted, not repeated.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Protocol

from meshgate.api import Ref
from meshgate.host.pods.status import rfc3339
from meshgate.store.core import Create, Modify, Raw, StatusFault, Write

log = logging.getLogger(__name__)

_COMPONENT = "kubelet"
_PAUSE_S = 5.0
"""A probe that fails many times a second is one line that is counted now and then."""


class EventStore(Protocol):
    def get(self, kind: str, namespace: str, name: str) -> Mapping[str, object] | None: ...
    def transact(self, writes: Iterable[Write]) -> object: ...


class PodEvents:
    """Writes warnings about one pod."""

    def __init__(self, store: EventStore, ref: Ref, uid: str, now: Callable[[], datetime]) -> None:
        self._store = store
        self._ref = ref
        self._uid = uid
        self._now = now
        self._written: dict[str, float] = {}

    def warn(self, reason: str, message: str) -> None:
        key = hashlib.sha256(f"{self._uid}/{reason}/{message}".encode()).hexdigest()[:16]
        if time.monotonic() - self._written.get(key, -_PAUSE_S) < _PAUSE_S:
            return
        self._written[key] = time.monotonic()
        log.warning("a pod has a problem", extra={"pod": str(self._ref), "reason": reason, "detail": message})
        name = f"{self._ref.name[:200]}.{key}"
        try:
            self._store.transact([self._write(name, reason, message)])
        except StatusFault as fault:  # the namespace is going away
            log.debug("an event is not kept", extra={"pod": str(self._ref), "why": str(fault)})

    def _write(self, name: str, reason: str, message: str) -> Write:
        now = rfc3339(self._now())
        if self._store.get("Event", self._ref.namespace, name) is not None:
            return Modify(ref=Ref("Event", self._ref.namespace, name), change=lambda raw: _counted(raw, now))
        return Create(
            raw={
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": name, "namespace": self._ref.namespace},
                "involvedObject": {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "namespace": self._ref.namespace,
                    "name": self._ref.name,
                    "uid": self._uid,
                },
                "reason": reason,
                "message": message,
                "type": "Warning",
                "source": {"component": _COMPONENT},
                "reportingComponent": _COMPONENT,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "count": 1,
            }
        )


def _counted(raw: Raw, now: str) -> Raw:
    count = raw.get("count")
    return {**raw, "count": (count if isinstance(count, int) else 0) + 1, "lastTimestamp": now}
