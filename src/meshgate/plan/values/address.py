"""Where something listens or is reached: an IP address with a port, or a Unix socket."""

from __future__ import annotations

from msgspec import Struct


class SocketAddress(Struct, frozen=True, kw_only=True, cache_hash=True):
    """An IP address (or, in a DNS cluster's endpoint, a host name) and a port."""

    address: str
    port: int


class PipeAddress(Struct, frozen=True, kw_only=True, cache_hash=True):
    """A Unix socket by its path in the view of the proxy."""

    path: str
    mode: int = 0
    """File mode of a socket that the proxy itself makes; 0 leaves it to Envoy."""


class CidrRange(Struct, frozen=True, kw_only=True, cache_hash=True):
    """A range of addresses. Host bits are kept as they were written, as Istio does; Envoy ignores them."""

    address: str
    prefix_length: int


Address = SocketAddress | PipeAddress
