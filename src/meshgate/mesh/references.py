"""Names in VirtualServices, Gateways and DestinationRules that lead nowhere, found once for the whole mesh.

Nothing is changed by it: what is broken stays as it is and answers 503 or 404.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from meshgate.api import Destination, Origin, Problem, codes, is_subset
from meshgate.mesh.destination_rules import BoundDestinationRule
from meshgate.mesh.gateways import BoundGateway
from meshgate.mesh.host import MESH, HostIndex, full_name, is_wildcard, matches
from meshgate.mesh.nearest import Nearest
from meshgate.mesh.problems import at, missing_reference, warning
from meshgate.mesh.scope import merged_by_host
from meshgate.mesh.service import MeshService, Resolving
from meshgate.mesh.snapshot import World
from meshgate.mesh.virtual_services import BoundVirtualService, HttpRule
from meshgate.mesh.workloads import Workload


def broken_references(world: World, workloads: Iterable[Workload]) -> tuple[Problem, ...]:
    """All names that lead nowhere: IST0101, IST0109, IST0112, IST0132, MG0104."""
    known = _Known(world)
    problems: list[Problem] = []
    for virtual_service in world.virtual_services:
        problems.extend(_gateway_problems(virtual_service, known))
        problems.extend(_destination_problems(virtual_service, known))
    problems.extend(_shared_mesh_hosts(world.virtual_services))
    problems.extend(_taken_hosts(world.services, known))
    problems.extend(_unselecting_gateways(world.gateways, tuple(workloads)))
    problems.extend(_ruleless_hosts(world.destination_rules, known))
    return tuple(problems)


class _Known:
    """What there is to refer to."""

    def __init__(self, world: World) -> None:
        self.domain = world.facts.config_domain
        self.gateways: Mapping[str, BoundGateway] = {gateway.name: gateway for gateway in world.gateways}
        self.services = merged_by_host(world.services)
        self.wildcard_services: HostIndex[MeshService] = HostIndex()
        for host, service in self.services.items():
            self.wildcard_services.add(host, service)
        self.subsets: HostIndex[set[str]] = HostIndex()
        for rule in world.destination_rules:
            self.subsets.add(rule.host, set())
            names = self.subsets.exact(rule.host)
            if names is not None:
                names.update(bound.subset.name for bound in rule.subsets)
        self.nearest_gateway = Nearest(self.gateways)
        self.nearest_service = Nearest(self.services)


def _gateway_problems(virtual_service: BoundVirtualService, known: _Known) -> Iterator[Problem]:
    """Gateways that do not exist, and hosts that none of the existing ones takes."""
    gateways = []
    for place, name in enumerate(virtual_service.gateways):
        origin = Origin(virtual_service.ref, f"spec.gateways[{place}]")
        if name == MESH:
            continue
        if name in known.gateways:
            gateways.append(known.gateways[name])
        else:
            yield missing_reference(origin, f'no Gateway "{name}"', known.nearest_gateway.hint(name))
    if not gateways:
        return
    taken = [
        host for host in virtual_service.hosts if any(_takes(one, virtual_service.namespace, host) for one in gateways)
    ]
    if MESH in virtual_service.gateways and taken:
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
    by_host = any(
        matches(given, host) for gateway in gateways for server in gateway.servers for _, given in server.hosts
    )
    why = f' from namespace "{virtual_service.namespace}"' if by_host else ""
    taken = dict.fromkeys(
        f"{owner}/{given}" if owner else given
        for gateway in gateways
        for server in gateway.servers
        for owner, given in server.hosts
    )
    return warning(
        codes.HOST_NOT_IN_GATEWAY,
        Origin(virtual_service.ref, f"spec.hosts[{place}]"),
        f'Gateway {names} does not take host "{host}"{why}',
        f"its hosts: {', '.join(taken)}",
    )


def _destination_problems(virtual_service: BoundVirtualService, known: _Known) -> Iterator[Problem]:
    caller = _Caller(virtual_service, known)
    for http in virtual_service.http:
        for destination, origin in _http_destinations(http):
            yield from _check(destination, origin, http.namespace, caller, known)
    l4_rules = [(rule.origin, rule.route.route) for rule in virtual_service.tcp]
    l4_rules += [(rule.origin, rule.route.route) for rule in virtual_service.tls]
    for rule_origin, targets in l4_rules:
        for place, target in enumerate(targets):
            if target.destination is not None:
                origin = at(rule_origin, f"route[{place}].destination")
                yield from _check(target.destination, origin, virtual_service.namespace, caller, known)


class _Caller:
    """Which ports are called by those whose requests a VirtualService routes."""

    def __init__(self, virtual_service: BoundVirtualService, known: _Known) -> None:
        self.is_gateway = any(gateway != MESH for gateway in virtual_service.gateways)
        in_mesh = MESH in virtual_service.gateways
        services = [known.services.get(host) for host in virtual_service.hosts if in_mesh]
        self.mesh_ports = sorted(
            {port.number for service in services if service for port in service.ports if port.protocol.is_http}
        )


def _http_destinations(rule: HttpRule) -> Iterator[tuple[Destination, Origin]]:
    for place, one in enumerate(rule.route.route):
        if one.destination is not None:
            yield one.destination, at(rule.origin, f"route[{place}].destination")
    if rule.route.mirror is not None:
        yield rule.route.mirror, at(rule.origin, "mirror")
    for place, mirror in enumerate(rule.route.mirrors):
        if mirror.destination is not None:
            yield mirror.destination, at(rule.origin, f"mirrors[{place}].destination")


def _check(
    destination: Destination, origin: Origin, namespace: str, caller: _Caller, known: _Known
) -> Iterator[Problem]:
    """A destination's host, port and subset."""
    host = full_name(destination.host, namespace, known.domain).lower()
    service = known.services.get(host)
    if service is not None and service.resolving is Resolving.ALIAS:
        service = known.services.get(service.alias_of)
    if service is None:
        yield missing_reference(at(origin, "host"), f'no service "{host}"', _hint_for_destination(host, known))
        return
    yield from _port_problems(destination, origin, service, caller)
    names = known.subsets.most_specific(host) or set()
    if destination.subset and destination.subset not in names:
        text = f'no DestinationRule gives host "{host}" a subset "{destination.subset}"'
        hint = f"subsets: {', '.join(sorted(names))}" if names else ""
        yield missing_reference(at(origin, "subset"), text, hint)


