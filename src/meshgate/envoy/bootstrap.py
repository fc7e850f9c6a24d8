"""What one Envoy starts from: who it is, where its configuration comes from, its admin interface, static listeners.

The control plane is reached by a Unix socket that only this proxy's view has. It may die and come back: Envoy keeps
what it has, and tries again after 50 ms, at most after 1 s. Resources are waited for without a limit
(`initial_fetch_timeout` 0, as in Istio), so a proxy never becomes ready with half of its configuration. How many
threads it uses is said on the command line (`--concurrency`).
"""

from __future__ import annotations

import json

from msgspec import Struct

from meshgate.envoy.node import node
from meshgate.envoy.spelling import XDS_CLUSTER, ads, packed
from meshgate.envoy.static_listeners import ProxyPorts, admin_cluster, pipe_cluster, static_listeners
from meshgate.envoy.stats import stats_config
from meshgate.envoy.upstream import HTTP_OPTIONS, dns_resolver
from meshgate.plan import Proxy
from meshgate.plan.values import SocketAddress
from meshgate.proto import to_json, v3

_NO_LIMIT = 2**31 - 1
_OWNER_ONLY = 0o600
_LONGEST_SOCKET_PATH = 107


class BootstrapInput(Struct, frozen=True, kw_only=True):
    """All that decides a bootstrap. Paths are as the proxy sees them, at most 107 bytes."""

    proxy: Proxy
    xds_socket: str
    admin_socket: str
    """Made by Envoy, for its own user only."""
    domain: str = "cluster.local"
    ports: ProxyPorts = ProxyPorts()


def bootstrap(given: BootstrapInput) -> bytes:
    """The JSON file for `envoy -c`."""
    proxy, ports = given.proxy, given.ports
    spelled = process_bootstrap(given.admin_socket, given.xds_socket)
    spelled["node"] = node(
        proxy,
        domain=given.domain,
        status_port=ports.status,
        readiness_port=ports.readiness,
        prometheus_port=ports.prometheus,
    )
    spelled["static_resources"] = {
        "listeners": static_listeners(ports),
        "clusters": [admin_cluster(given.admin_socket), _xds_cluster(given.xds_socket)],
    }
    if proxy.dns_resolver is not None:
        server, port = proxy.dns_resolver
        spelled["typed_dns_resolver_config"] = dns_resolver(SocketAddress(address=server, port=port))
    return bootstrap_file(spelled)


def envoy_arguments(file: str, *, concurrency: int = 2) -> tuple[str, ...]:
    """Envoy's arguments, for a sidecar, a gateway or the edge. `concurrency` is the number of worker threads.

    - Access logs reach their file within 100 ms (by default 10 s).
    - `misc:error`, as in Istio, silences warnings about deprecated fields that Istio's configuration still has.
    - What a change replaces drains 45 s as in Istio, at once (not with a chance that grows) and without `parent`
    processes.
    """
    return (
        *("-c", file),
        *("--concurrency", str(concurrency)),
        "--disable-hot-restart",
        *("--drain-time-s", "45"),
        *("--drain-strategy", "immediate"),
        *("--file-flush-interval-msec", "100"),
        *("--log-level", "warning"),
        *("--component-log-level", "misc:error"),
    )


def bootstrap_file(spelled: v3.BootstrapDict) -> bytes:
    return json.dumps(to_json(v3.Bootstrap(**spelled)), indent=1).encode()


def process_bootstrap(admin_socket: str, xds_socket: str) -> v3.BootstrapDict:
    """What has nothing to do with the proxy's place in the mesh."""
    for path in (admin_socket, xds_socket):
        assert len(path.encode()) <= _LONGEST_SOCKET_PATH, f"too long for a Unix socket: {path!r}"
    limit = v3.DownstreamConnectionsConfig(max_active_downstream_connections=_NO_LIMIT)
    limits: v3.ResourceMonitorDict = {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": packed(limit),
    }
    runtime = v3.Struct()
    # Istio's limit on regular expressions; Envoy's own of 100 refuses ordinary ones
    runtime.update({"re2.max_program_size.error_level": 32768})
    return {
        "admin": {"address": {"pipe": {"path": admin_socket, "mode": _OWNER_ONLY}}, "ignore_global_conn_limit": True},
        "layered_runtime": {
            "layers": [{"name": "global config", "static_layer": runtime}, {"name": "admin", "admin_layer": {}}]
        },
        "overload_manager": {"resource_monitors": [limits]},
        "dynamic_resources": _dynamic_resources(),
        "static_resources": {"clusters": [_xds_cluster(xds_socket)]},
        "stats_config": stats_config(),
    }


def _dynamic_resources() -> v3.Bootstrap_DynamicResourcesDict:
    back_off: v3.BackoffStrategyDict = {"base_interval": {"nanos": 50_000_000}, "max_interval": {"seconds": 1}}
    service: v3.GrpcServiceDict = {
        "envoy_grpc": {"cluster_name": XDS_CLUSTER, "retry_policy": {"retry_back_off": back_off}}
    }
    return {
        "ads_config": {
            "api_type": "DELTA_GRPC",
            "transport_api_version": "V3",
            "set_node_on_first_message_only": True,
            "grpc_services": [service],
        },
        "cds_config": ads(),
        "lds_config": ads(),
    }


def _xds_cluster(socket: str) -> v3.ClusterDict:
    spelled = pipe_cluster(XDS_CLUSTER, socket)
    options = v3.HttpProtocolOptions(explicit_http_config={"http2_protocol_options": {}})
    spelled["typed_extension_protocol_options"] = {HTTP_OPTIONS: packed(options)}
    return spelled
