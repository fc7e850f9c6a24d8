"""The edge: one Envoy in the host's network whose listeners are the mesh's host ports.

It hands every connection as it is to one of a gateway's pods, over a Unix socket (which is bound to no network
namespace) and with a PROXY header of version 2, so that the gateway sees the client's own address. Its listeners and
clusters come over ADS like any other proxy's; gateways listen at the other end with a `proxy_protocol` listener filter.

The pods are endpoints (EDS): as they come and go no listener or cluster changes, and connections to others go on.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from meshgate.envoy.bootstrap import bootstrap_file, process_bootstrap
from meshgate.envoy.emit import emit, emit_load_assignment
from meshgate.envoy.joining import JoiningPort, joining_cluster, joining_listener
from meshgate.envoy.memo import Memo
from meshgate.envoy.resource import Resources
from meshgate.plan.values import (
    ClusterPlan,
    EndpointPlan,
    FilterChainPlan,
    ListenerPlan,
    LoadAssignmentPlan,
    LocalityEndpoints,
    PipeAddress,
    SocketAddress,
    TcpProxyPlan,
    WeightedTcpCluster,
)

EDGE_NODE = "edge"
"""Node id and name of the proxy; it is no workload, so it has no address or namespace."""

MOST_ATTEMPTS = 5
"""Pods that are tried for a connection: one that was killed refuses until the control plane has heard of it."""


class EdgeInput(Struct, frozen=True, kw_only=True):
    """Paths of the edge Envoy's own sockets on the host."""

    xds_socket: str
    admin_socket: str


class EdgePort(Struct, frozen=True, kw_only=True, order=True):
    """One host port and where it leads."""

    address: str
    port: int
    target: int
    """The gateways' port: all ports with one target have the same sockets."""
    sockets: tuple[str, ...]
    """Of the gateway's pods for that port, sorted."""


def edge_bootstrap(given: EdgeInput) -> bytes:
    """The JSON file for `envoy -c`. No port of its own: its admin interface is only the Unix socket."""
    spelled = process_bootstrap(given.admin_socket, given.xds_socket)
    spelled["node"] = {"id": EDGE_NODE, "cluster": EDGE_NODE}
    return bootstrap_file(spelled)


def edge_resources(
    ports: Iterable[EdgePort], memo: Memo | None = None, *, joining: JoiningPort | None = None
) -> Resources:
    """Listeners, clusters and endpoints for these ports, in any order, and where proxies elsewhere join."""
    ports = sorted(set(ports))
    targets = {port.target: port.sockets for port in ports}
    clusters = [_cluster(target) for target in sorted(targets)]
    listeners = [_listener(port) for port in ports]
    if joining is not None:
        clusters.append(joining_cluster(joining))
        listeners.append(joining_listener(joining))
    emitted = emit(_EdgePlan(clusters=tuple(clusters), listeners=tuple(listeners)), memo)
    found = (emit_load_assignment(_assignment(target, sockets), memo) for target, sockets in sorted(targets.items()))
    return replace(emitted, endpoints=tuple(found))


class _EdgePlan(Struct, frozen=True, kw_only=True):
    clusters: tuple[ClusterPlan, ...]
    listeners: tuple[ListenerPlan, ...]
    route_configurations: tuple[()] = ()


def _cluster_name(target: int) -> str:
    return f"gateway_{target}"


def _listener(port: EdgePort) -> ListenerPlan:
    name = f"{port.address}_{port.port}"
    cluster = WeightedTcpCluster(cluster=_cluster_name(port.target), weight=1)
    proxy = TcpProxyPlan(stat_prefix=name, clusters=(cluster,), max_connect_attempts=MOST_ATTEMPTS)
    return ListenerPlan(
        name=name,
        address=SocketAddress(address=port.address, port=port.port),
        filter_chains=(FilterChainPlan(filters=(proxy,)),),
    )


def _cluster(target: int) -> ClusterPlan:
    return ClusterPlan(name=_cluster_name(target), type="EDS", proxy_protocol="V2")


def _assignment(target: int, sockets: Iterable[str]) -> LoadAssignmentPlan:
    endpoints = tuple(EndpointPlan(address=PipeAddress(path=socket)) for socket in sorted(sockets))
    return LoadAssignmentPlan(cluster=_cluster_name(target), localities=(LocalityEndpoints(endpoints=endpoints),))
