"""Route configurations of a sidecar's outbound listeners: one for each port, and one for each sniffed service.

A service with a VirtualService (for the gateway `mesh`) gets its routes, any other one a default route. A
VirtualService whose host is no service appears on port 80 only. What no virtual host takes is let through or refused as
the mesh says. (istio:pilot/pkg/networking/core/httproute.go#BuildSidecarOutboundVirtualHosts)

Namespaces that see the same share all of it but for the short names: `shared_hosts` is made once for them, as for a
client of another namespace, and what is the namespace's own is put in its place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

import msgspec
from msgspec import Struct

from meshgate.api import ConsistentHashLB, HTTPRetry, OutboundMode
from meshgate.mesh import (
    MESH,
    BoundDestinationRule,
    BoundVirtualService,
    EgressView,
    Memo,
    MeshService,
    Scope,
    View,
    is_wildcard,
    is_within,
    matches,
)
from meshgate.plan import names
from meshgate.plan.client import Client
from meshgate.plan.destinations import KnownHosts, destinations_of, known_hosts
from meshgate.plan.domains import service_domains, unclaimed
from meshgate.plan.hashing import consistent_hash, hash_policies
from meshgate.plan.http_routes import NO_TIMEOUT, RouteContext, routes_of
from meshgate.plan.outbound_settings import OutboundSettings
from meshgate.plan.proxy_headers import appends_forwarded_host, with_attempt_counts
from meshgate.plan.retries import retry_policy
from meshgate.plan.values import (
    DirectResponseAction,
    ForwardAction,
    RouteAction,
    RouteConfigurationPlan,
    RouteMatch,
    RoutePlan,
    VirtualHostPlan,
    WeightedCluster,
)

HTTP_PORT = 80
"""Where hosts that are no services are routed, too."""


class Candidate(Struct, frozen=True, kw_only=True, cache_hash=True):
    """A virtual host before it is known which of its domains are free."""

    host: VirtualHostPlan
    service: MeshService | None = None
    """None for a host that is no service."""


class NeededRoutes(Struct, frozen=True, kw_only=True, cache_hash=True):
    """A route configuration that a listener asks for."""

    port: int
    service: MeshService | None = None
    """The service that has the configuration for itself; None: all HTTP services of the port share it."""
    socket: str = ""
    """The Unix socket that has it, which has no port; its name is the configuration's."""


class SharedHosts:
    """The virtual hosts of a port, as clients of a namespace see them that has none of its services."""

    def __init__(self, candidates: tuple[Candidate, ...], domain: str) -> None:
        self.candidates = candidates
        self.hosts = tuple(sorted(_with_free_domains(candidates), key=attrgetter("name")))
        self.domains = frozenset(name for host in self.hosts for name in host.domains)
        self.is_free = sum(len(one.host.domains) for one in candidates) == len(self.domains)
        """No domain is wanted twice."""
        self.places = {host.name: place for place, host in enumerate(self.hosts)}
        self.own: dict[str, list[Candidate]] = defaultdict(list)
        """By namespace: those whose service, or an alias of it, is in it; the first of each name."""
        for candidate in {one.host.name: one for one in reversed(candidates)}.values():
            for namespace in _namespaces(candidate.service, domain) if candidate.service else ():
                self.own[namespace].append(candidate)


def _namespaces(service: MeshService, domain: str) -> set[str]:
    suffix = f".svc.{domain}"
    hosts = (host for host in (service.hostname, *service.aliases) if host.endswith(suffix))
    return {host.removesuffix(suffix).rpartition(".")[2] for host in hosts}


def route_configuration(
    memo: Memo, needed: NeededRoutes, view: View, client: Client, settings: OutboundSettings, namespace: str
) -> RouteConfigurationPlan:
    """A route configuration, for clients of a namespace."""
    seen = seen_at(view, needed)
    if needed.service is not None:
        return memo.nest(_of_service, needed.service, needed.port, seen.view, client, settings)
    if seen.place.port is not None and not seen.place.takes_port:
        return memo.nest(portless_routes, needed, seen.view, client, settings, namespace)
    shared = memo.nest(shared_hosts, seen.view, client, settings, needed.port)
    own = {
        one.host.name: memo.get(
            service_candidate, one.service, needed.port, namespace, settings.cluster_domain, one.host.routes
        )
        for one in shared.own.get(namespace, ())
        if one.service is not None
    }
    return memo.get(_of_port, needed.port, _hosts_for(shared, own), settings)


