"""One route: its match, and the action with what goes along with it."""

from __future__ import annotations

from typing import assert_never

from meshgate.envoy.forward import forward
from meshgate.envoy.headers import fill_headers
from meshgate.envoy.http_filters.cors import cors_policy
from meshgate.envoy.http_filters.fault import fault_policy
from meshgate.envoy.metadata import config_metadata
from meshgate.envoy.text_match import header_matcher, metadata_matcher, query_matcher
from meshgate.plan.values import (
    DirectResponseAction,
    ForwardAction,
    PathExact,
    PathPrefix,
    PathRegex,
    PathSeparatedPrefix,
    RedirectAction,
    RouteMatch,
    RoutePlan,
)
from meshgate.proto import v3


def route(plan: RoutePlan) -> v3.RouteDict:
    spelled: v3.RouteDict = {"name": plan.name, "match": _match(plan.match)}
    match plan.action:
        case ForwardAction():
            spelled["route"] = forward(plan.action)
        case RedirectAction():
            spelled["redirect"] = _redirect(plan.action)
        case DirectResponseAction():
            spelled["direct_response"] = _direct_response(plan.action)
        case _:
            assert_never(plan.action)
    if plan.headers is not None:
        fill_headers(spelled, plan.headers)
    if plan.stat_prefix:
        spelled["stat_prefix"] = plan.stat_prefix
    if plan.operation:
        spelled["decorator"] = {"operation": plan.operation}
    metadata = config_metadata(plan.config)
    if metadata is not None:
        spelled["metadata"] = metadata
    per_filter = dict((*fault_policy(plan.fault), *cors_policy(plan.cors)))
    if per_filter:
        spelled["typed_per_filter_config"] = per_filter
    return spelled


def _match(match: RouteMatch) -> v3.RouteMatchDict:
    spelled: v3.RouteMatchDict = {}
    match match.path:
        case PathPrefix(value=value):
            spelled["prefix"] = value
        case PathSeparatedPrefix(value=value):
            spelled["path_separated_prefix"] = value
        case PathExact(value=value):
            spelled["path"] = value
        case PathRegex(value=value):
            spelled["safe_regex"] = {"regex": value}
        case _:
            assert_never(match.path)
    if match.case_sensitive is not None:
        spelled["case_sensitive"] = {"value": match.case_sensitive}
    if match.headers:
        spelled["headers"] = [header_matcher(header) for header in match.headers]
    if match.query_parameters:
        spelled["query_parameters"] = [query_matcher(query) for query in match.query_parameters]
    if match.metadata:
        spelled["dynamic_metadata"] = [metadata_matcher(metadata) for metadata in match.metadata]
    return spelled


_REDIRECT_CODES: dict[int, int] = {301: 0, 302: 1, 303: 2, 307: 3, 308: 4}
"""HTTP status to `RedirectAction.RedirectResponseCode`."""


def _redirect(action: RedirectAction) -> v3.RedirectActionDict:
    spelled: v3.RedirectActionDict = {
        "host_redirect": action.host,
        "port_redirect": action.port,
        "response_code": _REDIRECT_CODES[action.code],
    }
    if action.scheme:
        spelled["scheme_redirect"] = action.scheme
    if action.prefix:
        assert not action.path, "Envoy takes a path or a prefix"
        spelled["prefix_rewrite"] = action.prefix
    else:
        # Istio writes an empty one, too
        spelled["path_redirect"] = action.path
    return spelled


def _direct_response(action: DirectResponseAction) -> v3.DirectResponseActionDict:
    if action.body is None:
        return {"status": action.status}
    try:
        return {"status": action.status, "body": {"inline_string": action.body.decode()}}
    except UnicodeDecodeError:
        return {"status": action.status, "body": {"inline_bytes": action.body}}
