"""Listener filters: what the proxy learns about a connection before it chooses a filter chain.

They run in the listener's order; each may be switched off by a predicate on the destination port as it is known then.
`tls_inspector` reads the ClientHello (server name, ALPN), `http_inspector` reads the first line of what is not TLS,
`original_dst` puts the dialled address back after a redirection.

https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/listener_filters/listener_filters
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import assert_never

from msgspec.structs import replace

from meshgate.explain.simulate.call import Call, Protocol
from meshgate.explain.simulate.configuration import unpack_as
from meshgate.explain.simulate.connection import Connection
from meshgate.proto import v3


def run_listener_filters(listener: v3.Listener, connection: Connection, call: Call) -> Connection:
    """The connection after all filters that are not switched off for it.

    A listener with `use_original_dst` gets an `original_dst` filter from Envoy itself, behind all others.
    """
    for one in listener.listener_filters:
        if not _is_disabled(one, connection.port):
            connection = _run(one, connection, call)
    return _restored(connection, call) if listener.use_original_dst.value else connection


def _restored(connection: Connection, call: Call) -> Connection:
    return replace(connection, address=ip_address(call.address), port=call.port, restored=True)


def _run(listener_filter: v3.ListenerFilter, connection: Connection, call: Call) -> Connection:
    config = listener_filter.typed_config
    if unpack_as(config, v3.OriginalDst) is not None:
        return _restored(connection, call)
    if unpack_as(config, v3.TlsInspector) is not None and call.tls != "plaintext":
        return replace(connection, transport="tls", sni=call.sni.lower(), alpn=call.alpn)
    if unpack_as(config, v3.HttpInspector) is not None and not connection.transport and call.tls == "plaintext":
        return replace(connection, alpn=_sniffed(call.protocol) or connection.alpn)
    return connection


def _sniffed(protocol: Protocol) -> tuple[str, ...]:
    """How `http_inspector` writes what it saw; nothing for bytes that are not HTTP."""
    match protocol:
        case "http":
            return ("http/1.1",)
        case "http2":
            return ("h2c",)
        case "tcp":
            return ()
    assert_never(protocol)


def _is_disabled(listener_filter: v3.ListenerFilter, port: int) -> bool:
    return listener_filter.HasField("filter_disabled") and _holds(listener_filter.filter_disabled, port)


def _holds(predicate: v3.ListenerFilterChainMatchPredicate, port: int) -> bool:
    match predicate.WhichOneof("rule"):
        case "destination_port_range":
            return predicate.destination_port_range.start <= port < predicate.destination_port_range.end
        case "not_match":
            return not _holds(predicate.not_match, port)
        case "or_match":
            return any(_holds(rule, port) for rule in predicate.or_match.rules)
        case "and_match":
            return all(_holds(rule, port) for rule in predicate.and_match.rules)
        case "any_match":
            return predicate.any_match
        case None:
            return False
