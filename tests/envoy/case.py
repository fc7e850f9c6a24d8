"""What the cases of this package share: the shape of one, and the few values that most of them need."""

from __future__ import annotations

from msgspec import Struct

from meshgate.plan.values import (
    ClusterPlan,
    CorsFilter,
    FaultFilter,
    FileAccessLog,
    GrpcStatsFilter,
    HttpFilter,
    ListenerPlan,
    LoadAssignmentPlan,
    RouteConfigurationPlan,
    RouterFilter,
    SocketAddress,
    TcpProxyPlan,
    TextFormat,
    WeightedTcpCluster,
)


class Case(Struct, frozen=True, kw_only=True):
    """What `emit` takes, and endpoints."""

    clusters: tuple[ClusterPlan, ...] = ()
    listeners: tuple[ListenerPlan, ...] = ()
    route_configurations: tuple[RouteConfigurationPlan, ...] = ()
    load_assignments: tuple[LoadAssignmentPlan, ...] = ()


WEB = "outbound|80||web.shop.svc.cluster.local"
ISTIO_FILTERS: tuple[HttpFilter, ...] = (GrpcStatsFilter(), FaultFilter(), CorsFilter(), RouterFilter())
TEXT_LOG = FileAccessLog(path="/dev/stdout", format=TextFormat(text="[%START_TIME%] %RESPONSE_CODE% %ROUTE_NAME%\n"))


def static(name: str) -> ClusterPlan:
    """A cluster that a listener or route can name; it has no endpoint."""
    return ClusterPlan(name=name, type="STATIC")


def tcp_to(cluster: str) -> TcpProxyPlan:
    return TcpProxyPlan(stat_prefix=cluster, clusters=(WeightedTcpCluster(cluster=cluster, weight=1),))


def at(port: int, address: str = "0.0.0.0") -> SocketAddress:
    return SocketAddress(address=address, port=port)
