"""HTTP filters that answer a request themselves, so that it never comes to the router: faults and CORS preflights.

A filter goes by what the route says of it: the weighted cluster first, then the route, the virtual host, the route
configuration, at last its own configuration. Delays are not simulated: they change when, not where.

https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/fault_filter
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/cors_filter
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

from google.protobuf.message import Message

from meshgate.explain.simulate.configuration import unpack_as
from meshgate.explain.simulate.fractions import is_hit
from meshgate.explain.simulate.header_match import is_header_match
from meshgate.explain.simulate.request import Request
from meshgate.explain.simulate.result import DirectResponse
from meshgate.explain.simulate.text_match import NotSimulated, is_text_match
from meshgate.proto import v3

M = TypeVar("M", bound=Message)
Scope: TypeAlias = "v3.RouteConfiguration | v3.VirtualHost | v3.Route | v3.WeightedCluster.ClusterWeight"


def answer_of_filters(
    hcm: v3.HttpConnectionManager, scopes: Sequence[Scope], cluster: str, request: Request
) -> DirectResponse | None:
    """The answer of the first filter that gives one. `scopes`: most specific first. `NotSimulated` may be raised."""
    for one in hcm.http_filters:
        answer = None
        if unpack_as(one.typed_config, v3.HTTPFault) is not None:
            answer = _abort(_config(one, scopes, v3.HTTPFault), cluster, request)
        elif unpack_as(one.typed_config, v3.Cors) is not None:
            answer = _preflight(_config(one, scopes, v3.CorsPolicy), request)
        if answer is not None:
            return DirectResponse(*answer, one.name)
    return None


def _config(one: v3.HttpFilter, scopes: Sequence[Scope], cls: type[M]) -> M | None:
    packed = (scope.typed_per_filter_config[one.name] for scope in scopes if one.name in scope.typed_per_filter_config)
    return unpack_as(next(packed, one.typed_config), cls)


def _abort(fault: v3.HTTPFault | None, cluster: str, request: Request) -> tuple[int, int | None] | None:
    """Status and gRPC status. With a gRPC status, the HTTP status is 200."""
    if fault is None or not fault.HasField("abort") or not _is_meant(fault, cluster, request):
        return None
    if not is_hit(fault.abort.percentage, request.random):
        return None
    match fault.abort.WhichOneof("error_type"):
        case "http_status":
            return fault.abort.http_status, None
        case "grpc_status":
            return 200, fault.abort.grpc_status
        case kind:
            raise NotSimulated(f"abort by {kind!r}")


def _is_meant(fault: v3.HTTPFault, cluster: str, request: Request) -> bool:
    return fault.upstream_cluster in ("", cluster) and all(
        is_header_match(one, request.headers) for one in fault.headers
    )


def _preflight(policy: v3.CorsPolicy | None, request: Request) -> tuple[int, None] | None:
    origins = request.headers.get("origin", ())
    asks = any(request.headers.get("access-control-request-method", ()))
    if policy is None or not any(origins) or not asks or request.headers[":method"] != ("OPTIONS",):
        return None
    if policy.HasField("filter_enabled") and not is_hit(policy.filter_enabled.default_value, request.random):
        return None
    is_allowed = any(is_text_match(one, text) for one in policy.allow_origin_string_match for text in ("*", origins[0]))
    forwards = policy.forward_not_matching_preflights.value or not policy.HasField("forward_not_matching_preflights")
    return None if not is_allowed and forwards else (200, None)
