"""Load assignments: the endpoints of clusters, on their own path from the endpoint table to the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshgate.api import Labels, is_subset
from meshgate.mesh import EndpointTable, Memo, MeshEndpoint, split_locality
from meshgate.plan.localities import Group, groups
from meshgate.plan.values import (
    ClusterPlan,
    EndpointPlan,
    LoadAssignmentPlan,
    LocalityEndpoints,
    PipeAddress,
    SocketAddress,
    Spread,
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
            chooses_tls = bool(cluster.tls_choices)
            if selector.takes_mutual_tls:
                endpoints = memo.get(_with_mutual_tls, endpoints)
            found.append(memo.get(_assignment, cluster.name, endpoints, selector.labels, selector.spread, chooses_tls))
    return tuple(sorted(found, key=lambda assignment: assignment.cluster))


def _with_mutual_tls(endpoints: tuple[MeshEndpoint, ...]) -> tuple[MeshEndpoint, ...]:
    return tuple(endpoint for endpoint in endpoints if _tls_mode(endpoint) == "istio")


def _assignment(
    cluster: str, endpoints: tuple[MeshEndpoint, ...], labels: Labels, spread: Spread | None, chooses_tls: bool
) -> LoadAssignmentPlan:
    chosen = [endpoint for endpoint in endpoints if is_subset(labels, endpoint.labels)]
    return LoadAssignmentPlan(cluster=cluster, localities=localities(chosen, spread, chooses_tls=chooses_tls))


def localities(
    endpoints: Sequence[MeshEndpoint], spread: Spread | None = None, *, chooses_tls: bool = False
) -> tuple[LocalityEndpoints, ...]:
    """Endpoints by locality, in its order; what they accept of TLS is said only where the cluster chooses by it."""
    return tuple(_locality(group, chooses_tls=chooses_tls) for group in groups(endpoints, spread))


def _locality(group: Group, *, chooses_tls: bool) -> LocalityEndpoints:
    region, zone, subzone = split_locality(group.locality)
    return LocalityEndpoints(
        endpoints=tuple(_endpoint(each, _tls_mode(each) if chooses_tls else "") for each in group.endpoints),
        region=region,
        zone=zone,
        subzone=subzone,
        priority=group.priority,
        weight=group.weight,
    )


def _tls_mode(endpoint: MeshEndpoint) -> str:
    """What the cluster chooses by: `istio` where mutual TLS is taken, else nothing."""
    takes_mutual_tls = endpoint.tls_mode == "istio" and not endpoint.refuses_mutual_tls
    return endpoint.tls_mode if takes_mutual_tls else ""


def _endpoint(endpoint: MeshEndpoint, tls_mode: str) -> EndpointPlan:
    address = (
        PipeAddress(path=endpoint.address.removeprefix(UNIX))
        if endpoint.address.startswith(UNIX)
        else SocketAddress(address=endpoint.address, port=endpoint.port)
    )
    return EndpointPlan(address=address, weight=endpoint.weight, tls_mode=tls_mode, workload=endpoint.workload)