def _hint_for_destination(host: str, known: _Known) -> str:
    wildcard = known.wildcard_services.most_specific(host)
    if wildcard is not None:
        return f'service "{wildcard.hostname}" is no destination for it: give it a ServiceEntry of its own'
    return known.nearest_service.hint(host)


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


def _taken_hosts(services: Iterable[MeshService], known: _Known) -> Iterator[Problem]:
    """Services that don't get their host name, because an older one (or one of Kubernetes) has it."""
    for service in services:
        owner = known.services[service.hostname]
        lost = [port.number for port in service.ports if owner.port_numbered(port.number) is None]
        if lost and owner.origin != service.origin and set(owner.export) & set(service.export):
            text = f'{owner.origin.ref} already has host "{service.hostname}", so ports {lost} are not served'
            yield warning(codes.HOST_TAKEN, service.origin, text, "join the two, or choose another host")


def _shared_mesh_hosts(virtual_services: Iterable[BoundVirtualService]) -> Iterator[Problem]:
    """A host that two VirtualServices of the mesh have: sidecars use the oldest only."""
    owners: dict[str, BoundVirtualService] = {}
    for virtual_service in virtual_services:
        if MESH not in virtual_service.gateways:
            continue
        for place, host in enumerate(virtual_service.hosts):
            owner = owners.setdefault(host, virtual_service)
            shared = set(owner.export) & set(virtual_service.export)
            if owner is not virtual_service and shared:
                yield warning(
                    codes.CONFLICTING_MESH_HOSTS,
                    Origin(virtual_service.ref, f"spec.hosts[{place}]"),
                    f'{owner.ref} has host "{host}", too, and is older: sidecars use that one alone',
                    "join the two, or give one of them gateways",
                )


def _unselecting_gateways(gateways: Iterable[BoundGateway], workloads: tuple[Workload, ...]) -> Iterator[Problem]:
    """Gateways whose selector selects no pod; nothing is said where there are no pods at all."""
    by_label: dict[tuple[str, str], list[Workload]] = defaultdict(list)
    for workload in workloads:
        for pair in workload.labels:
            by_label[pair].append(workload)
    for gateway in gateways:
        if not workloads or not gateway.selector:
            continue
        candidates = by_label.get(gateway.selector[0], [])
        if not any(is_subset(gateway.selector, workload.labels) for workload in candidates):
            labels = ", ".join(f"{key}={value}" for key, value in gateway.selector)
            yield missing_reference(Origin(gateway.ref, "spec.selector"), f'no pod has the labels "{labels}"')


def _ruleless_hosts(rules: Iterable[BoundDestinationRule], known: _Known) -> Iterator[Problem]:
    """DestinationRules for a host that is no service's."""
    for rule in rules:
        if rule.host in known.services or known.wildcard_services.most_specific(rule.host) is not None:
            continue
        if is_wildcard(rule.host) and any(matches(rule.host, host) for host in known.services):
            continue
        text = f'no service "{rule.host}"'
        yield missing_reference(Origin(rule.ref, "spec.host"), text, known.nearest_service.hint(rule.host))
