"""Clusters: where requests go, how one endpoint is chosen, and how it is spoken to."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from msgspec import Struct

from meshgate.api import Origin
from meshgate.plan.values.address import SocketAddress
from meshgate.plan.values.endpoint import LoadAssignmentPlan
from meshgate.plan.values.tls import TlsChoice, UpstreamTls

UNLIMITED = 4294967295
"""Istio switches Envoy's own limits off."""


class RetryBudget(Struct, frozen=True, kw_only=True, cache_hash=True):
    """How many retries may be under way, as a share of the requests that are; it goes before `max_retries`."""

    percent: float
    min_concurrency: int


class CircuitBreakers(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Limits of the default priority."""

    max_connections: int = UNLIMITED
    max_pending_requests: int = UNLIMITED
    max_requests: int = UNLIMITED
    max_retries: int = UNLIMITED
    retry_budget: RetryBudget | None = None
    track_remaining: bool = False


class OutlierDetectionPlan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """When an endpoint is put aside for a while. None is not written."""

    consecutive_5xx: int | None = None
    consecutive_gateway_failure: int | None = None
    split_external_local_origin_errors: bool = False
    consecutive_local_origin_failure: int | None = None
    interval: timedelta | None = None
    base_ejection_time: timedelta | None = None
    max_ejection_percent: int | None = None


class DnsSettings(Struct, frozen=True, kw_only=True, cache_hash=True):
    """How a DNS cluster resolves its names."""

    refresh_rate: timedelta = timedelta(seconds=60)
    jitter: timedelta = timedelta(milliseconds=100)
    respect_ttl: bool = True
    lookup_family: Literal["V4_ONLY", "V6_ONLY", "ALL", "AUTO"] = "V4_ONLY"
    resolver: SocketAddress | None = None
    """The DNS server to ask; None is the system's. (Ours answers there without virtual addresses.)"""
    udp_max_queries: int = 100


class OriginalDstSettings(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Refinements of an ORIGINAL_DST cluster."""

    use_http_header: bool = False
    upstream_port_override: int = 0
    """0: the port stays."""


class DynamicForwardProxySettings(Struct, frozen=True, kw_only=True, cache_hash=True):
    """The endpoint is the request's own host, resolved by a DNS cache that filter and cluster share by name."""

    dns_cache: str
    max_hosts: int = 1024
    resolver: SocketAddress | None = None


class Http2Keepalive(Struct, frozen=True, kw_only=True, cache_hash=True):
    """PING frames on connections of HTTP/2. None is not written."""

    interval: timedelta | None = None
    timeout: timedelta | None = None


class HttpProtocolOptions(Struct, frozen=True, kw_only=True, cache_hash=True):
    """HTTP to the endpoints.

    `explicit_http1` is HTTP/1.1, `explicit_http2` HTTP/2 (prior knowledge where there is no TLS),
    `use_downstream` what the client spoke, `auto` what ALPN gives.
    """

    protocol: Literal["explicit_http1", "explicit_http2", "use_downstream", "auto"] = "explicit_http1"
    idle_timeout: timedelta | None = None
    max_connection_duration: timedelta | None = None
    max_requests_per_connection: int | None = None
    max_concurrent_streams: int | None = None
    keepalive: Http2Keepalive | None = None
    preserve_header_case: bool = False
    """Header names of HTTP/1.1 go on as they came."""
    error_codes: tuple[int, ...] = ()
    """Statuses that count as errors for outlier detection; none: those from 500 on."""
    auto_sni: bool = False
    """The SNI is the request's host."""
    auto_san_validation: bool = False
    """The endpoint's certificate must be for the request's host."""


class RingHash(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Consistent hashing by a ring."""

    minimum_ring_size: int | None = None


class Maglev(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Consistent hashing by a table."""

    table_size: int | None = None


class SlowStart(Struct, frozen=True, kw_only=True, cache_hash=True):
    """New endpoints get their share little by little."""

    window: timedelta
    aggression: float | None = None
    min_weight_percent: float | None = None


class TcpKeepalive(Struct, frozen=True, kw_only=True, cache_hash=True):
    """SO_KEEPALIVE; None is the kernel's."""

    probes: int | None = None
    time_s: int | None = None
    interval_s: int | None = None


class ServiceMetadata(Struct, frozen=True, kw_only=True, cache_hash=True):
    """One entry of `filter_metadata.istio.services`."""

    host: str
    name: str
    namespace: str


class Spread(Struct, frozen=True, kw_only=True, cache_hash=True):
    """How endpoints are preferred by where they are, as seen from one proxy.

    Either by `shares`, or by priorities: first `labels`, then `by_place`.
    """

    region: str = ""
    """Of the proxy."""
    zone: str = ""
    subzone: str = ""
    shares: tuple[tuple[str, int], ...] | None = None
    """Localities (`region/zone/subzone`, a part may be `*` or missing) and the percentage that goes there."""
    labels: tuple[tuple[str, str], ...] = ()
    """Labels, the most important first, with the value that is best."""
    by_place: bool = False
    """The own subzone, zone, region, then all others."""
    next_region: str = ""
    """The region that comes after the proxy's own; empty: all others alike."""


class EndpointSelector(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Which of the mesh's endpoints an EDS cluster has: for `load_assignments`, not for the wire."""

    hostname: str
    namespace: str
    port: int
    """Of the service."""
    labels: tuple[tuple[str, str], ...] = ()
    """Of the subset."""
    spread: Spread | None = None
    """None: all endpoints alike, by weight."""
    takes_mutual_tls: bool = False
    """Only those that take mutual TLS of the mesh."""


class ClusterPlan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """One cluster. An EDS cluster's endpoints have its name."""

    name: str
    type: Literal["STATIC", "STRICT_DNS", "LOGICAL_DNS", "EDS", "ORIGINAL_DST", "DYNAMIC_FORWARD_PROXY"]
    alt_stat_name: str = ""
    connect_timeout: timedelta = timedelta(seconds=10)
    lb_policy: Literal["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM", "RING_HASH", "MAGLEV", "CLUSTER_PROVIDED"] = (
        "ROUND_ROBIN"
    )
    hash_settings: RingHash | Maglev | None = None
    slow_start: SlowStart | None = None
    healthy_panic_threshold: int | None = None
    """In percent; 0 switches panic off, None is not written."""
    circuit_breakers: CircuitBreakers | None = None
    outlier_detection: OutlierDetectionPlan | None = None
    http: HttpProtocolOptions | None = None
    """None: Envoy's default, HTTP/1.1 with no options."""
    bind_address: str = ""
    """Source address of connections to the endpoints (`127.0.0.6` tells our capture that they come from us)."""
    extra_bind_addresses: tuple[str, ...] = ()
    """Further ones, for endpoints of another address family."""
    tcp_keepalive: TcpKeepalive | None = None
    cleanup_interval: timedelta | None = None
    """After which an address of an ORIGINAL_DST cluster that nobody uses is forgotten; None is Envoy's 5 s."""
    dns: DnsSettings | None = None
    """Given for STRICT_DNS and LOGICAL_DNS only."""
    original_dst: OriginalDstSettings | None = None
    dynamic_forward_proxy: DynamicForwardProxySettings | None = None
    load_assignment: LoadAssignmentPlan | None = None
    """For STATIC (None: no endpoint) and DNS clusters; an EDS cluster's endpoints travel by themselves."""
    endpoints: EndpointSelector | None = None
    """Given for EDS; nothing to spell."""
    tls: UpstreamTls | None = None
    tls_choices: tuple[TlsChoice, ...] = ()
    """By the endpoint's mode; never together with `tls`."""
    proxy_protocol: Literal["", "V1", "V2"] = ""
    """Version of the PROXY header sent to the endpoints."""
    locality_weighted: bool = False
    external: bool = False
    """`filter_metadata.istio.external`: outside the mesh."""
    has_own_alpn: bool = False
    """`filter_metadata.istio.alpn_override: "false"`: it is not the mesh's TLS that is opened, and no filter of Istio's
    must make it look so."""
    services: tuple[ServiceMetadata, ...] = ()
    subset: str = ""
    """`filter_metadata.istio.subset`."""
    default_original_port: int = 0
    """`filter_metadata.istio.default_original_port`; 0 is not written."""
    config: str = ""
    """`filter_metadata.istio.config`: path of the DestinationRule that shaped it."""
    origin: Origin | None = None
