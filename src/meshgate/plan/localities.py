"""Locality load balancing: which endpoints a proxy prefers, by where they and the proxy are.

What holds is the DestinationRule's setting, else what the service itself prefers, else the mesh's. Traffic is either
distributed by percentages or fails over by priorities; failing over needs outlier detection, since else Envoy would
never find that endpoints fail. (istio:pilot/pkg/networking/core/loadbalancer)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from math import ceil
from typing import Final, TypeVar

from msgspec import Struct

from meshgate.api import LocalityLoadBalancerSetting, MeshConfig
from meshgate.mesh import Distribution, MeshEndpoint, split_locality
from meshgate.plan.client import Place
from meshgate.plan.traffic_policies import EffectivePolicy
from meshgate.plan.values import Spread

T = TypeVar("T")

LARGEST_WEIGHT: Final = 2**32 - 1


class Preference(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What a cluster does about localities."""

    spread: Spread | None = None
    is_weighted: bool = False
    """Envoy looks at the weights of localities, not just at those of endpoints."""


NO_PREFERENCE = Preference()


def preference(
    policy: EffectivePolicy, distribution: Distribution, mesh: MeshConfig, place: Place | None
) -> Preference:
    """What a client at a place does about the localities of a cluster's endpoints."""
    setting, always_fails_over = _setting(policy, distribution, mesh)
    if setting is None or place is None:
        return NO_PREFERENCE
    fails_over = always_fails_over or policy.outlier_detection is not None
    return Preference(
        spread=_spread(setting, place, fails_over=fails_over),
        is_weighted=bool(setting.distribute) or (fails_over and bool(setting.failover or setting.failover_priority)),
    )


def _setting(
    policy: EffectivePolicy, distribution: Distribution, mesh: MeshConfig
) -> tuple[LocalityLoadBalancerSetting | None, bool]:
    """The setting that holds, and whether it fails over without outlier detection."""
    own = policy.load_balancer.locality_lb_setting if policy.load_balancer else None
    if own is not None:
        return (None if own.enabled is False else own), False
    if distribution is not Distribution.ANY:
        return LocalityLoadBalancerSetting(failover_priority=distribution.labels), True
    common = mesh.locality_lb_setting
    return (None if common is None or common.enabled is False else common), False


def _spread(setting: LocalityLoadBalancerSetting, place: Place, *, fails_over: bool) -> Spread | None:
    region, zone, subzone = split_locality(place.locality)
    if setting.distribute:
        shares = next((one.to for one in setting.distribute if _covers(one.from_, (region, zone, subzone))), None)
        return None if shares is None else Spread(region=region, zone=zone, subzone=subzone, shares=shares)
    if not fails_over:
        return None
    return Spread(
        region=region,
        zone=zone,
        subzone=subzone,
        labels=tuple(_best(given, place) for given in setting.failover_priority),
        by_place=bool(setting.failover) or not setting.failover_priority,
        next_region=next((one.to for one in setting.failover if one.from_ == region), ""),
    )


def _best(given: str, place: Place) -> tuple[str, str]:
    """A label of `failoverPriority`, with the value given there or the client's own."""
    key, said, value = given.partition("=")
    return (key, value) if said else (key, dict(place.labels).get(key, ""))


def _covers(pattern: str, place: tuple[str, str, str]) -> bool:
    """Whether a place is in a locality as users write it: `*` or nothing stands for every zone and subzone."""
    region, *rest = split_locality(pattern)
    return region in ("*", place[0]) and all(
        wanted in ("", "*", given) for wanted, given in zip(rest, place[1:], strict=True)
    )


class Group(Struct, frozen=True, kw_only=True):
    """Endpoints of one locality and priority."""

    locality: str
    endpoints: tuple[MeshEndpoint, ...]
    weight: int
    priority: int = 0


def groups(endpoints: Sequence[MeshEndpoint], spread: Spread | None) -> tuple[Group, ...]:
    """The endpoints by locality, in its order, weighted or with priorities as the client prefers them."""
    by_locality = _by(endpoints, lambda endpoint: endpoint.locality)
    whole = [_group(locality, by_locality[locality]) for locality in sorted(by_locality)]
    if spread is None:
        return tuple(whole)
    if spread.shares is not None:
        return _shared(whole, spread.shares)
    ranked = [part for group in whole for part in _by_labels(group, spread.labels)]
    if spread.labels:
        ranked = _without_gaps(ranked, lambda group: group.priority)
    if spread.by_place:
        ranked = _without_gaps(ranked, lambda group: 5 * group.priority + _distance(group.locality, spread))
    return tuple(ranked)


def _group(locality: str, endpoints: Iterable[MeshEndpoint], priority: int = 0) -> Group:
    found = tuple(endpoints)
    # Envoy's weights have 32 bits; those of WorkloadEntries, each of them right, can add up to more.
    weight = min(sum(endpoint.weight for endpoint in found), LARGEST_WEIGHT)
    return Group(locality=locality, endpoints=found, weight=weight, priority=priority)


def _by(endpoints: Iterable[MeshEndpoint], key: Callable[[MeshEndpoint], T]) -> dict[T, list[MeshEndpoint]]:
    found: dict[T, list[MeshEndpoint]] = defaultdict(list)
    for endpoint in endpoints:
        found[key(endpoint)].append(endpoint)
    return found


def _shared(whole: Sequence[Group], shares: Iterable[tuple[str, int]]) -> tuple[Group, ...]:
    """Each share is divided among the localities that it covers, by their weight; what none covers gets nothing."""
    weights: dict[str, int] = {}
    for pattern, percent in shares:
        covered = [
            one for one in whole if one.locality not in weights and _covers(pattern, split_locality(one.locality))
        ]
        total = sum(one.weight for one in covered)
        weights.update({one.locality: ceil(one.weight * percent / total) or one.weight for one in covered if total})
    return tuple(
        Group(locality=one.locality, endpoints=one.endpoints, weight=weights[one.locality])
        if one.locality in weights
        else Group(locality=one.locality, endpoints=(), weight=one.weight)
        for one in whole
    )


def _by_labels(group: Group, labels: Sequence[tuple[str, str]]) -> list[Group]:
    """The group in parts, by the first label in which endpoints differ: the later, the better."""
    if not labels:
        return [group]
    by_rank = _by(group.endpoints, lambda endpoint: _rank(endpoint, labels))
    return [_group(group.locality, by_rank[rank], rank) for rank in sorted(by_rank)]


def _rank(endpoint: MeshEndpoint, labels: Sequence[tuple[str, str]]) -> int:
    given = dict(endpoint.labels)
    return next((len(labels) - place for place, (key, best) in enumerate(labels) if given.get(key, "") != best), 0)


def _distance(locality: str, spread: Spread) -> int:
    region, zone, subzone = split_locality(locality)
    if region != spread.region:
        return 4 if spread.next_region and region != spread.next_region else 3
    if zone != spread.zone:
        return 2
    return 0 if subzone == spread.subzone else 1


def _without_gaps(found: Sequence[Group], rank: Callable[[Group], int]) -> list[Group]:
    """The groups with their ranks as priorities from 0 on: Envoy wants none left out."""
    ranks = [rank(group) for group in found]
    priorities = {each: priority for priority, each in enumerate(sorted(set(ranks)))}
    return [
        Group(locality=group.locality, endpoints=group.endpoints, weight=group.weight, priority=priorities[each])
        for group, each in zip(found, ranks, strict=True)
    ]