def seen_at(view: View, needed: NeededRoutes) -> EgressView:
    """What is seen at the listener that routes are for: the first with their port, else the one for all ports."""
    for seen in view.listeners:
        place = seen.place
        if place.port is None or (place.port.number == needed.port and (needed.port or place.bind == needed.socket)):
            return seen
    raise AssertionError("routes are asked for by a listener")


def _of_port(port: int, hosts: tuple[VirtualHostPlan, ...], settings: OutboundSettings) -> RouteConfigurationPlan:
    return RouteConfigurationPlan(
        name=str(port), virtual_hosts=with_attempt_counts((*hosts, catch_all(settings)), settings.mesh)
    )


def portless_routes(
    memo: Memo, needed: NeededRoutes, view: View, client: Client, settings: OutboundSettings, namespace: str
) -> RouteConfigurationPlan:
    """The routes of a listener for services of all ports, a Unix socket or an HTTP proxy: hosts are called with their
    ports, but for port 80. (Istio writes the same domains, but has Envoy ignore the port, so that other ports than 80
    can't be reached; they can, here.)"""
    scope = memo.get(Scope, view)
    candidates = [
        msgspec.structs.replace(one, host=_with_port(one, port, namespace, settings.cluster_domain))
        for port, services in sorted(scope.by_port.items())
        for one in Candidates(scope, client, settings, port, memo).of(services, with_others=False)
    ]
    hosts = sorted((one for one in _with_free_domains(candidates) if one.domains), key=attrgetter("name"))
    return RouteConfigurationPlan(
        name=needed.socket or str(needed.port),
        virtual_hosts=with_attempt_counts((*hosts, catch_all(settings)), settings.mesh),
        ignore_port_in_host=False,
    )


def _with_port(candidate: Candidate, port: int, namespace: str, domain: str) -> VirtualHostPlan:
    host = candidate.host
    names_alone = service_domains(candidate.service, namespace, domain) if candidate.service else host.domains
    with_port = tuple(f"{name}:{port}" for name in names_alone)
    return msgspec.structs.replace(host, domains=(*names_alone, *with_port) if port == HTTP_PORT else with_port)


def _of_service(
    memo: Memo, service: MeshService, port: int, view: View, client: Client, settings: OutboundSettings
) -> RouteConfigurationPlan:
    """For the listener of one service alone: whatever host is asked for is meant to be it."""
    scope = memo.get(Scope, view)
    made = Candidates(scope, client, settings, port, memo)
    found = [
        one.host for one in made.of({service.hostname: scope.by_host[service.hostname]}) if one.service is not None
    ]
    hosts = tuple(msgspec.structs.replace(host, domains=("*",)) for host in found[:1])
    return RouteConfigurationPlan(
        name=names.virtual_host(service.hostname, port), virtual_hosts=with_attempt_counts(hosts, settings.mesh)
    )


def _hosts_for(shared: SharedHosts, own: Mapping[str, Candidate]) -> tuple[VirtualHostPlan, ...]:
    """The shared hosts with a namespace's own in their places."""
    if not own:
        return shared.hosts
    wanted = [name for one in own.values() for name in one.host.domains]
    known = sum(len(shared.hosts[shared.places[name]].domains) for name in own) if shared.is_free else 0
    new = [name for name in wanted if name not in shared.domains]
    if shared.is_free and len(wanted) - len(new) == known and len(new) == len(set(new)):
        hosts = list(shared.hosts)
        for name, candidate in own.items():
            hosts[shared.places[name]] = candidate.host
        return tuple(hosts)
    candidates = tuple(own.get(one.host.name, one) for one in shared.candidates)
    return tuple(sorted(_with_free_domains(candidates), key=attrgetter("name")))


