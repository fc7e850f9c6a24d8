"""What DNS knows of the mesh, from the objects: Services, endpoints of headless ones, hosts of ServiceEntries. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

from meshgate.api import SERVICE_NAME_LABEL, AnyResource, EndpointSlice, Namespace, Resource, Service, of_type
from meshgate.host.dns import DnsTable, EndpointName, HostName, PortName, ServiceName
from meshgate.mesh import MeshService, Snapshot, is_address

EXTERNAL_NAME = "ExternalName"


def dns_table(resources: Sequence[AnyResource], snapshot: Snapshot, networks: Iterable[str]) -> DnsTable:
    """All names, sorted. `networks`: the mesh's own ranges."""
    slices: dict[tuple[str, str], list[EndpointSlice]] = defaultdict(list)
    for piece in of_type(resources, EndpointSlice):
        slices[piece.meta.namespace, piece.meta.label(SERVICE_NAME_LABEL)].append(piece.spec)
    services = sorted(of_type(resources, Service), key=lambda service: service.ref)
    return DnsTable(
        cluster_domain=snapshot.facts.cluster_domain,
        services=tuple(
            service_name(service, slices.get((service.meta.namespace, service.meta.name), ())) for service in services
        ),
        hosts=host_names(snapshot.world.services),
        namespaces=tuple(sorted(namespace.meta.name for namespace in of_type(resources, Namespace))),
        networks=tuple(networks),
    )


def service_name(service: Resource[Service], slices: Iterable[EndpointSlice]) -> ServiceName:
    """A Kubernetes Service by its name."""
    spec = service.spec
    ports = tuple(
        PortName(name=port.name, protocol="udp" if port.protocol.value == "UDP" else "tcp", port=port.port)
        for port in spec.ports
        if port.name and port.protocol.value in ("TCP", "UDP")
    )
    namespace, name = service.meta.namespace, service.meta.name
    if spec.type.value == EXTERNAL_NAME:
        return ServiceName(namespace=namespace, name=name, external_name=spec.external_name)
    if spec.is_headless:
        return ServiceName(namespace=namespace, name=name, ports=ports, endpoints=endpoint_names(spec, slices))
    addresses = tuple(spec.cluster_ips) or ((spec.cluster_ip,) if spec.cluster_ip else ())
    return ServiceName(namespace=namespace, name=name, ports=ports, addresses=addresses)


def endpoint_names(spec: Service, slices: Iterable[EndpointSlice]) -> tuple[EndpointName, ...]:
    """Endpoints of a headless Service: the ready ones, or all if it publishes them all; sorted."""
    found = {
        (endpoint.addresses[0], endpoint.hostname)
        for piece in slices
        for endpoint in piece.endpoints
        if endpoint.addresses and (spec.publish_not_ready_addresses or endpoint.is_ready)
    }
    return tuple(EndpointName(address=address, hostname=hostname) for address, hostname in sorted(found))


@lru_cache(maxsize=2)
def host_names(services: tuple[MeshService, ...]) -> tuple[HostName, ...]:
    """Hosts of ServiceEntries that have addresses, written (ranges are none) or assigned."""
    found = []
    for service in services:
        if service.registry != "External":
            continue
        addresses = tuple(address for address in service.addresses if is_address(address))
        if addresses:
            found.append(
                HostName(
                    name=service.hostname,
                    addresses=addresses,
                    namespace=service.namespace,
                    visible_in=tuple(service.namespace if each == "." else each for each in service.export),
                )
            )
    return tuple(sorted(found, key=lambda host: (host.name, host.namespace)))
