"""Names in VirtualServices, Gateways and DestinationRules that lead nowhere, found once for the whole mesh.

Nothing is changed by it: what is broken stays as it is and answers 503 or 404.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from meshgate.api import Destination, Origin, Problem, is_subset
from meshgate.mesh.destination_rules import BoundDestinationRule
from meshgate.mesh.gateways import BoundGateway
from meshgate.mesh.host import HostIndex, full_name, is_wildcard, matches
from meshgate.mesh.nearest import Nearest
from meshgate.mesh.problems import at, missing_reference, warning
from meshgate.mesh.scope import merged_by_host
from meshgate.mesh.service import MeshService, Resolving
from meshgate.mesh.snapshot import World
from meshgate.mesh.virtual_services import MESH, BoundVirtualService
from meshgate.mesh.workloads import Workload

VIRTUAL_SERVICE_HOST_NOT_IN_GATEWAY = "IST0132"
CONFLICTING_MESH_HOSTS = "IST0109"
PORT_NEEDED = "IST0112"
NO_WEIGHT = "MG0105"


def broken_references(world: World, workloads: Iterable[Workload]) -> tuple[Problem, ...]:
    """All names that lead nowhere: IST0101, IST0109, IST0112, IST0132, MG0105."""
    known = _Known(world)
    problems: list[Problem] = []
    for virtual_service in world.virtual_services:
        problems.extend(_gateway_problems(virtual_service, known))
        problems.extend(_destination_problems(virtual_service, known))
    problems.extend(_shared_mesh_hosts(world.virtual_services))
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
        VIRTUAL_SERVICE_HOST_NOT_IN_GATEWAY,
        Origin(virtual_service.ref, f"spec.hosts[{place}]"),
        f'Gateway {names} does not take host "{host}"{why}',
        f"its hosts: {', '.join(taken)}",
    )


def _destination_problems(virtual_service: BoundVirtualService, known: _Known) -> Iterator[Problem]:
    for http in virtual_service.http:
        for place, one in enumerate(http.route.route):
            yield from _check(one.destination, at(http.origin, f"route[{place}].destination"), http.namespace, known)
        if http.route.mirror is not None:
            yield from _check(http.route.mirror, at(http.origin, "mirror"), http.namespace, known)
        for place, mirror in enumerate(http.route.mirrors):
            origin = at(http.origin, f"mirrors[{place}].destination")
            yield from _check(mirror.destination, origin, http.namespace, known)
        yield from _weights(http.origin, [one.weight for one in http.route.route])
    l4_rules = [(rule.origin, rule.route.route) for rule in virtual_service.tcp]
    l4_rules += [(rule.origin, rule.route.route) for rule in virtual_service.tls]
    for rule_origin, targets in l4_rules:
        for place, target in enumerate(targets):
            origin = at(rule_origin, f"route[{place}].destination")
            yield from _check(target.destination, origin, virtual_service.namespace, known)
        yield from _weights(rule_origin, [target.weight for target in targets])


def _weights(origin: Origin, weights: list[int]) -> Iterator[Problem]:
    if len(weights) > 1 and not any(weights):
        yield warning(NO_WEIGHT, at(origin, "route"), "all weights are 0, so no destination gets anything: answers 503")


def _check(destination: Destination | None, origin: Origin, namespace: str, known: _Known) -> Iterator[Problem]:
    """A destination's host, port and subset."""
    if destination is None:
        return
    host = full_name(destination.host, namespace, known.domain).lower()
    service = known.services.get(host) or known.wildcard_services.most_specific(host)
    if service is not None and service.resolving is Resolving.ALIAS:
        service = known.services.get(service.alias_of)
    if service is None:
        yield missing_reference(at(origin, "host"), f'no service "{host}"', known.nearest_service.hint(host))
        return
    if destination.port and service.port_numbered(destination.port) is None:
        ports = ", ".join(str(port.number) for port in service.ports)
        yield missing_reference(
            at(origin, "port"), f'service "{host}" has no port {destination.port}', f"ports: {ports}"
        )
    if not destination.port and len(service.ports) > 1:
        text = f'service "{host}" has more than one port, so the port that was called is taken'
        yield warning(PORT_NEEDED, at(origin, "port"), text, "name one: port: {number: ...}")
    if destination.subset and destination.subset not in (known.subsets.most_specific(host) or ()):
        names = known.subsets.most_specific(host) or set()
        yield missing_reference(
            at(origin, "subset"),
            f'no DestinationRule gives host "{host}" a subset "{destination.subset}"',
            Nearest(names).hint(destination.subset),
        )


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
                    CONFLICTING_MESH_HOSTS,
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
