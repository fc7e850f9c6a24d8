"""Delegation: a route of a VirtualService that hands over to the rules of another one.

A delegate's rule applies under the conditions of both; where the two contradict each other it never applies and is
left out. What the delegate does not say is taken from the root.
(istio:pilot/pkg/model/virtualservice.go#mergeHTTPRoute)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from meshgate.api import Exact, HTTPMatchRequest, HTTPRoute, Labels, Pairs, Prefix, Present, Regex, ValueMatch, pairs_of

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


def merge_routes(root: HTTPRoute, delegate: Sequence[HTTPRoute]) -> Iterator[tuple[int, HTTPRoute]]:
    """The delegate's routes that can apply, as merged with the root, with their place in the delegate."""
    for place, route in enumerate(delegate):
        merged = merge_matches(root.match, route.match)
        if merged is None:
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
    """The conditions under which one of the first and one of the second hold; None where there are none."""
    if not roots or not leaves:
        return roots or leaves
    merged = tuple(_merge(root, leaf) for root in roots for leaf in leaves if not is_contradiction(root, leaf))
    return merged or None


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
    """Whether the two can never hold together, as Istio sees it (regular expressions contradict everything)."""
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
        or (root.source_namespace not in ("", leaf.source_namespace) and leaf.source_namespace != "")
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
    match root, leaf:
        case (None | Present(), _) | (_, None | Present()):
            return False
        case (Regex(), _) | (_, Regex()):
            return True
        case Exact(value=exact), _:
            return leaf != Exact(value=exact)
        case Prefix(value=prefix), (Exact(value=text) | Prefix(value=text)):
            return not text.startswith(prefix)
    return False
