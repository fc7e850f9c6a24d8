"""Rules of the mesh configuration. istio:pkg/config/validation/agent/validation.go#ValidateMeshConfig"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

from meshgate.api import codes
from meshgate.api.mesh_config import ExtensionProvider, MeshConfig, MeshTLS, MeshTrafficPolicy
from meshgate.api.rules.connections import connection_pool, outlier_detection
from meshgate.api.rules.finding import Finding, Findings, doubt
from meshgate.api.rules.header_operators import log_operator_fault
from meshgate.api.rules.host_names import is_label, wildcard_host_fault
from meshgate.api.rules.http_actions import retries
from meshgate.api.rules.load_balancer import locality, zone_aware
from meshgate.api.rules.proxy_config import proxy_config_findings
from meshgate.api.rules.server_tls import cipher_suites, ecdh_curves
from meshgate.api.rules.values import HIGHEST_PORT, MILLISECOND, duration, port
from meshgate.api.tls_names import is_cipher_suite

LONGEST_CONNECT_TIMEOUT: Final = timedelta(hours=1)
_ALWAYS_THERE: Final = (
    ("prometheus", ["prometheus"]),
    ("stackdriver", ["stackdriver"]),
    ("envoy", ["envoyFileAccessLog"]),
)


def mesh_config_findings(mesh: MeshConfig) -> Findings:
    """What istiod would refuse; paths are from the top of the mesh configuration."""
    yield from port("proxyListenPort", mesh.proxy_listen_port)
    if mesh.proxy_inbound_listen_port not in range(1, HIGHEST_PORT + 1):  # istiod does not look at it, but Envoy does
        text = f"{mesh.proxy_inbound_listen_port} is no port"
        yield Finding("proxyInboundListenPort", text, f"ports are 1 to {HIGHEST_PORT}", code=codes.REFUSED_BY_ENVOY)
    fault, hint = log_operator_fault(mesh.access_log_format)
    if fault:
        yield Finding("accessLogFormat", fault, hint, code=codes.REFUSED_BY_ENVOY)
    yield from _captured_ports(mesh)
    yield from duration("connectTimeout", mesh.connect_timeout)
    if mesh.connect_timeout > LONGEST_CONNECT_TIMEOUT:
        yield Finding("connectTimeout", "more than an hour")
    if mesh.protocol_detection_timeout % MILLISECOND:
        yield Finding("protocolDetectionTimeout", "a duration must be a whole number of milliseconds")
    yield from _trust_domains(mesh)
    if mesh.locality_lb_setting:
        yield from locality("localityLbSetting", mesh.locality_lb_setting, detects_outliers=True)
    if mesh.zone_aware_lb_setting:
        yield from zone_aware("zoneAwareLbSetting", mesh.zone_aware_lb_setting, detects_outliers=True)
    if mesh.default_inbound_http_retry_policy:
        yield from _inbound_retries(mesh)
    if mesh.mesh_mtls:
        yield from _mesh_mtls("meshMTLS", mesh.mesh_mtls)
    if mesh.tls_defaults:
        yield from cipher_suites("tlsDefaults.cipherSuites", mesh.tls_defaults.cipher_suites)
        yield from ecdh_curves("tlsDefaults.ecdhCurves", mesh.tls_defaults.ecdh_curves)
    for index, provider in enumerate(mesh.extension_providers):
        yield from _extension_provider(f"extensionProviders[{index}]", provider)
    if mesh.default_traffic_policy:
        yield from _traffic_policy("defaultTrafficPolicy", mesh.default_traffic_policy)
    for index, settings in enumerate(mesh.service_settings):
        for number, host in enumerate(settings.hosts):
            fault = wildcard_host_fault(host)
            if fault:
                yield Finding(f"serviceSettings[{index}].hosts[{number}]", fault)
    yield from proxy_config_findings("defaultConfig", mesh.default_config)


def _mesh_mtls(path: str, tls: MeshTLS) -> Findings:
    """istiod hands the ciphers on as they are; Envoy would refuse every listener for one that it does not know."""
    if tls.ecdh_curves:
        yield Finding(f"{path}.ecdhCurves", "curves cannot be chosen inside the mesh")
    for index, suite in enumerate(tls.cipher_suites):
        if not is_cipher_suite(suite):
            at, text = f"{path}.cipherSuites[{index}]", f'"{suite}" is no cipher suite of TLS 1.2 or older'
            yield Finding(at, text, "those of TLS 1.3 cannot be chosen", code=codes.REFUSED_BY_ENVOY)


def _extension_provider(path: str, provider: ExtensionProvider) -> Findings:
    """Secrets are asked for; of the other kinds each has a remark, but Istio's own three that are always there."""
    if provider.sds is not None:
        if not provider.sds.service:
            yield Finding(f"{path}.sds.service", "a provider of secrets needs the host of its service")
        yield from port(f"{path}.sds.port", provider.sds.port)
    kinds = [
        field.encode_name
        for field in msgspec.structs.fields(provider)
        if field.name not in ("name", "sds") and getattr(provider, field.name)
    ]
    if (provider.name, kinds) in _ALWAYS_THERE:
        return
    for kind in kinds:
        why = "only Telemetry and AuthorizationPolicy use it, which are not implemented yet"
        text = f"accepted, but without effect: {why}"
        yield Finding(f"{path}.{kind}", text, "", "info", codes.WITHOUT_EFFECT)


