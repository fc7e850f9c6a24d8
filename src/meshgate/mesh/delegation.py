"""Delegation: a route of a VirtualService that hands over to the rules of another one.

A delegate's rule applies under the conditions of both. Each of its matches must be within one of the root's, else the
whole rule is left out. What the delegate does not say is taken from the root. Short names are meant in the namespace of
the object that has them, so both sides are written in full before they are joined.
(istio:pilot/pkg/model/virtualservice.go#mergeHTTPRoute)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from meshgate.api import (
    Destination,
    Exact,
    HTTPMatchRequest,
    HTTPRoute,
    Labels,
    Pairs,
    Prefix,
    ValueMatch,
    pairs_of,
)
from meshgate.mesh.host import full_name, gateway_name

_INHERITED = (
    "rewrite",
    "direct_response",
    "timeout",
    "retries",
    "fault",
    "mirror",
    "mirror_percentage",
    "cors_policy",
    "headers",
)


def in_full(route: HTTPRoute, namespace: str, domain: str) -> HTTPRoute:
    """The route with its hosts and gateways in full, as an object of the namespace means them."""

    def destination(given: Destination | None) -> Destination | None:
        return given and msgspec.structs.replace(given, host=full_name(given.host, namespace, domain))

    replace = msgspec.structs.replace
    return replace(
        route,
        match=tuple(
            replace(match, gateways=tuple(gateway_name(name, namespace) for name in match.gateways))
            for match in route.match
        ),
        route=tuple(replace(one, destination=destination(one.destination)) for one in route.route),
        mirror=destination(route.mirror),
        mirrors=tuple(replace(one, destination=destination(one.destination)) for one in route.mirrors),
    )


def merge_routes(root: HTTPRoute, delegate: Sequence[HTTPRoute]) -> Iterator[tuple[int, HTTPRoute | None]]:
    """The delegate's routes as merged with the root, with their place in the delegate; None for what is left out."""
    for place, route in enumerate(delegate):
        merged = merge_matches(root.match, route.match)
        if merged is None:
            yield place, None
            continue
        inherited = {name: getattr(root, name) for name in _INHERITED if getattr(route, name) is None}
        yield (
            place,
            msgspec.structs.replace(
                route,
                match=merged,
                name=_joined(root.name, route.name),
                mirrors=route.mirrors or root.mirrors,
                **inherited,
            ),
        )


def merge_matches(
    roots: tuple[HTTPMatchRequest, ...], leaves: tuple[HTTPMatchRequest, ...]
) -> tuple[HTTPMatchRequest, ...] | None:
    """The conditions under which one of the first and one of the second hold; None if one of the second never does."""
    if not roots or not leaves:
        return roots or leaves
    merged = [[_merge(root, leaf) for root in roots if not is_contradiction(root, leaf)] for leaf in leaves]
    return tuple(match for matches in merged for match in matches) if all(merged) else None


def _joined(root: str, leaf: str) -> str:
    return f"{root}-{leaf}" if root and leaf else root or leaf


def _merge(root: HTTPMatchRequest, leaf: HTTPMatchRequest) -> HTTPMatchRequest:
    return msgspec.structs.replace(
        leaf,
        name=_joined(root.name, leaf.name),
        uri=leaf.uri or root.uri,
        scheme=leaf.scheme or root.scheme,
        method=leaf.method or root.method,
        authority=leaf.authority or root.authority,
        headers=pairs_of({**dict(root.headers), **dict(leaf.headers)}),
        without_headers=pairs_of({**dict(root.without_headers), **dict(leaf.without_headers)}),
        query_params=pairs_of({**dict(root.query_params), **dict(leaf.query_params)}),
        port=leaf.port or root.port,
        source_labels=pairs_of({**dict(root.source_labels), **dict(leaf.source_labels)}),
        source_namespace=leaf.source_namespace or root.source_namespace,
        gateways=leaf.gateways or root.gateways,
        stat_prefix=leaf.stat_prefix or root.stat_prefix,
    )


def is_contradiction(root: HTTPMatchRequest, leaf: HTTPMatchRequest) -> bool:
    """Whether the second asks for something outside of the first, as Istio sees it."""
    texts = (
        (root.uri, leaf.uri),
        (root.scheme, leaf.scheme),
        (root.method, leaf.method),
        (root.authority, leaf.authority),
    )
    maps = (
        (root.headers, leaf.headers),
        (root.without_headers, leaf.without_headers),
        (root.query_params, leaf.query_params),
    )
    return (
        any(_texts_contradict(*pair) for pair in texts)
        or any(_maps_contradict(*pair) for pair in maps)
        or root.ignore_uri_case != leaf.ignore_uri_case
        or (root.port != leaf.port and root.port > 0 and leaf.port > 0)
        or root.source_namespace not in ("", leaf.source_namespace)
        or _labels_contradict(root.source_labels, leaf.source_labels)
        or (bool(root.gateways) and not set(leaf.gateways) <= set(root.gateways))
    )


def _maps_contradict(root: Pairs[ValueMatch], leaf: Pairs[ValueMatch]) -> bool:
    of_root = dict(root)
    return any(_texts_contradict(of_root.get(key), match) for key, match in leaf)


def _labels_contradict(root: Labels, leaf: Labels) -> bool:
    of_root = dict(root)
    return any(of_root.get(key, value) != value for key, value in leaf)


def _texts_contradict(root: ValueMatch | None, leaf: ValueMatch | None) -> bool:
    """Two texts of which one is an expression, or just has to be there, contradict each other, whatever they are."""
    match root, leaf:
        case (None, _) | (_, None):
            return False
        case Exact(value=exact), _:
            return leaf != Exact(value=exact)
        case Prefix(value=prefix), (Exact(value=text) | Prefix(value=text)):
            return not text.startswith(prefix)
    return True
