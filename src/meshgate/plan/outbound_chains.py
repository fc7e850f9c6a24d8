"""Filter chains of a sidecar's outbound listeners for one port of one service.

HTTP is told from other bytes by the HTTP inspector, TLS services without an address of their own by SNI, CIDR ranges by
destination. Rules of VirtualServices for TCP and TLS take the place of the service's own chain.
(istio:pilot/pkg/networking/core/tls.go, listener.go)
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import timedelta

from msgspec import Struct

from meshgate.api import MeshConfig, TLSMatchAttributes
from meshgate.mesh import (
    MESH,
    BoundDestinationRule,
    BoundVirtualService,
    Memo,
    MeshService,
    Port,
    Protocol,
    Scope,
    TcpRule,
    TlsRule,
    matches,
)
from meshgate.plan import names
from meshgate.plan.client import Client
from meshgate.plan.domains import short_names
from meshgate.plan.dynamic_dns import with_sni_lookup
from meshgate.plan.http_managers import outbound_manager
from meshgate.plan.outbound_settings import OutboundSettings
from meshgate.plan.route_matches import is_for_source
from meshgate.plan.tcp_filters import TcpFilters, tcp_proxy_to_service, tcp_stack
from meshgate.plan.values import CidrRange, FilterChainMatch, FilterChainPlan, NetworkFilter, RdsReference, TcpProxyPlan

TRANSPORT_TIMEOUT = timedelta(seconds=15)
HTTP_MATCH = FilterChainMatch(transport_protocol="raw_buffer", application_protocols=names.PLAINTEXT_HTTP_ALPN)


class Place(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Where a service port is listened on."""

    address: str
    cidr: str = ""
    """The range that tells the service's connections from others of a shared listener."""


def chain(filters: tuple[NetworkFilter, ...], match: FilterChainMatch | None = None) -> FilterChainPlan:
    """A filter chain of an outbound listener or a gateway. A match that says nothing is none."""
    return FilterChainPlan(
        filters=filters,
        match=None if match == FilterChainMatch() else match,
        transport_connect_timeout=TRANSPORT_TIMEOUT,
        origin=filters[-1].origin,
    )


def cidr_range(text: str) -> CidrRange:
    """A range, with its host bits as written.

    >>> cidr_range("10.1.2.3/8"), cidr_range("10.1.2.3")
    (CidrRange(address='10.1.2.3', prefix_length=8), CidrRange(address='10.1.2.3', prefix_length=32))
    """
    interface = ipaddress.ip_interface(text)
    return CidrRange(address=str(interface.ip), prefix_length=interface.network.prefixlen)


def _ranges(cidrs: tuple[str, ...]) -> tuple[CidrRange, ...]:
    return tuple(cidr_range(text) for text in cidrs)


def _http_chain(
    settings: OutboundSettings, listener: str, routes_name: str, protocol: Protocol, dns_caches: tuple[str, ...]
) -> FilterChainPlan:
    routes = RdsReference(name=routes_name)
    manager = outbound_manager(settings, names.outbound_stat_prefix(listener), routes, protocol, dns_caches)
    return chain((manager,), HTTP_MATCH)


def _host_chain(
    service: MeshService,
    port: Port,
    rule: BoundDestinationRule | None,
    mesh: MeshConfig,
    cidr: str,
    server_names: tuple[str, ...],
) -> FilterChainPlan:
    """The chain of a service itself. Where a Sidecar names a port of its own, it leads to the service's only one."""
    target = service.ports[0] if len(service.ports) == 1 else port
    match = FilterChainMatch(prefix_ranges=_ranges((cidr,) if cidr else ()), server_names=server_names)
    proxy = tcp_proxy_to_service(service, target, rule, mesh)
    return chain(tcp_stack(port.protocol, with_sni_lookup(proxy, service, target.number)), match)


