"""Listeners: what is bound, what is looked at before a filter chain is chosen, and the chains.

Everything is in the order in which Envoy must get it; names are Istio's (`plan.names`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from msgspec import Struct

from meshgate.api import Origin
from meshgate.plan.values.access_log import AccessLog
from meshgate.plan.values.address import Address, CidrRange
from meshgate.plan.values.http import HttpConnectionManagerPlan
from meshgate.plan.values.tcp import MongoProxyPlan, TcpProxyPlan
from meshgate.plan.values.tls import DownstreamTls


class PortPredicate(Struct, frozen=True, kw_only=True, cache_hash=True):
    """True for connections to one of these destination ports; `negated`: to any other."""

    ports: tuple[int, ...]
    negated: bool = False


class OriginalDstFilter(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Restores the destination that the redirection hid."""


class TlsInspectorFilter(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Tells TLS from other bytes and reads SNI and ALPN."""

    disabled: PortPredicate | None = None
    initial_read_buffer_size: int | None = None
    """In bytes."""


class HttpInspectorFilter(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Tells HTTP/1.x and HTTP/2 from other plaintext bytes."""

    disabled: PortPredicate | None = None


class ProxyProtocolFilter(Struct, frozen=True, kw_only=True, cache_hash=True):
    """Reads a PROXY protocol header, which gives the client's address."""

    allow_without: bool = False
    """Also take connections that bring no such header."""


ListenerFilter = OriginalDstFilter | TlsInspectorFilter | HttpInspectorFilter | ProxyProtocolFilter


class FilterChainMatch(Struct, frozen=True, kw_only=True, cache_hash=True):
    """When a chain is taken. Empty fields say nothing. Envoy looks at them in the order in which they stand here."""

    destination_port: int | None = None
    prefix_ranges: tuple[CidrRange, ...] = ()
    server_names: tuple[str, ...] = ()
    transport_protocol: Literal["", "raw_buffer", "tls"] = ""
    application_protocols: tuple[str, ...] = ()
    direct_source_prefix_ranges: tuple[CidrRange, ...] = ()
    source_type: Literal["ANY", "SAME_IP_OR_LOOPBACK", "EXTERNAL"] = "ANY"
    source_prefix_ranges: tuple[CidrRange, ...] = ()
    source_ports: tuple[int, ...] = ()


NetworkFilter = HttpConnectionManagerPlan | MongoProxyPlan | TcpProxyPlan


class FilterChainPlan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """One chain: match, transport, network filters (the last one is terminal)."""

    filters: tuple[NetworkFilter, ...]
    name: str = ""
    match: FilterChainMatch | None = None
    """None: no match is written, not even an empty one."""
    tls: DownstreamTls | None = None
    """None: the bytes are taken as they come."""
    transport_connect_timeout: timedelta | None = None
    """`transport_socket_connect_timeout`."""
    origin: Origin | None = None


class ListenerPlan(Struct, frozen=True, kw_only=True, cache_hash=True):
    """One listener."""

    name: str
    address: Address
    filter_chains: tuple[FilterChainPlan, ...]
    default_filter_chain: FilterChainPlan | None = None
    additional_addresses: tuple[Address, ...] = ()
    listener_filters: tuple[ListenerFilter, ...] = ()
    direction: Literal["UNSPECIFIED", "INBOUND", "OUTBOUND"] = "UNSPECIFIED"
    bind_to_port: bool = True
    """False: only reached from a listener with `use_original_dst`."""
    use_original_dst: bool = False
    """Hand a connection to the listener of its original destination, if there is one."""
    transparent: bool = False
    listener_filters_timeout: timedelta | None = None
    """None is Envoy's 15 s; 0 is off."""
    continue_on_listener_filters_timeout: bool = False
    max_connections_per_socket_event: int | None = None
    access_logs: tuple[AccessLog, ...] = ()
    """For what no filter chain took."""
    origin: Origin | None = None
