"""Virtual addresses of Services and who is behind them, for clients without a sidecar and for the host. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from meshgate.api import AnyResource, Endpoints, EndpointSlice, Resource, Service, of_type
from meshgate.app.dns_names import SERVICE_NAME_LABEL
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
        )
        for service in sorted(of_type(resources, Service), key=lambda service: service.ref)
        if (addresses := virtual_addresses(service))
        for port in service.spec.ports
        if port.protocol.value in ("TCP", "UDP")
    )


def virtual_addresses(service: Resource[Service]) -> tuple[str, ...]:
    """Cluster addresses and the load balancer's; none for headless and ExternalName Services."""
    spec = service.spec
    if spec.is_headless or not spec.cluster_ip:
        return ()
    return tuple(dict.fromkeys((spec.cluster_ip, *spec.cluster_ips, *service.status_addresses)))


def endpoints_by_port(resources: Sequence[AnyResource]) -> dict[Key, set[Endpoint]]:
    """Ready endpoints: from slices, and from Endpoints objects where a Service has no slice."""
    services = {(each.meta.namespace, each.meta.name): each.spec for each in of_type(resources, Service)}
    found: dict[Key, set[Endpoint]] = defaultdict(set)
    sliced = set()
    for piece in of_type(resources, EndpointSlice):
        key = (piece.meta.namespace, piece.meta.label(SERVICE_NAME_LABEL))
        sliced.add(key)
        every = key in services and services[key].publish_not_ready_addresses
        add(found, key, slice_endpoints(piece.spec, every=every))
    for older in of_type(resources, Endpoints):
        key = (older.meta.namespace, older.meta.name)
        if key not in sliced:
            add(
                found,
                key,
                ((port.name, a.ip, port.port) for s in older.spec.subsets for port in s.ports for a in s.addresses),
            )
    return found


def slice_endpoints(piece: EndpointSlice, *, every: bool) -> Iterable[tuple[str, str, int]]:
    """Port's name, address and port of a slice's endpoints."""
    for endpoint in piece.endpoints:
        if endpoint.addresses and (every or endpoint.is_ready):
            yield from ((port.name, endpoint.addresses[0], port.port) for port in piece.ports)


def add(found: dict[Key, set[Endpoint]], key: tuple[str, str], ports: Iterable[tuple[str, str, int]]) -> None:
    for name, address, number in ports:
        found[*key, name].add(Endpoint(address, number))
