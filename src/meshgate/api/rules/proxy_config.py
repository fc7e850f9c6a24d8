"""Rules of `defaultConfig`. istio:pkg/config/validation/agent/validation.go#ValidateMeshConfigProxyConfig"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from meshgate.api.certificate_settings import proxy_metadata_findings
from meshgate.api.proxy_config import ConnectionSettings, KeyHardware, ProxyConfig, Tracing
from meshgate.api.rules.client_tls import client_tls
from meshgate.api.rules.finding import Finding, Findings
from meshgate.api.rules.host_names import host_fault, is_address
from meshgate.api.rules.values import HIGHEST_PORT, duration, port

LEAST_WINDOW_BYTES: Final = 65535
"""Of HTTP/2 (RFC 9113, section 6.9.2)."""

_SECOND: Final = timedelta(seconds=1)
_HOST_AND_PORT: Final = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):([^:\[\]]*)")
_NUMBER: Final = re.compile(r"[-+]?[0-9]+", re.ASCII)
_HOST_IP: Final = "$(HOST_IP)"


def proxy_config_findings(path: str, proxies: ProxyConfig) -> Findings:
    """What istiod would refuse."""
    yield from _needed(path, proxies)
    yield from duration(f"{path}.drainDuration", proxies.drain_duration)
    if proxies.drain_duration % _SECOND:
        yield Finding(f"{path}.drainDuration", "a drain takes whole seconds")
    yield from port(f"{path}.proxyAdminPort", proxies.proxy_admin_port)
    yield from port(f"{path}.statusPort", proxies.status_port)
    yield from _addresses(path, proxies)
    if proxies.tracing:
        yield from _tracing(f"{path}.tracing", proxies.tracing)
    if proxies.private_key_provider:
        hardware = proxies.private_key_provider.qat or proxies.private_key_provider.cryptomb
        yield from _key_hardware(f"{path}.privateKeyProvider", hardware)
    if proxies.connection_settings:
        yield from _connections(f"{path}.connectionSettings", proxies.connection_settings)
    yield from proxy_metadata_findings(f"{path}.proxyMetadata", proxies.proxy_metadata)


def _needed(path: str, proxies: ProxyConfig) -> Findings:
    needed = {
        "configPath": proxies.config_path,
        "binaryPath": proxies.binary_path,
        "serviceCluster": proxies.tracing_service_name or proxies.service_cluster,
        "discoveryAddress": proxies.discovery_address,
    }
    for key, value in needed.items():
        if not value:
            yield Finding(f"{path}.{key}", "it must not be empty", "leave it out: then it has its default")


def _addresses(path: str, proxies: ProxyConfig) -> Findings:
    addresses = {
        "discoveryAddress": proxies.discovery_address,
        "statsdUdpAddress": proxies.statsd_udp_address,
        "envoyMetricsServiceAddress": proxies.envoy_metrics_service_address,
        "envoyMetricsService.address": proxies.envoy_metrics_service.address if proxies.envoy_metrics_service else "",
        "envoyAccessLogService.address": proxies.envoy_access_log_service.address
        if proxies.envoy_access_log_service
        else "",
    }
    for key, address in addresses.items():
        if address:
            yield from _address(f"{path}.{key}", address)


def _address(path: str, text: str) -> Findings:
    """A host name or an address, and a port."""
    match = _HOST_AND_PORT.fullmatch(text)
    if not match:
        yield Finding(path, f'"{text}" is no host and port', "write host:port, or [address]:port for IPv6")
        return
    host = match[1] if match[1] is not None else match[2]
    if not _NUMBER.fullmatch(match[3]) or not 1 <= int(match[3]) <= HIGHEST_PORT:
        yield Finding(path, f'"{match[3]}" is no port', f"ports are 1 to {HIGHEST_PORT}")
    elif host_fault(host) and not is_address(host):
        yield Finding(path, f'"{host}" is neither a host name nor an address')


def _tracing(path: str, tracing: Tracing) -> Findings:
    if tracing.lightstep:
        yield from _address(f"{path}.lightstep.address", tracing.lightstep.address)
        if not tracing.lightstep.access_token:
            yield Finding(f"{path}.lightstep.accessToken", "it is needed")
    for key, collector in (("zipkin", tracing.zipkin), ("datadog", tracing.datadog)):
        if collector:
            yield from _address(f"{path}.{key}.address", collector.address.replace(_HOST_IP, "127.0.0.1", 1))
    if tracing.tls_settings:
        yield from client_tls(f"{path}.tlsSettings", tracing.tls_settings, "")


def _key_hardware(path: str, hardware: KeyHardware | None) -> Findings:
    if hardware is None:
        yield Finding(path, "a provider of private keys needs cryptomb or qat")
    elif not hardware.poll_delay:
        yield Finding(f"{path}.pollDelay", "pollDelay must be given, and not be zero")


def _connections(path: str, settings: ConnectionSettings) -> Findings:
    for key, buffer in (
        ("listenerPerConnectionBufferLimitBytes", settings.listener_per_connection_buffer_limit_bytes),
        ("clusterPerConnectionBufferLimitBytes", settings.cluster_per_connection_buffer_limit_bytes),
    ):
        if buffer is not None and buffer < 0:
            yield Finding(f"{path}.{key}", "a limit cannot be negative")
    for key, limit in (
        ("httpMaxConcurrentStreams", settings.http_max_concurrent_streams),
        ("globalDownstreamConnectionLimit", settings.global_downstream_connection_limit),
        ("listenerConnectionLimit", settings.listener_connection_limit),
    ):
        if limit is not None and limit <= 0:
            yield Finding(f"{path}.{key}", "a limit must be at least 1")
    for key, window in (
        ("http2InitialStreamWindowSize", settings.http2_initial_stream_window_size),
        ("http2InitialConnectionWindowSize", settings.http2_initial_connection_window_size),
    ):
        if window is not None and window < LEAST_WINDOW_BYTES:
            yield Finding(f"{path}.{key}", f"{window} is too small", f"at least {LEAST_WINDOW_BYTES}")
    yield from _timeouts(path, settings)


def _timeouts(path: str, settings: ConnectionSettings) -> Findings:
    timeouts = {
        "httpIdleTimeout": settings.http_idle_timeout,
        "httpStreamIdleTimeout": settings.http_stream_idle_timeout,
        "httpRequestTimeout": settings.http_request_timeout,
        "httpRequestHeadersTimeout": settings.http_request_headers_timeout,
        "httpMaxStreamDuration": settings.http_max_stream_duration,
    }
    for key, timeout in timeouts.items():
        if timeout is not None and timeout < timedelta(0):
            yield Finding(f"{path}.{key}", "a timeout cannot be negative", "0s turns it off")
