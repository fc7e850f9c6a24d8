"""Names of clusters in statistics: the cluster's own, or what the mesh configuration makes of a pattern.

https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig (`outboundClusterStatName`)
"""

from __future__ import annotations

from meshgate.api import MeshConfig
from meshgate.mesh import MeshService, Port
from meshgate.plan import names


def stat_name(cluster: str) -> str:
    """The name in statistics."""
    return f"{cluster}{names.END_OF_STAT_NAME}"


def outbound_stat_name(mesh: MeshConfig, service: MeshService, port: Port, subset: str) -> str:
    """Of a cluster for a service's port."""
    if not mesh.outbound_cluster_stat_name:
        return stat_name(names.outbound_cluster(port.number, subset, service.hostname))
    return stat_name(_filled(mesh.outbound_cluster_stat_name, service, port, subset, 0))


def inbound_stat_name(mesh: MeshConfig, service: MeshService, port: Port, target: int) -> str:
    """Of a cluster to the workload itself."""
    if not mesh.inbound_cluster_stat_name:
        return stat_name(names.inbound_cluster(target))
    return stat_name(_filled(mesh.inbound_cluster_stat_name, service, port, "", target))


def _filled(pattern: str, service: MeshService, port: Port, subset: str, target: int) -> str:
    is_kubernetes = service.registry == "Kubernetes"
    values = {
        "%SERVICE%": f"{service.name}.{service.namespace}" if is_kubernetes else service.hostname,
        "%SERVICE_NAME%": service.name,
        "%SERVICE_FQDN%": service.hostname,
        "%SERVICE_PORT%": str(port.number),
        "%SERVICE_PORT_NAME%": port.name,
        "%TARGET_PORT%": str(target),
        "%SUBSET_NAME%": subset,
    }
    for placeholder, value in values.items():
        pattern = pattern.replace(placeholder, value)
    return pattern
