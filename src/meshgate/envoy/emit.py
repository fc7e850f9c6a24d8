"""From a plan to resources: each piece spelled once, its bytes and version kept as long as the plan keeps the piece.

Nothing is decided here or below: if two proxies must differ, their plans do.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Protocol

from meshgate.envoy.cluster import cluster_body
from meshgate.envoy.endpoint import load_assignment_body
from meshgate.envoy.listener import listener_body
from meshgate.envoy.memo import Memo
from meshgate.envoy.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Resource, Resources, resource_of
from meshgate.envoy.route_configuration import route_configuration_body
from meshgate.plan.values import ClusterPlan, ListenerPlan, LoadAssignmentPlan, RouteConfigurationPlan


class Emittable(Protocol):
    """What has a proxy's listeners, clusters and routes: a `plan.Plan`, or the few values of the edge Envoy."""

    @property
    def clusters(self) -> tuple[ClusterPlan, ...]: ...
    @property
    def listeners(self) -> tuple[ListenerPlan, ...]: ...
    @property
    def route_configurations(self) -> tuple[RouteConfigurationPlan, ...]: ...


def emit(plan: Emittable, memo: Memo | None = None) -> Resources:
    """All of a plan's resources but endpoints, sorted by name. Equal plans give equal bytes, with a memo or without."""
    memo = memo if memo is not None else Memo()
    return Resources(
        clusters=_sorted(memo.of(_cluster, item) for item in plan.clusters),
        listeners=_sorted(memo.of(_listener, item) for item in plan.listeners),
        route_configurations=_sorted(memo.of(_route_configuration, item) for item in plan.route_configurations),
    )


def emit_load_assignment(plan: LoadAssignmentPlan, memo: Memo | None = None) -> Resource:
    """One cluster's endpoints."""
    return memo.of(_load_assignment, plan) if memo is not None else _load_assignment(plan, Memo())


def _sorted(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    return tuple(sorted(resources, key=attrgetter("name")))


def _cluster(plan: ClusterPlan, memo: Memo) -> Resource:
    return resource_of(plan.name, CLUSTER, cluster_body(plan, memo), plan.origin)


def _listener(plan: ListenerPlan, memo: Memo) -> Resource:
    return resource_of(plan.name, LISTENER, listener_body(plan, memo), plan.origin)


def _route_configuration(plan: RouteConfigurationPlan, memo: Memo) -> Resource:
    return resource_of(plan.name, ROUTES, route_configuration_body(plan, memo), plan.origin)


def _load_assignment(plan: LoadAssignmentPlan, _memo: Memo) -> Resource:
    return resource_of(plan.cluster, ENDPOINTS, load_assignment_body(plan))
