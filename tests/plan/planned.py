"""Plans for tests: from YAML to a plan, and the parts of it by name."""

from __future__ import annotations

from typing import Any

import msgspec

from meshgate.api import MeshConfig, Problem
from meshgate.mesh import Facts
from meshgate.plan import Plan, Proxy, plan
from meshgate.plan.values import (
    ClusterPlan,
    FilterChainPlan,
    ForwardAction,
    HttpConnectionManagerPlan,
    ListenerPlan,
    RouteConfigurationPlan,
    RoutePlan,
    TcpProxyPlan,
    VirtualHostPlan,
)
from tests.mesh.objects import snapshot

SIDECAR = Proxy(
    role="sidecar", name="client", namespace="default", labels=(("app", "client"),), addresses=("10.0.0.100",)
)
ROUTER = Proxy(
    role="router",
    name="gateway",
    namespace="istio-system",
    labels=(("istio", "ingressgateway"),),
    addresses=("10.0.0.200",),
)
PLAIN = Facts(mesh=MeshConfig())
"""Istio's own mesh configuration: no access log."""


def mesh(**settings: Any) -> Facts:
    """Facts with some settings of the mesh."""
    return Facts(mesh=MeshConfig(**settings))


def planned_with_problems(text: str, proxy: Proxy = SIDECAR, facts: Facts = PLAIN) -> tuple[Plan, tuple[Problem, ...]]:
    return plan(snapshot(text, facts), proxy)


def planned(text: str, proxy: Proxy = SIDECAR, facts: Facts = PLAIN) -> Plan:
    return planned_with_problems(text, proxy, facts)[0]


def problems(text: str, proxy: Proxy = SIDECAR, facts: Facts = PLAIN) -> list[str]:
    return [str(problem) for problem in planned_with_problems(text, proxy, facts)[1]]


def listener(plan: Plan, name: str) -> ListenerPlan:
    return next(one for one in plan.listeners if one.name == name)


def listener_names(plan: Plan) -> list[str]:
    """All but the two of every sidecar."""
    return [one.name for one in plan.listeners if not one.name.startswith("virtual")]


def cluster(plan: Plan, name: str) -> ClusterPlan:
    return next(one for one in plan.clusters if one.name == name)


def cluster_names(plan: Plan, prefix: str = "outbound|") -> list[str]:
    return [one.name for one in plan.clusters if one.name.startswith(prefix)]


def configuration(plan: Plan, name: str) -> RouteConfigurationPlan:
    return next(one for one in plan.route_configurations if one.name == name)


def virtual_host(plan: Plan, name: str, host: str) -> VirtualHostPlan:
    return next(one for one in configuration(plan, name).virtual_hosts if one.name == host)


def host_names(plan: Plan, name: str) -> list[str]:
    return [one.name for one in configuration(plan, name).virtual_hosts]


def clusters_of(route: RoutePlan) -> list[str]:
    """Where a route forwards to."""
    assert isinstance(route.action, ForwardAction)
    return [one.cluster for one in route.action.clusters]


def forward(route: RoutePlan) -> ForwardAction:
    assert isinstance(route.action, ForwardAction)
    return route.action


def manager(chain: FilterChainPlan) -> HttpConnectionManagerPlan:
    (only,) = chain.filters
    assert isinstance(only, HttpConnectionManagerPlan)
    return only


def tcp(chain: FilterChainPlan | None) -> TcpProxyPlan:
    """The proxy of a chain; filters that only read may stand before it."""
    assert chain is not None
    last = chain.filters[-1]
    assert isinstance(last, TcpProxyPlan)
    return last


def tcp_clusters(chain: FilterChainPlan | None) -> list[tuple[str, int]]:
    return [(one.cluster, one.weight) for one in tcp(chain).clusters]


def with_labels(proxy: Proxy, **labels: str) -> Proxy:
    return msgspec.structs.replace(proxy, labels=tuple(sorted(labels.items())))


def in_namespace(proxy: Proxy, namespace: str) -> Proxy:
    return msgspec.structs.replace(proxy, namespace=namespace)
