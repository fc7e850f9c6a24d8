"""When a rule of a VirtualService applies: what is decided now for this proxy and port, and what Envoy decides.

(istio:pilot/pkg/networking/core/route/route.go#TranslateRouteMatch)
"""

from __future__ import annotations

from typing import assert_never

from meshgate.api import (
    Exact,
    HTTPMatchRequest,
    Labels,
    Prefix,
    Regex,
    StringMatch,
    ValueMatch,
    is_subset,
)
from meshgate.mesh import gateway_name
from meshgate.plan.text_matches import value_match
from meshgate.plan.values import (
    HeaderMatch,
    PathExact,
    PathMatch,
    PathPrefix,
    PathRegex,
    PathSeparatedPrefix,
    QueryMatch,
    RouteMatch,
    RoutePlan,
    TextPresent,
)


def is_for_source(
    gateways: tuple[str, ...],
    source_labels: Labels,
    source_namespace: str,
    *,
    namespace: str,
    own_gateways: frozenset[str],
    client: tuple[str, Labels],
) -> bool:
    """Whether a match is for a proxy: for one of the gateways that it stands for, or for its namespace and labels.

    `namespace` is that of the object, in which a gateway's short name is meant. As in Istio, a match that names
    gateways does not look at the source any more.
    """
    if gateways:
        return any(gateway_name(name, namespace) in own_gateways for name in gateways)
    client_namespace, client_labels = client
    return is_subset(source_labels, client_labels) and source_namespace in ("", client_namespace)


def route_match(match: HTTPMatchRequest | None, *, separated_prefixes: bool = False) -> RouteMatch:
    """What Envoy compares. `separated_prefixes`: a path prefix ends at a slash, as the Gateway API has it."""
    if match is None:
        return RouteMatch()
    return RouteMatch(
        path=_path(match.uri, separated=separated_prefixes),
        case_sensitive=not match.ignore_uri_case,
        headers=_headers(match),
        query_parameters=tuple(QueryMatch(name=name, match=value_match(value)) for name, value in match.query_params),
    )


def _path(uri: StringMatch | None, *, separated: bool) -> PathMatch:
    match uri:
        case None:
            return PathPrefix(value="/")
        case Exact(value=value):
            return PathExact(value=value)
        case Prefix(value=value):
            if separated and value != "/":
                return PathSeparatedPrefix(value=value.removesuffix("/"))
            return PathPrefix(value=value)
        case Regex(value=value):
            return PathRegex(value=value)
        case _:
            assert_never(uri)


def _headers(match: HTTPMatchRequest) -> tuple[HeaderMatch, ...]:
    """Headers by name, then what HTTP/2 calls pseudo headers."""
    found = [HeaderMatch(name=name, match=value_match(value)) for name, value in match.headers]
    found += [_absent(name, value) for name, value in match.without_headers]
    found.sort(key=lambda header: (header.name, header.invert))
    pseudo = ((":method", match.method), (":authority", match.authority), (":scheme", match.scheme))
    return (*found, *(HeaderMatch(name=name, match=value_match(value)) for name, value in pseudo if value is not None))


def _absent(name: str, value: ValueMatch) -> HeaderMatch:
    """A header that must not match: one that is missing does not."""
    comparison = value_match(value)
    return HeaderMatch(
        name=name, match=comparison, invert=True, treat_missing_as_empty=not isinstance(comparison, TextPresent)
    )


def is_catch_all(route: RoutePlan) -> bool:
    """Whether no route behind this one can ever be reached, as Istio sees it."""
    match route.match.path:
        case PathPrefix(value="/") | PathSeparatedPrefix(value="/") | PathRegex(value=".*"):
            return not (route.match.headers or route.match.query_parameters or route.match.metadata)
    return False


def catch_all_last(routes: tuple[RoutePlan, ...]) -> tuple[RoutePlan, ...]:
    """The routes of several VirtualServices: those that take everything go to the end (istio:SortVHostRoutes)."""
    return tuple(sorted(routes, key=is_catch_all))
