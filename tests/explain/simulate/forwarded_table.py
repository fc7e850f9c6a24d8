"""What an upstream gets: hosts, paths and headers as routes change them."""

from __future__ import annotations

from meshgate.explain import Forwarded, Headers
from tests.explain.simulate.made import NOTHING, Fields


def adding(name: str, value: str, action: str = "APPEND_IF_EXISTS_OR_ADD") -> Fields:
    """An entry of `request_headers_to_add`."""
    return {"header": {"key": name, "value": value}, "append_action": action}


def _goes(host: str = "a.test", path: str = "/old/a?q", headers: Headers = ()) -> Forwarded:
    return Forwarded(cluster="yes", host=host, path=path, headers=headers)


_PATH: Fields = {"path": "/old/a?q"}
_SENT: Fields = {**_PATH, "headers": [("X-A", "own")]}

FORWARDED: list[tuple[Fields, Fields, Fields, Forwarded]] = [
    (NOTHING, NOTHING, _PATH, _goes()),
    ({"prefix_rewrite": "/new/"}, NOTHING, _PATH, _goes(path="/new/a?q")),
    (
        {"regex_rewrite": {"pattern": {"regex": "/(\\w+)/(\\w+)"}, "substitution": "/\\2/\\1"}},
        NOTHING,
        _PATH,
        _goes(path="/a/old?q"),
    ),
    ({"host_rewrite_literal": "b.test"}, NOTHING, _PATH, _goes(host="b.test")),
    (
        {"host_rewrite_literal": "b.test", "append_x_forwarded_host": True},
        NOTHING,
        _PATH,
        _goes(host="b.test", headers=(("x-forwarded-host", ("a.test",)),)),
    ),
    (
        NOTHING,
        {"request_headers_to_add": [adding("X-A", "1"), adding("X-B", "50%%")]},
        _SENT,
        _goes(headers=(("x-a", ("own", "1")), ("x-b", ("50%",)))),
    ),
    (
        NOTHING,
        {"request_headers_to_add": [adding("X-A", "1", "OVERWRITE_IF_EXISTS_OR_ADD")]},
        _SENT,
        _goes(headers=(("x-a", ("1",)),)),
    ),
    (
        NOTHING,
        {"request_headers_to_add": [adding("X-A", "1", "ADD_IF_ABSENT"), adding("X-B", "1", "ADD_IF_ABSENT")]},
        _SENT,
        _goes(headers=(("x-a", ("own",)), ("x-b", ("1",)))),
    ),
    (
        NOTHING,
        {
            "request_headers_to_add": [
                adding("X-A", "1", "OVERWRITE_IF_EXISTS"),
                adding("X-B", "1", "OVERWRITE_IF_EXISTS"),
            ]
        },
        _SENT,
        _goes(headers=(("x-a", ("1",)), ("x-b", ()))),
    ),
    (NOTHING, {"request_headers_to_remove": ["X-A"]}, _SENT, _goes(headers=(("x-a", ()),))),
    (
        NOTHING,
        {"request_headers_to_remove": ["X-A"], "request_headers_to_add": [adding("X-A", "1")]},
        _SENT,
        _goes(headers=(("x-a", ("1",)),)),
    ),
]
"""Fields of the action, fields of the route, the call, what the upstream gets."""


def forwarding(action: Fields, route: Fields) -> Fields:
    """A route to `yes` for `/old/`."""
    return {"match": {"prefix": "/old/"}, **route, "route": {"cluster": "yes", **action}}


WEIGHTED: Fields = {
    "match": {"prefix": "/"},
    "request_headers_to_add": [adding("x-by", "route")],
    "route": {
        "host_rewrite_literal": "route.test",
        "weighted_clusters": {
            "clusters": [
                {
                    "name": "yes",
                    "weight": 100,
                    "host_rewrite_literal": "weighted.test",
                    "request_headers_to_add": [adding("x-by", "weighted")],
                },
                {"name": "no", "weight": 0},
            ]
        },
    },
}
"""Both levels change the same things."""
