"""Route conditions and requests: what Envoy must say, and the simulation with it."""

from __future__ import annotations

from tests.explain.simulate.made import NOTHING, Fields


def text(**match: object) -> Fields:
    """A condition on the text of the header `x-a`."""
    return {"name": "x-a", "string_match": match}


def _header(name: str, **match: object) -> Fields:
    return {"headers": [{"name": name, "string_match": match}]}


PATHS: list[tuple[Fields, str, bool]] = [
    ({"prefix": "/a"}, "/ab", True),
    ({"prefix": "/a"}, "/b", False),
    ({"prefix": "/A"}, "/a", False),
    ({"prefix": "/A", "case_sensitive": False}, "/a", True),
    ({"prefix": "/a?"}, "/a?b", False),
    ({"path": "/a"}, "/a", True),
    ({"path": "/a"}, "/a?b=c", True),
    ({"path": "/a"}, "/a/", False),
    ({"path": "/A", "case_sensitive": False}, "/a", True),
    ({"path_separated_prefix": "/a"}, "/a", True),
    ({"path_separated_prefix": "/a"}, "/a/b", True),
    ({"path_separated_prefix": "/a"}, "/a?b", True),
    ({"path_separated_prefix": "/a"}, "/ab", False),
    ({"safe_regex": {"regex": "/a.*c"}}, "/abc", True),
    ({"safe_regex": {"regex": "/a.*c"}}, "/abc?d", True),
    ({"safe_regex": {"regex": "/a"}}, "/ab", False),
    ({"safe_regex": {"regex": "a"}}, "/a", False),
    ({"connect_matcher": {}}, "/", False),
]
"""Match, path of the request, whether it matches."""

HEADERS: list[tuple[Fields, str | None, bool]] = [
    (text(exact="a"), "a", True),
    (text(exact="a"), "A", False),
    (text(exact="a", ignore_case=True), "A", True),
    (text(prefix="a"), "ab", True),
    (text(suffix="b"), "ab", True),
    (text(suffix="a"), "ab", False),
    (text(contains="b"), "abc", True),
    (text(safe_regex={"regex": "a+"}), "aaa", True),
    (text(safe_regex={"regex": "a+"}), "aaab", False),
    (text(exact="a"), None, False),
    ({**text(exact="a"), "invert_match": True}, "b", True),
    ({**text(exact="a"), "invert_match": True}, "a", False),
    ({**text(exact="a"), "invert_match": True}, None, False),
    ({**text(exact="a"), "invert_match": True, "treat_missing_header_as_empty": True}, None, True),
    ({**text(exact=""), "treat_missing_header_as_empty": True}, None, True),
    ({"name": "x-a"}, "", True),
    ({"name": "x-a"}, None, False),
    ({"name": "x-a", "present_match": True}, "a", True),
    ({"name": "x-a", "present_match": False}, None, True),
    ({"name": "x-a", "present_match": False}, "a", False),
    ({"name": "x-a", "present_match": True, "invert_match": True}, None, True),
    ({"name": "X-A", "present_match": True}, "a", True),
    ({"name": "x-a", "range_match": {"start": -1, "end": 10}}, "9", True),
    ({"name": "x-a", "range_match": {"start": -1, "end": 10}}, "-1", True),
    ({"name": "x-a", "range_match": {"start": -1, "end": 10}}, "10", False),
    ({"name": "x-a", "range_match": {"start": -1, "end": 10}}, "nine", False),
    ({"name": "x-a", "range_match": {"start": -1, "end": 10}}, "+05", True),
    ({"name": "x-a", "range_match": {"start": -1, "end": 10}}, "5.0", False),
    ({"name": "x-a", "range_match": {"start": -1, "end": 10}, "invert_match": True}, "10", True),
    ({"name": "x-a", "exact_match": "a"}, "a", True),
    ({"name": "x-a", "prefix_match": "a"}, "ab", True),
    ({"name": "x-a", "suffix_match": "b"}, "ab", True),
    ({"name": "x-a", "contains_match": "b"}, "abc", True),
    ({"name": "x-a", "safe_regex_match": {"regex": "a+"}}, "aa", True),
]
"""Condition, value of the header `x-a` (None: there is none), whether it matches."""

QUERIES: list[tuple[Fields, str, bool]] = [
    ({"string_match": {"exact": "1"}}, "/?q=1", True),
    ({"string_match": {"exact": "1"}}, "/?q=2&q=1", False),
    ({"string_match": {"exact": "1"}}, "/?p=1", False),
    ({"string_match": {"exact": "a b"}}, "/?q=a%20b", False),
    ({"present_match": True}, "/?q", True),
    ({"present_match": True}, "/", False),
    ({"present_match": False}, "/", True),
    (NOTHING, "/?a&q=", True),
]
"""Condition on the parameter `q`, path of the request, whether it matches."""

_RANGE: Fields = {"name": "x-a", "range_match": {"start": -1, "end": 10}}

REQUESTS: list[tuple[Fields, Fields, bool]] = [
    (_header("x-a", exact="1"), {"headers": [("x-a", "1"), ("X-A", "2")]}, True),
    (_header("x-a", exact="2"), {"headers": [("x-a", "1"), ("X-A", "2")]}, True),
    (_header("x-a", exact="1,2"), {"headers": [("x-a", "1"), ("X-A", "2")]}, False),
    ({"headers": [{**text(exact="1"), "invert_match": True}]}, {"headers": [("x-a", "1"), ("x-a", "2")]}, False),
    ({"headers": [{**text(exact="3"), "invert_match": True}]}, {"headers": [("x-a", "1"), ("x-a", "2")]}, True),
    (
        {"headers": [{"name": "x-a", "range_match": {"start": 1, "end": 3}}]},
        {"headers": [("x-a", "9"), ("x-a", "2")]},
        True,
    ),
    (_header("accept", exact="a,b"), {"headers": [("accept", "a"), ("Accept", "b")]}, True),
    (_header("accept", exact="a"), {"headers": [("accept", "a"), ("accept", "b")]}, False),
    (_header("cookie", exact="a=1"), {"headers": [("cookie", "a=1"), ("cookie", "b=2")]}, True),
    (_header("x-a", exact="1"), {"headers": [("x-a", "  1 ")]}, True),
    (_header(":method", exact="PUT"), {"method": "PUT"}, True),
    (_header(":path", suffix="?q"), {"path": "/p?q"}, True),
    (_header(":authority", exact="a.test"), {"host": "a.test"}, True),
    (_header("host", exact="a.test"), {"host": "a.test"}, True),
    (_header(":scheme", exact="http"), NOTHING, True),
    (_header("x-forwarded-proto", exact="http"), NOTHING, True),
    (_header("x-forwarded-proto", exact="https"), {"headers": [("x-forwarded-proto", "https")]}, True),
    (_header(":scheme", exact="https"), {"headers": [("x-forwarded-proto", "https")]}, True),
    (_header("x-forwarded-proto", exact="ftp"), {"headers": [("x-forwarded-proto", "ftp")]}, True),
    (_header(":scheme", exact="http"), {"headers": [("x-forwarded-proto", "ftp")]}, True),
    ({"grpc": {}}, {"headers": [("content-type", "application/grpc")]}, True),
    ({"grpc": {}}, {"headers": [("content-type", "application/grpc+proto")]}, True),
    ({"grpc": {}}, {"headers": [("content-type", "application/grpc-web")]}, False),
    ({"grpc": {}}, NOTHING, False),
    ({"tls_context": {"presented": True}}, NOTHING, False),
    ({"tls_context": {"presented": False}}, NOTHING, True),
]
"""Match, the request, whether it matches."""
