"""The TCP and TLS rules that are for a server of a gateway, in the order in which they count.

A rule is for a server if its VirtualService is bound to the server's Gateway, has a host in common with the server, and
one of its matches names no other port or gateway. (istio:pilot/pkg/networking/core/gateway.go)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from meshgate.api import (
    L4MatchAttributes,
    Origin,
    Problem,
    RouteDestination,
    TLSMatchAttributes,
    codes,
)
from meshgate.mesh import BoundServer, BoundVirtualService, Scope, TlsRule, at, gateway_name, matches, warning


class ByteRule(Struct, frozen=True, kw_only=True):
    """Where a rule sends connections."""

    virtual_service: BoundVirtualService
    destinations: tuple[RouteDestination, ...]
    origin: Origin
    """Of the rule."""
    sni_hosts: tuple[str, ...] = ()
    """Of a match for TLS that goes through."""


def number_of(server: BoundServer) -> int:
    """The port as the user writes it."""
    assert server.server.port is not None, "servers without a port are not merged"
    return server.server.port.number


def tcp_rules(server: BoundServer, scope: Scope) -> Iterator[ByteRule]:
    """Rules for bytes; the first one decides. Of a TLSRoute also its TLS rules, where the server takes TLS off."""
    for one in _virtual_services(server, scope):
        for tcp in one.tcp:
            given = tcp.route.match
            if tcp.route.route and (not given or any(_is_for(match, server, one) for match in given)):
                yield ByteRule(virtual_service=one, destinations=tcp.route.route, origin=tcp.origin)
        for tls in one.tls if one.is_tls_route and server.server.tls is not None else ():
            if any(_is_for(match, server, one) for match in tls.route.match):
                yield ByteRule(virtual_service=one, destinations=tls.route.route, origin=tls.origin)


def tls_rules(server: BoundServer, scope: Scope) -> Iterator[tuple[ByteRule, Origin]]:
    """Rules for TLS that goes through, one for each match, and where the match stands."""
    for one in _virtual_services(server, scope):
        for tls in one.tls:
            given = enumerate(tls.route.match if tls.route.route else ())
            found = ((place, match) for place, match in given if _is_for(match, server, one))
            yield from ((_byte_rule(one, tls, match), at(tls.origin, f"match[{place}]")) for place, match in found)


def _byte_rule(virtual_service: BoundVirtualService, rule: TlsRule, match: TLSMatchAttributes) -> ByteRule:
    return ByteRule(
        virtual_service=virtual_service,
        destinations=rule.route.route,
        origin=rule.origin,
        sni_hosts=match.sni_hosts,
    )


def shadowed_tcp_rules(servers: Iterable[BoundServer], scope: Scope) -> tuple[Problem, ...]:
    """IST0130 for TCP rules that are for some server, and of none the first."""
    winners: set[Origin] = set()
    losers: dict[Origin, Origin] = {}
    for server in servers:
        found = [rule.origin for rule in tcp_rules(server, scope)]
        winners.update(found[:1])
        losers.update((loser, found[0]) for loser in found[1:])
    text = "nothing reaches this at a gateway: {} takes the connections of its port before"
    return tuple(
        warning(codes.UNREACHABLE_RULE, loser, text.format(winner), "bytes carry no host: a port is for one rule")
        for loser, winner in losers.items()
        if loser not in winners and loser.ref != winner.ref
    )


def _virtual_services(server: BoundServer, scope: Scope) -> Iterator[BoundVirtualService]:
    """The VirtualServices that have a host in common with a server."""
    for virtual_service in scope.virtual_services_of(server.gateway):
        hosts = server.hosts_for(virtual_service.namespace)
        if any(matches(one, other) for one in hosts for other in virtual_service.hosts):
            yield virtual_service


def _is_for(
    match: L4MatchAttributes | TLSMatchAttributes, server: BoundServer, virtual_service: BoundVirtualService
) -> bool:
    gateways = [gateway_name(name, virtual_service.namespace) for name in match.gateways]
    return match.port in (0, number_of(server)) and (not gateways or server.gateway in gateways)
