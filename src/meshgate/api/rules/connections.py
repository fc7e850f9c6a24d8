"""Rules of connection pools and outlier detection.

istio:pkg/config/validation/validation.go#validateConnectionPool, #validateOutlierDetection
"""

from __future__ import annotations

from datetime import timedelta

from meshgate.api.destination_rule import (
    ConnectionPoolSettings,
    H2UpgradePolicy,
    HTTPSettings,
    OutlierDetection,
    TCPSettings,
)
from meshgate.api.rules.finding import Finding, Findings, doubt
from meshgate.api.rules.values import MILLISECOND, duration


def connection_pool(path: str, pool: ConnectionPoolSettings) -> Findings:
    """Limits of connections and requests."""
    if pool.http is None and pool.tcp is None:
        yield Finding(path, "a connection pool needs tcp or http")
    if pool.http:
        yield from _http(f"{path}.http", pool.http)
    if pool.tcp:
        yield from _tcp(f"{path}.tcp", pool.tcp)


def _http(path: str, http: HTTPSettings) -> Findings:
    limits = {
        "http1MaxPendingRequests": http.http1_max_pending_requests,
        "http2MaxRequests": http.http2_max_requests,
        "maxRequestsPerConnection": http.max_requests_per_connection,
        "maxRetries": http.max_retries,
        "maxConcurrentStreams": http.max_concurrent_streams,
    }
    for key, limit in limits.items():
        yield from _not_negative(f"{path}.{key}", limit)
    yield from duration(f"{path}.idleTimeout", http.idle_timeout)
    if http.use_client_protocol and http.h2_upgrade_policy is H2UpgradePolicy.UPGRADE:
        text = "the protocol cannot be both that of the client and upgraded"
        yield Finding(f"{path}.useClientProtocol", text, "leave out useClientProtocol or h2UpgradePolicy")
    if http.http2_keep_alive:
        for key, value in (
            ("interval", http.http2_keep_alive.interval),
            ("timeout", http.http2_keep_alive.timeout),
        ):
            yield from _needed_duration(f"{path}.http2KeepAlive.{key}", value)


def _needed_duration(path: str, value: timedelta | None) -> Findings:
    if value is None:
        yield Finding(path, "interval and timeout are both needed")
    yield from duration(path, value)


def _tcp(path: str, tcp: TCPSettings) -> Findings:
    yield from _not_negative(f"{path}.maxConnections", tcp.max_connections)
    yield from duration(f"{path}.connectTimeout", tcp.connect_timeout)
    yield from duration(f"{path}.maxConnectionDuration", tcp.max_connection_duration)
    if tcp.idle_timeout is not None and abs(tcp.idle_timeout) >= MILLISECOND:  # 0s turns it off
        yield from duration(f"{path}.idleTimeout", tcp.idle_timeout)
    if tcp.tcp_keepalive:
        yield from duration(f"{path}.tcpKeepalive.time", tcp.tcp_keepalive.time)
        yield from duration(f"{path}.tcpKeepalive.interval", tcp.tcp_keepalive.interval)


def _not_negative(path: str, limit: int) -> Findings:
    if limit < 0:
        yield Finding(path, "a limit cannot be negative")


def outlier_detection(path: str, detection: OutlierDetection) -> Findings:
    """When endpoints are left out."""
    yield from duration(f"{path}.baseEjectionTime", detection.base_ejection_time)
    yield from duration(f"{path}.interval", detection.interval)
    if detection.consecutive_local_origin_failures and not detection.split_external_local_origin_errors:
        yield Finding(
            f"{path}.consecutiveLocalOriginFailures",
            "it counts only where splitExternalLocalOriginErrors is true",
        )
    if detection.consecutive_errors:
        yield doubt(f"{path}.consecutiveErrors", "old and without effect", "use consecutive5xxErrors")
    for key, percent in (
        ("maxEjectionPercent", detection.max_ejection_percent),
        ("minHealthPercent", detection.min_health_percent),
    ):
        if not 0 <= percent <= 100:
            yield Finding(f"{path}.{key}", f"{percent} is no percentage", "percentages are 0 to 100")
