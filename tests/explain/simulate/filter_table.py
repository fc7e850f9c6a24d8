"""Requests that an HTTP filter answers."""

from __future__ import annotations

from meshgate.explain import DirectResponse
from meshgate.proto import any_of, from_json, to_json, v3
from tests.explain.simulate.made import NOTHING, Fields

FAULT, CORS = "envoy.filters.http.fault", "envoy.filters.http.cors"
_PERCENT: Fields = {"percentage": {"numerator": 100, "denominator": "HUNDRED"}}
_NEVER: Fields = {"percentage": {"numerator": 0, "denominator": "HUNDRED"}}
_CORS: Fields = {
    "allow_origin_string_match": [{"prefix": "http://good"}],
    "allow_methods": "GET",
    "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
}
_STRICT: Fields = {**_CORS, "forward_not_matching_preflights": False}
_ANY: Fields = {"allow_origin_string_match": [{"exact": "*"}]}


def _asks(origin: str, method: str = "OPTIONS") -> Fields:
    return {"method": method, "headers": [("Origin", origin), ("Access-Control-Request-Method", "GET")]}


FILTERED: list[tuple[str, Fields, Fields, DirectResponse | None]] = [
    (FAULT, {"abort": {"http_status": 418, **_PERCENT}}, NOTHING, DirectResponse(418, None, FAULT)),
    (FAULT, {"abort": {"http_status": 418, **_NEVER}}, NOTHING, None),
    (FAULT, {"abort": {"grpc_status": 14, **_PERCENT}}, NOTHING, DirectResponse(200, 14, FAULT)),
    (FAULT, {"abort": {"http_status": 418, **_PERCENT}, "upstream_cluster": "no"}, NOTHING, None),
    (
        FAULT,
        {"abort": {"http_status": 418, **_PERCENT}, "headers": [{"name": "x-a", "present_match": True}]},
        {"headers": [("x-a", "1")]},
        DirectResponse(418, None, FAULT),
    ),
    (
        FAULT,
        {"abort": {"http_status": 418, **_PERCENT}, "headers": [{"name": "x-a", "present_match": True}]},
        NOTHING,
        None,
    ),
    (CORS, _CORS, _asks("http://good.test"), DirectResponse(200, None, CORS)),
    (CORS, _CORS, _asks("http://bad.test"), None),
    (CORS, _STRICT, _asks("http://bad.test"), DirectResponse(200, None, CORS)),
    (CORS, _ANY, _asks("http://bad.test"), DirectResponse(200, None, CORS)),
    (CORS, _CORS, _asks("http://good.test", "GET"), None),
    (CORS, _CORS, {"method": "OPTIONS", "headers": [("Origin", "http://good.test")]}, None),
    (CORS, _CORS, {"method": "OPTIONS"}, None),
]
"""Filter, what the route says to it, the call, the answer; None: it is forwarded."""


def filtered(name: str, config: Fields) -> Fields:
    """A route to `yes` with this word to a filter."""
    cls = v3.HTTPFault if name == FAULT else v3.CorsPolicy
    packed = to_json(any_of(from_json(config, cls)))
    return {"match": {"prefix": "/"}, "route": {"cluster": "yes"}, "typed_per_filter_config": {name: packed}}


def filters() -> Fields:
    """Fields of a connection manager that has both filters and the router."""
    configs = {FAULT: v3.HTTPFault(), CORS: v3.Cors(), "envoy.filters.http.router": v3.Router()}
    return {"http_filters": [{"name": name, "typed_config": to_json(any_of(one))} for name, one in configs.items()]}
