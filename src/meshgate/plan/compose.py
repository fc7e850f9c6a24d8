"""`plan`: what one proxy must do, put together from its parts.

Proxies of equal kind, namespace and relevant labels share the outbound part; what a workload serves is its own. With a
memo, parts whose inputs did not change are the same objects as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from operator import attrgetter
from typing import Protocol, TypeVar

import msgspec
from msgspec import Struct

from meshgate.api import MeshConfig, OutboundMode, Problem
from meshgate.mesh import (
    UNKNOWN,
    ClientSelectors,
    DestinationRuleIndex,
    HeadlessAddresses,
    Memo,
    Scope,
    ServiceTarget,
    ServiceTrust,
    SidecarIndex,
    Snapshot,
    View,
    World,
    client_selectors,
    place_keys,
    service_targets,
    sidecar_view,
    view_of,
    workload_mtls,
)
from meshgate.plan import fixed_clusters, names
from meshgate.plan.client import Client, client_of, placeless
from meshgate.plan.fixed_clusters import inbound_bind_addresses
from meshgate.plan.gateway_listeners import GatewayListeners, edge_listener
from meshgate.plan.gateway_reuse import reused_connections
from meshgate.plan.gateway_routes import GatewayRoutes
from meshgate.plan.gateway_rules import shadowed_tcp_rules
from meshgate.plan.gateway_servers import PortServers, merged_servers, servers_of_bytes
from meshgate.plan.gateway_shadows import shadowed_rules
from meshgate.plan.inbound_chains import bound_listeners, unused_tls, virtual_inbound
from meshgate.plan.inbound_clusters import InboundRules, inbound_clusters
from meshgate.plan.ingress_targets import ingress_targets
from meshgate.plan.outbound_clusters import Made, service_clusters
from meshgate.plan.outbound_settings import OutboundSettings, outbound_settings
from meshgate.plan.proxy import Proxy
from meshgate.plan.sidecar_listeners import OutboundListeners
from meshgate.plan.sidecar_routes import NeededRoutes, route_configuration
from meshgate.plan.sni_routing import covered, servers_by_sni, sni_clusters
from meshgate.plan.values import ClusterPlan, ListenerPlan, RouteConfigurationPlan
from meshgate.plan.virtual_outbound import virtual_outbound


class HasName(Protocol):
    """Listeners, route configurations, clusters."""

    @property
    def name(self) -> str: ...


Named = TypeVar("Named", bound=HasName)


class Part(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Some of what a proxy must do; each kind sorted by name."""

    listeners: tuple[ListenerPlan, ...] = ()
    route_configurations: tuple[RouteConfigurationPlan, ...] = ()
    clusters: tuple[ClusterPlan, ...] = ()


