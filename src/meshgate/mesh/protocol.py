"""Protocols of ports: what Istio reads from `appProtocol`, from a port's name, or from the protocol of its own objects.

https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
"""

from __future__ import annotations

from enum import StrEnum


class Protocol(StrEnum):
    """What is spoken on a port. UNSUPPORTED: not said, found out by looking at the first bytes."""

    TCP = "TCP"
    UDP = "UDP"
    HTTP = "HTTP"
    HTTP_PROXY = "HTTP_PROXY"
    HTTP2 = "HTTP2"
    GRPC = "GRPC"
    GRPC_WEB = "GRPC-Web"
    HTTPS = "HTTPS"
    TLS = "TLS"
    MONGO = "Mongo"
    REDIS = "Redis"
    MYSQL = "MySQL"
    HBONE = "HBONE"
    UNSUPPORTED = "UnsupportedProtocol"

    @property
    def is_http(self) -> bool:
        """HTTP that a proxy can read without terminating TLS."""
        return self in _HTTP

    @property
    def is_http2(self) -> bool:
        return self in (Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB)

    @property
    def is_tls(self) -> bool:
        """TLS that a sidecar passes through."""
        return self in (Protocol.HTTPS, Protocol.TLS)

    @property
    def is_sniffed(self) -> bool:
        return self is Protocol.UNSUPPORTED

    @property
    def is_http_or_sniffed(self) -> bool:
        return self.is_http or self.is_sniffed


_HTTP = frozenset({Protocol.HTTP, Protocol.HTTP_PROXY, Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB})
_BY_NAME = {protocol.value.lower(): protocol for protocol in Protocol if protocol is not Protocol.UNSUPPORTED}

SERVER_SPEAKS_FIRST = frozenset({25, 53, 3306, 27017})
"""SMTP, DNS, MySQL, MongoDB: looking at the first bytes would wait for ever (istio:kube.ConvertProtocol)."""

_KUBERNETES_NAMES = {
    "kubernetes.io/h2c": Protocol.HTTP2,
    "kubernetes.io/ws": Protocol.HTTP,
    "kubernetes.io/wss": Protocol.HTTPS,
}


def parse_protocol(text: str) -> Protocol:
    """The protocol of that name, in any case; UNSUPPORTED for all other names.

    >>> parse_protocol("grpc-web").value, parse_protocol("HTTP2").value, parse_protocol("").value
    ('GRPC-Web', 'HTTP2', 'UnsupportedProtocol')
    """
    return _BY_NAME.get(text.lower(), Protocol.UNSUPPORTED)


def service_port_protocol(number: int, name: str, app_protocol: str) -> Protocol:
    """The protocol of a TCP port of a Kubernetes Service.

    >>> service_port_protocol(80, "http-web", "").value, service_port_protocol(80, "http", "tcp").value
    ('HTTP', 'TCP')
    >>> service_port_protocol(3306, "db", "").value, service_port_protocol(81, "web", "").value
    ('TCP', 'UnsupportedProtocol')
    """
    if app_protocol in _KUBERNETES_NAMES:
        return _KUBERNETES_NAMES[app_protocol]
    said = app_protocol or name
    if said[:8].lower() == "grpc-web":
        return Protocol.GRPC_WEB
    protocol = parse_protocol(said.split("-", 1)[0])
    if protocol is Protocol.UNSUPPORTED and number in SERVER_SPEAKS_FIRST:
        return Protocol.TCP
    return protocol
