"""The route configurations of a gateway's HTTP ports: hosts that servers and VirtualServices have in common.

Plaintext servers of a port share one, each HTTPS server has its own: a host that another server has is not found there,
so a client that sends it by a connection it has opened for another name gets 404.

The narrower of the two names becomes a virtual host. Several VirtualServices for one host are joined, oldest first;
what takes everything goes behind the others. Without any virtual host everything is answered 404.
(istio:pilot/pkg/networking/core/gateway.go#buildGatewayHTTPRouteConfig)
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshgate.api import Ref
from meshgate.mesh import BoundServer, BoundVirtualService, Memo, Scope, host_specificity
from meshgate.plan import names
from meshgate.plan.client import Client
from meshgate.plan.destinations import KnownHosts, destinations_of, known_hosts
from meshgate.plan.gateway_rules import number_of
from meshgate.plan.gateway_servers import PortServers
from meshgate.plan.http_routes import RouteContext, routes_of
from meshgate.plan.outbound_settings import OutboundSettings
from meshgate.plan.proxy_headers import appends_forwarded_host, with_attempt_counts
from meshgate.plan.route_matches import catch_all_last
from meshgate.plan.values import RouteConfigurationPlan, RoutePlan, VirtualHostPlan

Source = tuple[str, Ref]
"""Gateway and VirtualService."""

Made = dict[Source, tuple[RoutePlan, ...]]
"""Routes as they are made for the first server of a port: its number and TLS count for all servers of the Gateway."""


class _Host:
    """A virtual host in the making."""

    def __init__(self, port: int) -> None:
        self.port = port
        """Of the first server that has it; it is in the name."""
        self.routes: list[RoutePlan] = []
        self.redirects = False
        self.sources: set[Source] = set()
        """Gateway and VirtualService whose routes it has: two servers may have the host."""

    def add(self, source: Source, routes: tuple[RoutePlan, ...], *, redirects: bool) -> None:
        """The routes of a VirtualService, once."""
        if source not in self.sources:
            self.sources.add(source)
            self.routes += routes
        self.redirects = self.redirects or redirects


class GatewayRoutes:
    """Makes the route configurations of one gateway proxy."""

    def __init__(self, scope: Scope, client: Client, settings: OutboundSettings, memo: Memo) -> None:
        self._scope = scope
        self._client = client
        self._settings = settings
        self._memo = memo

    def of_port(self, port_servers: PortServers) -> Iterator[RouteConfigurationPlan]:
        """The configurations of all HTTP servers of a port."""
        for name, servers in port_servers.route_configurations():
            yield self._of_servers(name, servers)

    def _of_servers(self, name: str, servers: tuple[BoundServer, ...]) -> RouteConfigurationPlan:
        hosts: dict[str, _Host] = {}
        made: Made = {}
        for server in servers:
            self._add_server(server, hosts, made)
        first = servers[0]
        found = tuple(sorted(self._joined(hosts), key=lambda host: host.name))
        return RouteConfigurationPlan(
            name=name,
            virtual_hosts=with_attempt_counts(found, self._settings.mesh) or (_black_hole(number_of(first)),),
            origin=first.origin,
        )

    def _add_server(self, server: BoundServer, hosts: dict[str, _Host], made: Made) -> None:
        number, context = number_of(server), self._context(server)
        redirects = bool(server.server.tls and server.server.tls.https_redirect)
        for virtual_service in self._scope.virtual_services_of(server.gateway):
            common = self._memo.get(_common_hosts, server, virtual_service)
            source = (server.gateway, virtual_service.ref)
            if common and source not in made:
                known = known_hosts(virtual_service, self._scope)
                made[source] = self._memo.get(_routes, virtual_service, known, context)
            routes = made[source] if common else ()
            for name in common if routes else ():
                hosts.setdefault(name, _Host(number)).add(source, routes, redirects=redirects)
        if redirects:
            for owner, name in server.hosts:
                # Istio looks for `namespace/host` among the hosts here, and finds none
                if not owner:
                    hosts.setdefault(name, _Host(number)).redirects = True

    def _context(self, server: BoundServer) -> RouteContext:
        return RouteContext(
            namespace=self._client.source_namespace,
            labels=self._client.labels,
            gateways=frozenset({server.gateway}),
            port=number_of(server),
            is_tls=server.server.tls is not None,
            domain=self._settings.config_domain,
            default_retry=self._settings.mesh.default_http_retry_policy,
            appends_forwarded_host=appends_forwarded_host(self._settings.mesh),
        )

    def _joined(self, hosts: dict[str, _Host]) -> Iterator[VirtualHostPlan]:
        """Hosts with equal routes become one virtual host, named after the most specific of them."""
        found: dict[tuple[tuple[RoutePlan, ...], bool], VirtualHostPlan] = {}
        for name in sorted(hosts, key=host_specificity):
            host = hosts[name]
            key = (tuple(host.routes), host.redirects)
            if key in found:
                found[key] = msgspec.structs.replace(found[key], domains=(*found[key].domains, name))
            else:
                found[key] = VirtualHostPlan(
                    name=names.virtual_host(name, host.port),
                    domains=(name,),
                    routes=catch_all_last(tuple(host.routes)),
                    require_tls="ALL" if host.redirects else "NONE",
                    origin=host.routes[0].origin if host.routes else None,
                )
        yield from found.values()


def _common_hosts(server: BoundServer, virtual_service: BoundVirtualService) -> tuple[str, ...]:
    return server.common_hosts(virtual_service.namespace, virtual_service.hosts)


def _routes(virtual_service: BoundVirtualService, known: KnownHosts, context: RouteContext) -> tuple[RoutePlan, ...]:
    found = destinations_of(virtual_service, known, context.domain, called_port_only=False)
    return routes_of(virtual_service, context, found)


def _black_hole(port: int) -> VirtualHostPlan:
    return VirtualHostPlan(
        name=names.virtual_host("blackhole", port), domains=("*",), include_request_attempt_count=False
    )
