"""Listener filters: what is looked at before a filter chain is chosen."""

from __future__ import annotations

from typing import assert_never

from google.protobuf.message import Message

from meshgate.envoy.spelling import packed
from meshgate.plan.values import (
    HttpInspectorFilter,
    ListenerFilter,
    OriginalDstFilter,
    PortPredicate,
    ProxyProtocolFilter,
    TlsInspectorFilter,
)
from meshgate.proto import v3


def listener_filter(plan: ListenerFilter) -> v3.ListenerFilterDict:
    match plan:
        case OriginalDstFilter():
            return _filter("original_dst", v3.OriginalDst())
        case TlsInspectorFilter():
            size = plan.initial_read_buffer_size
            inspector = v3.TlsInspector(initial_read_buffer_size={"value": size} if size is not None else None)
            return _filter("tls_inspector", inspector, plan.disabled)
        case HttpInspectorFilter():
            return _filter("http_inspector", v3.HttpInspector(), plan.disabled)
        case ProxyProtocolFilter():
            protocol = v3.ProxyProtocol(allow_requests_without_proxy_protocol=plan.allow_without)
            return _filter("proxy_protocol", protocol)
        case _:
            assert_never(plan)


def _filter(name: str, config: Message, disabled: PortPredicate | None = None) -> v3.ListenerFilterDict:
    spelled: v3.ListenerFilterDict = {"name": f"envoy.filters.listener.{name}", "typed_config": packed(config)}
    if disabled is not None:
        spelled["filter_disabled"] = _predicate(disabled)
    return spelled


def _predicate(predicate: PortPredicate) -> v3.ListenerFilterChainMatchPredicateDict:
    """Envoy's `or_match` wants two rules at least; a range ends before its `end`."""
    rules: list[v3.ListenerFilterChainMatchPredicateDict] = [
        {"destination_port_range": {"start": port, "end": port + 1}} for port in predicate.ports
    ]
    any_port: v3.ListenerFilterChainMatchPredicateDict = rules[0] if len(rules) == 1 else {"or_match": {"rules": rules}}
    return {"not_match": any_port} if predicate.negated else any_port
