"""What the chosen route, or TCP proxy, does with the call."""

from __future__ import annotations

from meshgate.explain.simulate.redirect import redirect
from meshgate.explain.simulate.request import Request
from meshgate.explain.simulate.result import Action, DirectResponse, Failure, Share, Stop, ToCluster, ToWeighted
from meshgate.proto import v3


def route_action(route: v3.Route, request: Request) -> Action | Stop:
    """Where an HTTP request goes, or how it is answered."""
    match route.WhichOneof("action"):
        case "route":
            return _forward(route.route, request)
        case "redirect":
            return redirect(route, request)
        case "direct_response":
            return DirectResponse(route.direct_response.status)
        case kind:
            return Stop(Failure.NOT_SIMULATED, f"route action {kind!r}")


def tcp_action(proxy: v3.TcpProxy) -> Action | Stop:
    """Where the bytes of a connection go."""
    match proxy.WhichOneof("cluster_specifier"):
        case "cluster":
            return ToCluster(proxy.cluster)
        case "weighted_clusters":
            return ToWeighted(tuple(Share(one.name, one.weight) for one in proxy.weighted_clusters.clusters))
        case kind:
            return Stop(Failure.NOT_SIMULATED, f"TCP destination {kind!r}")


def clusters_of(action: Action) -> tuple[str, ...]:
    """All clusters that the call may reach."""
    match action:
        case ToCluster():
            return (action.cluster,)
        case ToWeighted():
            return tuple(share.cluster for share in action.shares if share.weight)
        case _:
            return ()


def weighted_cluster(action: v3.RouteAction, random: int) -> v3.WeightedCluster.ClusterWeight | None:
    """The one of several clusters that this random number chooses."""
    clusters = action.weighted_clusters.clusters
    total = sum(one.weight.value for one in clusters)
    drawn = random % total if total else 0
    for one in clusters:
        if drawn < one.weight.value:
            return one
        drawn -= one.weight.value
    return None


def _forward(action: v3.RouteAction, request: Request) -> Action | Stop:
    match action.WhichOneof("cluster_specifier"):
        case "cluster":
            return ToCluster(action.cluster)
        case "cluster_header":
            names = request.headers.get(action.cluster_header.lower(), ())
            return ToCluster(names[0]) if names else Stop(Failure.NO_CLUSTER, f"no header {action.cluster_header!r}")
        case "weighted_clusters":
            return ToWeighted(tuple(Share(one.name, one.weight.value) for one in action.weighted_clusters.clusters))
        case kind:
            return Stop(Failure.NOT_SIMULATED, f"route destination {kind!r}")
