"""The order of HTTP filters, in one table, with the reason for each place.

The plan gives the filters in this order already; here it is checked, because a filter in the wrong place is a hole (a
fault injected before the caller is known, a router before the rest) that no other test would find. To add a filter: a
file beside this one, a value in `plan.values.http`, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from google.protobuf.message import Message
from msgspec import Struct

from meshgate.envoy.http_filters.cors import cors_filter
from meshgate.envoy.http_filters.dynamic_forward_proxy import dynamic_forward_proxy_filter
from meshgate.envoy.http_filters.fault import fault_filter
from meshgate.envoy.http_filters.grpc_stats import grpc_stats_filter
from meshgate.envoy.http_filters.grpc_web import grpc_web_filter
from meshgate.envoy.http_filters.router import router_filter
from meshgate.envoy.memo import Memo
from meshgate.envoy.spelling import packed
from meshgate.plan.values import (
    CorsFilter,
    DynamicForwardProxyFilter,
    FaultFilter,
    GrpcStatsFilter,
    GrpcWebFilter,
    HttpFilter,
    RouterFilter,
)
from meshgate.proto import v3


class _Place(Struct, frozen=True):
    plan_type: type[HttpFilter]
    name: str
    """Envoy's name of the filter: under it routes address it (`typed_per_filter_config`)."""
    config: Callable[..., Message]
    reason: str


ORDER: tuple[_Place, ...] = (
    _Place(GrpcWebFilter, "envoy.filters.http.grpc_web", grpc_web_filter, "all others see what is gRPC by now"),
    _Place(
        GrpcStatsFilter, "envoy.filters.http.grpc_stats", grpc_stats_filter, "counts all calls, also those ended below"
    ),
    _Place(
        FaultFilter, "envoy.filters.http.fault", fault_filter, "before CORS, as in Istio: a preflight can be hit too"
    ),
    _Place(CorsFilter, "envoy.filters.http.cors", cors_filter, "answers preflights before they are forwarded"),
    _Place(
        DynamicForwardProxyFilter,
        "envoy.filters.http.dynamic_forward_proxy",
        dynamic_forward_proxy_filter,
        "looks up the host that the router is about to use, after all that may change or refuse it",
    ),
    _Place(RouterFilter, "envoy.filters.http.router", router_filter, "forwards: nothing comes after it"),
)

_RANK = {place.plan_type: rank for rank, place in enumerate(ORDER)}


def http_filters(plans: Sequence[HttpFilter], memo: Memo) -> list[v3.HttpFilterDict]:
    ranks = [_RANK[type(plan)] for plan in plans]
    once = [type(plan) for plan in plans if type(plan) is not DynamicForwardProxyFilter]  # of these one for each cache
    assert ranks == sorted(ranks), f"HTTP filters out of order: {[type(plan).__name__ for plan in plans]}"
    assert len(once) == len(set(once)), f"HTTP filters that come twice: {[type(plan).__name__ for plan in plans]}"
    return [memo.of(_http_filter, plan) for plan in plans]


def _http_filter(plan: HttpFilter, _memo: Memo) -> v3.HttpFilterDict:
    place = ORDER[_RANK[type(plan)]]
    return {"name": place.name, "typed_config": packed(place.config(plan))}
