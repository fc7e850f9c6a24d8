"""ProxyConfig: what each proxy is told at its start, as `defaultConfig` of the mesh configuration has it.

All keys of Istio's are here, so that what is written is checked; `mesh_fields.py` says which have an effect.
https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum, nonmember
from typing import ClassVar

from meshgate.api.destination_rule import ClientTLSSettings, TcpKeepalive
from meshgate.api.value import Labels, Pairs, RawJson, UInt32, Value


class ForwardClientCertDetails(StrEnum):
    """What a proxy does with x-forwarded-client-cert."""

    UNDEFINED = "UNDEFINED"
    SANITIZE = "SANITIZE"
    FORWARD_ONLY = "FORWARD_ONLY"
    APPEND_FORWARD = "APPEND_FORWARD"
    SANITIZE_SET = "SANITIZE_SET"
    ALWAYS_FORWARD_ONLY = "ALWAYS_FORWARD_ONLY"


class TopologyProxyProtocol(Value, frozen=True, kw_only=True):
    """Gateways expect the PROXY protocol."""


class GatewayTopology(Value, frozen=True, kw_only=True):
    """What stands before the gateways."""

    num_trusted_proxies: UInt32 = 0
    forward_client_cert_details: ForwardClientCertDetails = ForwardClientCertDetails.UNDEFINED
    proxy_protocol: TopologyProxyProtocol | None = None


class SetClientCertDetails(Value, frozen=True, kw_only=True):
    """Which parts of a client's certificate are added to x-forwarded-client-cert."""

    subject: bool | None = None
    cert: bool | None = None
    chain: bool | None = None
    dns: bool | None = None
    uri: bool | None = None


class DisabledHeader(Value, frozen=True, kw_only=True):
    """Whether a header that is on is switched off."""

    disabled: bool | None = None


class ServerHeader(Value, frozen=True, kw_only=True):
    """The header `server`."""

    disabled: bool | None = None
    value: str = ""


class EnabledHeader(Value, frozen=True, kw_only=True):
    """Whether a header that is off is switched on."""

    enabled: bool | None = None


class MetadataExchangeMode(StrEnum):
    """Where the headers are sent with which proxies of the mesh tell each other who they are."""

    UNDEFINED = "UNDEFINED"
    IN_MESH = "IN_MESH"


class MetadataExchangeHeaders(Value, frozen=True, kw_only=True):
    """The headers `x-envoy-peer-metadata`."""

    mode: MetadataExchangeMode = MetadataExchangeMode.UNDEFINED


class ProxyHeaders(Value, frozen=True, kw_only=True):
    """Headers that the proxy itself sets."""

    forwarded_client_cert: ForwardClientCertDetails = ForwardClientCertDetails.UNDEFINED
    set_current_client_cert_details: SetClientCertDetails | None = None
    request_id: DisabledHeader | None = None
    server: ServerHeader | None = None
    attempt_count: DisabledHeader | None = None
    envoy_debug_headers: DisabledHeader | None = None
    metadata_exchange_headers: MetadataExchangeHeaders | None = None
    preserve_http1_header_case: bool | None = None
    x_forwarded_host: EnabledHeader | None = None
    x_forwarded_port: EnabledHeader | None = None


class AuthenticationPolicy(StrEnum):
    """How a proxy makes sure of the control plane."""

    NONE = "NONE"
    MUTUAL_TLS = "MUTUAL_TLS"

    is_checked = nonmember(True)


class InboundInterceptionMode(StrEnum):
    """How inbound connections get to the proxy."""

    REDIRECT = "REDIRECT"
    TPROXY = "TPROXY"
    NONE = "NONE"


class TracingServiceName(StrEnum):
    """What a proxy is called in traces."""

    APP_LABEL_AND_NAMESPACE = "APP_LABEL_AND_NAMESPACE"
    CANONICAL_NAME_ONLY = "CANONICAL_NAME_ONLY"
    CANONICAL_NAME_AND_NAMESPACE = "CANONICAL_NAME_AND_NAMESPACE"


class Collector(Value, frozen=True, kw_only=True):
    """Where traces go."""

    address: str = ""


class LightstepCollector(Value, frozen=True, kw_only=True):
    """Where traces go, with a key."""

    address: str = ""
    access_token: str = ""


