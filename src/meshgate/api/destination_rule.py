"""DestinationRule: what happens to traffic for a host after routing: subsets, load balancing, connections, TLS.

https://istio.io/latest/docs/reference/config/networking/destination-rule/
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum, nonmember
from typing import ClassVar

import msgspec

from meshgate.api.locality import LocalityLoadBalancerSetting, ZoneAwareLoadBalancerSetting
from meshgate.api.value import Labels, PortSelector, UInt32, UInt64, Value


class SimpleLB(StrEnum):
    """Load balancers without settings. LEAST_CONN is the old name of LEAST_REQUEST."""

    UNSPECIFIED = "UNSPECIFIED"
    LEAST_CONN = "LEAST_CONN"
    RANDOM = "RANDOM"
    PASSTHROUGH = "PASSTHROUGH"
    ROUND_ROBIN = "ROUND_ROBIN"
    LEAST_REQUEST = "LEAST_REQUEST"


class HTTPCookieAttribute(Value, frozen=True, kw_only=True):
    """An attribute of a generated cookie."""

    name: str = ""
    value: str = ""


class HTTPCookie(Value, frozen=True, kw_only=True):
    """The cookie that is hashed; made if it is not there and has a `ttl`."""

    name: str = ""
    path: str = ""
    ttl: timedelta | None = None
    attributes: tuple[HTTPCookieAttribute, ...] = ()


class RingHash(Value, frozen=True, kw_only=True):
    """Ketama."""

    minimum_ring_size: UInt64 = 0


class Maglev(Value, frozen=True, kw_only=True):
    """Maglev."""

    table_size: UInt64 = 0


class ConsistentHashLB(Value, frozen=True, kw_only=True):
    """Equal keys go to the same endpoint."""

    one_of: ClassVar = (
        ("http_header_name", "http_cookie", "use_source_ip", "http_query_parameter_name"),
        ("ring_hash", "maglev"),
    )

    http_header_name: str | None = None
    http_cookie: HTTPCookie | None = None
    use_source_ip: bool | None = None
    http_query_parameter_name: str | None = None
    ring_hash: RingHash | None = None
    maglev: Maglev | None = None
    minimum_ring_size: UInt64 = 0
    """The old place of `ringHash.minimumRingSize`."""


class WarmupConfiguration(Value, frozen=True, kw_only=True):
    """Raise the traffic to a new endpoint slowly."""

    duration: timedelta | None = None
    minimum_percent: float | None = None
    aggression: float | None = None


class BackendUtilization(Value, frozen=True, kw_only=True):
    """Weights from what endpoints report of their load."""

    metric_names_for_computing_utilization: tuple[str, ...] = ()
    error_utilization_penalty_percent: UInt32 = 0
    weight_expiration_period: timedelta | None = None
    weight_stabilization_period: timedelta | None = None
    weight_update_period: timedelta | None = None


class LoadBalancerSettings(Value, frozen=True, kw_only=True):
    """How an endpoint is chosen."""

    one_of: ClassVar = (("simple", "consistent_hash", "backend_utilization"),)

    simple: SimpleLB | None = None
    consistent_hash: ConsistentHashLB | None = None
    backend_utilization: BackendUtilization | None = None
    locality_lb_setting: LocalityLoadBalancerSetting | None = None
    zone_aware_lb_setting: ZoneAwareLoadBalancerSetting | None = None
    warmup_duration_secs: timedelta | None = None
    """The old place of `warmup.duration`."""
    warmup: WarmupConfiguration | None = None


class TcpKeepalive(Value, frozen=True, kw_only=True):
    """Keepalive probes of TCP."""

    probes: UInt32 = 0
    time: timedelta | None = None
    interval: timedelta | None = None


class TCPSettings(Value, frozen=True, kw_only=True):
    """Connections of all protocols."""

    max_connections: int = 0
    connect_timeout: timedelta | None = None
    tcp_keepalive: TcpKeepalive | None = None
    max_connection_duration: timedelta | None = None
    idle_timeout: timedelta | None = None


class H2UpgradePolicy(StrEnum):
    """Whether plain HTTP/1.1 to an endpoint becomes HTTP/2."""

    DEFAULT = "DEFAULT"
    DO_NOT_UPGRADE = "DO_NOT_UPGRADE"
    UPGRADE = "UPGRADE"


class HTTP2KeepAlive(Value, frozen=True, kw_only=True):
    """PING frames."""

    interval: timedelta | None = None
    timeout: timedelta | None = None


class HTTPSettings(Value, frozen=True, kw_only=True):
    """Connections of HTTP."""

    http1_max_pending_requests: int = 0
    http2_max_requests: int = 0
    max_requests_per_connection: int = 0
    max_retries: int = 0
    idle_timeout: timedelta | None = None
    h2_upgrade_policy: H2UpgradePolicy = H2UpgradePolicy.DEFAULT
    use_client_protocol: bool = False
    max_concurrent_streams: int = 0
    http2_keep_alive: HTTP2KeepAlive | None = None


class ConnectionPoolSettings(Value, frozen=True, kw_only=True):
    """Limits of connections and requests."""

    tcp: TCPSettings | None = None
    http: HTTPSettings | None = None


class OutlierDetection(Value, frozen=True, kw_only=True):
    """When an endpoint is left out for a while."""

    consecutive_errors: int = 0
    """Old; without effect."""
    split_external_local_origin_errors: bool = False
    consecutive_local_origin_failures: UInt32 | None = None
    consecutive_gateway_errors: UInt32 | None = None
    consecutive_5xx_errors: UInt32 | None = msgspec.field(default=None, name="consecutive5xxErrors")
    interval: timedelta | None = None
    base_ejection_time: timedelta | None = None
    max_ejection_percent: int = 0
    min_health_percent: int = 0
    outlier_detection_http_error_codes: tuple[UInt32, ...] = ()


class ClientTLSMode(StrEnum):
    """How connections to the endpoints are secured."""

    DISABLE = "DISABLE"
    SIMPLE = "SIMPLE"
    MUTUAL = "MUTUAL"
    ISTIO_MUTUAL = "ISTIO_MUTUAL"


class ClientTLSSettings(Value, frozen=True, kw_only=True):
    """TLS towards the endpoints."""

    mode: ClientTLSMode = ClientTLSMode.DISABLE
    client_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""
    credential_name: str = ""
    subject_alt_names: tuple[str, ...] = ()
    sni: str = ""
    insecure_skip_verify: bool | None = None
    ca_crl: str = ""


class TunnelSettings(Value, frozen=True, kw_only=True):
    """Carry TCP over HTTP CONNECT or POST."""

    protocol: str = ""
    target_host: str = ""
    target_port: UInt32 = 0


class ProxyProtocolVersion(StrEnum):
    """Versions of the PROXY protocol."""

    V1 = "V1"
    V2 = "V2"

    is_checked = nonmember(True)


class ProxyProtocol(Value, frozen=True, kw_only=True):
    """Send the PROXY protocol to the endpoints."""

    version: ProxyProtocolVersion = ProxyProtocolVersion.V1


class RetryBudget(Value, frozen=True, kw_only=True):
    """How many retries may be under way."""

    percent: float | None = None
    min_retry_concurrency: UInt32 = 0
    budget_interval: timedelta | None = None


class PortTrafficPolicy(Value, frozen=True, kw_only=True):
    """The policy of one port. It replaces the policy above it, it is not merged with it."""

    port: PortSelector | None = None
    """Written as `port: {number: 80}`."""
    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None


class TrafficPolicy(Value, frozen=True, kw_only=True):
    """The policy of a host or of a subset."""

    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None
    port_level_settings: tuple[PortTrafficPolicy, ...] = ()
    tunnel: TunnelSettings | None = None
    proxy_protocol: ProxyProtocol | None = None
    retry_budget: RetryBudget | None = None


class Subset(Value, frozen=True, kw_only=True):
    """Some of the endpoints, by label."""

    name: str = ""
    labels: Labels = ()
    """None: all endpoints."""
    traffic_policy: TrafficPolicy | None = None


class WorkloadSelector(Value, frozen=True, kw_only=True):
    """The proxies that the rule applies to."""

    match_labels: Labels = ()


class DestinationRule(Value, frozen=True, kw_only=True):
    """Spec of a DestinationRule."""

    host: str = ""
    """As written: a short name is still relative to the namespace of the object."""
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: tuple[str, ...] = ()
    workload_selector: WorkloadSelector | None = None
