"""Services and ServiceEntries: hosts that others have, ports whose protocol nobody says, TCP without addresses."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.api import (
    Origin,
    Problem,
    Resolution,
    Resource,
    Service,
    ServiceEntry,
    ServiceType,
    TransportProtocol,
    codes,
)
from meshgate.mesh.analysis.beside import LabelIndex
from meshgate.mesh.analysis.indexes import ServiceIndex
from meshgate.mesh.host import is_wildcard
from meshgate.mesh.problems import warning
from meshgate.mesh.protocol import Protocol, parse_protocol, service_port_protocol
from meshgate.mesh.service import MeshService

SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage"})
AUTO_ALLOCATE = "networking.istio.io/enable-autoallocate-ip"


def taken_host_problems(services: tuple[MeshService, ...], index: ServiceIndex) -> tuple[Problem, ...]:
    """MG0104: services that don't get their host name, because an older one (or one of Kubernetes) has it."""
    found = []
    for service in services:
        owner = index.by_host[service.hostname]
        lost = [port.number for port in service.ports if owner.port_numbered(port.number) is None]
        if lost and owner.origin != service.origin and set(owner.export) & set(service.export):
            text = f'{owner.origin.ref} already has host "{service.hostname}", so ports {lost} are not served'
            found.append(warning(codes.HOST_TAKEN, service.origin, text, "join the two, or choose another host"))
    return tuple(found)


def port_name_problems(resource: Resource[Service]) -> tuple[Problem, ...]:
    """IST0118, IST0150. The namespaces of Kubernetes' own parts are left alone, as istioctl does."""
    return () if resource.meta.namespace in SYSTEM_NAMESPACES else tuple(_port_names(resource))


def _port_names(resource: Resource[Service]) -> Iterator[Problem]:
    is_external = resource.spec.type is ServiceType.EXTERNAL_NAME
    for place, port in enumerate(resource.spec.ports):
        origin = Origin(resource.ref, f"spec.ports[{place}].name")
        if port.protocol is not TransportProtocol.TCP:
            continue
        is_detected = service_port_protocol(port.port, port.name, port.app_protocol) is Protocol.UNSUPPORTED
        if is_external and (is_detected or port.name == "tcp"):
            text = f"port {port.port} of a service without an address is taken for TCP"
            yield warning(codes.EXTERNAL_PORT_NAME, origin, text, "name it after its protocol, such as http or https")
        elif is_detected:
            text = f'neither the name "{port.name}" of port {port.port} nor appProtocol names a protocol'
            hint = f"it is detected; if it is HTTP, say so: http{f'-{port.name}' if port.name else ''}"
            yield warning(codes.PORT_NAME, origin, text, hint)


def entry_problems(resource: Resource[ServiceEntry], labels: LabelIndex) -> tuple[Problem, ...]:
    """IST0127, IST0134."""
    return (*_without_addresses(resource), *_without_workloads(resource, labels))


def _without_addresses(resource: Resource[ServiceEntry]) -> Iterator[Problem]:
    spec = resource.spec
    if spec.addresses or _gets_addresses(resource):
        return
    for place, port in enumerate(spec.ports):
        if parse_protocol(port.protocol) in (Protocol.TCP, Protocol.UNSUPPORTED):
            text = f"without an address port {port.number} takes all TCP connections to this port number"
            yield warning(codes.ADDRESSES_NEEDED, Origin(resource.ref, f"spec.ports[{place}]"), text, "add addresses")


def _gets_addresses(resource: Resource[ServiceEntry]) -> bool:
    """Whether addresses are allocated."""
    allowed = resource.meta.label(AUTO_ALLOCATE) != "false" and resource.spec.resolution is not Resolution.NONE
    return allowed and not any(is_wildcard(host) for host in resource.spec.hosts)


def _without_workloads(resource: Resource[ServiceEntry], labels: LabelIndex) -> Iterator[Problem]:
    selector = resource.spec.workload_selector
    if selector is not None and labels.namespaces and not labels.has(selector.labels, resource.meta.namespace):
        told = ", ".join(f"{key}={value}" for key, value in selector.labels)
        text = f'no workload of namespace "{resource.meta.namespace}" has the labels "{told}"'
        yield warning(codes.NO_WORKLOAD, Origin(resource.ref, "spec.workloadSelector"), text)
