"""Services and ServiceEntries: hosts that others have, ports whose protocol nobody says, workloads that are missing."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.api import (
    Origin,
    Problem,
    Resource,
    Service,
    ServiceEntry,
    ServiceType,
    TransportProtocol,
    codes,
)
from meshgate.mesh.analysis.beside import LabelIndex
from meshgate.mesh.analysis.indexes import ServiceIndex
from meshgate.mesh.problems import warning
from meshgate.mesh.protocol import Protocol, service_port_protocol
from meshgate.mesh.service import MeshService

SYSTEM_NAMESPACES = frozenset({"istio-system", "kube-system", "kube-public", "kube-node-lease", "local-path-storage"})


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
    """IST0118, IST0150. The namespaces of Kubernetes' and Istio's own parts are left alone."""
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
    """IST0127: workloads that are selected, and not there."""
    selector = resource.spec.workload_selector
    namespace = resource.meta.namespace
    if selector is None or not labels.namespaces or labels.has(selector.labels, namespace):
        return ()
    told = ", ".join(f"{key}={value}" for key, value in selector.labels)
    text = f'no workload of namespace "{namespace}" has the labels "{told}"'
    return (warning(codes.NO_WORKLOAD, Origin(resource.ref, "spec.workloadSelector"), text),)