class OutboundChains:
    """Makes the chains for one client."""

    def __init__(self, scope: Scope, whole: Scope, client: Client, settings: OutboundSettings, memo: Memo) -> None:
        """`scope`: what is seen at the listener; `whole`: at any listener."""
        self._scope = scope
        self._whole = whole
        self._client = client
        self._settings = settings
        self._memo = memo
        self._filters = TcpFilters(whole, settings)
        self._tcp_virtual_services = [one for one in scope.virtual_services_of(MESH) if one.tcp or one.tls]

    def http(
        self, listener: str, routes_name: str, protocol: Protocol, dns_caches: tuple[str, ...] = ()
    ) -> FilterChainPlan:
        """The chain for HTTP."""
        return self._memo.get(_http_chain, self._settings, listener, routes_name, protocol, dns_caches)

    def tcp(self, service: MeshService, port: Port, place: Place) -> Iterator[FilterChainPlan]:
        """The chains for all else: of rules for the service's host, and the service's own unless a rule takes all."""
        rules = [
            virtual_service
            for virtual_service in self._tcp_virtual_services
            if any(matches(host, service.hostname) for host in virtual_service.hosts)
        ]
        if port.protocol.is_tls:
            yield from self._tls_chains(rules, service, port, place)
        else:
            yield from self._tcp_chains(rules, service, port, place)

    def _tls_chains(
        self, virtual_services: list[BoundVirtualService], service: MeshService, port: Port, place: Place
    ) -> Iterator[FilterChainPlan]:
        seen: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
        for virtual_service, rule, match in self._tls_matches(virtual_services, port):
            # of two matches that Envoy could not tell apart the first counts
            key = (tuple(sorted(match.sni_hosts)), tuple(sorted(match.destination_subnets)))
            if key not in seen:
                seen.add(key)
                yield self._tls_chain(rule, match, virtual_service, port, place)
        if not seen:
            yield self._own_chain(service, port, place, self._server_names(service, place))

    def _tls_matches(
        self, virtual_services: list[BoundVirtualService], port: Port
    ) -> Iterator[tuple[BoundVirtualService, TlsRule, TLSMatchAttributes]]:
        """The matches of TLS rules that are for this client and port."""
        for virtual_service in virtual_services:
            for rule in virtual_service.tls:
                found = (match for match in rule.route.match if self._is_tls_for(match, virtual_service, port))
                yield from ((virtual_service, rule, match) for match in found)

    def _own_chain(
        self, service: MeshService, port: Port, place: Place, server_names: tuple[str, ...]
    ) -> FilterChainPlan:
        rule = self._scope.rule_for_host(service.hostname)
        return self._memo.get(_host_chain, service, port, rule, self._settings.mesh, place.cidr, server_names)

    def _is_tls_for(self, match: TLSMatchAttributes, virtual_service: BoundVirtualService, port: Port) -> bool:
        return match.port in (0, port.number) and is_for_source(
            match.gateways,
            match.source_labels,
            match.source_namespace,
            namespace=virtual_service.namespace,
            own_gateways=frozenset({MESH}),
            client=(self._client.source_namespace, self._client.labels),
        )

    def _tls_chain(
        self, rule: TlsRule, match: TLSMatchAttributes, virtual_service: BoundVirtualService, port: Port, place: Place
    ) -> FilterChainPlan:
        cidrs = match.destination_subnets or ((place.cidr,) if place.cidr else ())
        proxy = self._filters.to_destinations(rule.route.route, port.number, virtual_service.ref, rule.origin)
        return chain(
            (self._looked_up(proxy),),
            FilterChainMatch(prefix_ranges=_ranges(cidrs), server_names=match.sni_hosts),
        )

    def _looked_up(self, proxy: TcpProxyPlan) -> TcpProxyPlan:
        """As Istio has it, only the one destination of a rule can be looked up: a cache is one service's."""
        parsed = names.parse_cluster(proxy.clusters[0].cluster) if len(proxy.clusters) == 1 else None
        return proxy if parsed is None else with_sni_lookup(proxy, self._whole.by_host.get(parsed[3]), parsed[1])

    def _server_names(self, service: MeshService, place: Place) -> tuple[str, ...]:
        """SNI is what tells services apart that share a listener; one with an address of its own needs none.

        Of aliases the short names count that all namespaces may use.
        """
        if not place.cidr and place.address not in (names.WILDCARD, names.WILDCARD_V6):
            return ()
        found = [service.hostname]
        for alias in service.aliases:
            found += [alias, *short_names(alias, "", self._settings.cluster_domain)]
        return tuple(found)

    def _tcp_chains(
        self, virtual_services: list[BoundVirtualService], service: MeshService, port: Port, place: Place
    ) -> Iterator[FilterChainPlan]:
        own = (place.cidr,) if place.cidr else ()
        is_replaced = False
        for virtual_service in virtual_services:
            for rule in virtual_service.tcp:
                cidrs = self._cidrs_taken(rule, virtual_service, port)
                if cidrs is None:
                    continue
                proxy = self._filters.to_destinations(rule.route.route, port.number, virtual_service.ref, rule.origin)
                match = FilterChainMatch(prefix_ranges=_ranges(cidrs or own))
                yield chain(tcp_stack(port.protocol, proxy), match)
                if not cidrs:
                    return
                is_replaced = is_replaced or sorted(cidrs) == sorted(own)
        if not is_replaced:
            yield self._own_chain(service, port, place, ())

    def _cidrs_taken(self, rule: TcpRule, virtual_service: BoundVirtualService, port: Port) -> tuple[str, ...] | None:
        """The destination ranges that a rule takes; empty: all; None: it is not for this client and port."""
        if not rule.route.match:
            return ()
        found: list[str] = []
        is_taken = False
        for match in rule.route.match:
            applies = match.port in (0, port.number) and is_for_source(
                match.gateways,
                match.source_labels,
                match.source_namespace,
                namespace=virtual_service.namespace,
                own_gateways=frozenset({MESH}),
                client=(self._client.source_namespace, self._client.labels),
            )
            if not applies:
                continue
            if not match.destination_subnets:
                return ()
            is_taken = True
            found += match.destination_subnets
        return tuple(found) if is_taken else None
