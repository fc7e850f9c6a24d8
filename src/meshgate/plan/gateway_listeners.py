"""A gateway's listeners: one for each port (and address), and its double behind the edge Envoy.

An HTTP port listens even without routes and answers 404; a TCP port that no rule is for does not listen at all.
(istio:pilot/pkg/networking/core/gateway.go#BuildListeners)
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

import msgspec

from meshgate.api import L4MatchAttributes, MeshConfig, Origin, Problem, codes
from meshgate.mesh import BoundServer, BoundVirtualService, Scope, TcpRule, at, gateway_name, matches, warning
from meshgate.plan import names
from meshgate.plan.access_logs import listener_access_logs
from meshgate.plan.client import Client
from meshgate.plan.gateway_servers import PortServers
from meshgate.plan.http_managers import gateway_manager
from meshgate.plan.outbound_chains import chain
from meshgate.plan.outbound_settings import OutboundSettings
from meshgate.plan.tcp_filters import TcpFilters, tcp_stack
from meshgate.plan.values import (
    FilterChainPlan,
    ListenerFilter,
    ListenerPlan,
    PipeAddress,
    ProxyProtocolFilter,
    SocketAddress,
    TcpProxyPlan,
)

UNIX = "unix://"
EDGE_SOCKET_MODE = 0o666
"""The edge runs as another user; who may reach the socket at all is decided by its directory."""


def gateway_listener(
    port_servers: PortServers, scope: Scope, client: Client, settings: OutboundSettings
) -> ListenerPlan | None:
    """The listener of a port; None if nothing would be done with a connection."""
    address = _address(port_servers, client)
    name = names.listener(address, port_servers.port)
    found = _chain(port_servers, name, scope, settings)
    if found is None:
        return None
    return ListenerPlan(
        name=name,
        address=_bound(address, port_servers.port),
        filter_chains=(found,),
        listener_filters=_proxy_protocol(settings.mesh),
        direction="OUTBOUND",
        max_connections_per_socket_event=1,
        access_logs=listener_access_logs(settings.mesh),
        origin=port_servers.servers[0].origin,
    )


def _bound(address: str, port: int) -> SocketAddress | PipeAddress:
    """What is bound; a Unix socket is written as one, with port 0."""
    if address.startswith(UNIX):
        return PipeAddress(path=address.removeprefix(UNIX))
    return SocketAddress(address=address, port=port)


def _address(port_servers: PortServers, client: Client) -> str:
    return port_servers.bind or (names.WILDCARD if client.has_ipv4 else names.WILDCARD_V6)


def unruled_servers(ports: Iterable[PortServers], listeners: Container[str], client: Client) -> tuple[Problem, ...]:
    """MG0105 for TCP servers whose port does not listen, because no rule is for it."""
    return tuple(
        warning(
            codes.NO_RULE,
            at(port_servers.servers[0].origin, "port"),
            f'no VirtualService has a "tcp" rule for port {_number(port_servers)} of Gateway '
            f'"{port_servers.servers[0].gateway}", so nothing listens there',
        )
        for port_servers in ports
        if names.listener(_address(port_servers, client), port_servers.port) not in listeners
    )


def _number(port_servers: PortServers) -> int:
    return _number_of(port_servers.servers[0])


def _number_of(server: BoundServer) -> int:
    assert server.server.port is not None, "servers without a port are not merged"
    return server.server.port.number


def edge_listener(listener: ListenerPlan, port: int, socket: str) -> ListenerPlan:
    """The same, on a Unix socket on which the edge Envoy delivers connections and says from whom they are."""
    others = tuple(one for one in listener.listener_filters if not isinstance(one, ProxyProtocolFilter))
    return msgspec.structs.replace(
        listener,
        name=names.edge_listener(port),
        address=PipeAddress(path=names.edge_socket_path(socket, port), mode=EDGE_SOCKET_MODE),
        listener_filters=(ProxyProtocolFilter(), *others),
    )


def _proxy_protocol(mesh: MeshConfig) -> tuple[ListenerFilter, ...]:
    topology = mesh.default_config.gateway_topology
    return (ProxyProtocolFilter(),) if topology and topology.proxy_protocol is not None else ()


def _chain(
    port_servers: PortServers, listener: str, scope: Scope, settings: OutboundSettings
) -> FilterChainPlan | None:
    if not port_servers.is_http:
        proxy = tcp_route(port_servers.servers[0], scope, settings)
        return chain(tcp_stack(port_servers.protocol, proxy)) if proxy else None
    stat_prefix, routes = names.outbound_stat_prefix(listener), port_servers.route_configuration
    return chain((gateway_manager(settings.mesh, stat_prefix, routes, port_servers.protocol),))


def tcp_route(server: BoundServer, scope: Scope, settings: OutboundSettings) -> TcpProxyPlan | None:
    """Where the first TCP rule that is for a server sends its connections."""
    found = next(_rules_for(server, scope), None)
    if found is None:
        return None
    virtual_service, rule = found
    filters = TcpFilters(scope, settings)
    return filters.to_destinations(rule.route.route, _number_of(server), virtual_service.ref, rule.origin)


def shadowed_tcp_rules(ports: Iterable[PortServers], scope: Scope) -> tuple[Problem, ...]:
    """IST0130 for TCP rules that are for some server, and of none the first."""
    winners: set[Origin] = set()
    losers: dict[Origin, Origin] = {}
    for port_servers in ports:
        if port_servers.is_http:
            continue
        found = [rule.origin for _, rule in _rules_for(port_servers.servers[0], scope)]
        winners.update(found[:1])
        losers.update((loser, found[0]) for loser in found[1:])
    text = "nothing reaches this at a gateway: {} takes the connections of its port before"
    return tuple(
        warning(codes.UNREACHABLE_RULE, loser, text.format(winner), "bytes carry no host: a port is for one rule")
        for loser, winner in losers.items()
        if loser not in winners and loser.ref != winner.ref
    )


def _rules_for(server: BoundServer, scope: Scope) -> Iterator[tuple[BoundVirtualService, TcpRule]]:
    """The TCP rules that are for a server, in the order in which they count."""
    for virtual_service, rule in _tcp_rules(server, scope):
        given = rule.route.match
        if not given or any(_is_for(match, _number_of(server), server.gateway, virtual_service) for match in given):
            yield virtual_service, rule


def _tcp_rules(server: BoundServer, scope: Scope) -> Iterator[tuple[BoundVirtualService, TcpRule]]:
    """The rules of the VirtualServices that have a host in common with a server."""
    for virtual_service in scope.virtual_services_of(server.gateway):
        hosts = server.hosts_for(virtual_service.namespace)
        if any(matches(one, other) for one in hosts for other in virtual_service.hosts):
            for rule in virtual_service.tcp:
                yield virtual_service, rule


def _is_for(match: L4MatchAttributes, port: int, gateway: str, virtual_service: BoundVirtualService) -> bool:
    gateways = [gateway_name(name, virtual_service.namespace) for name in match.gateways]
    return match.port in (0, port) and (not gateways or gateway in gateways)
