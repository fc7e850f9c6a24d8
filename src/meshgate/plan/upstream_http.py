"""HTTP towards the endpoints: version and limits (istio:pilot/pkg/networking/core/cluster_traffic_policy.go)."""

from __future__ import annotations

import msgspec

from meshgate.api import H2UpgradePolicy, MeshConfig
from meshgate.mesh import Protocol
from meshgate.plan.traffic_policies import EffectivePolicy
from meshgate.plan.values import HttpProtocolOptions


def upstream_http(
    protocol: Protocol, policy: EffectivePolicy, mesh: MeshConfig, *, is_sidecar: bool
) -> HttpProtocolOptions | None:
    """The options; None leaves it to Envoy, which speaks HTTP/1.1.

    A sidecar speaks on a sniffed port what its client spoke. A gateway does not: it offers HTTP/2 to all clients, and
    endpoints may not have it.
    """
    options = _limits(policy)
    settings = policy.connection_pool.http if policy.connection_pool else None
    if protocol.is_http2:
        return msgspec.structs.replace(options, protocol="explicit_http2")
    if (settings and settings.use_client_protocol) or (is_sidecar and protocol.is_sniffed):
        return msgspec.structs.replace(options, protocol="use_downstream")
    if protocol is Protocol.HTTP and _upgrades(settings.h2_upgrade_policy if settings else None, mesh):
        return msgspec.structs.replace(options, protocol="explicit_http2")
    return None if options == HttpProtocolOptions() else options


def _upgrades(given: H2UpgradePolicy | None, mesh: MeshConfig) -> bool:
    if given is None or given is H2UpgradePolicy.DEFAULT:
        return mesh.h2_upgrade_policy.value == "UPGRADE"
    return given is H2UpgradePolicy.UPGRADE


def _limits(policy: EffectivePolicy) -> HttpProtocolOptions:
    pool = policy.connection_pool
    http, tcp = (pool.http, pool.tcp) if pool else (None, None)
    return HttpProtocolOptions(
        idle_timeout=http.idle_timeout if http else None,
        max_connection_duration=tcp.max_connection_duration if tcp else None,
        max_requests_per_connection=(http.max_requests_per_connection or None) if http else None,
        max_concurrent_streams=(http.max_concurrent_streams or None) if http else None,
    )
