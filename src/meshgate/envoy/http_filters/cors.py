"""`envoy.filters.http.cors`: cross-origin rules, by what each route says."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.envoy.spelling import packed
from meshgate.envoy.text_match import string_matcher
from meshgate.plan.values import CorsFilter, CorsPlan
from meshgate.proto import v3

_NAME = "envoy.filters.http.cors"


def cors_filter(_plan: CorsFilter) -> v3.Cors:
    return v3.Cors()


def cors_policy(cors: CorsPlan | None) -> Iterator[tuple[str, v3.AnyDict]]:
    """The entry of `typed_per_filter_config` for a route, if it has cross-origin rules."""
    if cors is None:
        return
    spelled: v3.CorsPolicyDict = {
        "allow_origin_string_match": [string_matcher(origin) for origin in cors.allow_origins],
        "allow_methods": cors.allow_methods,
        "allow_headers": cors.allow_headers,
        "expose_headers": cors.expose_headers,
        "max_age": cors.max_age,
        # Istio writes the default out
        "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
    }
    if cors.allow_credentials is not None:
        spelled["allow_credentials"] = {"value": cors.allow_credentials}
    if cors.forward_not_matching_preflights is not None:
        spelled["forward_not_matching_preflights"] = {"value": cors.forward_not_matching_preflights}
    yield _NAME, packed(v3.CorsPolicy(**spelled))
