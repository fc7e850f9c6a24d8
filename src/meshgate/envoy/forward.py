"""Forwarding: to which cluster, with which retries, rewrites, copies and hashes."""

from __future__ import annotations

from typing import assert_never

from meshgate.envoy.headers import fill_headers
from meshgate.envoy.spelling import duration, fraction, packed
from meshgate.plan.values import (
    ForwardAction,
    HashCookie,
    HashHeader,
    HashPolicy,
    HashQuery,
    HashSourceIp,
    MirrorPlan,
    PrefixRewrite,
    RegexRewrite,
    RetryPolicyPlan,
    WeightedCluster,
)
from meshgate.proto import v3

_MISSING_CLUSTER_CODES: dict[int, int] = {503: 0, 404: 1, 500: 2}
"""HTTP status to `RouteAction.ClusterNotFoundResponseCode`."""


def forward(action: ForwardAction) -> v3.RouteActionDict:
    spelled: v3.RouteActionDict = {
        "timeout": duration(action.timeout),
        "append_x_forwarded_host": action.append_x_forwarded_host,
    }
    _fill_clusters(spelled, action)
    _fill_timeouts(spelled, action)
    _fill_rewrites(spelled, action)
    if action.retry is not None:
        spelled["retry_policy"] = _retry(action.retry)
    if action.mirrors:
        spelled["request_mirror_policies"] = [_mirror(mirror) for mirror in action.mirrors]
    if action.hash_policies:
        spelled["hash_policy"] = [_hash_policy(policy) for policy in action.hash_policies]
    return spelled


def _fill_clusters(spelled: v3.RouteActionDict, action: ForwardAction) -> None:
    first = action.clusters[0]
    if len(action.clusters) == 1 and not action.is_weighted:
        assert (first.headers, first.host_rewrite) == (None, ""), "with one cluster they are the route's"
        spelled["cluster"] = first.cluster
    else:
        spelled["weighted_clusters"] = {"clusters": [_weighted(cluster) for cluster in action.clusters]}
    if action.cluster_missing_status:
        spelled["cluster_not_found_response_code"] = _MISSING_CLUSTER_CODES[action.cluster_missing_status]


def _weighted(cluster: WeightedCluster) -> v3.WeightedCluster_ClusterWeightDict:
    spelled: v3.WeightedCluster_ClusterWeightDict = {"name": cluster.cluster, "weight": {"value": cluster.weight}}
    if cluster.headers is not None:
        fill_headers(spelled, cluster.headers)
    if cluster.host_rewrite:
        spelled["host_rewrite_literal"] = cluster.host_rewrite
    return spelled


def _fill_timeouts(spelled: v3.RouteActionDict, action: ForwardAction) -> None:
    if action.max_grpc_timeout is not None:
        spelled["max_grpc_timeout"] = duration(action.max_grpc_timeout)
    if action.max_stream_duration is not None:
        spelled["max_stream_duration"] = {
            "max_stream_duration": duration(action.max_stream_duration),
            "grpc_timeout_header_max": {"seconds": 0},
        }


def _fill_rewrites(spelled: v3.RouteActionDict, action: ForwardAction) -> None:
    match action.rewrite:
        case PrefixRewrite(value=value):
            spelled["prefix_rewrite"] = value
        case RegexRewrite(pattern=pattern, substitution=substitution):
            spelled["regex_rewrite"] = {"pattern": {"regex": pattern}, "substitution": substitution}
        case None:
            pass
        case _:
            assert_never(action.rewrite)
    if action.host_rewrite:
        assert not action.auto_host_rewrite, "Envoy rewrites the host in one way"
        spelled["host_rewrite_literal"] = action.host_rewrite
    elif action.auto_host_rewrite:
        spelled["auto_host_rewrite"] = {"value": True}


def _retry(retry: RetryPolicyPlan) -> v3.RetryPolicyDict:
    spelled: v3.RetryPolicyDict = {
        "retry_on": retry.retry_on,
        "num_retries": {"value": retry.attempts},
        "retriable_status_codes": retry.retriable_status_codes,
    }
    if retry.per_try_timeout is not None:
        spelled["per_try_timeout"] = duration(retry.per_try_timeout)
    if retry.previous_hosts:
        predicate = packed(v3.PreviousHostsPredicate())
        spelled["retry_host_predicate"] = [
            {"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": predicate}
        ]
    if retry.host_selection_attempts is not None:
        spelled["host_selection_retry_max_attempts"] = retry.host_selection_attempts
    if retry.previous_priorities:
        # 2: look for another priority after every second attempt (istio:pilot/pkg/networking/core/route/retry)
        priorities = packed(v3.PreviousPrioritiesConfig(update_frequency=2))
        spelled["retry_priority"] = {"name": "envoy.retry_priorities.previous_priorities", "typed_config": priorities}
    if retry.back_off_base is not None:
        spelled["retry_back_off"] = {"base_interval": duration(retry.back_off_base)}
    return spelled


def _mirror(mirror: MirrorPlan) -> v3.RouteAction_RequestMirrorPolicyDict:
    share: v3.FractionalPercentDict = {"numerator": 100} if mirror.per_million is None else fraction(mirror.per_million)
    return {
        "cluster": mirror.cluster,
        "runtime_fraction": {"default_value": share},
        "trace_sampled": {"value": False},
        # the copy has the host of the original: Envoy would append `-shadow`
        "disable_shadow_host_suffix_append": True,
    }


def _hash_policy(policy: HashPolicy) -> v3.RouteAction_HashPolicyDict:
    match policy:
        case HashHeader():
            return {"header": {"header_name": policy.name}}
        case HashCookie():
            return {"cookie": _hash_cookie(policy)}
        case HashSourceIp():
            return {"connection_properties": {"source_ip": True}}
        case HashQuery():
            return {"query_parameter": {"name": policy.name}}
        case _:
            assert_never(policy)


def _hash_cookie(cookie: HashCookie) -> v3.RouteAction_HashPolicy_CookieDict:
    spelled: v3.RouteAction_HashPolicy_CookieDict = {
        "name": cookie.name,
        "path": cookie.path,
        "attributes": [{"name": name, "value": value} for name, value in cookie.attributes],
    }
    if cookie.ttl is not None:
        spelled["ttl"] = duration(cookie.ttl)
    return spelled
