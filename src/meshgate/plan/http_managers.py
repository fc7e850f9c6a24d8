"""The three kinds of HTTP connection managers: a sidecar's for what goes out and what comes in, and a gateway's.

What differs is whom they trust: a gateway takes the client's address from the connection and drops what a client says
of certificates; a sidecar passes on what the gateway wrote.
"""

from __future__ import annotations

from meshgate.api import MeshConfig, OutboundMode, PathNormalizationType
from meshgate.mesh import Protocol
from meshgate.plan import names
from meshgate.plan.access_logs import access_logs
from meshgate.plan.outbound_settings import OutboundSettings
from meshgate.plan.proxy_headers import (
    forward_mode,
    inbound_certificate_details,
    inbound_forward_mode,
    with_proxy_headers,
)
from meshgate.plan.values import (
    BlockedLog,
    ClientCertificateDetails,
    CorsFilter,
    DynamicForwardProxyFilter,
    FaultFilter,
    GrpcStatsFilter,
    GrpcWebFilter,
    HttpConnectionManagerPlan,
    HttpFilter,
    PathNormalization,
    RdsReference,
    RouteConfigurationPlan,
    RouterFilter,
)

BASIC_FILTERS: tuple[HttpFilter, ...] = (GrpcStatsFilter(), FaultFilter(), CorsFilter())
DYNAMIC_DNS = DynamicForwardProxyFilter(dns_cache=names.ALLOW_ANY_DYNAMIC_DNS_CACHE)
KEEPS_DETAILS = frozenset({"APPEND_FORWARD", "SANITIZE_SET"})
"""Where the client's certificate is told at all, it is said what of it."""

_NORMALIZATION = {
    PathNormalizationType.NONE: PathNormalization(normalize_path=False),
    PathNormalizationType.MERGE_SLASHES: PathNormalization(merge_slashes=True),
    PathNormalizationType.DECODE_AND_MERGE_SLASHES: PathNormalization(
        merge_slashes=True, escaped_slashes="UNESCAPE_AND_FORWARD"
    ),
}


def _normalization(mesh: MeshConfig) -> PathNormalization:
    chosen = mesh.path_normalization.normalization if mesh.path_normalization else PathNormalizationType.DEFAULT
    return _NORMALIZATION.get(chosen, PathNormalization())


def _filters(protocol: Protocol, *more: HttpFilter) -> tuple[HttpFilter, ...]:
    first = (GrpcWebFilter(),) if protocol is Protocol.GRPC_WEB else ()
    return (*first, *BASIC_FILTERS, *more, RouterFilter())


def outbound_manager(
    settings: OutboundSettings,
    stat_prefix: str,
    routes: RdsReference | RouteConfigurationPlan,
    protocol: Protocol,
    dns_caches: tuple[str, ...] = (),
) -> HttpConnectionManagerPlan:
    """For what a workload sends. The protocol is that of the first service of the port, as in Istio; `dns_caches` are
    those of the port's hosts that are looked up."""
    mesh = settings.mesh
    logs = (BlockedLog(is_http=True),) if settings.mode is OutboundMode.REGISTRY_ONLY else ()
    lookups = [DynamicForwardProxyFilter(dns_cache=cache) for cache in dns_caches]
    if settings.mode is OutboundMode.ALLOW_ANY_DYNAMIC_DNS:
        lookups.append(DYNAMIC_DNS)
    manager = HttpConnectionManagerPlan(
        stat_prefix=stat_prefix,
        routes=routes,
        http_filters=_filters(protocol, *lookups),
        normalization=_normalization(mesh),
        access_logs=(*access_logs(mesh), *logs),
    )
    return with_proxy_headers(manager, mesh)


def inbound_manager(
    mesh: MeshConfig, stat_prefix: str, routes: RouteConfigurationPlan, protocol: Protocol
) -> HttpConnectionManagerPlan:
    """For what a workload receives."""
    manager = HttpConnectionManagerPlan(
        stat_prefix=stat_prefix,
        routes=routes,
        http_filters=_filters(protocol),
        server_name=names.SERVER_NAME,
        forward_client_certificate=inbound_forward_mode(mesh),
        client_certificate_details=inbound_certificate_details(mesh),
        normalization=_normalization(mesh),
        access_logs=access_logs(mesh),
    )
    return with_proxy_headers(manager, mesh)


def gateway_manager(
    mesh: MeshConfig, stat_prefix: str, route_configuration: str, protocol: Protocol
) -> HttpConnectionManagerPlan:
    """For a gateway's port. The protocol is that of the first server."""
    topology = mesh.default_config.gateway_topology
    forward = forward_mode(topology.forward_client_cert_details, "SANITIZE_SET") if topology else "SANITIZE_SET"
    details = ClientCertificateDetails(subject=True, cert=True, dns=True, uri=True)
    manager = HttpConnectionManagerPlan(
        stat_prefix=stat_prefix,
        routes=RdsReference(name=route_configuration),
        http_filters=_filters(protocol),
        server_name=names.SERVER_NAME,
        use_remote_address=True,
        xff_trusted_hops=topology.num_trusted_proxies if topology else 0,
        forward_client_certificate=forward,
        client_certificate_details=details if forward in KEEPS_DETAILS else None,
        normalization=_normalization(mesh),
        access_logs=access_logs(mesh),
    )
    return with_proxy_headers(manager, mesh)
