"""Route matching: the first route whose whole match holds."""

from __future__ import annotations

import pytest

from meshgate.explain import Call, Deviations, Failure, Result, simulate
from tests.explain.simulate.made import NOTHING, Fields, call, chain, configuration, http, listener, to

ENVOY = Deviations()


def _answer(routes: list[Fields], asked: Call, deviations: Deviations = ENVOY) -> Result:
    made = listener(chain("c", http({"routes": routes})))
    return simulate(configuration(made, clusters=["yes", "no"]), asked, deviations)


def _is_match(match: Fields, asked: Call, deviations: Deviations = ENVOY) -> bool:
    result = _answer([to("yes", match), to("no")], asked, deviations)
    assert result.error is None
    return result.cluster == "yes"


@pytest.mark.parametrize(
    ("match", "path", "expected"),
    [
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
    ],
)
def test_path(match: Fields, path: str, expected: bool) -> None:
    assert _is_match(match, call({"path": path})) is expected


def _text(**match: object) -> Fields:
    return {"name": "x-a", "string_match": match}


@pytest.mark.parametrize(
    ("matcher", "value", "expected"),
    [
        (_text(exact="a"), "a", True),
        (_text(exact="a"), "A", False),
        (_text(exact="a", ignore_case=True), "A", True),
        (_text(prefix="a"), "ab", True),
        (_text(suffix="b"), "ab", True),
        (_text(suffix="a"), "ab", False),
        (_text(contains="b"), "abc", True),
        (_text(safe_regex={"regex": "a+"}), "aaa", True),
        (_text(safe_regex={"regex": "a+"}), "aaab", False),
        (_text(exact="a"), None, False),
        ({**_text(exact="a"), "invert_match": True}, "b", True),
        ({**_text(exact="a"), "invert_match": True}, "a", False),
        ({**_text(exact="a"), "invert_match": True}, None, False),
        ({**_text(exact="a"), "invert_match": True, "treat_missing_header_as_empty": True}, None, True),
        ({**_text(exact=""), "treat_missing_header_as_empty": True}, None, True),
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
        ({"name": "x-a", "range_match": {"start": -1, "end": 10}, "invert_match": True}, "10", True),
        ({"name": "x-a", "exact_match": "a"}, "a", True),
        ({"name": "x-a", "prefix_match": "a"}, "ab", True),
        ({"name": "x-a", "suffix_match": "b"}, "ab", True),
        ({"name": "x-a", "contains_match": "b"}, "abc", True),
        ({"name": "x-a", "safe_regex_match": {"regex": "a+"}}, "aa", True),
    ],
)
def test_header(matcher: Fields, value: str | None, expected: bool) -> None:
    headers = [] if value is None else [("X-A", value)]
    assert _is_match({"headers": [matcher]}, call({"headers": headers})) is expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (":method", "POST"),
        (":authority", "a.test"),
        ("host", "a.test"),
        (":path", "/p?q=1"),
        (":scheme", "http"),
        ("x-two", "1,2"),
    ],
)
def test_pseudo_and_repeated_headers(name: str, value: str) -> None:
    asked = call({"method": "POST", "path": "/p?q=1", "headers": [("x-two", "1"), ("X-Two", "2")]})
    assert _is_match({"headers": [{"name": name, "string_match": {"exact": value}}]}, asked)


@pytest.mark.parametrize(
    ("matcher", "path", "expected"),
    [
        ({"string_match": {"exact": "1"}}, "/?q=1", True),
        ({"string_match": {"exact": "1"}}, "/?q=2&q=1", False),
        ({"string_match": {"exact": "1"}}, "/?p=1", False),
        ({"string_match": {"exact": "a b"}}, "/?q=a%20b", False),
        ({"present_match": True}, "/?q", True),
        ({"present_match": True}, "/", False),
        ({"present_match": False}, "/", True),
        (NOTHING, "/?a&q=", True),
    ],
)
def test_query_parameter(matcher: Fields, path: str, expected: bool) -> None:
    assert _is_match({"query_parameters": [{"name": "q", **matcher}]}, call({"path": path})) is expected


@pytest.mark.parametrize(("random", "expected"), [(0, True), (24, True), (25, False), (124, True)])
def test_runtime_fraction(random: int, expected: bool) -> None:
    fraction = {"default_value": {"numerator": 25, "denominator": "HUNDRED"}}
    assert _is_match({"runtime_fraction": fraction}, call({"random": random})) is expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("application/grpc", True), ("application/grpc+proto", True), ("application/grpc-web", False), ("text/x", False)],
)
def test_grpc(kind: str, expected: bool) -> None:
    assert _is_match({"grpc": {}}, call({"headers": [("content-type", kind)]})) is expected


def test_connect() -> None:
    asked = call({"method": "CONNECT"})
    assert _answer([to("no"), {**to("yes"), "match": {"connect_matcher": {}}}], asked).cluster == "yes"


def test_first_match_wins() -> None:
    assert _answer([to("yes", {"prefix": "/a"}), to("no", {"path": "/a"})], call({"path": "/a"})).route == "yes"


@pytest.mark.parametrize(
    "match",
    [
        {"dynamic_metadata": [{"filter": "jwt", "path": [{"key": "a"}], "value": {"present_match": True}}]},
        {"path_match_policy": {"name": "x"}},
        {"headers": [{"name": "host", "string_match": {"custom": {"name": "x"}}}]},
        {"safe_regex": {"regex": "("}},
    ],
)
def test_what_is_not_known_is_said(match: Fields) -> None:
    result = _answer([to("yes", match)], call())
    assert result.error is Failure.NOT_SIMULATED
    assert result.detail


def test_conditions_that_do_not_matter_may_be_unknown() -> None:
    unknown = {"filter": "jwt", "path": [{"key": "a"}], "value": {"present_match": True}}
    assert not _is_match({"path": "/x", "dynamic_metadata": [unknown]}, call())


def test_istios_harness_looks_at_the_path_only() -> None:
    harness = Deviations.istio_harness()
    assert _is_match({"headers": [_text(exact="a")]}, call(), harness)
    assert _is_match({"safe_regex": {"regex": "b"}}, call({"path": "/abc"}), harness)
    assert _is_match({"path_separated_prefix": "/a"}, call({"path": "/abc"}), harness)
