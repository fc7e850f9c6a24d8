"""Rules that nothing can reach are warned about, and only those."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.api import codes, decode_all
from tests.api import objects
from tests.api.objects import Raw, changed

ROUTE: Raw = {"route": [{"destination": {"host": "web"}}]}


def _warnings(key: str, *rules: list[Raw] | None) -> list[tuple[str, str]]:
    given = [{**ROUTE, **({"match": matches} if matches is not None else {})} for matches in rules]
    raw = changed(changed(objects.VIRTUAL_SERVICE, "spec.http", []), f"spec.{key}", given)
    resource, problems = decode_all(changed(raw, "spec.hosts", ["*.example.com"]))
    assert resource is not None, problems
    return [(problem.code, problem.path) for problem in problems]


def _prefix(path: str, **more: Any) -> Raw:
    return {"uri": {"prefix": path}, **more}


UNREACHABLE = [(codes.UNREACHABLE_RULE, "spec.http[1]")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(_prefix("/a"), _prefix("/a"), id="the same"),
        pytest.param(_prefix("/a", name="x"), _prefix("/a", name="y"), id="names do not matter"),
        pytest.param(_prefix("/a"), _prefix("/ab"), id="longer prefix"),
        pytest.param(_prefix("/a"), {"uri": {"exact": "/ab"}}, id="path below a prefix"),
        pytest.param({}, _prefix("/a"), id="everything first"),
        pytest.param(_prefix("/A", ignoreUriCase=True), _prefix("/a", ignoreUriCase=True), id="case that is ignored"),
        pytest.param({"method": {"exact": "GET"}}, _prefix("/", method={"exact": "GET"}), id="method"),
        pytest.param({"headers": {"x": {}}}, {"headers": {"x": {"exact": "1"}}}, id="header with any value"),
        pytest.param({"headers": {"x": {"prefix": "1"}}}, {"headers": {"x": {"exact": "12"}}}, id="header's prefix"),
        pytest.param({"queryParams": {"q": {"exact": "1"}}}, {"queryParams": {"q": {"exact": "1"}}}, id="parameter"),
        pytest.param(
            {"withoutHeaders": {"x": {"exact": "1"}}}, {"withoutHeaders": {"x": {}, "y": {}}}, id="shuts more out"
        ),
        pytest.param({"port": 80}, {"port": 80, "sourceLabels": {"a": "b"}}, id="port"),
        pytest.param({"gateways": ["a", "mesh"]}, {"gateways": ["mesh"]}, id="gateways"),
        pytest.param({"uri": {"regex": "a.*"}}, {"uri": {"regex": "a.*"}}, id="the same expression"),
    ],
)
def test_covered(first: Raw, second: Raw) -> None:
    assert _warnings("http", [first], [second]) == UNREACHABLE


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(_prefix("/ab"), _prefix("/a"), id="shorter prefix"),
        pytest.param(_prefix("/a"), {"uri": {"regex": "/a.*"}}, id="expression"),
        pytest.param({"uri": {"exact": "/a"}}, _prefix("/a"), id="exact path first"),
        pytest.param(_prefix("/a"), _prefix("/a", ignoreUriCase=True), id="case"),
        pytest.param(_prefix("/a", headers={"x": {"exact": "1"}}), _prefix("/a"), id="header first"),
        pytest.param({"headers": {"x": {}}}, {"headers": {"y": {}}}, id="other header"),
        pytest.param({"withoutHeaders": {"x": {}}}, {"withoutHeaders": {"x": {"exact": "1"}}}, id="shuts less out"),
        pytest.param({"port": 80}, {"port": 81}, id="other port"),
        pytest.param({"sourceLabels": {"a": "b"}}, {}, id="labels"),
        pytest.param({"gateways": ["mesh"]}, {}, id="the gateways of the whole"),
    ],
)
def test_not_covered(first: Raw, second: Raw) -> None:
    assert _warnings("http", [first], [second]) == []


def test_one_of_several_matches() -> None:
    found = _warnings("http", [_prefix("/a")], [_prefix("/a/b"), _prefix("/c")])
    assert found == [(codes.UNUSED_MATCH, "spec.http[1].match[0]")]


def test_the_same_match_twice_in_one_rule() -> None:
    assert _warnings("http", [_prefix("/a"), _prefix("/a")]) == [(codes.UNUSED_MATCH, "spec.http[0].match[1]")]


@pytest.mark.parametrize("key", ["http", "tcp"])
def test_what_follows_a_rule_without_match(key: str) -> None:
    assert _warnings(key, None, None) == [(codes.UNREACHABLE_RULE, f"spec.{key}[1]")]


@pytest.mark.parametrize(
    ("key", "first", "second", "is_covered"),
    [
        pytest.param("tcp", {"port": 80}, {"port": 80}, True, id="port"),
        pytest.param("tcp", {"port": 80}, {"port": 81}, False, id="other port"),
        pytest.param("tcp", {"sourceSubnet": "10.0.0.0/8"}, {}, False, id="subnet of the source"),
        pytest.param("tcp", {"destinationSubnets": ["10.0.0.0/8"]}, {}, False, id="subnet"),
        pytest.param("tls", {"sniHosts": ["*.example.com"]}, {"sniHosts": ["a.example.com"]}, True, id="wider host"),
        pytest.param(
            "tls", {"sniHosts": ["a.example.com"]}, {"sniHosts": ["*.example.com"]}, False, id="narrower host"
        ),
    ],
)
def test_connections(key: str, first: Raw, second: Raw, is_covered: bool) -> None:
    assert bool(_warnings(key, [first], [second])) == is_covered


def test_rules_with_a_delegate_hide_nothing() -> None:
    raw = changed(objects.VIRTUAL_SERVICE, "spec.http", [{"delegate": {"name": "a"}}, ROUTE])
    resource, problems = decode_all(raw)
    assert resource is not None
    assert not problems
