"""Route configurations of a sidecar's outbound listeners: one for each port, and one for each sniffed service.

A service with a VirtualService (for the gateway `mesh`) gets its routes, any other one a default route. A
VirtualService whose host is no service appears on port 80 only. What no virtual host takes is let through or refused as
the mesh says.
(istio:pilot/pkg/networking/core/httproute.go#BuildSidecarOutboundVirtualHosts)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from meshgate.api import ConsistentHashLB, HTTPRetry, MeshConfig, OutboundMode
from meshgate.mesh import MESH, BoundVirtualService, MeshService, Scope, is_wildcard, is_within, matches
from meshgate.plan import names
from meshgate.plan.client import Client
from meshgate.plan.destinations import destinations_of
from meshgate.plan.domains import service_domains, unclaimed
from meshgate.plan.hashing import consistent_hash, hash_policies
from meshgate.plan.http_routes import NO_TIMEOUT, RouteContext, routes_of
from meshgate.plan.memo import Memo
from meshgate.plan.outbound_settings import OutboundSettings
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


class SidecarRoutes:
    """Makes the route configurations of one client."""

    def __init__(self, scope: Scope, client: Client, settings: OutboundSettings, memo: Memo) -> None:
        self._scope = scope
        self._client = client
        self._settings = settings
        self._memo = memo
        self._virtual_services = scope.virtual_services_of(MESH)

    def of_port(self, port: int) -> RouteConfigurationPlan:
        """The configuration that all HTTP services of a port share."""
        services = self._scope.by_port.get(port, {})
        hosts = sorted(self._virtual_hosts(port, services), key=lambda host: host.name)
        return RouteConfigurationPlan(name=str(port), virtual_hosts=(*hosts, catch_all(self._settings.mesh)))

    def of_service(self, service: MeshService, port: int) -> RouteConfigurationPlan:
        """The configuration of a service whose protocol is found out on a listener of its own: it takes any host."""
        service = self._scope.by_host.get(service.hostname, service)
        found = [
            host
            for host in self._virtual_hosts(port, {service.hostname: service})
            if service.hostname in host.domains or not host.domains
        ]
        return RouteConfigurationPlan(
            name=names.virtual_host(service.hostname, port),
            virtual_hosts=tuple(msgspec.structs.replace(host, domains=("*",)) for host in found[:1]),
        )

    def _virtual_hosts(self, port: int, services: Mapping[str, MeshService]) -> Iterator[VirtualHostPlan]:
        """Virtual hosts of VirtualServices, then of the other services; a name or domain belongs to the first."""
        named: set[str] = set()
        claimed: set[str] = set()
        full_names = frozenset(services)
        for candidate in self._candidates(port, services):
            if candidate.name in named:
                continue
            named.add(candidate.name)
            domains = unclaimed(candidate.domains, claimed, full_names, candidate.domains[0])
            if domains:
                yield candidate if domains == candidate.domains else msgspec.structs.replace(candidate, domains=domains)

    def _candidates(self, port: int, services: Mapping[str, MeshService]) -> Iterator[VirtualHostPlan]:
        taken: set[str] = set()
        for virtual_service in self._relevant(port, services):
            routes = self._routes(virtual_service, port)
            if not routes:
                continue
            others, owned = self._split(virtual_service, services)
            owned = [service for service in owned if _has_http_port(service, port)]
            if not owned and port != HTTP_PORT:
                continue
            for host in others:
                yield VirtualHostPlan(name=names.virtual_host(host, port), domains=(host,), routes=routes)
            for service in owned:
                taken.add(service.hostname)
                yield self._memo.get(
                    service_virtual_host, service, port, self._client.namespace, self._settings.cluster_domain, routes
                )
        for service in services.values():
            if service.hostname not in taken and _has_http_port(service, port):
                yield self._default_virtual_host(service, port)

    def _relevant(self, port: int, services: Mapping[str, MeshService]) -> Iterable[BoundVirtualService]:
        """On other ports than 80, those that have a service of the port; a scan only where wildcards are in play."""
        if port == HTTP_PORT:
            return self._virtual_services
        wildcards = [host for host in services if is_wildcard(host)]
        return [one for one in self._virtual_services if _has_service(one, services, wildcards)]

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

    def _routes(self, virtual_service: BoundVirtualService, port: int) -> tuple[RoutePlan, ...]:
        context = RouteContext(
            namespace=self._client.namespace,
            labels=self._client.labels,
            gateways=frozenset({MESH}),
            port=port,
            domain=self._settings.config_domain,
            default_retry=self._settings.mesh.default_http_retry_policy,
        )
        found = destinations_of(
            virtual_service, self._scope, self._client, self._settings.config_domain, called_port_only=True
        )
        return self._memo.get(routes_of, virtual_service, context, found)

    def _default_virtual_host(self, service: MeshService, port: int) -> VirtualHostPlan:
        rule = self._scope.rule_for(service, self._client.labels)
        routes = self._memo.get(
            default_routes,
            service.hostname,
            port,
            consistent_hash(rule, "", port),
            self._settings.mesh.default_http_retry_policy,
        )
        return self._memo.get(
            service_virtual_host, service, port, self._client.namespace, self._settings.cluster_domain, routes
        )


def _has_http_port(service: MeshService, port: int) -> bool:
    found = service.port_numbered(port)
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


def service_virtual_host(
    service: MeshService, port: int, namespace: str, domain: str, routes: tuple[RoutePlan, ...]
) -> VirtualHostPlan:
    """The virtual host of a service, with all its domains."""
    return VirtualHostPlan(
        name=names.virtual_host(service.hostname, port),
        domains=service_domains(service, namespace, domain),
        routes=routes,
        origin=service.origin,
    )


def default_routes(
    host: str, port: int, hashed: ConsistentHashLB | None, default_retry: HTTPRetry | None
) -> tuple[RoutePlan, ...]:
    """The routes of a service for which no VirtualService says anything."""
    action = ForwardAction(
        clusters=(WeightedCluster(cluster=names.outbound_cluster(port, "", host), weight=1),),
        max_grpc_timeout=NO_TIMEOUT,
        retry=retry_policy(None, default_retry, hashed=hashed is not None),
        hash_policies=hash_policies(hashed),
    )
    return (RoutePlan(name=names.DEFAULT_ROUTE, match=RouteMatch(), action=action, operation=f"{host}:{port}/*"),)


def catch_all(mesh: MeshConfig) -> VirtualHostPlan:
    """The virtual host for all hosts that the mesh does not know."""
    match mesh.outbound_traffic_policy.mode:
        case OutboundMode.ALLOW_ANY:
            return _take_all(names.ALLOW_ANY, _forward_to(names.PASSTHROUGH))
        case OutboundMode.ALLOW_ANY_DYNAMIC_DNS:
            return _take_all(names.ALLOW_ANY_DYNAMIC_DNS, _forward_to(names.ALLOW_ANY_DYNAMIC_DNS_CLUSTER))
        case OutboundMode.REGISTRY_ONLY:
            return _take_all(names.BLOCK_ALL, DirectResponseAction(status=502))


def _take_all(name: str, action: RouteAction) -> VirtualHostPlan:
    route = RoutePlan(name=name, match=RouteMatch(), action=action)
    return VirtualHostPlan(name=name, domains=("*",), routes=(route,))


def _forward_to(cluster: str) -> ForwardAction:
    return ForwardAction(clusters=(WeightedCluster(cluster=cluster, weight=1),), max_grpc_timeout=NO_TIMEOUT)