class Tracing(Value, frozen=True, kw_only=True):
    """Traces of requests."""

    one_of: ClassVar = (("zipkin", "lightstep", "datadog", "stackdriver", "open_census_agent"),)

    zipkin: Collector | None = None
    lightstep: LightstepCollector | None = None
    datadog: Collector | None = None
    stackdriver: RawJson = ""
    open_census_agent: RawJson = ""
    custom_tags: Pairs[RawJson] = ()
    max_path_tag_length: UInt32 = 0
    sampling: float = 0
    tls_settings: ClientTLSSettings | None = None
    enable_istio_tags: bool | None = None


class RemoteService(Value, frozen=True, kw_only=True):
    """A server that proxies send to."""

    address: str = ""
    tls_settings: ClientTLSSettings | None = None
    tcp_keepalive: TcpKeepalive | None = None


class KeyHardware(Value, frozen=True, kw_only=True):
    """How long a processor may collect operations with private keys."""

    poll_delay: timedelta | None = None
    fallback: bool | None = None


class PrivateKeyProvider(Value, frozen=True, kw_only=True):
    """Operations with private keys by special hardware."""

    one_of: ClassVar = (("cryptomb", "qat"),)

    cryptomb: KeyHardware | None = None
    qat: KeyHardware | None = None


class ConnectionSettings(Value, frozen=True, kw_only=True):
    """Limits of the connections that a proxy takes."""

    profile: str = ""
    listener_per_connection_buffer_limit_bytes: int | None = None
    cluster_per_connection_buffer_limit_bytes: int | None = None
    listener_connection_limit: int | None = None
    global_downstream_connection_limit: int | None = None
    http_idle_timeout: timedelta | None = None
    http_stream_idle_timeout: timedelta | None = None
    http_request_timeout: timedelta | None = None
    http_request_headers_timeout: timedelta | None = None
    http_max_stream_duration: timedelta | None = None
    http_max_concurrent_streams: int | None = None
    http2_initial_stream_window_size: int | None = None
    http2_initial_connection_window_size: int | None = None


class ProxyConfig(Value, frozen=True, kw_only=True):
    """Defaults of all proxies."""

    one_of: ClassVar = (("service_cluster", "tracing_service_name"),)

    concurrency: int | None = None
    """Worker threads of each proxy. None: decided by the host."""
    drain_duration: timedelta = timedelta(seconds=45)
    termination_drain_duration: timedelta = timedelta(seconds=5)
    stat_name_length: int = 189
    status_port: int = 15020
    proxy_admin_port: int = 15000
    hold_application_until_proxy_starts: bool | None = None
    proxy_metadata: Labels = ()
    gateway_topology: GatewayTopology | None = None
    proxy_headers: ProxyHeaders | None = None
    connection_settings: ConnectionSettings | None = None
    config_path: str = "./etc/istio/proxy"
    binary_path: str = "/usr/local/bin/envoy"
    service_cluster: str = "istio-proxy"
    tracing_service_name: TracingServiceName | None = None
    discovery_address: str = "istiod.istio-system.svc:15012"
    control_plane_auth_policy: AuthenticationPolicy = AuthenticationPolicy.MUTUAL_TLS
    statsd_udp_address: str = ""
    custom_config_file: str = ""
    proxy_bootstrap_template_path: str = ""
    interception_mode: InboundInterceptionMode = InboundInterceptionMode.REDIRECT
    tracing: Tracing | None = None
    envoy_access_log_service: RemoteService | None = None
    envoy_metrics_service: RemoteService | None = None
    envoy_metrics_service_address: str = ""
    runtime_values: Labels = ()
    extra_stat_tags: tuple[str, ...] = ()
    mesh_id: str = ""
    readiness_probe: RawJson = ""
    proxy_stats_matcher: RawJson = ""
    ca_certificates_pem: tuple[str, ...] = ()
    image: RawJson = ""
    private_key_provider: PrivateKeyProvider | None = None
    file_flush_interval: timedelta | None = None
    file_flush_min_size_kb: UInt32 | None = None
    stats_compression: bool | None = None
    sds: RawJson = ""
    zipkin_address: str = ""
    availability_zone: str = ""
    parent_shutdown_duration: timedelta | None = None
    discovery_refresh_delay: timedelta | None = None
