"""Load assignments: the endpoints of clusters, on their own path from the endpoint table to the wire."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from meshgate.api import Labels, is_subset
from meshgate.mesh import EndpointTable, Memo, MeshEndpoint
from meshgate.plan.values import (
    ClusterPlan,
    EndpointPlan,
    LoadAssignmentPlan,
    LocalityEndpoints,
    PipeAddress,
    SocketAddress,
)

UNIX = "unix://"


def load_assignments(
    table: EndpointTable, clusters: Iterable[ClusterPlan], memo: Memo | None = None
) -> tuple[LoadAssignmentPlan, ...]:
    """The endpoints of all EDS clusters, by name; a cluster without endpoints has an empty one."""
    found = []
    memo = memo or Memo()
    for cluster in clusters:
        selector = cluster.endpoints
        if selector is not None:
            endpoints = table.of(selector.hostname, selector.namespace, selector.port)
            found.append(memo.get(_assignment, cluster.name, endpoints, selector.labels, bool(cluster.tls_choices)))
    return tuple(sorted(found, key=lambda assignment: assignment.cluster))


def _assignment(
    cluster: str, endpoints: tuple[MeshEndpoint, ...], labels: Labels, chooses_tls: bool
) -> LoadAssignmentPlan:
    chosen = [endpoint for endpoint in endpoints if is_subset(labels, endpoint.labels)]
    return LoadAssignmentPlan(cluster=cluster, localities=localities(chosen, chooses_tls=chooses_tls))


def localities(endpoints: Sequence[MeshEndpoint], *, chooses_tls: bool = False) -> tuple[LocalityEndpoints, ...]:
    """Endpoints by locality, in its order; what they accept of TLS is said only where the cluster chooses by it."""
    by_locality: dict[str, list[EndpointPlan]] = defaultdict(list)
    for endpoint in endpoints:
        by_locality[endpoint.locality].append(_endpoint(endpoint, endpoint.tls_mode if chooses_tls else ""))
    return tuple(_locality(name, by_locality[name]) for name in sorted(by_locality))


def _locality(name: str, endpoints: list[EndpointPlan]) -> LocalityEndpoints:
    region, zone, subzone = (*name.split("/", 2), "", "", "")[:3]
    return LocalityEndpoints(
        endpoints=tuple(endpoints),
        region=region,
        zone=zone,
        subzone=subzone,
        weight=sum(endpoint.weight for endpoint in endpoints),
    )


def _endpoint(endpoint: MeshEndpoint, tls_mode: str) -> EndpointPlan:
    address = (
        PipeAddress(path=endpoint.address.removeprefix(UNIX))
        if endpoint.address.startswith(UNIX)
        else SocketAddress(address=endpoint.address, port=endpoint.port)
    )
    return EndpointPlan(address=address, weight=endpoint.weight, tls_mode=tls_mode, workload=endpoint.workload)
