"""Clusters to the workload itself: one for each of its ports that a service has, whatever the number of services.

By default a sidecar delivers to the address that the client called, from 127.0.0.6, so that capture lets it through.
(istio:pilot/pkg/networking/core/cluster.go#buildInboundClusters)
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshgate.api import InboundMode, MeshConfig
from meshgate.mesh import ServiceTarget
from meshgate.plan import names
from meshgate.plan.fixed_clusters import stat_name
from meshgate.plan.traffic_policies import NO_POLICY
from meshgate.plan.upstream_http import upstream_http
from meshgate.plan.values import (
    CircuitBreakers,
    ClusterPlan,
    EndpointPlan,
    LoadAssignmentPlan,
    LocalityEndpoints,
    ServiceMetadata,
    SocketAddress,
)

LOCALHOST = "127.0.0.1"


def inbound_clusters(mesh: MeshConfig, targets: Iterable[ServiceTarget]) -> tuple[ClusterPlan, ...]:
    """The clusters, by port."""
    by_port: dict[int, list[ServiceTarget]] = {}
    for target in targets:
        by_port.setdefault(target.target, []).append(target)
    return tuple(_cluster(mesh, port, found) for port, found in sorted(by_port.items()))


def _cluster(mesh: MeshConfig, port: int, targets: list[ServiceTarget]) -> ClusterPlan:
    """The oldest service decides the protocol; all are named in the metadata."""
    first = targets[0]
    services = dict.fromkeys(target.service for target in targets)
    cluster = ClusterPlan(
        name=names.inbound_cluster(port),
        alt_stat_name=stat_name(names.inbound_cluster(port)),
        type="ORIGINAL_DST",
        connect_timeout=mesh.connect_timeout,
        lb_policy="CLUSTER_PROVIDED",
        circuit_breakers=CircuitBreakers(),
        http=upstream_http(first.port.protocol, NO_POLICY, mesh, is_sidecar=True),
        bind_address=names.INBOUND_BIND_ADDRESS,
        services=tuple(
            ServiceMetadata(host=service.hostname, name=service.name, namespace=service.namespace)
            for service in services
        ),
        origin=first.service.origin,
    )
    if mesh.inbound_traffic_policy.mode is InboundMode.PASSTHROUGH:
        return cluster
    return msgspec.structs.replace(
        cluster, type="STATIC", lb_policy="ROUND_ROBIN", bind_address="", load_assignment=_localhost(cluster.name, port)
    )


def _localhost(cluster: str, port: int) -> LoadAssignmentPlan:
    endpoint = EndpointPlan(address=SocketAddress(address=LOCALHOST, port=port))
    return LoadAssignmentPlan(cluster=cluster, localities=(LocalityEndpoints(endpoints=(endpoint,)),))
