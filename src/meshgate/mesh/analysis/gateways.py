"""VirtualServices and their gateways: missing ones, hosts that are not taken, rules that no server reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.api import Origin, Problem, Server, ServerTLSMode, codes
from meshgate.mesh.analysis.beside import LabelIndex
from meshgate.mesh.analysis.indexes import GatewayIndex
from meshgate.mesh.gateways import BoundGateway
from meshgate.mesh.host import MESH, matches
from meshgate.mesh.problems import missing_reference, warning
from meshgate.mesh.protocol import Protocol, parse_protocol
from meshgate.mesh.virtual_services import BoundVirtualService

_PASSED_THROUGH = frozenset({ServerTLSMode.PASSTHROUGH, ServerTLSMode.AUTO_PASSTHROUGH})


def binding_problems(virtual_service: BoundVirtualService, gateways: GatewayIndex) -> tuple[Problem, ...]:
    """Gateways that do not exist, hosts that none of the existing ones takes, rules for another protocol."""
    bound = [gateways.by_name[name] for name in virtual_service.gateways if name in gateways.by_name]
    return (
        *_missing(virtual_service, gateways),
        *_hosts_not_taken(virtual_service, bound),
        *_unused_rules(virtual_service, bound),
    )


def _missing(virtual_service: BoundVirtualService, gateways: GatewayIndex) -> Iterator[Problem]:
    for place, name in enumerate(virtual_service.gateways):
        if name != MESH and name not in gateways.by_name:
            origin = Origin(virtual_service.ref, f"spec.gateways[{place}]")
            yield missing_reference(origin, f'no Gateway "{name}"', gateways.hint(name))


def _hosts_not_taken(virtual_service: BoundVirtualService, gateways: list[BoundGateway]) -> Iterator[Problem]:
    taken = {
        host for host in virtual_service.hosts if any(_takes(one, virtual_service.namespace, host) for one in gateways)
    }
    if not gateways or (MESH in virtual_service.gateways and taken):
        return  # the other hosts are meant for the mesh
    for place, host in enumerate(virtual_service.hosts):
        if host not in taken:
            yield _host_not_taken(virtual_service, place, host, gateways)


def _takes(gateway: BoundGateway, namespace: str, host: str) -> bool:
    return any(server.common_hosts(namespace, (host,)) for server in gateway.servers)


def _host_not_taken(
    virtual_service: BoundVirtualService, place: int, host: str, gateways: list[BoundGateway]
) -> Problem:
    names = ", ".join(f'"{gateway.name}"' for gateway in gateways)
    given = [pair for gateway in gateways for server in gateway.servers for pair in server.hosts]
    why = f' from namespace "{virtual_service.namespace}"' if any(matches(name, host) for _, name in given) else ""
    taken = dict.fromkeys(f"{owner}/{name}" if owner else name for owner, name in given)
    return warning(
        codes.HOST_NOT_IN_GATEWAY,
        Origin(virtual_service.ref, f"spec.hosts[{place}]"),
        f'Gateway {names} does not take host "{host}"{why}',
        f"its hosts: {', '.join(taken)}",
    )


def _unused_rules(virtual_service: BoundVirtualService, gateways: Iterable[BoundGateway]) -> Iterator[Problem]:
    """Rules that none of the servers reads; where sidecars are meant too, they may be the ones who do."""
    servers = [
        server.server
        for gateway in gateways
        for server in gateway.servers
        if server.common_hosts(virtual_service.namespace, virtual_service.hosts)
    ]
    if not servers or MESH in virtual_service.gateways:
        return
    read = {_rules_of(server) for server in servers}
    given = {"http": virtual_service.http, "tcp": virtual_service.tcp, "tls": virtual_service.tls}
    if not any(given[name] for name in read):
        protocols = ", ".join(dict.fromkeys(server.port.protocol for server in servers if server.port))
        for name in (name for name, rules in given.items() if rules):
            text = f"the servers of its gateways speak {protocols} and read {' and '.join(sorted(read))} rules only"
            yield warning(codes.RULES_UNUSED, Origin(virtual_service.ref, f"spec.{name}"), text)


def _rules_of(server: Server) -> str:
    """Which rules a server reads."""
    protocol = parse_protocol(server.port.protocol if server.port else "")
    if protocol.is_tls:
        if server.tls is not None and server.tls.mode in _PASSED_THROUGH:
            return "tls"
        return "http" if protocol is Protocol.HTTPS else "tcp"
    return "http" if protocol.is_http else "tcp"


def selector_problems(gateway: BoundGateway, labels: LabelIndex) -> tuple[Problem, ...]:
    """A Gateway whose selector selects no workload; nothing is said where there are none at all."""
    if not gateway.selector or not labels.namespaces or labels.has(gateway.selector):
        return ()
    wanted = ", ".join(f"{key}={value}" for key, value in gateway.selector)
    return (missing_reference(Origin(gateway.ref, "spec.selector"), f'no pod has the labels "{wanted}"'),)
