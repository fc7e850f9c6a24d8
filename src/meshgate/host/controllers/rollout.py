"""How many pods a Deployment makes and ends next: Kubernetes' arithmetic of rolling updates, in numbers only.

New pods come up to `maxSurge` above the wanted number, old ones go as far as `maxUnavailable` below it stays available;
those that are not ready go first. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy
"""

from __future__ import annotations

import math
from typing import Any

import msgspec


class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    """Of one Deployment, for the number of replicas that it wants."""

    replicas: int
    max_surge: int
    max_unavailable: int
    recreate: bool = False
    """All old pods end before the first new one is made."""

    @property
    def min_available(self) -> int:
        return max(self.replicas - self.max_unavailable, 0)


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Pods of a Deployment that are not being deleted."""

    new: int
    new_available: int
    old: int
    old_available: int
    ending: int = 0
    """Old ones that are being deleted and still run."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What to do next."""

    create: int = 0
    end_new: int = 0
    end_old: int = 0


def strategy_of(replicas: int, given: Any) -> Strategy:
    """From `spec.strategy`; both limits are 25 % by default.

    >>> strategy_of(4, None)
    Strategy(replicas=4, max_surge=1, max_unavailable=1, recreate=False)
    >>> strategy_of(1, None)
    Strategy(replicas=1, max_surge=1, max_unavailable=0, recreate=False)
    """
    given = given or {}
    if given.get("type") == "Recreate":
        return Strategy(replicas=replicas, max_surge=0, max_unavailable=replicas, recreate=True)
    limits = given.get("rollingUpdate") or {}
    surge = _share(limits.get("maxSurge", "25%"), replicas, math.ceil)
    unavailable = _share(limits.get("maxUnavailable", "25%"), replicas, math.floor)
    if surge == 0 and unavailable == 0:
        unavailable = 1  # else nothing could ever move
    return Strategy(replicas=replicas, max_surge=surge, max_unavailable=min(unavailable, replicas))


def next_step(strategy: Strategy, counts: Counts) -> Step:
    """The next step; nothing to do when all pods are new and as many as wanted."""
    if strategy.recreate and (counts.old or counts.ending):
        return Step(end_old=counts.old)
    total = counts.new + counts.old
    room = strategy.replicas + strategy.max_surge - total
    create = max(min(strategy.replicas - counts.new, room), 0)
    return Step(
        create=create,
        end_new=max(counts.new - strategy.replicas, 0),
        end_old=_old_to_end(strategy, counts),
    )


def _old_to_end(strategy: Strategy, counts: Counts) -> int:
    """Old pods that are not available serve nobody; of the others as many as the available ones allow."""
    new_unavailable = min(counts.new, strategy.replicas) - min(counts.new_available, strategy.replicas)
    spare = counts.old + min(counts.new, strategy.replicas) - strategy.min_available - new_unavailable
    useless = min(counts.old - counts.old_available, max(spare, 0))
    available = min(counts.new_available, strategy.replicas) + counts.old_available
    useful = max(min(counts.old_available, available - strategy.min_available), 0)
    return useless + useful


def _share(value: Any, replicas: int, rounded: Any) -> int:
    if isinstance(value, str) and value.endswith("%"):
        return int(rounded(replicas * int(value[:-1]) / 100))
    return int(value)
