"""What the proxies of one namespace see: `exportTo` applied, host names made unique, rules indexed.

Sidecar resources will narrow a scope; without them it is everything that is exported to the namespace.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from meshgate.api import Labels
from meshgate.mesh.destination_rules import BoundDestinationRule, DestinationRuleIndex
from meshgate.mesh.host import HostIndex, is_wildcard
from meshgate.mesh.service import MeshService
from meshgate.mesh.snapshot import World
from meshgate.mesh.virtual_services import MESH, BoundVirtualService


class Scope:
    """What the proxies of a namespace see. Read only after it is made."""

    def __init__(self, world: World, namespace: str, rules: DestinationRuleIndex) -> None:
        self.namespace = namespace
        self.services = tuple(service for service in world.services if service.is_visible_in(namespace))
        """All that are visible, in Istio's order; a host name may be there more than once."""
        self.by_host = merged_by_host(self.services)
        """One service for each host name."""
        self.by_port = _by_port(self.by_host)
        """By port number: the services that have the port, by host name."""
        self._rules = rules
        self._by_gateway = _by_gateway(world.virtual_services, namespace)
        self.wildcard_winner = _wildcard_winners(self.virtual_services_of(MESH), self.by_host)
        """For each service's host the VirtualService with a wildcard host that counts for it."""
        self.label_keys = _label_keys(world)
        """The labels of a client on which anything depends."""

    def virtual_services_of(self, gateway: str) -> tuple[BoundVirtualService, ...]:
        """The VirtualServices for a gateway (`namespace/name` or `mesh`), in the order in which they count."""
        return self._by_gateway.get(gateway, ())

    def rule_for(self, service: MeshService, labels: Labels) -> BoundDestinationRule | None:
        """The DestinationRule that counts for a client's traffic to a service."""
        return self._rules.find(service.hostname, service.namespace, self.namespace, labels)

    def rule_for_host(self, host: str, labels: Labels) -> BoundDestinationRule | None:
        """The same for a host, whether it is a known service or not."""
        service = self.by_host.get(host)
        return self._rules.find(host, service.namespace if service else "", self.namespace, labels)

    def relevant(self, labels: Labels) -> Labels:
        """Those of a client's labels on which anything depends."""
        return tuple(pair for pair in labels if pair[0] in self.label_keys)


def merged_by_host(services: Iterable[MeshService]) -> dict[str, MeshService]:
    """One service for each host: Kubernetes' before others, the oldest first; entries of one namespace are joined.

    (istio:pilot/pkg/model/sidecar.go#appendSidecarServices)
    """
    found: dict[str, MeshService] = {}
    for service in services:
        existing = found.get(service.hostname)
        if existing is None or (existing.registry, service.registry) == ("External", "Kubernetes"):
            found[service.hostname] = service
        elif _can_join(existing, service):
            found[service.hostname] = _joined(existing, service)
    return found


def _by_port(services: Mapping[str, MeshService]) -> dict[int, dict[str, MeshService]]:
    found: dict[int, dict[str, MeshService]] = defaultdict(dict)
    for host, service in services.items():
        for port in service.ports:
            found[port.number][host] = service
    return dict(found)


def _can_join(one: MeshService, other: MeshService) -> bool:
    return (
        one.registry == other.registry == "External"
        and one.namespace == other.namespace
        and one.resolving is other.resolving
        and one.selector == other.selector
    )


def _joined(one: MeshService, other: MeshService) -> MeshService:
    numbers = {port.number for port in one.ports}
    return msgspec.structs.replace(
        one,
        ports=one.ports + tuple(port for port in other.ports if port.number not in numbers),
        addresses=tuple(dict.fromkeys(one.addresses + other.addresses)),
        fixed=one.fixed + tuple(fixed for fixed in other.fixed if fixed.port not in numbers),
    )


def _by_gateway(
    virtual_services: Iterable[BoundVirtualService], namespace: str
) -> dict[str, tuple[BoundVirtualService, ...]]:
    """By gateway: those that only this namespace sees, those exported to it by name, then the public ones."""
    found: dict[str, list[tuple[int, BoundVirtualService]]] = defaultdict(list)
    for virtual_service in virtual_services:
        if virtual_service.is_visible_in(namespace):
            for gateway in dict.fromkeys(virtual_service.gateways):
                found[gateway].append((_publicity(virtual_service), virtual_service))
    return {
        gateway: tuple(one for _, one in sorted(ranked, key=lambda pair: pair[0])) for gateway, ranked in found.items()
    }


def _publicity(virtual_service: BoundVirtualService) -> int:
    if virtual_service.export == (virtual_service.namespace,):
        return 0
    return 2 if "*" in virtual_service.export else 1


def _wildcard_winners(
    virtual_services: Iterable[BoundVirtualService], services: Iterable[str]
) -> dict[str, BoundVirtualService]:
    """For each service the VirtualService with the most specific host; hosts that are no wildcards count, too."""
    index: HostIndex[BoundVirtualService] = HostIndex()
    has_wildcard = False
    for virtual_service in virtual_services:
        for host in virtual_service.hosts:
            index.add(host, virtual_service)
            has_wildcard = has_wildcard or is_wildcard(host)
    if not has_wildcard:
        return {}
    winners = ((host, index.most_specific(host)) for host in services)
    return {host: winner for host, winner in winners if winner is not None}


def _label_keys(world: World) -> frozenset[str]:
    return frozenset(key for labels in _client_selectors(world) for key, _ in labels)


def _client_selectors(world: World) -> Iterator[Labels]:
    for virtual_service in world.virtual_services:
        for http in virtual_service.http:
            yield from (match.source_labels for match in http.route.match)
        for tcp in virtual_service.tcp:
            yield from (match.source_labels for match in tcp.route.match)
        for tls in virtual_service.tls:
            yield from (match.source_labels for match in tls.route.match)
    for rule in world.destination_rules:
        if rule.workload_selector:
            yield rule.workload_selector
