"""Matches of VirtualServices that never hold: for gateways that it is not bound to, or ports that nobody calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.api import HTTPMatchRequest, L4MatchAttributes, Origin, Problem, TLSMatchAttributes, codes
from meshgate.mesh.analysis.indexes import GatewayIndex, ServiceIndex
from meshgate.mesh.host import MESH, gateway_name, is_wildcard
from meshgate.mesh.problems import at, warning
from meshgate.mesh.virtual_services import BoundVirtualService

Match = HTTPMatchRequest | L4MatchAttributes | TLSMatchAttributes
PORT_OF_OTHER_HOSTS = 80
"""Where sidecars route hosts that are no services."""


def idle_match_problems(
    virtual_service: BoundVirtualService, gateways: GatewayIndex, services: ServiceIndex
) -> tuple[Problem, ...]:
    """MG0111 for each match that never holds."""
    found = (
        _problem(match, origin, virtual_service, gateways, services) for match, origin in _matches(virtual_service)
    )
    return tuple(problem for problem in found if problem is not None)


def _matches(virtual_service: BoundVirtualService) -> Iterator[tuple[Match, Origin]]:
    """Each match with its place; those that a delegate's rule has from its root are told at the delegate."""
    given: list[tuple[Iterable[Match], Origin]] = [(http.route.match, http.origin) for http in virtual_service.http]
    given += [(tls.route.match, tls.origin) for tls in virtual_service.tls]
    given += [(tcp.route.match, tcp.origin) for tcp in virtual_service.tcp]
    for matches, origin in given:
        for place, match in enumerate(matches):
            yield match, at(origin, f"match[{place}]")


def _problem(
    match: Match,
    origin: Origin,
    virtual_service: BoundVirtualService,
    gateways: GatewayIndex,
    services: ServiceIndex,
) -> Problem | None:
    named = [gateway_name(name, origin.ref.namespace) for name in match.gateways]
    meant = [name for name in named or virtual_service.gateways if name in virtual_service.gateways]
    if not meant:
        text = f"it is for {_list(named)}, and the VirtualService for {_list(virtual_service.gateways)}: it never holds"
        return warning(codes.IDLE_MATCH, at(origin, "gateways"), text, "name the gateway in spec.gateways, too")
    ports = _ports(meant, virtual_service, gateways, services) if match.port else None
    if ports is None or match.port in ports:
        return None
    text = f"nobody calls port {match.port} here: it never holds"
    hint = f"ports: {', '.join(str(port) for port in sorted(ports))}" if ports else ""
    return warning(codes.IDLE_MATCH, at(origin, "port"), text, hint)


def _list(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _ports(
    meant: Iterable[str], virtual_service: BoundVirtualService, gateways: GatewayIndex, services: ServiceIndex
) -> set[int] | None:
    """The ports by which the rules may be reached: servers' and services' own; None where it can't be known."""
    found: set[int] = set()
    for name in meant:
        gateway = gateways.by_name.get(name)
        if name == MESH:
            if any(is_wildcard(host) for host in virtual_service.hosts):
                return None
            for host in virtual_service.hosts:
                service = services.named(host) or services.covering(host)
                found |= {port.number for port in service.ports} if service else {PORT_OF_OTHER_HOSTS}
        elif gateway is None:
            return None
        else:
            found |= {one.server.port.number for one in gateway.servers if one.server.port}
    return found
