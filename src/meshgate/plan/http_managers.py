"""The three kinds of HTTP connection managers: a sidecar's for what goes out and what comes in, and a gateway's.

What differs is whom they trust: a gateway takes the client's address from the connection and drops what a client says
of certificates; a sidecar passes on what the gateway wrote.
"""

from __future__ import annotations

from typing import Literal

from meshgate.api import ForwardClientCertDetails, MeshConfig, PathNormalizationType
from meshgate.plan import names
from meshgate.plan.access_logs import access_logs
from meshgate.plan.values import (
    ClientCertificateDetails,
    CorsFilter,
    DynamicForwardProxyFilter,
    FaultFilter,
    GrpcStatsFilter,
    HttpConnectionManagerPlan,
    HttpFilter,
    PathNormalization,
    RdsReference,
    RouteConfigurationPlan,
    RouterFilter,
)

BASIC_FILTERS: tuple[HttpFilter, ...] = (GrpcStatsFilter(), FaultFilter(), CorsFilter(), RouterFilter())
DYNAMIC_DNS_FILTERS: tuple[HttpFilter, ...] = (
    *BASIC_FILTERS[:-1],
    DynamicForwardProxyFilter(dns_cache=names.ALLOW_ANY_DYNAMIC_DNS_CACHE),
    BASIC_FILTERS[-1],
)

_NORMALIZATION = {
    PathNormalizationType.NONE: PathNormalization(normalize_path=False),
    PathNormalizationType.MERGE_SLASHES: PathNormalization(merge_slashes=True),
    PathNormalizationType.DECODE_AND_MERGE_SLASHES: PathNormalization(
        merge_slashes=True, escaped_slashes="UNESCAPE_AND_FORWARD"
    ),
}

ForwardMode = Literal["SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"]
_FORWARD: dict[ForwardClientCertDetails, ForwardMode] = {
    ForwardClientCertDetails.UNDEFINED: "SANITIZE_SET",
    ForwardClientCertDetails.SANITIZE: "SANITIZE",
    ForwardClientCertDetails.FORWARD_ONLY: "FORWARD_ONLY",
    ForwardClientCertDetails.APPEND_FORWARD: "APPEND_FORWARD",
    ForwardClientCertDetails.SANITIZE_SET: "SANITIZE_SET",
    ForwardClientCertDetails.ALWAYS_FORWARD_ONLY: "ALWAYS_FORWARD_ONLY",
}


def _normalization(mesh: MeshConfig) -> PathNormalization:
    chosen = mesh.path_normalization.normalization if mesh.path_normalization else PathNormalizationType.DEFAULT
    return _NORMALIZATION.get(chosen, PathNormalization())


def outbound_manager(
    mesh: MeshConfig, stat_prefix: str, routes: RdsReference | RouteConfigurationPlan
) -> HttpConnectionManagerPlan:
    """For what a workload sends."""
    dynamic = mesh.outbound_traffic_policy.mode.value == names.ALLOW_ANY_DYNAMIC_DNS.upper()
    return HttpConnectionManagerPlan(
        stat_prefix=stat_prefix,
        routes=routes,
        http_filters=DYNAMIC_DNS_FILTERS if dynamic else BASIC_FILTERS,
        normalization=_normalization(mesh),
        access_logs=access_logs(mesh),
    )


def inbound_manager(mesh: MeshConfig, stat_prefix: str, routes: RouteConfigurationPlan) -> HttpConnectionManagerPlan:
    """For what a workload receives."""
    return HttpConnectionManagerPlan(
        stat_prefix=stat_prefix,
        routes=routes,
        http_filters=BASIC_FILTERS,
        server_name=names.SERVER_NAME,
        forward_client_certificate="APPEND_FORWARD",
        client_certificate_details=ClientCertificateDetails(subject=True, dns=True, uri=True),
        normalization=_normalization(mesh),
        access_logs=access_logs(mesh),
    )


def gateway_manager(mesh: MeshConfig, stat_prefix: str, route_configuration: str) -> HttpConnectionManagerPlan:
    """For a gateway's port."""
    topology = mesh.default_config.gateway_topology
    forward = topology.forward_client_cert_details if topology else ForwardClientCertDetails.UNDEFINED
    return HttpConnectionManagerPlan(
        stat_prefix=stat_prefix,
        routes=RdsReference(name=route_configuration),
        http_filters=BASIC_FILTERS,
        server_name=names.SERVER_NAME,
        use_remote_address=True,
        xff_trusted_hops=topology.num_trusted_proxies if topology else 0,
        forward_client_certificate=_FORWARD[forward],
        client_certificate_details=ClientCertificateDetails(subject=True, cert=True, dns=True, uri=True),
        normalization=_normalization(mesh),
        access_logs=access_logs(mesh),
    )