def _with_free_domains(candidates: Sequence[Candidate]) -> Iterator[VirtualHostPlan]:
    """Each with the domains that none before has; a name or domain belongs to the first."""
    named: set[str] = set()
    claimed: set[str] = set()
    full_names = frozenset(one.service.hostname for one in candidates if one.service is not None)
    for candidate in candidates:
        host = candidate.host
        if host.name in named:
            continue
        named.add(host.name)
        domains = unclaimed(host.domains, claimed, full_names)
        if domains:
            yield host if domains == host.domains else msgspec.structs.replace(host, domains=domains)


def shared_hosts(memo: Memo, view: View, client: Client, settings: OutboundSettings, port: int) -> SharedHosts:
    """The virtual hosts of a port that all namespaces with this view share."""
    scope = memo.get(Scope, view)
    made = Candidates(scope, client, settings, port, memo)
    return SharedHosts(tuple(made.of(scope.by_port.get(port, {}))), settings.cluster_domain)


class Candidates:
    """Makes the virtual hosts of one port."""

    def __init__(self, scope: Scope, client: Client, settings: OutboundSettings, port: int, memo: Memo) -> None:
        self._scope = scope
        self._settings = settings
        self._port = port
        self._memo = memo
        self._context = RouteContext(
            namespace=client.source_namespace,
            labels=client.labels,
            gateways=frozenset({MESH}),
            port=port,
            domain=settings.config_domain,
            default_retry=settings.mesh.default_http_retry_policy,
            appends_forwarded_host=appends_forwarded_host(settings.mesh),
        )

    def of(self, services: Mapping[str, MeshService], *, with_others: bool = True) -> Iterator[Candidate]:
        """Those of VirtualServices in their order, then of the services that have none. `with_others`: on port 80, also
        of VirtualServices that have no service."""
        taken: set[str] = set()
        for virtual_service in self._relevant(services):
            routes = self._routes(virtual_service)
            if not routes:
                continue
            others, owned = self._split(virtual_service, services)
            owned = [service for service in owned if self._has_http_port(service)]
            if not owned and not (with_others and self._port == HTTP_PORT):
                continue
            for host in others:
                name = names.virtual_host(host, self._port)
                yield Candidate(host=VirtualHostPlan(name=name, domains=(host,), routes=routes))
            for service in owned:
                taken.add(service.hostname)
                yield self._of_service(service, routes)
        for service in services.values():
            if service.hostname not in taken and self._has_http_port(service):
                yield self._plain(service)

    def _of_service(self, service: MeshService, routes: tuple[RoutePlan, ...]) -> Candidate:
        return self._memo.get(service_candidate, service, self._port, "", self._settings.cluster_domain, routes)

    def _relevant(self, services: Mapping[str, MeshService]) -> Iterable[BoundVirtualService]:
        """On other ports than 80, those that have a service of the port; a scan only where wildcards are in play."""
        virtual_services = self._scope.virtual_services_of(MESH)
        if self._port == HTTP_PORT:
            return virtual_services
        wildcards = [host for host in services if is_wildcard(host)]
        return [one for one in virtual_services if _has_service(one, services, wildcards)]

    def _split(
        self, virtual_service: BoundVirtualService, services: Mapping[str, MeshService]
    ) -> tuple[list[str], list[MeshService]]:
        """Hosts that are no services, and the services of the others. A wildcard stands for all services for which
        it is the most specific; it appears itself only where there is none."""
        others: list[str] = []
        owned: list[MeshService] = []
        for host in sorted(virtual_service.hosts, key=is_wildcard):
            if not is_wildcard(host):
                found = [services[host]] if host in services else []
            else:
                covered = [service for name, service in services.items() if is_within(name, host)]
                winners = self._scope.wildcard_winner
                found = [one for one in covered if winners.get(one.hostname, virtual_service) == virtual_service]
                if covered and not found:
                    continue
            owned += found
            if not found:
                others.append(host)
        return others, owned

    def _routes(self, virtual_service: BoundVirtualService) -> tuple[RoutePlan, ...]:
        known = known_hosts(virtual_service, self._scope)
        return self._memo.nest(_routes_to, virtual_service, self._context, known, self._settings.config_domain)

    def _plain(self, service: MeshService) -> Candidate:
        """Of a service for which no VirtualService says anything."""
        rule = self._scope.rule_for_host(service.hostname)
        domain, default_retry = self._settings.cluster_domain, self._context.default_retry
        return self._memo.get(plain_candidate, service, self._port, rule, domain, default_retry)

    def _has_http_port(self, service: MeshService) -> bool:
        found = service.port_numbered(self._port)
        return found is not None and found.protocol.is_http_or_sniffed


