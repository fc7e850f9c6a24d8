"""Virtual addresses of Services and who is behind them, for clients without a sidecar and for the host. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from meshgate.api import SERVICE_NAME_LABEL, AnyResource, EndpointSlice, Resource, Service, of_type
from meshgate.host.network.services import Endpoint, ServiceTable
from meshgate.host.network.services import ServicePort as VirtualPort

Key = tuple[str, str, str]
"""Namespace, Service, name of the port."""


def service_table(resources: Sequence[AnyResource]) -> ServiceTable:
    """Every TCP and UDP port of every Service that has a virtual address, sorted."""
    behind = endpoints_by_port(resources)
    return tuple(
        VirtualPort(
            service=f"{service.meta.namespace}/{service.meta.name}",
            addresses=addresses,
            protocol="udp" if port.protocol.value == "UDP" else "tcp",
            port=port.port,
            endpoints=tuple(sorted(behind.get((service.meta.namespace, service.meta.name, port.name), ()))),
            by_client=service.spec.session_affinity.value == "ClientIP",
        )
        for service in sorted(of_type(resources, Service), key=lambda service: service.ref)
        if (addresses := virtual_addresses(service))
        for port in service.spec.ports
        if port.protocol.value in ("TCP", "UDP")
    )


def virtual_addresses(service: Resource[Service]) -> tuple[str, ...]:
    """Cluster addresses, external ones and the load balancer's; none for headless and ExternalName Services."""
    spec = service.spec
    if spec.is_headless or not spec.cluster_ip:
        return ()
    return tuple(dict.fromkeys((spec.cluster_ip, *spec.cluster_ips, *spec.external_ips, *service.status_addresses)))


def endpoints_by_port(resources: Sequence[AnyResource]) -> dict[Key, set[Endpoint]]:
    """Ready endpoints. (A controller makes slices of Endpoints objects.)"""
    services = {(each.meta.namespace, each.meta.name): each.spec for each in of_type(resources, Service)}
    found: dict[Key, set[Endpoint]] = defaultdict(set)
    for piece in of_type(resources, EndpointSlice):
        namespace, name = piece.meta.namespace, piece.meta.label(SERVICE_NAME_LABEL)
        service = services.get((namespace, name))
        every = service is not None and service.publish_not_ready_addresses
        for port, address, number in slice_endpoints(piece.spec, every=every):
            found[namespace, name, port].add(Endpoint(address, number))
    return found


def slice_endpoints(piece: EndpointSlice, *, every: bool) -> Iterable[tuple[str, str, int]]:
    """Port's name, address and port of a slice's endpoints."""
    for endpoint in piece.endpoints:
        if endpoint.addresses and (every or endpoint.is_ready):
            yield from ((port.name, endpoint.addresses[0], port.port) for port in piece.ports)
