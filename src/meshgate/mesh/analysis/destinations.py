"""Where VirtualServices send: hosts, ports and subsets that are not there."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.api import Destination, Origin, Problem, codes
from meshgate.mesh.analysis.indexes import ServiceIndex, SubsetIndex
from meshgate.mesh.host import MESH, full_name
from meshgate.mesh.problems import at, missing_reference, warning
from meshgate.mesh.service import MeshService
from meshgate.mesh.virtual_services import BoundVirtualService, HttpRule

Placed = tuple[Destination, Origin, str]
"""A destination, where it is written, and the namespace in which its short name is meant."""


def destination_problems(
    virtual_service: BoundVirtualService, services: ServiceIndex, subsets: SubsetIndex
) -> tuple[Problem, ...]:
    """IST0101, IST0112."""
    caller = _Caller(virtual_service, services)
    return tuple(
        problem
        for placed in placed_destinations(virtual_service)
        for problem in _problems(placed, caller, services, subsets)
    )


def placed_destinations(virtual_service: BoundVirtualService) -> Iterator[Placed]:
    """All destinations, copies included."""
    for http in virtual_service.http:
        yield from ((destination, origin, http.namespace) for destination, origin in placed_in_rule(http))
    rules = [(rule.origin, rule.route.route) for rule in virtual_service.tcp]
    rules += [(rule.origin, rule.route.route) for rule in virtual_service.tls]
    for rule_origin, targets in rules:
        for place, target in enumerate(targets):
            if target.destination is not None:
                yield target.destination, at(rule_origin, f"route[{place}].destination"), virtual_service.namespace


def placed_in_rule(rule: HttpRule) -> Iterator[tuple[Destination, Origin]]:
    """Those of one HTTP rule, each with its place."""
    for place, one in enumerate(rule.route.route):
        if one.destination is not None:
            yield one.destination, at(rule.origin, f"route[{place}].destination")
    if rule.route.mirror is not None:
        yield rule.route.mirror, at(rule.origin, "mirror")
    for place, mirror in enumerate(rule.route.mirrors):
        if mirror.destination is not None:
            yield mirror.destination, at(rule.origin, f"mirrors[{place}].destination")


class _Caller:
    """Which ports are called by those whose requests a VirtualService routes."""

    def __init__(self, virtual_service: BoundVirtualService, services: ServiceIndex) -> None:
        self.is_gateway = any(gateway != MESH for gateway in virtual_service.gateways)
        in_mesh = MESH in virtual_service.gateways
        called = [services.by_host.get(host) for host in virtual_service.hosts if in_mesh]
        self.mesh_ports = sorted(
            {port.number for service in called if service for port in service.ports if port.protocol.is_http}
        )


def _problems(placed: Placed, caller: _Caller, services: ServiceIndex, subsets: SubsetIndex) -> Iterator[Problem]:
    destination, origin, namespace = placed
    host = full_name(destination.host, namespace, services.domain).lower()
    service = services.named(host)
    if service is None:
        yield _no_service(host, at(origin, "host"), services)
        return
    yield from _port_problems(destination, origin, service, caller)
    names = subsets.of(host)
    if destination.subset and destination.subset not in names:
        text = f'no DestinationRule gives host "{host}" a subset "{destination.subset}"'
        yield missing_reference(at(origin, "subset"), text, f"subsets: {', '.join(sorted(names))}" if names else "")


def _no_service(host: str, origin: Origin, services: ServiceIndex) -> Problem:
    alias = services.by_host.get(host)
    if alias is not None:
        text = f'service "{host}" is an ExternalName for "{alias.alias_of}", which is no service of the mesh'
        return missing_reference(origin, text, f'give "{alias.alias_of}" a ServiceEntry')
    return missing_reference(origin, f'no service "{host}"', _hint(host, services))


def _hint(host: str, services: ServiceIndex) -> str:
    wildcard = services.covering(host)
    if wildcard is not None:
        return f'service "{wildcard.hostname}" is no destination for it: give it a ServiceEntry of its own'
    return services.hint(host)


def _port_problems(
    destination: Destination, origin: Origin, service: MeshService, caller: _Caller
) -> Iterator[Problem]:
    """A port that the service does not have: the one named, or the one called, which sidecars take if none is named."""
    origin = at(origin, "port")
    ports = ", ".join(str(port.number) for port in service.ports)
    if destination.port:
        if service.port_numbered(destination.port) is None:
            text = f'service "{service.hostname}" has no port {destination.port}'
            yield missing_reference(origin, text, f"ports: {ports}")
        return
    for called in caller.mesh_ports:
        if service.port_numbered(called) is None:
            text = f'service "{service.hostname}" has no port {called}, which sidecars take when it is called'
            yield missing_reference(origin, text, f"name a port; ports: {ports}")
    if caller.is_gateway and len(service.ports) > 1:
        text = f'service "{service.hostname}" has several ports, so the number of the gateway\'s server is taken'
        yield warning(codes.PORT_NEEDED, origin, text, f"name a port; ports: {ports}")