def _captured_ports(mesh: MeshConfig) -> Findings:
    """The capture in pods leads to Istio's ports, so a proxy that listened elsewhere would get nothing."""
    ports = (
        ("proxyListenPort", mesh.proxy_listen_port, MeshConfig().proxy_listen_port),
        ("proxyInboundListenPort", mesh.proxy_inbound_listen_port, MeshConfig().proxy_inbound_listen_port),
    )
    for key, number, usual in ports:
        if number != usual and 1 <= number <= HIGHEST_PORT:
            text = f"another port than {usual} is not implemented yet"
            yield Finding(key, text, "leave it out", code=codes.NOT_IMPLEMENTED)


def _traffic_policy(path: str, policy: MeshTrafficPolicy) -> Findings:
    """As in a DestinationRule, but for keepalives of HTTP/2, which istiod does not look at here, and without doubts."""
    if policy.connection_pool:
        pool = policy.connection_pool
        http = msgspec.structs.replace(pool.http, http2_keep_alive=None) if pool.http else None
        yield from connection_pool(f"{path}.connectionPool", msgspec.structs.replace(pool, http=http))
    if policy.outlier_detection:
        found = outlier_detection(f"{path}.outlierDetection", policy.outlier_detection)
        yield from (finding for finding in found if finding.severity == "error")


def _inbound_retries(mesh: MeshConfig) -> Findings:
    policy = mesh.default_inbound_http_retry_policy
    assert policy is not None
    at = "defaultInboundHttpRetryPolicy"
    yield from retries(at, policy)
    if policy.attempts == 0 and policy.backoff is not None:
        yield Finding(f"{at}.backoff", "attempts is 0, which disables retries")
    ignored = {
        "perTryTimeout": policy.per_try_timeout,
        "retryRemoteLocalities": policy.retry_remote_localities,
        "retryIgnorePreviousHosts": policy.retry_ignore_previous_hosts,
    }
    for key, value in ignored.items():
        if value is not None:
            yield doubt(f"{at}.{key}", "it is ignored: a sidecar has one application to deliver to")


def _trust_domains(mesh: MeshConfig) -> Findings:
    names = [("trustDomain", mesh.trust_domain)]
    names += [(f"trustDomainAliases[{index}]", name) for index, name in enumerate(mesh.trust_domain_aliases)]
    for path, name in names:
        *labels, last = name.split(".")
        if not name or not all(is_label(label) for label in (*labels, *([last] if last else []))):
            yield Finding(path, f'"{name}" is no trust domain', 'a trust domain looks like "cluster.local"')
