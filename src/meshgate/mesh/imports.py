"""What an egress listener of a Sidecar lets through: services by host, VirtualServices by any of their hosts.

A name of the service's own namespace goes before names of all namespaces. A VirtualService is looked at more kindly
than a service: it counts where its wildcard and the listener's have a name in common. What it sends to is seen, too, so
that a cluster is there, but gets no listener. (istio:pilot/pkg/model/sidecar.go, virtualservice.go)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from meshgate.api import Destination, TCPRoute, TLSRoute
from meshgate.mesh.host import full_name, is_wildcard, is_within, matches
from meshgate.mesh.service import MeshService
from meshgate.mesh.sidecars import EVERY_NAMESPACE, OWN_NAMESPACE, EgressListener
from meshgate.mesh.virtual_services import BoundVirtualService, http_destinations


class Hosts:
    """Some host names, exact ones and wildcards."""

    def __init__(self, hosts: Iterable[str]) -> None:
        names = tuple(hosts)
        self._exact = frozenset(host for host in names if not is_wildcard(host))
        self._wildcards = tuple(host for host in names if is_wildcard(host))

    def cover(self, host: str) -> bool:
        """Whether the host, or all that a wildcard stands for, is among them."""
        return host in self._exact or any(is_within(host, wildcard) for wildcard in self._wildcards)

    def meet(self, host: str) -> bool:
        """Whether some name is in both."""
        if self.cover(host):
            return True
        others = (*self._exact, *self._wildcards) if is_wildcard(host) else self._wildcards
        return any(matches(host, other) for other in others)


NOTHING = Hosts(())


class Imports:
    """The hosts of a listener, as workloads of a namespace mean them."""

    def __init__(self, listener: EgressListener, namespace: str) -> None:
        self._taken = _by_namespace(listener.hosts, namespace)
        self._excluded = _by_namespace(listener.excluded, namespace)

    @property
    def namespaces(self) -> frozenset[str] | None:
        """From where anything is taken; None: from everywhere."""
        return None if EVERY_NAMESPACE in self._taken else frozenset(self._taken)

    def of(self, namespace: str) -> Iterator[Hosts]:
        """The hosts that are looked for in a namespace, in the order in which they count."""
        yield from (self._taken[name] for name in (namespace, EVERY_NAMESPACE) if name in self._taken)

    def excludes(self, namespace: str, host: str) -> bool:
        """Whether a host of a namespace is taken away again."""
        if not self._excluded:
            return False
        return any(self._excluded.get(name, NOTHING).cover(host) for name in (namespace, EVERY_NAMESPACE))


def _by_namespace(pairs: Iterable[tuple[str, str]], own: str) -> dict[str, Hosts]:
    found: dict[str, list[str]] = defaultdict(list)
    for namespace, host in pairs:
        found[own if namespace == OWN_NAMESPACE else namespace].append(host)
    return {namespace: Hosts(hosts) for namespace, hosts in found.items()}


def imported_services(
    services: tuple[MeshService, ...], listener: EgressListener, namespace: str
) -> tuple[MeshService, ...]:
    """The services of a listener, cut down to its port."""
    imports = Imports(listener, namespace)
    namespaces = imports.namespaces
    found = []
    for service in services:
        if namespaces is not None and service.namespace not in namespaces:
            continue
        if imports.excludes(service.namespace, service.hostname):
            continue
        taken = next((hosts for hosts in imports.of(service.namespace) if hosts.cover(service.hostname)), None)
        cut = with_port(service, listener.place.takes_port) if taken is not None else None
        if taken is not None and cut is not None:
            found.append(_with_aliases(cut, taken))
    return preferred(tuple(found), namespace)


def with_port(service: MeshService, *numbers: int) -> MeshService | None:
    """The service with these of its ports alone; None if it has none of them. 0 stands for all."""
    if 0 in numbers or not numbers:
        return service
    ports = tuple(port for port in service.ports if port.number in numbers)
    if len(ports) == len(service.ports):
        return service
    return msgspec.structs.replace(service, ports=ports) if ports else None


def _with_aliases(service: MeshService, hosts: Hosts) -> MeshService:
    seen = tuple(alias for alias in service.aliases if hosts.cover(alias))
    return service if seen == service.aliases else msgspec.structs.replace(service, aliases=seen)


def preferred(services: tuple[MeshService, ...], namespace: str) -> tuple[MeshService, ...]:
    """Of a host that several namespaces have only the services of one: the client's own, else that of a Kubernetes
    Service, else the first."""
    chosen: dict[str, MeshService] = {}
    is_unique = True
    for service in services:
        known = chosen.setdefault(service.hostname, service)
        if known.namespace == service.namespace:
            continue
        is_unique = False
        is_better = (known.registry, service.registry) == ("External", "Kubernetes")
        if service.namespace == namespace or (is_better and known.namespace != namespace):
            chosen[service.hostname] = service
    if is_unique:
        return services
    return tuple(one for one in services if chosen[one.hostname].namespace == one.namespace)


def imported_virtual_services(
    virtual_services: tuple[BoundVirtualService, ...], listener: EgressListener, namespace: str
) -> tuple[BoundVirtualService, ...]:
    """The VirtualServices of a listener."""
    imports = Imports(listener, namespace)
    return tuple(one for one in virtual_services if any(_is_seen(imports, one, host) for host in one.hosts))


def _is_seen(imports: Imports, virtual_service: BoundVirtualService, host: str) -> bool:
    if imports.excludes(virtual_service.namespace, host):
        return False
    is_exact = virtual_service.semantics == "gateway"
    return any(hosts.cover(host) if is_exact else hosts.meet(host) for hosts in imports.of(virtual_service.namespace))


def services_sent_to(
    virtual_services: Iterable[BoundVirtualService],
    by_host: Mapping[str, Mapping[str, MeshService]],
    listener: EgressListener,
    namespace: str,
    domain: str,
) -> Iterator[MeshService]:
    """The services that VirtualServices of a listener send to, with the ports that are meant: of one host that of the
    client's own namespace, else the first by name. `by_host`: by host and namespace, what the client may see."""
    for virtual_service in virtual_services:
        for host, ports in _destinations(virtual_service, namespace, domain).items():
            owners = by_host.get(host, {})
            service = owners.get(namespace) or (owners[min(owners)] if owners else None)
            port = listener.place.takes_port
            cut = with_port(service, *((port,) if port else ports)) if service is not None else None
            if cut is not None:
                yield cut


def _destinations(virtual_service: BoundVirtualService, namespace: str, domain: str) -> dict[str, set[int]]:
    """The hosts and ports that clients of a namespace may be sent to; 0 stands for all ports."""
    found: dict[str, set[int]] = defaultdict(set)
    for destination, owner, sources in _with_sources(virtual_service):
        if not sources or namespace in sources or "" in sources:
            found[full_name(destination.host, owner, domain).lower()].add(destination.port)
    return found


def _with_sources(virtual_service: BoundVirtualService) -> Iterator[tuple[Destination, str, set[str]]]:
    """Each destination, the namespace of its short name, and the namespaces whose clients its rule is for."""
    for http in virtual_service.http:
        sources = {match.source_namespace for match in http.route.match}
        yield from ((one, http.namespace, sources) for one in http_destinations(http.route))
    rules: list[TCPRoute | TLSRoute] = [rule.route for rule in virtual_service.tcp]
    rules += [rule.route for rule in virtual_service.tls]
    for rule in rules:
        sources = {match.source_namespace for match in rule.match}
        targets = (target.destination for target in rule.route)
        yield from ((one, virtual_service.namespace, sources) for one in targets if one is not None)
