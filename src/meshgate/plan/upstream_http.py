"""HTTP towards the endpoints: version and limits (istio:pilot/pkg/networking/core/cluster_traffic_policy.go)."""

from __future__ import annotations

import msgspec

from meshgate.api import H2UpgradePolicy, HTTPSettings, MeshConfig, MeshH2UpgradePolicy
from meshgate.mesh import Protocol
from meshgate.plan.traffic_policies import EffectivePolicy
from meshgate.plan.values import Http2Keepalive, HttpProtocolOptions


def upstream_http(
    protocol: Protocol, policy: EffectivePolicy, mesh: MeshConfig, *, is_sidecar: bool, is_inbound: bool = False
) -> HttpProtocolOptions | None:
    """The options; None leaves it to Envoy, which speaks HTTP/1.1.

    A sidecar speaks on a sniffed port what its client spoke. A gateway does not: it offers HTTP/2 to all clients, and
    endpoints may not have it. To its own workload nothing is upgraded.
    """
    options = _limits(policy, keeps_case=protocol.is_http_or_sniffed and not protocol.is_http2 and _keeps_case(mesh))
    settings = (policy.connection_pool.http if policy.connection_pool else None) or HTTPSettings()
    if settings.use_client_protocol:
        return msgspec.structs.replace(options, protocol="use_downstream")
    if protocol.is_http2:
        return _with_http2(options, settings)
    if not is_inbound and _upgrades(settings.h2_upgrade_policy, protocol, mesh):
        return msgspec.structs.replace(options, protocol="explicit_http2")
    if is_sidecar and protocol.is_sniffed:
        return msgspec.structs.replace(options, protocol="use_downstream")
    return None if options == HttpProtocolOptions() else options


def _upgrades(given: H2UpgradePolicy, protocol: Protocol, mesh: MeshConfig) -> bool:
    """A DestinationRule may upgrade any port: who writes that knows that it is HTTP. The mesh upgrades HTTP ports."""
    if given is H2UpgradePolicy.DEFAULT:
        return protocol.is_http and mesh.h2_upgrade_policy is MeshH2UpgradePolicy.UPGRADE
    return given is H2UpgradePolicy.UPGRADE


def _with_http2(options: HttpProtocolOptions, settings: HTTPSettings) -> HttpProtocolOptions:
    """What is about HTTP/2 alone counts on ports that are declared so."""
    keepalive = settings.http2_keep_alive
    return msgspec.structs.replace(
        options,
        protocol="explicit_http2",
        max_concurrent_streams=settings.max_concurrent_streams or None,
        keepalive=Http2Keepalive(interval=keepalive.interval, timeout=keepalive.timeout) if keepalive else None,
    )


def _keeps_case(mesh: MeshConfig) -> bool:
    headers = mesh.default_config.proxy_headers
    return bool(headers and headers.preserve_http1_header_case)


def _limits(policy: EffectivePolicy, *, keeps_case: bool) -> HttpProtocolOptions:
    pool = policy.connection_pool
    http, tcp = (pool.http, pool.tcp) if pool else (None, None)
    idle = http.idle_timeout if http else None
    outliers = policy.outlier_detection
    return HttpProtocolOptions(
        idle_timeout=tcp.idle_timeout if idle is None and tcp else idle,
        max_connection_duration=tcp.max_connection_duration if tcp else None,
        max_requests_per_connection=(http.max_requests_per_connection or None) if http else None,
        preserve_header_case=keeps_case,
        error_codes=outliers.outlier_detection_http_error_codes if outliers else (),
    )
