"""The protocols that a port can say it speaks. istio:pkg/config/protocol"""

from __future__ import annotations

from typing import Final

HTTP_LIKE: Final = frozenset({"http", "http2", "http_proxy", "grpc", "grpc-web"})
TLS_LIKE: Final = frozenset({"https", "tls"})
PROTOCOLS: Final = HTTP_LIKE | TLS_LIKE | {"tcp", "udp", "mongo", "redis", "mysql"}
PROTOCOL_RULE: Final = f"protocols: {', '.join(sorted(word.upper() for word in PROTOCOLS))}"


def is_http(protocol: str) -> bool:
    """HTTP that a proxy can read."""
    return protocol.lower() in HTTP_LIKE


def is_tls(protocol: str) -> bool:
    """HTTPS or TLS."""
    return protocol.lower() in TLS_LIKE


def is_tcp_based(protocol: str) -> bool:
    """What a proxy treats as a stream of bytes."""
    return is_protocol(protocol) and not is_http(protocol) and protocol.lower() != "udp"


def is_protocol(protocol: str) -> bool:
    """Whether Istio knows it, in any case of letters."""
    return protocol.lower() in PROTOCOLS
