"""MeshConfig: the settings of the whole mesh, with Istio's defaults.

Users write it as the text at the key `mesh` of the ConfigMap `istio`. All keys of Istio's are here, so that
what is written is checked; `mesh_fields.py` says which have an effect.
https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

import msgspec

from meshgate.api.destination_rule import ConnectionPoolSettings, OutlierDetection, TcpKeepalive
from meshgate.api.gateway import TLSProtocol
from meshgate.api.locality import LocalityLoadBalancerSetting, ZoneAwareLoadBalancerSetting
from meshgate.api.proxy_config import ProxyConfig
from meshgate.api.value import Labels, RawJson, Value
from meshgate.api.virtual_service import HTTPRetry


class OutboundMode(StrEnum):
    """What becomes of traffic to hosts that the mesh does not know."""

    REGISTRY_ONLY = "REGISTRY_ONLY"
    ALLOW_ANY = "ALLOW_ANY"
    ALLOW_ANY_DYNAMIC_DNS = "ALLOW_ANY_DYNAMIC_DNS"


class OutboundTrafficPolicy(Value, frozen=True, kw_only=True):
    """Policy for unknown destinations."""

    mode: OutboundMode = OutboundMode.REGISTRY_ONLY
    """The zero value of a policy that is given without a mode; where none is given the mesh has ALLOW_ANY."""


class InboundMode(StrEnum):
    """Where a sidecar delivers to its application: at the pod's address, or at 127.0.0.1."""

    PASSTHROUGH = "PASSTHROUGH"
    LOCALHOST = "LOCALHOST"


class InboundTrafficPolicy(Value, frozen=True, kw_only=True):
    """How a sidecar delivers to its application."""

    mode: InboundMode = InboundMode.PASSTHROUGH


class MeshH2UpgradePolicy(StrEnum):
    """Whether plain HTTP/1.1 between proxies becomes HTTP/2, unless a DestinationRule says otherwise."""

    DO_NOT_UPGRADE = "DO_NOT_UPGRADE"
    UPGRADE = "UPGRADE"


class AccessLogEncoding(StrEnum):
    """Form of the access log."""

    TEXT = "TEXT"
    JSON = "JSON"


class PathNormalizationType(StrEnum):
    """How a path is normalised before anything looks at it."""

    DEFAULT = "DEFAULT"
    NONE = "NONE"
    BASE = "BASE"
    MERGE_SLASHES = "MERGE_SLASHES"
    DECODE_AND_MERGE_SLASHES = "DECODE_AND_MERGE_SLASHES"


class PathNormalization(Value, frozen=True, kw_only=True):
    """Normalisation of paths."""

    normalization: PathNormalizationType = PathNormalizationType.DEFAULT


class MeshTLS(Value, frozen=True, kw_only=True):
    """TLS between the proxies."""

    min_protocol_version: TLSProtocol = TLSProtocol.TLS_AUTO
    cipher_suites: tuple[str, ...] = ()
    ecdh_curves: tuple[str, ...] = ()


class IngressControllerMode(StrEnum):
    """Which Ingress objects the ingress gateway serves."""

    UNSPECIFIED = "UNSPECIFIED"
    OFF = "OFF"
    DEFAULT = "DEFAULT"
    STRICT = "STRICT"


class LabelExpression(Value, frozen=True, kw_only=True):
    """A condition on one label."""

    key: str = ""
    operator: str = ""
    """`In`, `NotIn`, `Exists`, `DoesNotExist`."""
    values: tuple[str, ...] = ()


class DiscoverySelector(Value, frozen=True, kw_only=True):
    """Selects namespaces by label; all that is given must hold."""

    match_labels: Labels = ()
    match_expressions: tuple[LabelExpression, ...] = ()


class MeshTrafficPolicy(Value, frozen=True, kw_only=True):
    """What DestinationRules begin with."""

    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None


class ServiceSettings(Value, frozen=True, kw_only=True):
    """Settings of some services."""

    settings: RawJson = ""
    hosts: tuple[str, ...] = ()


class SdsProvider(Value, frozen=True, kw_only=True):
    """A service that gives secrets by SDS: what `credentialName: sds://NAME` is asked for."""

    name: str = ""
    service: str = ""
    """A host, or `NAMESPACE/HOST`."""
    port: int = 0


