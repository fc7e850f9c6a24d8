"""What there is to refer to, by name. Each index is made from a part of the world and remembered with it."""

from __future__ import annotations

from collections.abc import Iterable

from meshgate.mesh.destination_rules import BoundDestinationRule
from meshgate.mesh.gateways import BoundGateway
from meshgate.mesh.host import HostIndex
from meshgate.mesh.nearest import Nearest
from meshgate.mesh.scope import merged_by_host
from meshgate.mesh.service import MeshService, Resolving


class ServiceIndex:
    """Services by host."""

    def __init__(self, services: tuple[MeshService, ...], domain: str) -> None:
        self.domain = domain
        self.by_host = merged_by_host(services)
        self._with_wildcards: HostIndex[MeshService] = HostIndex()
        for host, service in self.by_host.items():
            self._with_wildcards.add(host, service)
        self._nearest = Nearest(self.by_host)

    def named(self, host: str) -> MeshService | None:
        """The service with exactly this host; for an alias the one that it means."""
        service = self.by_host.get(host)
        if service is not None and service.resolving is Resolving.ALIAS:
            return self.by_host.get(service.alias_of)
        return service

    def covering(self, host: str) -> MeshService | None:
        """The service whose host is this one, or a wildcard around it."""
        return self._with_wildcards.most_specific(host)

    def hint(self, host: str) -> str:
        """The host that was perhaps meant."""
        return self._nearest.hint(host)


class SubsetIndex:
    """Names of subsets by host."""

    def __init__(self, rules: Iterable[BoundDestinationRule]) -> None:
        self._by_host: HostIndex[set[str]] = HostIndex()
        for rule in rules:
            self._by_host.add(rule.host, set())
            names = self._by_host.exact(rule.host)
            if names is not None:
                names.update(bound.subset.name for bound in rule.subsets)

    def of(self, host: str) -> frozenset[str]:
        return frozenset(self._by_host.most_specific(host) or ())


class GatewayIndex:
    """Gateways by `namespace/name`."""

    def __init__(self, gateways: tuple[BoundGateway, ...]) -> None:
        self.by_name = {gateway.name: gateway for gateway in gateways}
        self._nearest = Nearest(self.by_name)

    def hint(self, name: str) -> str:
        """The Gateway that was perhaps meant."""
        return self._nearest.hint(name)
