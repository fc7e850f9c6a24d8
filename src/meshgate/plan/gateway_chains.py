"""Filter chains of a gateway's port: one for all plaintext HTTP, one for each server that takes TLS off, one for each
match of a rule for TLS that goes through. Those of TLS are told apart by SNI; `*` is for whatever names no other.

Envoy refuses a listener two of whose chains have one name. Istio lets that happen; here the first one has the name, and
those who asked for it too are told. (istio:pilot/pkg/networking/core/gateway.go#buildGatewayTCPBasedFilterChains)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

import msgspec

from meshgate.api import Origin, Problem, codes
from meshgate.mesh import BoundServer, Scope, at, is_within, warning
from meshgate.plan import names
from meshgate.plan.gateway_rules import ByteRule, number_of, tcp_rules, tls_rules
from meshgate.plan.gateway_servers import (
    PortServers,
    ServerGroup,
    https_routes,
    is_https,
    is_terminated,
    protocol_of,
    sni_hosts,
)
from meshgate.plan.gateway_tls import is_passed_through, server_tls
from meshgate.plan.http_managers import gateway_manager
from meshgate.plan.outbound_chains import chain
from meshgate.plan.outbound_settings import OutboundSettings
from meshgate.plan.sni_routing import is_routed_by_sni, sni_chains
from meshgate.plan.tcp_filters import TcpFilters, tcp_stack
from meshgate.plan.values import FilterChainMatch, FilterChainPlan, NetworkFilter, TcpProxyPlan


class GatewayChains:
    """Makes the filter chains of one port, in Istio's order."""

    def __init__(self, port_servers: PortServers, listener: str, scope: Scope, settings: OutboundSettings) -> None:
        self._port_servers = port_servers
        self._stat_prefix = names.outbound_stat_prefix(listener)
        self._scope = scope
        self._settings = settings
        self._filters = TcpFilters(scope, settings)
        self._named: dict[str, Origin] = {
            name: server.origin
            for server in port_servers.servers
            if is_terminated(server.server)
            for name in sni_hosts(server) or ("*",)
        }
        """By SNI, whose chain it is."""
        self.idle: list[Problem] = []
        """MG0105 for servers of bytes for which there is no rule, once the chains are made."""
        self.served: set[Origin] = set()
        """Matches for TLS that goes through that have a chain."""
        self.shadowed: dict[Origin, Problem] = {}
        """IST0130 for those that have none here."""

    def made(self) -> tuple[FilterChainPlan, ...]:
        """The chains; none if nothing would be done with a connection."""
        without: list[BoundServer] = []
        found = tuple(found for group in self._port_servers.groups for found in self._of_group(group, without))
        for server in without:
            self._tell_idle(server, {idle.origin for idle in without})
        return found

    def _of_group(self, group: ServerGroup, without: list[BoundServer]) -> Iterator[FilterChainPlan]:
        """The chains of some servers; those that should have one but for a rule are added to `without`."""
        if group.protocol.is_http:
            routes = self._port_servers.http_routes
            yield chain((gateway_manager(self._settings.mesh, self._stat_prefix, routes, group.protocol),))
            return
        for server in group.servers:
            found = tuple(self._of_server(server))
            if not found and not is_routed_by_sni(server):
                without.append(server)
            yield from found

    def _of_server(self, server: BoundServer) -> Iterator[FilterChainPlan]:
        settings, protocol = server.server.tls, protocol_of(server.server)
        if is_routed_by_sni(server):
            yield from self._by_sni(server)
        elif settings is not None and is_passed_through(settings):
            yield from self._passed_through(server)
        elif is_https(server.server):
            prefix = server.server.name or self._stat_prefix
            routes = https_routes(server)
            yield self._terminated(server, (gateway_manager(self._settings.mesh, prefix, routes, protocol),))
        else:
            rule = next(tcp_rules(server, self._scope), None)
            if rule is not None:
                yield self._terminated(server, tcp_stack(protocol, self._proxy(server, rule)))

    def _terminated(self, server: BoundServer, filters: tuple[NetworkFilter, ...]) -> FilterChainPlan:
        """The chain of a server's own; without TLS it takes all connections."""
        settings = server.server.tls
        tls = server_tls(settings, self._settings.mesh) if settings is not None else None
        return msgspec.structs.replace(chain(filters, FilterChainMatch(server_names=sni_hosts(server))), tls=tls)

    def _passed_through(self, server: BoundServer) -> Iterator[FilterChainPlan]:
        for rule, origin in tls_rules(server, self._scope):
            hosts = tuple(dict.fromkeys(host.lower() for host in rule.sni_hosts))
            if self._is_free(hosts, rule, origin):
                self._named.update(dict.fromkeys(hosts, rule.origin))
                self.served.add(origin)
                match = FilterChainMatch(server_names=() if "*" in hosts else hosts)
                yield chain((self._proxy(server, rule),), match)

    def _by_sni(self, server: BoundServer) -> Iterator[FilterChainPlan]:
        """The names are the mesh's own; another server of the port may have made the same chain."""
        for name, made in sni_chains(server, self._scope, self._settings.mesh):
            if name not in self._named:
                self._named[name] = server.origin
                yield made

    def _is_free(self, hosts: Iterable[str], rule: ByteRule, match: Origin) -> bool:
        """Whether no other chain has one of the names; as in Istio, a match goes as a whole."""
        taken = next((host for host in hosts if host in self._named), None)
        if taken is None:
            return True
        winner = self._named[taken]
        if winner.ref != rule.origin.ref:
            text = f'nothing reaches this at a gateway: {winner} has the connections for "{taken}" before'
            hint = "an SNI of a port is for one rule or server; the whole match is left out"
            self.shadowed.setdefault(match, warning(codes.UNREACHABLE_RULE, match, text, hint))
        return False

    def _proxy(self, server: BoundServer, rule: ByteRule) -> TcpProxyPlan:
        return self._filters.to_destinations(
            rule.destinations, number_of(server), rule.virtual_service.ref, rule.origin
        )

    def _tell_idle(self, server: BoundServer, idle: Set[Origin]) -> None:
        settings = server.server.tls
        kind = "tls" if settings is not None and is_passed_through(settings) else "tcp"
        is_alone = len(self._port_servers.servers) == 1
        effect = "nothing listens there" if is_alone else self._without_chain(server, idle)
        rule = f'"{kind}" rule for port {number_of(server)} of Gateway "{server.gateway}"'
        text = f"no VirtualService has a {rule}, so {effect}"
        self.idle.append(warning(codes.NO_RULE, at(server.origin, "port"), text))

    def _without_chain(self, server: BoundServer, idle: Set[Origin]) -> str:
        """What becomes of the connections of a server without a chain: Envoy takes that of the next wider name."""
        wider = {name: winner for name, winner in self._named.items() if winner not in idle}
        for host in sni_hosts(server):
            name = max((name for name in wider if is_within(host, name)), key=len, default=None)
            if name is not None:
                return f'connections for "{host}" go to {wider[name]}, which has "{name}"'
        return "its connections are refused"
