"""What the upstream gets of the request, and what becomes of the answer's headers, once the route has had its say.

Header rules go from the most specific to the least (weighted cluster, route, virtual host, route configuration), or the
other way if the route configuration says so; each removes first. Then the host and the path are rewritten.

https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#custom-request-response-headers
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import re2

from meshgate.explain.simulate.fractions import per_million
from meshgate.explain.simulate.http_filters import Scope
from meshgate.explain.simulate.request import Request
from meshgate.explain.simulate.result import Forwarded, Headers, Mirror
from meshgate.explain.simulate.text_match import NotSimulated
from meshgate.proto import v3

_ALL = 1_000_000
_WRITTEN_LAST = ("server", "date")
"""By the connection manager, whatever routes say."""


def forwarded(cluster: str, scopes: Sequence[Scope], request: Request) -> Forwarded:
    """The request as it goes to this cluster. `scopes`: most specific first. `NotSimulated` may be raised."""
    route = next(one for one in scopes if isinstance(one, v3.Route))
    host = _host(route.route, scopes, request)
    touched = dict(_headers(scopes, "request", request.headers))
    if host != request.host and route.route.append_x_forwarded_host:
        touched["x-forwarded-host"] = (*request.headers.get("x-forwarded-host", ()), request.host)
    return Forwarded(
        cluster=cluster,
        host=host,
        path=_path(route, request),
        headers=tuple(touched.items()),
        mirrors=tuple(_mirror(one) for one in route.route.request_mirror_policies),
    )


def response_headers(scopes: Sequence[Scope]) -> Headers:
    """The answer's headers that routes touch; values are those on top of what the upstream says."""
    return tuple((name, values) for name, values in _headers(scopes, "response", {}) if name not in _WRITTEN_LAST)


def _headers(
    scopes: Sequence[Scope], side: Literal["request", "response"], before: Mapping[str, tuple[str, ...]]
) -> Headers:
    configuration = scopes[-1]
    assert isinstance(configuration, v3.RouteConfiguration)
    ordered = reversed(scopes) if configuration.most_specific_header_mutations_wins else scopes
    touched: dict[str, tuple[str, ...]] = {}
    for scope in ordered:
        for name in getattr(scope, f"{side}_headers_to_remove"):
            touched[name.lower()] = ()
        for option in getattr(scope, f"{side}_headers_to_add"):
            name = option.header.key.lower()
            touched[name] = _added(option, touched.get(name, before.get(name, ())))
    return tuple(touched.items())


def _added(option: v3.HeaderValueOption, before: tuple[str, ...]) -> tuple[str, ...]:
    """Format commands stay as they are written."""
    value = option.header.value.replace("%%", "%")
    action = option.append_action
    if option.HasField("append"):
        action = option.APPEND_IF_EXISTS_OR_ADD if option.append.value else option.OVERWRITE_IF_EXISTS_OR_ADD
    if action == option.APPEND_IF_EXISTS_OR_ADD:
        return (*before, value)
    if action == option.OVERWRITE_IF_EXISTS_OR_ADD:
        return (value,)
    is_meant = bool(before) == (action == option.OVERWRITE_IF_EXISTS)
    return (value,) if is_meant else before


def _host(action: v3.RouteAction, scopes: Sequence[Scope], request: Request) -> str:
    """The route's own rewrite comes after that of the weighted cluster, so it wins."""
    match action.WhichOneof("host_rewrite_specifier"):
        case "host_rewrite_literal":
            return action.host_rewrite_literal
        case None | "auto_host_rewrite":
            pass  # the endpoint's own name is not known here
        case kind:
            raise NotSimulated(f"host rewrite {kind!r}")
    weighted = scopes[0]
    if isinstance(weighted, v3.WeightedCluster.ClusterWeight) and weighted.host_rewrite_literal:
        return weighted.host_rewrite_literal
    return request.host


def _path(route: v3.Route, request: Request) -> str:
    action, path = route.route, request.path_only
    query = request.path[len(path) :]
    if action.prefix_rewrite:
        match = route.match
        matched = match.prefix or match.path or match.path_separated_prefix or path
        return action.prefix_rewrite + path[len(matched) :] + query
    if action.HasField("regex_rewrite"):
        rewritten: str = re2.sub(action.regex_rewrite.pattern.regex, action.regex_rewrite.substitution, path)
        return rewritten + query
    if action.HasField("path_rewrite_policy"):
        raise NotSimulated("path rewrite policy")
    return request.path


def _mirror(policy: v3.RouteAction.RequestMirrorPolicy) -> Mirror:
    share = per_million(policy.runtime_fraction.default_value) if policy.HasField("runtime_fraction") else _ALL
    return Mirror(policy.cluster, share)