class Plan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What a proxy must do. There may be hundreds of proxies that must do thousands of things: what many of them do
    alike stands in parts that they share. No two parts have a listener, a cluster or routes of one name.
    """

    parts: tuple[Part, ...] = ()

    @property
    def listeners(self) -> tuple[ListenerPlan, ...]:
        """All listeners, sorted by name."""
        return _joined(part.listeners for part in self.parts)

    @property
    def route_configurations(self) -> tuple[RouteConfigurationPlan, ...]:
        """All route configurations, sorted by name."""
        return _joined(part.route_configurations for part in self.parts)

    @property
    def clusters(self) -> tuple[ClusterPlan, ...]:
        """All clusters, sorted by name."""
        return _joined(part.clusters for part in self.parts)


Planned = tuple[Plan, tuple[Problem, ...]]


def plan(snapshot: Snapshot, proxy: Proxy, memo: Memo | None = None) -> Planned:
    """The plan for a proxy, and what is found wrong while making it (no errors: all of it serves).

    Endpoints are no part of it: see `load_assignments`.
    """
    memo = memo or Memo()
    targets = service_targets(snapshot, proxy.namespace, proxy.name, proxy.labels, proxy.addresses)
    return memo.nest(_sidecar if proxy.role == "sidecar" else _router, snapshot.world, proxy, targets)


def client_scope(snapshot: Snapshot, proxy: Proxy, memo: Memo | None = None) -> Scope:
    """The services that a proxy sees and the rules for them, as they are planned with; for one who asks why."""
    memo, world = memo or Memo(), snapshot.world
    client = _client(memo, world, proxy)
    if proxy.role == "router":
        return memo.get(Scope, memo.nest(view_of, world, proxy.namespace, client.labels))
    sidecar = memo.get(SidecarIndex, world.sidecars, world.mesh.root_namespace).of(proxy.namespace, proxy.labels)
    return memo.get(Scope, memo.nest(sidecar_view, world, proxy.namespace, client.labels, sidecar))


def _client(memo: Memo, world: World, proxy: Proxy) -> Client:
    """What of the proxy its outbound part depends on."""
    return client_of(proxy, memo.nest(_selectors, world), world.headless)


def _selectors(memo: Memo, world: World) -> ClientSelectors:
    keys = memo.get(place_keys, world.destination_rules, world.services, world.mesh.locality_lb_setting)
    return memo.get(client_selectors, world.virtual_services, world.destination_rules, keys)


def _sidecar(memo: Memo, world: World, proxy: Proxy, targets: tuple[ServiceTarget, ...]) -> Planned:
    sidecar = memo.get(SidecarIndex, world.sidecars, world.mesh.root_namespace).of(proxy.namespace, proxy.labels)
    client = _client(memo, world, proxy)
    view = memo.nest(sidecar_view, world, proxy.namespace, client.labels, sidecar)
    settings = memo.get(outbound_settings, world, sidecar)
    if sidecar is not None:
        targets = memo.get(ingress_targets, targets, sidecar, proxy.namespace, proxy.addresses)
    outbound = memo.nest(_outbound, view, client, settings, world.headless)
    clusters, problems = memo.nest(_sidecar_clusters, view, client, settings, world.trusts)
    routes = memo.nest(_routes, outbound.routes, view, placeless(client), settings, proxy.namespace)
    wildcard = names.WILDCARD if client.has_ipv4 else names.WILDCARD_V6
    mtls = memo.nest(
        workload_mtls, world.peer_authentications, world.mesh.root_namespace, proxy.namespace, proxy.labels
    )
    inbound = memo.get(virtual_inbound, world.mesh, mtls, wildcard, targets)
    rules, sources = _inbound_rules(memo, world, proxy.namespace, targets), inbound_bind_addresses(client)
    bound = memo.get(bound_listeners, world.mesh, mtls, targets)
    own = memo.get(_inbound, (inbound, *bound), memo.get(inbound_clusters, world.mesh, targets, rules, sources))
    unused = memo.get(unused_tls, mtls, targets)
    return Plan(parts=(outbound.part, clusters, routes, own)), (*outbound.problems, *problems, *unused)


def _inbound(listeners: tuple[ListenerPlan, ...], clusters: tuple[ClusterPlan, ...]) -> Part:
    return Part(listeners=_by_name(listeners), clusters=clusters)


def _inbound_rules(memo: Memo, world: World, namespace: str, targets: tuple[ServiceTarget, ...]) -> InboundRules:
    """The DestinationRules for what a workload serves."""
    index = memo.get(DestinationRuleIndex, world.destination_rules, world.mesh.root_namespace)
    services = dict.fromkeys(target.service for target in targets)
    found = ((one.hostname, index.find_for_all(one.hostname, one.namespace, namespace)) for one in services)
    return tuple((host, rule) for host, rule in found if rule is not None)


class Outbound(Struct, frozen=True, kw_only=True):
    """A sidecar's listeners for what goes out, and their needs of routes, in which the namespace's short names are."""

    part: Part
    routes: tuple[NeededRoutes, ...]
    problems: tuple[Problem, ...]


def _outbound(
    memo: Memo, view: View, client: Client, settings: OutboundSettings, headless: tuple[HeadlessAddresses, ...]
) -> Outbound:
    """What all sidecars share that see the same."""
    anywhere = placeless(client)
    layout = OutboundListeners(view, anywhere, settings, headless, memo)
    layout.lay_out()
    return Outbound(
        part=Part(
            listeners=_by_name((*layout.listeners(), memo.get(virtual_outbound, anywhere, settings))),
        ),
        routes=tuple(layout.needed_routes()),
        problems=tuple(layout.problems),
    )


def _sidecar_clusters(
    memo: Memo, view: View, client: Client, settings: OutboundSettings, trusts: tuple[ServiceTrust, ...]
) -> tuple[Part, tuple[Problem, ...]]:
    """The clusters that all sidecars share that see the same."""
    mesh = settings.mesh
    clusters, problems = _service_clusters(memo, memo.get(Scope, view), client, mesh, trusts)
    fixed = [
        memo.get(fixed_clusters.black_hole, mesh),
        memo.get(fixed_clusters.passthrough, mesh),
        memo.get(fixed_clusters.inbound_passthrough, mesh, inbound_bind_addresses(client)),
    ]
    if settings.mode is OutboundMode.ALLOW_ANY_DYNAMIC_DNS:
        fixed.append(memo.get(fixed_clusters.allow_any_dynamic_dns, mesh, placeless(client)))
    return Part(clusters=_by_name((*fixed, *clusters))), problems


def _routes(
    memo: Memo,
    needed: tuple[NeededRoutes, ...],
    view: View,
    client: Client,
    settings: OutboundSettings,
    namespace: str,
) -> Part:
    """The route configurations that the listeners ask for, for clients of a namespace."""
    made = (memo.nest(route_configuration, one, view, client, settings, namespace) for one in needed)
    return Part(route_configurations=_by_name(made))


def _router(memo: Memo, world: World, proxy: Proxy, targets: tuple[ServiceTarget, ...]) -> Planned:
    client = _client(memo, world, proxy)
    view = memo.nest(view_of, world, proxy.namespace, client.labels)
    scope, settings = memo.get(Scope, view), memo.get(outbound_settings, world)
    ports, problems = memo.get(merged_servers, world.gateways, proxy.labels, targets)
    making = GatewayListeners(scope, client, settings)
    listeners = _by_name(_doubled(ports, making, proxy.edge_socket))
    problems += (*making.problems(), *shadowed_tcp_rules(servers_of_bytes(ports), scope))
    problems += memo.get(reused_connections, ports, world.mesh)
    routes = GatewayRoutes(scope, client, settings, memo)
    configurations = _by_name(chain.from_iterable(routes.of_port(one) for one in ports))
    for configuration in configurations:
        problems += memo.nest(shadowed_rules, configuration)
    clusters, cluster_problems = memo.nest(_router_clusters, view, client, world.mesh, world.trusts)
    sharing = msgspec.structs.replace(client, source_namespace="", labels=(), own_address="")
    by_sni = (memo.get(sni_clusters, *one, sharing, world.mesh) for one in covered(servers_by_sni(ports), scope))
    own = Part(listeners=listeners, route_configurations=configurations, clusters=_by_name(chain.from_iterable(by_sni)))
    return Plan(parts=(clusters, memo.same(own))), (*problems, *cluster_problems)


def _doubled(ports: Iterable[PortServers], making: GatewayListeners, edge_socket: str | None) -> Iterator[ListenerPlan]:
    """Ports that listen; those on all addresses are doubled for the edge."""
    for port_servers in ports:
        listener = making.of_port(port_servers)
        if listener is None:
            continue
        yield listener
        if edge_socket is not None and not port_servers.bind:
            yield edge_listener(listener, port_servers.port, edge_socket)


def _router_clusters(
    memo: Memo, view: View, client: Client, mesh: MeshConfig, trusts: tuple[ServiceTrust, ...]
) -> tuple[Part, tuple[Problem, ...]]:
    clusters, problems = _service_clusters(memo, memo.get(Scope, view), client, mesh, trusts)
    return Part(clusters=_by_name((memo.get(fixed_clusters.black_hole, mesh), *clusters))), problems


def _service_clusters(
    memo: Memo, scope: Scope, client: Client, mesh: MeshConfig, trusts: tuple[ServiceTrust, ...]
) -> Made:
    """The clusters of all services that a client sees."""
    known = {(trust.hostname, trust.namespace): trust for trust in trusts}
    sharing = msgspec.structs.replace(client, source_namespace="", labels=(), own_address="")
    clusters: list[ClusterPlan] = []
    problems: list[Problem] = []
    for service in scope.by_host.values():
        rule = scope.rule_for_host(service.hostname)
        for port in service.ports:
            trust = known.get((service.hostname, service.namespace), UNKNOWN)
            made, found = memo.get(service_clusters, service, port, rule, sharing, mesh, trust)
            clusters += made
            problems += found
    return tuple(clusters), tuple(dict.fromkeys(problems))


def _by_name(values: Iterable[Named]) -> tuple[Named, ...]:
    """Sorted; of two with one name the first counts (two ports of a service may have one number)."""
    found: dict[str, Named] = {}
    for value in values:
        found.setdefault(value.name, value)
    return tuple(found[name] for name in sorted(found))


def _joined(kinds: Iterable[tuple[Named, ...]]) -> tuple[Named, ...]:
    """All of them, sorted."""
    found = [values for values in kinds if values]
    return found[0] if len(found) == 1 else tuple(sorted(chain.from_iterable(found), key=attrgetter("name")))
