"""Route matching: the first route whose whole match holds."""

from __future__ import annotations

import pytest

from meshgate.explain import Call, Deviations, Failure, Result, simulate
from tests.explain.simulate.made import Fields, call, chain, configuration, http, listener, to
from tests.explain.simulate.route_tables import HEADERS, PATHS, QUERIES, REQUESTS, text

ENVOY = Deviations()


def _answer(routes: list[Fields], asked: Call, deviations: Deviations = ENVOY) -> Result:
    made = listener(chain("c", http({"routes": routes})))
    return simulate(configuration(made, clusters=["yes", "no"]), asked, deviations)


def _is_match(match: Fields, asked: Call, deviations: Deviations = ENVOY) -> bool:
    result = _answer([to("yes", match), to("no")], asked, deviations)
    assert result.error is None
    return result.cluster == "yes"


@pytest.mark.parametrize(("match", "path", "expected"), PATHS)
def test_path(match: Fields, path: str, expected: bool) -> None:
    assert _is_match(match, call({"path": path})) is expected


@pytest.mark.parametrize(("matcher", "value", "expected"), HEADERS)
def test_header(matcher: Fields, value: str | None, expected: bool) -> None:
    headers = [] if value is None else [("X-A", value)]
    assert _is_match({"headers": [matcher]}, call({"headers": headers})) is expected


@pytest.mark.parametrize(("match", "fields", "expected"), REQUESTS)
def test_request(match: Fields, fields: Fields, expected: bool) -> None:
    assert _is_match(match, call(fields)) is expected


@pytest.mark.parametrize(("matcher", "path", "expected"), QUERIES)
def test_query_parameter(matcher: Fields, path: str, expected: bool) -> None:
    assert _is_match({"query_parameters": [{"name": "q", **matcher}]}, call({"path": path})) is expected


@pytest.mark.parametrize(("random", "expected"), [(0, True), (24, True), (25, False), (124, True)])
def test_runtime_fraction(random: int, expected: bool) -> None:
    fraction = {"default_value": {"numerator": 25, "denominator": "HUNDRED"}}
    assert _is_match({"runtime_fraction": fraction}, call({"random": random})) is expected


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
    assert _is_match({"headers": [text(exact="a")]}, call(), harness)
    assert _is_match({"safe_regex": {"regex": "b"}}, call({"path": "/abc"}), harness)
    assert _is_match({"path_separated_prefix": "/a"}, call({"path": "/abc"}), harness)
