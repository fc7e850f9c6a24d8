"""The imaginary call: one connection and the one request on it.

What a packet capture at the proxy would show: where the connection was meant to go, whether the kernel redirected it,
what is said in the TLS handshake, and the first request.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Arrival = Literal["outbound", "inbound", "gateway"]
Protocol = Literal["http", "http2", "tcp"]
Tls = Literal["plaintext", "tls", "mtls"]

REDIRECTED_TO: dict[Arrival, int] = {"outbound": 15001, "inbound": 15006}
"""Where the capture rules of a pod send a connection; what arrives at a gateway is not redirected."""


class Call(Struct, frozen=True, kw_only=True):
    """A connection to `address`:`port` and, if it speaks HTTP, the request on it."""

    address: str
    """The destination's IP address, as the client dialled it."""
    port: int
    arrival: Arrival = "gateway"
    """How it reaches the proxy: redirected on its way out, redirected on its way in, or directly."""
    protocol: Protocol = "http"
    """HTTP/1.1, HTTP/2 (without TLS: by prior knowledge), or bytes that are neither."""
    tls: Tls = "plaintext"
    """`tls` is without, `mtls` with a client certificate (which the proxy is assumed to trust)."""
    sni: str = ""
    alpn: tuple[str, ...] = ()
    """What the client offers, in its order."""
    host: str = ""
    """Host header or `:authority`. Empty: the request has none."""
    path: str = "/"
    """With the query, as it is on the wire."""
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    """All other headers, in their order; names in any case."""
    source_address: str = ""
    """The client's address; empty: unknown, an address that no rule names."""
    source_port: int = 0
    random: int = 0
    """What Envoy draws for the request: decides runtime fractions. 0 is below every fraction that is not nil."""
