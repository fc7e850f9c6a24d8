"""Clusters: type, choice of the endpoint, limits. How the endpoint is spoken to is in `upstream.py`."""

from __future__ import annotations

from meshgate.envoy.endpoint import load_assignment
from meshgate.envoy.memo import Memo
from meshgate.envoy.metadata import cluster_metadata
from meshgate.envoy.outlier_detection import outlier_detection
from meshgate.envoy.spelling import ads, duration, packed
from meshgate.envoy.upstream import dns_cache, dns_resolver, fill_connection
from meshgate.plan.values import (
    CircuitBreakers,
    ClusterPlan,
    DnsSettings,
    DynamicForwardProxySettings,
    Maglev,
    OriginalDstSettings,
    RingHash,
    SlowStart,
)
from meshgate.proto import v3


def cluster_body(plan: ClusterPlan, memo: Memo) -> bytes:
    return v3.Cluster(**_cluster(plan, memo)).SerializeToString(deterministic=True)


def _cluster(plan: ClusterPlan, memo: Memo) -> v3.ClusterDict:
    spelled: v3.ClusterDict = {
        "name": plan.name,
        "alt_stat_name": plan.alt_stat_name,
        "connect_timeout": duration(plan.connect_timeout),
        "lb_policy": plan.lb_policy,
    }
    _fill_type(spelled, plan)
    _fill_balancing(spelled, plan)
    if plan.circuit_breakers is not None:
        spelled["circuit_breakers"] = {"thresholds": [_thresholds(plan.circuit_breakers)]}
    if plan.outlier_detection is not None:
        spelled["outlier_detection"] = outlier_detection(plan.outlier_detection)
    fill_connection(spelled, plan, memo)
    metadata = cluster_metadata(plan)
    if metadata is not None:
        spelled["metadata"] = metadata
    return spelled


def _fill_type(spelled: v3.ClusterDict, plan: ClusterPlan) -> None:
    if plan.type == "DYNAMIC_FORWARD_PROXY":
        assert plan.dynamic_forward_proxy is not None, plan.name
        spelled["cluster_type"] = _dynamic_forward_proxy(plan.dynamic_forward_proxy)
    else:
        spelled["type"] = plan.type
    if plan.type == "EDS":
        spelled["eds_cluster_config"] = {"eds_config": ads(), "service_name": plan.name}
    if plan.load_assignment is not None:
        spelled["load_assignment"] = load_assignment(plan.load_assignment)
    if plan.cleanup_interval is not None:
        spelled["cleanup_interval"] = duration(plan.cleanup_interval)
    if plan.dns is not None:
        _fill_dns(spelled, plan.dns)
    if plan.original_dst is not None:
        spelled["original_dst_lb_config"] = _original_dst(plan.original_dst)


def _fill_dns(spelled: v3.ClusterDict, dns: DnsSettings) -> None:
    spelled["dns_refresh_rate"] = duration(dns.refresh_rate)
    spelled["dns_jitter"] = duration(dns.jitter)
    spelled["respect_dns_ttl"] = dns.respect_ttl
    spelled["dns_lookup_family"] = dns.lookup_family
    spelled["typed_dns_resolver_config"] = dns_resolver(dns.resolver, udp_max_queries=dns.udp_max_queries)


def _dynamic_forward_proxy(settings: DynamicForwardProxySettings) -> v3.Cluster_CustomClusterTypeDict:
    # Envoy would demand checks of the name and its certificate, which a cluster for any name in plaintext can't have
    config = v3.DynamicForwardProxyCluster(dns_cache_config=dns_cache(settings), allow_insecure_cluster_options=True)
    return {"name": "envoy.clusters.dynamic_forward_proxy", "typed_config": packed(config)}


def _original_dst(settings: OriginalDstSettings) -> v3.Cluster_OriginalDstLbConfigDict:
    spelled: v3.Cluster_OriginalDstLbConfigDict = {"use_http_header": settings.use_http_header}
    if settings.upstream_port_override:
        spelled["upstream_port_override"] = {"value": settings.upstream_port_override}
    return spelled


def _fill_balancing(spelled: v3.ClusterDict, plan: ClusterPlan) -> None:
    match plan.hash_settings:
        case RingHash(minimum_ring_size=int(size)):
            spelled["ring_hash_lb_config"] = {"minimum_ring_size": {"value": size}}
        case Maglev(table_size=int(size)):
            spelled["maglev_lb_config"] = {"table_size": {"value": size}}
    if plan.slow_start is not None:
        _fill_slow_start(spelled, plan.slow_start)
    common: v3.Cluster_CommonLbConfigDict = {}
    if plan.healthy_panic_threshold is not None:
        common["healthy_panic_threshold"] = {"value": plan.healthy_panic_threshold}
    if plan.locality_weighted:
        common["locality_weighted_lb_config"] = {}
    if common:
        spelled["common_lb_config"] = common


def _fill_slow_start(spelled: v3.ClusterDict, slow_start: SlowStart) -> None:
    config: v3.Cluster_SlowStartConfigDict = {"slow_start_window": duration(slow_start.window)}
    if slow_start.aggression is not None:
        # Envoy demands a runtime key; nothing sets it
        config["aggression"] = {"default_value": slow_start.aggression, "runtime_key": "meshgate.slow_start.aggression"}
    if slow_start.min_weight_percent is not None:
        config["min_weight_percent"] = {"value": slow_start.min_weight_percent}
    if spelled["lb_policy"] == "LEAST_REQUEST":
        spelled["least_request_lb_config"] = {"slow_start_config": config}
    else:
        assert spelled["lb_policy"] == "ROUND_ROBIN", "Envoy has slow start for two policies only"
        spelled["round_robin_lb_config"] = {"slow_start_config": config}


def _thresholds(breakers: CircuitBreakers) -> v3.CircuitBreakers_ThresholdsDict:
    spelled: v3.CircuitBreakers_ThresholdsDict = {
        "max_connections": {"value": breakers.max_connections},
        "max_pending_requests": {"value": breakers.max_pending_requests},
        "max_requests": {"value": breakers.max_requests},
        "max_retries": {"value": breakers.max_retries},
        "track_remaining": breakers.track_remaining,
    }
    if breakers.retry_budget is not None:
        spelled["retry_budget"] = {
            "budget_percent": {"value": breakers.retry_budget.percent},
            "min_retry_concurrency": {"value": breakers.retry_budget.min_concurrency},
        }
    return spelled
