"""ServiceEntries as services of the mesh: one for each host (istio:pilot/pkg/serviceregistry/serviceentry)."""

from __future__ import annotations

import ipaddress

from meshgate.api import (
    Labels,
    Location,
    Resolution,
    Resource,
    ServiceEntry,
    ServiceEntryPort,
    WorkloadEntry,
    find,
)
from meshgate.mesh.host import is_address, is_wildcard
from meshgate.mesh.protocol import parse_protocol
from meshgate.mesh.service import SERVICE_LABELS, FixedEndpoint, MeshEndpoint, MeshService, Port, Resolving
from meshgate.mesh.topology import DISTRIBUTION_ANNOTATION, distribution_of, with_topology
from meshgate.mesh.visibility import Export, resolve_export
from meshgate.mesh.workloads import TLS_MODE_LABEL

RESOLVING = {
    Resolution.NONE: Resolving.PASSTHROUGH,
    Resolution.STATIC: Resolving.ENDPOINTS,
    Resolution.DNS: Resolving.DNS,
    Resolution.DNS_ROUND_ROBIN: Resolving.DNS_ROUND_ROBIN,
    Resolution.DYNAMIC_DNS: Resolving.DYNAMIC_DNS,
}

RESOLVED_BY_NAME = frozenset({Resolving.DNS, Resolving.DNS_ROUND_ROBIN})


def service_entry_services(
    resource: Resource[ServiceEntry], cluster_id: str, default_export: Export, namespace_distribution: str = ""
) -> tuple[MeshService, ...]:
    """The mesh's view of a ServiceEntry: a service for each host."""
    meta, spec = resource.meta, resource.spec
    resolving = RESOLVING[spec.resolution]
    distribution = distribution_of(meta.annotation(DISTRIBUTION_ANNOTATION), namespace_distribution)
    return tuple(
        MeshService(
            hostname=host.lower(),
            namespace=meta.namespace,
            name=host.lower(),
            ports=tuple(_port(port) for port in spec.ports),
            resolving=resolving,
            registry="External",
            origin=resource.origin(f"spec.hosts[{place}]"),
            addresses=_addresses(resource, host),
            is_external=spec.location is Location.MESH_EXTERNAL,
            export=resolve_export(spec.export_to, meta.namespace, default_export),
            creation=meta.creation,
            distribution=distribution,
            labels=tuple(pair for pair in meta.labels if pair[0] in SERVICE_LABELS),
            selector=spec.workload_selector.labels if spec.workload_selector else (),
            fixed=_fixed_endpoints(resource, host, cluster_id) if resolving in RESOLVED_BY_NAME else (),
            subject_alt_names=spec.subject_alt_names,
        )
        for place, host in enumerate(spec.hosts)
    )


def _port(port: ServiceEntryPort) -> Port:
    return Port(name=port.name, number=port.number, protocol=parse_protocol(port.protocol), target=port.target_port)


def _addresses(resource: Resource[ServiceEntry], host: str) -> tuple[str, ...]:
    """What the object says, else what was assigned to it; a range of one address is that address."""
    if resource.spec.addresses:
        return tuple(_single(address) for address in resource.spec.addresses)
    if is_wildcard(host) or resource.spec.resolution is Resolution.NONE:
        return ()
    return assigned_addresses(resource, host)


def assigned_addresses(resource: Resource[ServiceEntry], host: str) -> tuple[str, ...]:
    """The addresses that `status.addresses` holds for a host. They are assigned in the order of the plain hosts."""
    plain = [name for name in dict.fromkeys(resource.spec.hosts) if not is_wildcard(name)]
    status = [address for address in resource.status_addresses if is_address(address)]
    return (status[plain.index(host)],) if host in plain and len(status) == len(plain) else ()


def _single(address: str) -> str:
    """
    >>> _single("10.0.0.1/32"), _single("10.0.0.1/24"), _single("::1/128")
    ('10.0.0.1', '10.0.0.1/24', '::1')
    """
    if "/" not in address:
        return address
    interface = ipaddress.ip_interface(address)
    return str(interface.ip) if interface.network.num_addresses == 1 else address


def entry_port(entry: WorkloadEntry, port: Port) -> int:
    """The port at which an endpoint serves a port of its service; 0: a name that it has no port of."""
    if isinstance(port.target, str):
        return find(entry.ports, port.target) or 0
    said = find(entry.ports, port.name)
    if said:
        return said
    return port.target or port.number


def entry_endpoint(entry: WorkloadEntry, port: Port, namespace: str, workload: str, cluster_id: str) -> MeshEndpoint:
    """An endpoint that a ServiceEntry lists, with its workload's identifier. (A Unix socket has no port.)"""
    return MeshEndpoint(
        address=entry.address,
        port=0 if entry.address.startswith("unix://") else entry_port(entry, port),
        weight=entry.weight or 1,
        locality=entry.locality,
        labels=with_topology(entry.labels, entry.locality, cluster_id, network=entry.network),
        workload=workload,
        network=entry.network,
        tls_mode=find(entry.labels, TLS_MODE_LABEL) or ("istio" if entry.service_account else ""),
        account=f"{namespace}/{entry.service_account}" if entry.service_account else "",
    )


def listed_workload(resource: Resource[ServiceEntry], place: int, cluster_id: str) -> str:
    """How metadata names the workload behind an endpoint that is listed: by the object and its place."""
    meta, labels = resource.meta, resource.spec.endpoints[place].labels
    return workload_of_entry(f"{meta.name}-{place}", meta.namespace, labels, cluster_id)


def workload_of_entry(name: str, namespace: str, labels: Labels, cluster_id: str) -> str:
    """How metadata names a workload that is no pod."""
    canonical = find(labels, "service.istio.io/canonical-name") or find(labels, "app") or name
    revision = find(labels, "service.istio.io/canonical-revision") or find(labels, "version") or ""
    return f"{name};{namespace};{canonical};{revision};{cluster_id}"


def _fixed_endpoints(resource: Resource[ServiceEntry], host: str, cluster_id: str) -> tuple[FixedEndpoint, ...]:
    """The names to resolve: those of the endpoints, else the host itself; nothing for a wildcard without endpoints."""
    entries = [
        (entry, listed_workload(resource, place, cluster_id)) for place, entry in enumerate(resource.spec.endpoints)
    ]
    if not entries and not is_wildcard(host) and resource.spec.workload_selector is None:
        identifier = workload_of_entry(resource.meta.name, resource.meta.namespace, (), cluster_id)
        entries = [(WorkloadEntry(address=host), identifier)]
    return tuple(
        FixedEndpoint(
            port=port.number,
            endpoint=entry_endpoint(entry, port, resource.meta.namespace, workload, cluster_id),
        )
        for port in (_port(given) for given in resource.spec.ports)
        for entry, workload in entries
    )
