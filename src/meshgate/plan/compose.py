"""`plan`: what one proxy must do, put together from its parts.

Proxies of equal kind, namespace and relevant labels share the outbound part; what a workload serves is its own. With a
memo, parts whose inputs did not change are the same objects as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec
from msgspec import Struct

from meshgate.api import OutboundMode, Problem
from meshgate.mesh import (
    BoundDestinationRule,
    DestinationRuleIndex,
    Scope,
    ServiceTarget,
    Snapshot,
    World,
    service_targets,
)
from meshgate.plan import fixed_clusters, names
from meshgate.plan.client import Client, client_of
from meshgate.plan.gateway_listeners import edge_listener, gateway_listener, unruled_servers
from meshgate.plan.gateway_routes import GatewayRoutes
from meshgate.plan.gateway_servers import PortServers, merged_servers
from meshgate.plan.inbound_chains import virtual_inbound
from meshgate.plan.inbound_clusters import inbound_clusters
from meshgate.plan.memo import Memo
from meshgate.plan.outbound_clusters import Made, service_clusters
from meshgate.plan.outbound_settings import outbound_settings
from meshgate.plan.proxy import Proxy
from meshgate.plan.sidecar_listeners import OutboundListeners
from meshgate.plan.sidecar_routes import SidecarRoutes
from meshgate.plan.values import ClusterPlan, ListenerPlan, RouteConfigurationPlan
from meshgate.plan.virtual_outbound import virtual_outbound

Named = TypeVar("Named", ListenerPlan, RouteConfigurationPlan, ClusterPlan)


class Plan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What a proxy must do; each part sorted by name."""

    listeners: tuple[ListenerPlan, ...]
    route_configurations: tuple[RouteConfigurationPlan, ...]
    clusters: tuple[ClusterPlan, ...]


Planned = tuple[Plan, tuple[Problem, ...]]


def plan(snapshot: Snapshot, proxy: Proxy, memo: Memo | None = None) -> Planned:
    """The plan for a proxy, and what is found wrong while making it (no errors: all of it serves).

    Endpoints are no part of it: see `load_assignments`.
    """
    memo = memo or Memo()
    world = memo.turn(snapshot.world)
    targets = service_targets(snapshot, proxy.namespace, proxy.name, proxy.labels, proxy.addresses)
    return memo.nest(_sidecar if proxy.role == "sidecar" else _router, world, proxy, targets)


def _scope(memo: Memo, world: World, namespace: str) -> Scope:
    rules = memo.get(_rule_index, world.destination_rules, world.mesh.root_namespace)
    return Scope(world, namespace, rules)


def _rule_index(rules: tuple[BoundDestinationRule, ...], root_namespace: str) -> DestinationRuleIndex:
    return DestinationRuleIndex(rules, root_namespace)


def _sidecar(memo: Memo, world: World, proxy: Proxy, targets: tuple[ServiceTarget, ...]) -> Planned:
    scope = memo.nest(_scope, world, proxy.namespace)
    client = client_of(proxy, scope, world.headless)
    outbound, problems = memo.nest(_outbound, world, client)
    wildcard = names.WILDCARD if client.has_ipv4 else names.WILDCARD_V6
    inbound = memo.get(virtual_inbound, world.mesh, world.facts, wildcard, targets)
    return Plan(
        listeners=_by_name((*outbound.listeners, inbound)),
        route_configurations=outbound.route_configurations,
        clusters=_by_name((*outbound.clusters, *memo.get(inbound_clusters, world.mesh, targets))),
    ), problems


def _outbound(memo: Memo, world: World, client: Client) -> Planned:
    """All of a sidecar's plan that does not depend on what it serves."""
    scope = memo.nest(_scope, world, client.namespace)
    settings = outbound_settings(world)
    layout = OutboundListeners(scope, client, settings, world.headless)
    layout.lay_out()
    routes = SidecarRoutes(scope, client, settings, memo)
    configurations = {}
    for entry in layout.entries.values():
        if entry.shares_routes:
            configurations[str(entry.port)] = routes.of_port(entry.port)
        for name, service in entry.sniffed.items():
            configurations[name] = routes.of_service(service, entry.port)
    clusters, problems = _service_clusters(memo, world, scope, client)
    fixed = [
        memo.get(fixed_clusters.black_hole, world.mesh),
        memo.get(fixed_clusters.passthrough, world.mesh),
        memo.get(fixed_clusters.inbound_passthrough, world.mesh),
    ]
    if world.mesh.outbound_traffic_policy.mode is OutboundMode.ALLOW_ANY_DYNAMIC_DNS:
        fixed.append(memo.get(fixed_clusters.allow_any_dynamic_dns, world.mesh, client))
    return Plan(
        listeners=_by_name((*layout.listeners(), virtual_outbound(client, settings))),
        route_configurations=_by_name(configurations.values()),
        clusters=_by_name((*fixed, *clusters)),
    ), (*layout.problems, *problems)


def _router(memo: Memo, world: World, proxy: Proxy, targets: tuple[ServiceTarget, ...]) -> Planned:
    scope = memo.nest(_scope, world, proxy.namespace)
    client = client_of(proxy, scope, ())
    ports, problems = memo.get(merged_servers, world.gateways, proxy.labels, targets)
    listeners = tuple(_gateway_listeners(world, scope, client, ports, proxy.edge_socket))
    problems += unruled_servers(ports, {one.name for one in listeners}, client)
    routes = GatewayRoutes(scope, client, outbound_settings(world), memo)
    clusters, cluster_problems = memo.nest(_router_clusters, world, client)
    return Plan(
        listeners=_by_name(listeners),
        route_configurations=_by_name(routes.of_port(one) for one in ports if one.is_http),
        clusters=clusters,
    ), (*problems, *cluster_problems)


def _gateway_listeners(
    world: World, scope: Scope, client: Client, ports: Iterable[PortServers], edge_socket: str | None
) -> Iterator[ListenerPlan]:
    """Ports that listen; those on all addresses are doubled for the edge."""
    for port_servers in ports:
        listener = gateway_listener(port_servers, scope, client, outbound_settings(world))
        if listener is None:
            continue
        yield listener
        if edge_socket is not None and not port_servers.bind:
            yield edge_listener(listener, port_servers.port, edge_socket)


def _router_clusters(memo: Memo, world: World, client: Client) -> tuple[tuple[ClusterPlan, ...], tuple[Problem, ...]]:
    scope = memo.nest(_scope, world, client.namespace)
    clusters, problems = _service_clusters(memo, world, scope, client)
    return _by_name((memo.get(fixed_clusters.black_hole, world.mesh), *clusters)), problems


def _service_clusters(memo: Memo, world: World, scope: Scope, client: Client) -> Made:
    """The clusters of all services that a client sees."""
    sharing = msgspec.structs.replace(client, namespace="", labels=(), own_address="")
    clusters: list[ClusterPlan] = []
    problems: list[Problem] = []
    for service in scope.by_host.values():
        rule = scope.rule_for(service, client.labels)
        for port in service.ports:
            made, found = memo.get(service_clusters, service, port, rule, sharing, world.mesh)
            clusters += made
            problems += found
    return tuple(clusters), tuple(dict.fromkeys(problems))


def _by_name(values: Iterable[Named]) -> tuple[Named, ...]:
    """Sorted; of two with one name the first counts (two ports of a service may have one number)."""
    found: dict[str, Named] = {}
    for value in values:
        found.setdefault(value.name, value)
    return tuple(found[name] for name in sorted(found))
