"""Two conditions contradict each other, or are joined; what a delegate does not say comes from the root."""

from __future__ import annotations

from datetime import timedelta

import pytest

from meshgate.api import Exact, HTTPMatchRequest, HTTPRewrite, HTTPRoute, Prefix, Present, Regex
from meshgate.mesh.delegation import is_contradiction, merge_matches, merge_routes

Match = HTTPMatchRequest


@pytest.mark.parametrize(
    ("root", "leaf", "expected"),
    [
        pytest.param(Match(), Match(uri=Exact(value="/a")), False, id="root says nothing"),
        pytest.param(Match(uri=Prefix(value="/a")), Match(uri=Prefix(value="/a/b")), False, id="narrower prefix"),
        pytest.param(Match(uri=Prefix(value="/a")), Match(uri=Exact(value="/a/b")), False, id="exact below prefix"),
        pytest.param(Match(uri=Prefix(value="/a/b")), Match(uri=Prefix(value="/a")), True, id="wider prefix"),
        pytest.param(Match(uri=Exact(value="/a")), Match(uri=Exact(value="/a")), False, id="equal"),
        pytest.param(Match(uri=Exact(value="/a")), Match(uri=Prefix(value="/a")), True, id="prefix below exact"),
        pytest.param(Match(uri=Regex(value="/a")), Match(uri=Regex(value="/a")), True, id="regular expressions"),
        pytest.param(Match(headers=(("x", Present()),)), Match(headers=(("x", Exact(value="1")),)), True, id="there"),
        pytest.param(
            Match(headers=(("x", Exact(value="1")),)), Match(headers=(("x", Exact(value="2")),)), True, id="header"
        ),
        pytest.param(
            Match(headers=(("x", Exact(value="1")),)), Match(headers=(("y", Exact(value="2")),)), False, id="headers"
        ),
        pytest.param(Match(port=80), Match(port=81), True, id="port"),
        pytest.param(Match(port=80), Match(), False, id="port of root only"),
        pytest.param(Match(ignore_uri_case=True), Match(), True, id="case"),
        pytest.param(Match(source_namespace="a"), Match(source_namespace="b"), True, id="namespace"),
        pytest.param(Match(source_namespace="a"), Match(), True, id="namespace of root only"),
        pytest.param(Match(), Match(source_namespace="a"), False, id="namespace of leaf only"),
        pytest.param(Match(source_labels=(("a", "1"),)), Match(source_labels=(("a", "2"),)), True, id="label"),
        pytest.param(Match(source_labels=(("a", "1"),)), Match(source_labels=(("b", "2"),)), False, id="labels"),
        pytest.param(Match(gateways=("a", "b")), Match(gateways=("a",)), False, id="fewer gateways"),
        pytest.param(Match(gateways=("a",)), Match(gateways=("a", "b")), True, id="more gateways"),
        pytest.param(Match(method=Exact(value="GET")), Match(method=Exact(value="PUT")), True, id="method"),
    ],
)
def test_contradictions(root: Match, leaf: Match, *, expected: bool) -> None:
    assert is_contradiction(root, leaf) is expected


def test_conditions_are_joined_pair_by_pair() -> None:
    roots = (Match(name="r", headers=(("x", Exact(value="1")),), port=80),)
    leaves = (Match(name="l", uri=Exact(value="/a")), Match(headers=(("y", Present()),)))
    joined = (
        Match(name="r-l", uri=Exact(value="/a"), headers=(("x", Exact(value="1")),), port=80),
        Match(name="r", headers=(("x", Exact(value="1")), ("y", Present())), port=80),
    )
    assert merge_matches(roots, leaves) == joined
    assert merge_matches((Match(port=81), *roots), (*leaves, Match(port=81))) is not None
    assert merge_matches(roots, (*leaves, Match(port=81))) is None, "one match outside of the root is enough"
    assert merge_matches((), leaves) == leaves
    assert merge_matches(roots, ()) == roots
    assert merge_matches((Match(port=80),), (Match(port=81),)) is None


def test_what_is_inherited() -> None:
    second = timedelta(seconds=1)
    root = HTTPRoute(name="root", timeout=second, rewrite=HTTPRewrite(uri="/root"))
    given = (HTTPRoute(rewrite=HTTPRewrite(uri="/own")), HTTPRoute(name="own", timeout=2 * second))
    first, other = (route for _, route in merge_routes(root, given))
    assert first is not None
    assert other is not None
    assert (first.name, first.timeout, first.rewrite) == ("root", second, HTTPRewrite(uri="/own"))
    assert (other.name, other.timeout, other.rewrite) == ("root-own", 2 * second, HTTPRewrite(uri="/root"))


def test_routes_that_can_never_apply_are_left_out() -> None:
    root = HTTPRoute(match=(Match(port=80),))
    given = (HTTPRoute(match=(Match(port=81),)), HTTPRoute(name="kept"))
    assert [(place, route and route.name) for place, route in merge_routes(root, given)] == [(0, None), (1, "kept")]


def test_a_delegate_may_only_ask_for_more() -> None:
    assert is_contradiction(Match(headers=(("x", Prefix(value="a")),)), Match(headers=(("x", Present()),)))
    assert not is_contradiction(Match(headers=(("x", Prefix(value="a")),)), Match(headers=(("x", Prefix(value="ab")),)))
    assert is_contradiction(Match(headers=(("x", Prefix(value="a")),)), Match(headers=(("x", Regex(value="a.*")),)))
