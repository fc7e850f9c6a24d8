"""The endpoint table: who serves a port of a service right now.

It is a value of its own beside the services, so that a pod that comes or goes changes nothing else. Endpoints come
from EndpointSlices (or Endpoints, where there is no slice), with the labels of the pods behind them, and from
ServiceEntries: those they list and those their selector selects.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from meshgate.api import (
    SERVICE_NAME_LABEL,
    Endpoints,
    EndpointSlice,
    Resource,
    Service,
    ServiceEntry,
    ServicePort,
    is_subset,
)
from meshgate.mesh.facts import Facts
from meshgate.mesh.kubernetes_services import service_hostname
from meshgate.mesh.protocol import Protocol
from meshgate.mesh.service import MeshEndpoint, MeshService, Port, Resolving
from meshgate.mesh.service_entries import entry_endpoint, listed_workload
from meshgate.mesh.topology import with_topology
from meshgate.mesh.workload_entries import WorkloadEntries
from meshgate.mesh.workloads import TLS_MODE_LABEL, Workload, workload_identifier

Key = tuple[str, str, int]
"""Host name, namespace and port of a service."""
Found = tuple[tuple[Key, tuple[MeshEndpoint, ...]], ...]
"""Endpoints by service port: sorted, and no address and port twice."""


_LISTED = (Resolving.ENDPOINTS, Resolving.PASSTHROUGH)
"""Services whose endpoints are in the table; those that are resolved by DNS keep theirs in themselves."""


class EndpointTable(Struct, frozen=True):
    """Endpoints by service port, sorted; ports without endpoints are not in it."""

    by_port: Mapping[Key, tuple[MeshEndpoint, ...]]

    def of(self, hostname: str, namespace: str, port: int) -> tuple[MeshEndpoint, ...]:
        """All endpoints of a service port."""
        return self.by_port.get((hostname, namespace, port), ())


class WorkloadIndex:
    """Workloads by address, and by namespace."""

    def __init__(self, workloads: Iterable[Workload]) -> None:
        self.by_address: dict[str, Workload] = {}
        self.by_namespace: dict[str, list[Workload]] = defaultdict(list)
        for workload in workloads:
            self.by_namespace[workload.namespace].append(workload)
            for address in workload.addresses:
                self.by_address.setdefault(address, workload)


class EndpointCollector:
    """Collects the endpoints of all services."""

    def __init__(self, workloads: WorkloadIndex, entries: WorkloadEntries, facts: Facts) -> None:
        self._workloads = workloads
        self._entries = entries
        self._facts = facts
        self._found: dict[Key, list[tuple[MeshEndpoint, ...]]] = defaultdict(list)
        self.unready_accounts: dict[tuple[str, str], set[str]] = defaultdict(set)
        """Of pods that are about to be endpoints, or were, by host name and namespace of the service."""

    @property
    def cluster_id(self) -> str:
        return self._facts.cluster_id

    def table(self) -> EndpointTable:
        """What was collected. The first endpoint with an address and port counts."""
        return EndpointTable(
            by_port={key: found[0] if len(found) == 1 else _merged(found) for key, found in self._found.items()}
        )

    def add_slice(self, service: Resource[Service], piece: EndpointSlice) -> None:
        """The endpoints of a slice that are ready, or all if the Service publishes them all."""
        self._note_unready(service, piece)
        for port in service.spec.ports:
            number = next((given.port for given in piece.ports if given.name == port.name), 0)
            if not number:
                continue
            for endpoint in piece.endpoints:
                if endpoint.addresses and (service.spec.publish_not_ready_addresses or endpoint.is_ready):
                    self._add(service, port, endpoint.addresses[0], number)

    def _note_unready(self, service: Resource[Service], piece: EndpointSlice) -> None:
        for endpoint in piece.endpoints:
            workload = self._workloads.by_address.get(endpoint.addresses[0]) if endpoint.addresses else None
            if workload is not None and not endpoint.is_ready:
                hostname = service_hostname(service.meta.name, service.meta.namespace, self._facts.cluster_domain)
                self.unready_accounts[hostname, service.meta.namespace].add(workload.account)

    def add_endpoints(self, service: Resource[Service], endpoints: Endpoints) -> None:
        """The endpoints of an Endpoints object."""
        for subset in endpoints.subsets:
            addresses = subset.addresses
            if service.spec.publish_not_ready_addresses:
                addresses += subset.not_ready_addresses
            for port in service.spec.ports:
                number = next((given.port for given in subset.ports if given.name == port.name), 0)
                for address in addresses if number else ():
                    self._add(service, port, address.ip, number)

    def add_listed(self, listed: Found) -> None:
        """The endpoints that a ServiceEntry lists (`listed_endpoints`)."""
        for key, endpoints in listed:
            self._found[key].append(endpoints)

    def add_selected(self, service: MeshService) -> None:
        """The endpoints that a service selects, but for the pods of a Kubernetes Service: those are in its slices."""
        if service.resolving in _LISTED:
            for port in service.ports:
                found = tuple(self.selected(service, port))
                if found:
                    self._found[service.hostname, service.namespace, port.number].append(_merged((found,)))

    def selected(self, service: MeshService, port: Port) -> Iterator[MeshEndpoint]:
        """The endpoints that a service selects by label for one of its ports."""
        yield from self._entries.endpoints(service, port)
        if service.registry == "Kubernetes":
            return
        for workload in self._workloads.by_namespace.get(service.namespace, ()):
            if workload.addresses and workload.is_ready and is_subset(service.selector, workload.labels):
                target = port.target if isinstance(port.target, int) and port.target else port.number
                yield self._endpoint(workload.addresses[0], target)

    def _add(self, service: Resource[Service], port: ServicePort, address: str, number: int) -> None:
        meta = service.meta
        hostname = service_hostname(meta.name, meta.namespace, self._facts.cluster_domain)
        self._put(
            hostname,
            meta.namespace,
            Port(name=port.name, number=port.port, protocol=Protocol.TCP),
            self._endpoint(address, number),
        )

    def _put(self, hostname: str, namespace: str, port: Port, endpoint: MeshEndpoint) -> None:
        self._found[hostname, namespace, port.number].append((endpoint,))

    def _endpoint(self, address: str, port: int) -> MeshEndpoint:
        workload = self._workloads.by_address.get(address)
        if workload is None:
            return MeshEndpoint(address=address, port=port)
        mode = next((value for key, value in workload.labels if key == TLS_MODE_LABEL), "")
        return MeshEndpoint(
            address=address,
            port=port,
            locality=workload.locality,
            labels=with_topology(workload.labels, workload.locality, self._facts.cluster_id, node=workload.node),
            tls_mode=mode,
            workload=workload_identifier(workload, self._facts.cluster_id),
            account=workload.account,
        )


def listed_endpoints(resource: Resource[ServiceEntry], services: tuple[MeshService, ...], cluster_id: str) -> Found:
    """The endpoints that a ServiceEntry lists for its services; DNS services keep theirs in themselves."""
    found: dict[Key, list[tuple[MeshEndpoint, ...]]] = defaultdict(list)
    for service in services if resource.spec.endpoints else ():
        if service.resolving in _LISTED:
            for port in service.ports:
                found[service.hostname, service.namespace, port.number].append(
                    tuple(
                        entry_endpoint(
                            entry, port, service.namespace, listed_workload(resource, place, cluster_id), cluster_id
                        )
                        for place, entry in enumerate(resource.spec.endpoints)
                        if entry.address  # without one only a gateway of its network knows it
                    )
                )
    return tuple((key, _merged(pieces)) for key, pieces in found.items())


def _merged(pieces: Iterable[Iterable[MeshEndpoint]]) -> tuple[MeshEndpoint, ...]:
    found: dict[tuple[str, int], MeshEndpoint] = {}
    for piece in pieces:
        for endpoint in piece:
            found.setdefault((endpoint.address, endpoint.port), endpoint)
    return tuple(sorted(found.values()))


def collect_kubernetes(
    collector: EndpointCollector,
    services: Iterable[Resource[Service]],
    slices: Iterable[Resource[EndpointSlice]],
    endpoints: Iterable[Resource[Endpoints]],
) -> None:
    """Join Services with their slices; Endpoints objects count only where a Service has no slice."""
    by_service: dict[tuple[str, str], list[EndpointSlice]] = defaultdict(list)
    for piece in sorted(slices, key=lambda resource: resource.ref):
        by_service[piece.meta.namespace, piece.meta.label(SERVICE_NAME_LABEL)].append(piece.spec)
    older = {(resource.meta.namespace, resource.meta.name): resource.spec for resource in endpoints}
    for service in services:
        key = (service.meta.namespace, service.meta.name)
        for piece_spec in by_service.get(key, ()):
            collector.add_slice(service, piece_spec)
        if key in older and key not in by_service:
            collector.add_endpoints(service, older[key])
