"""Random VirtualServices, as people could write them, and random requests that are likely to meet their conditions."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.explain.simulate.made import Fields

Strategy = st.SearchStrategy[Any]
HOST = "random.test"
GATEWAYS = ["edge/random", "mesh"]
_PATHS = ["/", "/a", "/a/", "/a/b", "/A", "/ab", "/b/a/c"]
_PATH_EXPRESSIONS = ["/a.*", "/[ab]", ".*", "/a|/b/.*", "/(a|b)(/[^/]*)?"]
_VALUES = ["", "1", "ab", "abc", "A"]
_EXPRESSIONS = ["[0-9]+", "ab?", ".*", ""]
_HEADERS = ["x-a", "x-b"]


def _fields(required: dict[str, Strategy], **optional: Strategy) -> Strategy:
    return st.fixed_dictionaries(required, optional=optional)


def _choice(**options: Strategy) -> Strategy:
    """An object with exactly one of these fields."""
    return st.one_of(*(st.fixed_dictionaries({name: one}) for name, one in options.items()))


_FILLED = st.sampled_from([value for value in _VALUES if value])
_TEXT = _choice(exact=_FILLED, prefix=_FILLED, regex=st.sampled_from(_EXPRESSIONS[:3]))
_TEXT_OR_ANY: Strategy = st.one_of(_TEXT, st.just({}))
_URI = _choice(exact=st.sampled_from(_PATHS), prefix=st.sampled_from(_PATHS), regex=st.sampled_from(_PATH_EXPRESSIONS))
_NAMED = st.dictionaries(st.sampled_from(_HEADERS), _TEXT_OR_ANY, min_size=1)
_MATCH = _fields(
    {},
    uri=_URI,
    ignoreUriCase=st.booleans(),
    method=_choice(exact=st.sampled_from(["GET", "POST"]), prefix=st.just("G"), regex=st.just("P.*")),
    authority=_choice(exact=st.just(HOST), prefix=st.just("rand"), regex=st.just("random[.]test(:80)?")),
    scheme=_choice(exact=st.sampled_from(["http", "https"])),
    headers=_NAMED,
    withoutHeaders=_NAMED,
    queryParams=st.dictionaries(st.sampled_from(["q", "r"]), _TEXT_OR_ANY, min_size=1),
    port=st.sampled_from([80, 81]),
    gateways=st.sampled_from([["mesh"], ["edge/random"], GATEWAYS]),
    sourceLabels=st.sampled_from([{"app": "own"}, {"app": "other"}]),
)
_OPERATIONS = _fields(
    {},
    set=st.dictionaries(
        st.sampled_from(["x-a", "x-new", "Host"]), st.sampled_from(["1", "two%%", "h.test"]), min_size=1
    ),
    add=st.dictionaries(st.sampled_from(["x-b", "x-new"]), st.just("added"), min_size=1),
    remove=st.lists(st.sampled_from(_HEADERS), min_size=1, max_size=2, unique=True),
)
_HEADER_RULES = _fields({}, request=_OPERATIONS)
_CLUSTERS = [("web.apps.svc.cluster.local", 80), ("auto.apps.svc.cluster.local", 81), ("nowhere.test", 80)]
_DESTINATIONS = [{"host": host, "port": {"number": port}} for host, port in _CLUSTERS]
_DESTINATION = st.sampled_from(_DESTINATIONS)
_REAL_DESTINATION = st.sampled_from(_DESTINATIONS[:2])
"""Of several, Envoy draws one: then all must be there, or the answer is chance."""
_ROUTE = st.one_of(
    st.tuples(_fields({"destination": _DESTINATION}, headers=_HEADER_RULES)).map(list),
    st.lists(
        _fields({"destination": _REAL_DESTINATION, "weight": st.sampled_from([0, 30, 70])}, headers=_HEADER_RULES),
        min_size=2,
        max_size=3,
    ).filter(lambda routes: any(one["weight"] for one in routes)),
)
_REWRITE = st.one_of(
    _fields({}, uri=st.sampled_from(["/", "/new", "/new/"]), authority=st.just("new.test")),
    _fields({"uriRegexRewrite": st.just({"match": "/([^/]*)/?(.*)", "rewrite": "/\\2-\\1"})}),
)
_PERCENT = st.sampled_from([{"value": 0}, {"value": 100}])
_FAULT = _choice(
    abort=st.one_of(
        _fields({"httpStatus": st.sampled_from([200, 418, 503]), "percentage": _PERCENT}),
        _fields({"grpcStatus": st.just("UNAVAILABLE"), "percentage": _PERCENT}),
    ),
    delay=_fields({"fixedDelay": st.just("5s"), "percentage": _PERCENT}),
)
_CORS = _fields(
    {"allowOrigins": st.lists(_choice(exact=st.sampled_from(["*", "http://a"]), prefix=st.just("http")), min_size=1)},
    allowMethods=st.just(["GET"]),
    unmatchedPreflights=st.sampled_from(["FORWARD", "IGNORE"]),
)
_FORWARDING = _fields(
    {"route": _ROUTE},
    rewrite=_REWRITE,
    fault=_FAULT,
    corsPolicy=_CORS,
    headers=_HEADER_RULES,
    mirrors=st.lists(_fields({"destination": _DESTINATION}), min_size=1, max_size=2),
    timeout=st.just("9s"),
    retries=st.just({"attempts": 2}),
)
_REDIRECTING = _fields(
    {
        "redirect": _fields(
            {},
            uri=st.sampled_from(["/there", "/"]),
            authority=st.just("there.test"),
            scheme=st.sampled_from(["http", "https"]),
            redirectCode=st.sampled_from([301, 302, 303, 307, 308]),
        ).flatmap(
            lambda redirect: st.one_of(
                st.just(redirect),
                st.sampled_from([8080, 443]).map(lambda port: {**redirect, "port": port}),
                st.sampled_from(["FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"]).map(
                    lambda derived: {**redirect, "derivePort": derived}
                ),
            )
        )
    }
)
_ANSWERING = _fields({"directResponse": _fields({"status": st.sampled_from([200, 404, 503])})})
_HTTP_ROUTE = st.builds(
    lambda matches, action: {**({"match": matches} if matches else {}), **action},
    st.lists(_MATCH, max_size=2),
    st.one_of(_FORWARDING, _REDIRECTING, _ANSWERING),
)

HTTP_ROUTES: Strategy = st.lists(_HTTP_ROUTE, min_size=1, max_size=5)
"""`spec.http`."""
REQUESTS: st.SearchStrategy[Fields] = _fields(
    {"host": st.sampled_from([HOST, f"{HOST}:80"])},
    path=st.builds(
        lambda path, query: f"{path}?{query}" if query else path,
        st.sampled_from(_PATHS),
        st.sampled_from(["", "q=1", "q=abc&r", "r=ab", "q="]),
    ),
    method=st.sampled_from(["GET", "POST", "OPTIONS"]),
    headers=st.lists(
        st.one_of(
            st.tuples(st.sampled_from(_HEADERS), st.sampled_from(_VALUES)),
            st.sampled_from([("origin", "http://a"), ("origin", "ftp://b"), ("access-control-request-method", "GET")]),
            st.just(("x-forwarded-proto", "https")),
        ),
        max_size=3,
        unique_by=lambda header: header[0],
    ),
)
