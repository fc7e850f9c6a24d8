"""Network filters: the HTTP connection manager, the TCP proxy and what reads the bytes before it."""

from __future__ import annotations

from typing import assert_never

from meshgate.envoy.access_log import access_log
from meshgate.envoy.http_connection_manager import http_connection_manager
from meshgate.envoy.memo import Memo
from meshgate.envoy.spelling import duration, packed
from meshgate.envoy.upstream import dns_cache
from meshgate.plan.values import (
    DynamicForwardProxySettings,
    HttpConnectionManagerPlan,
    MongoProxyPlan,
    NetworkFilter,
    SniLookup,
    TcpProxyPlan,
)
from meshgate.proto import v3


def network_filters(plan: NetworkFilter, memo: Memo) -> tuple[v3.NetworkFilterDict, ...]:
    """The filter, and what it needs before it."""
    match plan:
        case HttpConnectionManagerPlan():
            return (memo.of(_http, plan),)
        case MongoProxyPlan():
            config = v3.MongoProxy(stat_prefix=plan.stat_prefix)
            return ({"name": "envoy.filters.network.mongo_proxy", "typed_config": packed(config)},)
        case TcpProxyPlan():
            proxy = memo.of(_tcp_proxy, plan)
            before = [memo.of(_sni_lookup, plan.sni_lookup)] if plan.sni_lookup else []
            return (*before, memo.of(_alpn, plan.alpn), proxy) if plan.alpn else (*before, proxy)
        case _:
            assert_never(plan)


def _http(plan: HttpConnectionManagerPlan, memo: Memo) -> v3.NetworkFilterDict:
    config = v3.HttpConnectionManager(**http_connection_manager(plan, memo))
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": packed(config)}


def _alpn(protocols: tuple[str, ...], _memo: Memo) -> v3.NetworkFilterDict:
    """Under this key Envoy looks for the protocols before it opens a connection; it goes before what a cluster says.

    https://www.envoyproxy.io/docs/envoy/latest/configuration/advanced/well_known_filter_state
    """
    value: v3.FilterStateValueDict = {
        "object_key": "envoy.network.application_protocols",
        "format_string": {"text_format_source": {"inline_string": ",".join(protocols)}},
    }
    config = v3.SetFilterStateNetworkFilter(on_new_connection=[value])
    return {"name": "envoy.filters.network.set_filter_state", "typed_config": packed(config)}


def _sni_lookup(plan: SniLookup, _memo: Memo) -> v3.NetworkFilterDict:
    cache = dns_cache(DynamicForwardProxySettings(dns_cache=plan.dns_cache))
    config = v3.SniDynamicForwardProxy(dns_cache_config=cache, port_value=plan.port)
    return {"name": "envoy.filters.network.sni_dynamic_forward_proxy", "typed_config": packed(config)}


def _tcp_proxy(plan: TcpProxyPlan, memo: Memo) -> v3.NetworkFilterDict:
    spelled: v3.TcpProxyDict = {
        "stat_prefix": plan.stat_prefix,
        "access_log": [memo.of(access_log, log) for log in plan.access_logs],
    }
    if len(plan.clusters) == 1 and not plan.is_weighted:
        spelled["cluster"] = plan.clusters[0].cluster
    else:
        spelled["weighted_clusters"] = {
            "clusters": [{"name": cluster.cluster, "weight": cluster.weight} for cluster in plan.clusters]
        }
    if plan.idle_timeout is not None:
        spelled["idle_timeout"] = duration(plan.idle_timeout)
    if plan.max_connection_duration is not None:
        spelled["max_downstream_connection_duration"] = duration(plan.max_connection_duration)
    if plan.max_connect_attempts is not None:
        spelled["max_connect_attempts"] = {"value": plan.max_connect_attempts}
    if plan.hash_source_ip:
        spelled["hash_policy"] = [{"source_ip": {}}]
    return {"name": "envoy.filters.network.tcp_proxy", "typed_config": packed(v3.TcpProxy(**spelled))}