def _has_service(
    virtual_service: BoundVirtualService, services: Mapping[str, MeshService], wildcards: list[str]
) -> bool:
    for host in virtual_service.hosts:
        if host in services:
            return True
        if any(matches(host, name) for name in (services if is_wildcard(host) else wildcards)):
            return True
    return False


def _routes_to(
    memo: Memo, virtual_service: BoundVirtualService, context: RouteContext, known: KnownHosts, domain: str
) -> tuple[RoutePlan, ...]:
    found = destinations_of(virtual_service, known, domain, called_port_only=True)
    return memo.get(routes_of, virtual_service, context, found)


def plain_candidate(
    service: MeshService, port: int, rule: BoundDestinationRule | None, domain: str, default_retry: HTTPRetry | None
) -> Candidate:
    """The virtual host of a service for which no VirtualService says anything."""
    routes = default_routes(service.hostname, port, consistent_hash(rule, "", port), default_retry)
    return service_candidate(service, port, "", domain, routes)


def service_candidate(
    service: MeshService, port: int, namespace: str, domain: str, routes: tuple[RoutePlan, ...]
) -> Candidate:
    """The virtual host of a service, with all domains by which clients of a namespace may call it."""
    host = VirtualHostPlan(
        name=names.virtual_host(service.hostname, port),
        domains=service_domains(service, namespace, domain),
        routes=routes,
        origin=service.origin,
    )
    return Candidate(host=host, service=service)


def default_routes(
    host: str, port: int, hashed: ConsistentHashLB | None, default_retry: HTTPRetry | None
) -> tuple[RoutePlan, ...]:
    """The routes of a service for which no VirtualService says anything."""
    action = ForwardAction(
        clusters=(WeightedCluster(cluster=names.outbound_cluster(port, "", host), weight=1),),
        max_grpc_timeout=NO_TIMEOUT,
        # as in Istio: only a rule's retries keep to the host that a request is hashed to
        retry=retry_policy(None, default_retry, hashed=False),
        hash_policies=hash_policies(hashed),
    )
    return (RoutePlan(name=names.DEFAULT_ROUTE, match=RouteMatch(), action=action, operation=f"{host}:{port}/*"),)


def catch_all(settings: OutboundSettings) -> VirtualHostPlan:
    """The virtual host for all hosts that the proxy does not know."""
    match settings.mode:
        case OutboundMode.ALLOW_ANY:
            return _take_all(names.ALLOW_ANY, _forward_to(settings.catch_all_cluster))
        case OutboundMode.ALLOW_ANY_DYNAMIC_DNS:
            return _take_all(names.ALLOW_ANY_DYNAMIC_DNS, _forward_to(names.ALLOW_ANY_DYNAMIC_DNS_CLUSTER))
        case OutboundMode.REGISTRY_ONLY:
            return _take_all(names.BLOCK_ALL, DirectResponseAction(status=502))


def _take_all(name: str, action: RouteAction) -> VirtualHostPlan:
    route = RoutePlan(name=name, match=RouteMatch(), action=action)
    return VirtualHostPlan(name=name, domains=("*",), routes=(route,))


def _forward_to(cluster: str) -> ForwardAction:
    return ForwardAction(clusters=(WeightedCluster(cluster=cluster, weight=1),), max_grpc_timeout=NO_TIMEOUT)