class ExtensionProvider(Value, frozen=True, kw_only=True):
    """A service that proxies use; one of the kinds is given."""

    name: str = ""
    sds: SdsProvider | None = None
    envoy_ext_authz_http: RawJson = ""
    envoy_ext_authz_grpc: RawJson = ""
    zipkin: RawJson = ""
    lightstep: RawJson = ""
    datadog: RawJson = ""
    stackdriver: RawJson = ""
    opencensus: RawJson = ""
    skywalking: RawJson = ""
    opentelemetry: RawJson = ""
    prometheus: RawJson = ""
    envoy_file_access_log: RawJson = ""
    envoy_http_als: RawJson = ""
    envoy_tcp_als: RawJson = ""
    envoy_otel_als: RawJson = ""


ALL_NAMESPACES = ("*",)


class MeshConfig(Value, frozen=True, kw_only=True):
    """Settings of the mesh. `MeshConfig()` is Istio's default."""

    access_log_file: str = ""
    """Empty: no access log."""
    access_log_format: str = ""
    """Empty: Istio's."""
    access_log_encoding: AccessLogEncoding = AccessLogEncoding.TEXT
    disable_envoy_listener_log: bool = False
    outbound_traffic_policy: OutboundTrafficPolicy = OutboundTrafficPolicy(mode=OutboundMode.ALLOW_ANY)
    inbound_traffic_policy: InboundTrafficPolicy = InboundTrafficPolicy()
    connect_timeout: timedelta = timedelta(seconds=10)
    protocol_detection_timeout: timedelta = timedelta(0)
    """0: wait for the first bytes as long as it takes."""
    dns_refresh_rate: timedelta = timedelta(seconds=60)
    tcp_keepalive: TcpKeepalive | None = None
    default_http_retry_policy: HTTPRetry | None = None
    default_inbound_http_retry_policy: HTTPRetry | None = None
    h2_upgrade_policy: MeshH2UpgradePolicy = MeshH2UpgradePolicy.DO_NOT_UPGRADE
    default_service_export_to: tuple[str, ...] = ALL_NAMESPACES
    default_virtual_service_export_to: tuple[str, ...] = ALL_NAMESPACES
    default_destination_rule_export_to: tuple[str, ...] = ALL_NAMESPACES
    root_namespace: str = "istio-system"
    trust_domain: str = "cluster.local"
    trust_domain_aliases: tuple[str, ...] = ()
    enable_auto_mtls: bool = True
    mesh_mtls: MeshTLS | None = msgspec.field(default=None, name="meshMTLS")
    path_normalization: PathNormalization | None = None
    locality_lb_setting: LocalityLoadBalancerSetting | None = LocalityLoadBalancerSetting(enabled=True)
    proxy_listen_port: int = 15001
    proxy_inbound_listen_port: int = 15006
    ingress_service: str = "istio-ingressgateway"
    ingress_selector: str = ""
    ingress_class: str = "istio"
    default_config: ProxyConfig = ProxyConfig()
    outbound_cluster_stat_name: str = ""
    inbound_cluster_stat_name: str = ""
    enable_tracing: bool = True
    enable_prometheus_merge: bool | None = True
    enable_envoy_access_log_service: bool = False
    ingress_controller_mode: IngressControllerMode = IngressControllerMode.STRICT
    proxy_http_port: int = 0
    config_sources: tuple[RawJson, ...] = ()
    extension_providers: tuple[ExtensionProvider, ...] = ()
    """Without Istio's own three, which are always there."""
    default_providers: RawJson = ""
    discovery_selectors: tuple[DiscoverySelector, ...] = ()
    default_traffic_policy: MeshTrafficPolicy | None = None
    zone_aware_lb_setting: ZoneAwareLoadBalancerSetting | None = None
    service_settings: tuple[ServiceSettings, ...] = ()
    service_scope_configs: tuple[RawJson, ...] = ()
    tls_defaults: MeshTLS | None = None
    ca: RawJson = ""
    ca_certificates: tuple[RawJson, ...] = ()
    certificates: tuple[RawJson, ...] = ()
    verify_certificate_at_client: bool | None = None
    thrift_config: RawJson = ""
