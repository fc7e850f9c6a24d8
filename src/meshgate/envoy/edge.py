"""The edge: one Envoy in the host's network whose listeners are the mesh's host ports.

It hands every connection as it is to a gateway, over a Unix socket (which is bound to no network namespace) and with
a PROXY header of version 2, so that the gateway sees the client's own address. Its listeners and clusters come over
ADS like any other proxy's; gateways listen at the other end with a `proxy_protocol` listener filter.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from meshgate.envoy.bootstrap import bootstrap_file, process_bootstrap
from meshgate.envoy.emit import emit
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


class EdgeInput(Struct, frozen=True, kw_only=True):
    """Paths of the edge Envoy's own sockets on the host."""

    xds_socket: str
    admin_socket: str


class EdgePort(Struct, frozen=True, kw_only=True):
    """One host port and the gateway's socket it leads to."""

    address: str
    port: int
    socket: str


def edge_bootstrap(given: EdgeInput) -> bytes:
    """The JSON file for `envoy -c`. No port of its own: its admin interface is only the Unix socket."""
    spelled = process_bootstrap(given.admin_socket, given.xds_socket)
    spelled["node"] = {"id": EDGE_NODE, "cluster": EDGE_NODE}
    return bootstrap_file(spelled)


def edge_resources(ports: Iterable[EdgePort], memo: Memo | None = None) -> Resources:
    """Listeners and clusters for these ports, in any order; two ports may lead to one socket."""
    ports = sorted(set(ports), key=lambda port: (port.address, port.port))
    sockets = sorted({port.socket for port in ports})
    return emit(
        _EdgePlan(
            clusters=tuple(_cluster(socket) for socket in sockets),
            listeners=tuple(_listener(port) for port in ports),
        ),
        memo,
    )


class _EdgePlan(Struct, frozen=True, kw_only=True):
    clusters: tuple[ClusterPlan, ...]
    listeners: tuple[ListenerPlan, ...]
    route_configurations: tuple[()] = ()


def _listener(port: EdgePort) -> ListenerPlan:
    name = f"{port.address}_{port.port}"
    proxy = TcpProxyPlan(stat_prefix=name, clusters=(WeightedTcpCluster(cluster=port.socket, weight=1),))
    return ListenerPlan(
        name=name,
        address=SocketAddress(address=port.address, port=port.port),
        filter_chains=(FilterChainPlan(filters=(proxy,)),),
    )


def _cluster(socket: str) -> ClusterPlan:
    endpoint = EndpointPlan(address=PipeAddress(path=socket))
    return ClusterPlan(
        name=socket,
        type="STATIC",
        proxy_protocol="V2",
        load_assignment=LoadAssignmentPlan(cluster=socket, localities=(LocalityEndpoints(endpoints=(endpoint,)),)),
    )
