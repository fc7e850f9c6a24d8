"""The listeners that every proxy has before any configuration arrives, and the clusters behind them.

Envoy's admin interface is a Unix socket that only the proxy's own view has. Of it the whole is on 127.0.0.1:15000, as
in Istio; from outside the pod there are readiness (15021, and 15020 where Istio's agent listens) and metrics (15090,
15020), each one exact path. Everything else is 404: the admin interface can stop the proxy and shows all of its
configuration.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from meshgate.envoy.spelling import packed
from meshgate.proto import v3

ADMIN_CLUSTER = "agent"
"""Istio's name for what answers these paths; its dashboards leave out clusters of this name."""

_READY = {"/healthz/ready": "/ready"}
_METRICS = {"/stats/prometheus": "/stats/prometheus"}


class ProxyPorts(Struct, frozen=True, kw_only=True):
    """Where the static listeners are. Istio's ports; others only for tests that run side by side."""

    admin: int = 15000
    status: int = 15020
    readiness: int = 15021
    prometheus: int = 15090
    wildcard: str = "0.0.0.0"
    """Address of all but the admin listener, which is on loopback."""


def static_listeners(ports: ProxyPorts) -> list[v3.ListenerDict]:
    wildcard = ports.wildcard
    return [
        _listener("admin", "127.0.0.1", ports.admin, [_admin_route()]),
        _listener("readiness", wildcard, ports.readiness, _exact_routes(_READY)),
        _listener("prometheus", wildcard, ports.prometheus, _exact_routes(_METRICS)),
        _listener("status", wildcard, ports.status, _exact_routes({**_READY, **_METRICS})),
    ]


def admin_cluster(socket: str) -> v3.ClusterDict:
    return pipe_cluster(ADMIN_CLUSTER, socket)


def pipe_cluster(name: str, socket: str) -> v3.ClusterDict:
    """A cluster of one Unix socket."""
    return {
        "name": name,
        "alt_stat_name": f"{name};",
        "type": "STATIC",
        "connect_timeout": {"seconds": 1},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": socket}}}}]}],
        },
    }


def _exact_routes(paths: Mapping[str, str]) -> list[v3.RouteDict]:
    return [
        {
            "match": {"path": path, "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]},
            "route": {"cluster": ADMIN_CLUSTER, "prefix_rewrite": rewritten},
        }
        for path, rewritten in paths.items()
    ]


def _admin_route() -> v3.RouteDict:
    return {"match": {"prefix": "/"}, "route": {"cluster": ADMIN_CLUSTER, "timeout": {"seconds": 0}}}


def _listener(name: str, address: str, port: int, routes: list[v3.RouteDict]) -> v3.ListenerDict:
    """Exempt from limits on connections: a proxy under load must still say that it is ready."""
    manager = v3.HttpConnectionManager(
        stat_prefix=f"{name};",
        route_config={"virtual_hosts": [{"name": name, "domains": ["*"], "routes": routes}]},
        http_filters=[{"name": "envoy.filters.http.router", "typed_config": packed(v3.Router())}],
    )
    chain: v3.FilterChainDict = {
        "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": packed(manager)}]
    }
    return {
        "name": name,
        "address": {"socket_address": {"address": address, "port_value": port}},
        "filter_chains": [chain],
        "ignore_global_conn_limit": True,
        "bypass_overload_manager": True,
    }
