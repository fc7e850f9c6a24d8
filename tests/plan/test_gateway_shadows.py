"""Rules of VirtualServices that lose at a gateway."""

from __future__ import annotations

import pytest

from tests.plan.gateway_objects import DB, WEB, gateway, routed, server, tcp_rule
from tests.plan.planned import ROUTER, problems


def shadows(text: str) -> list[str]:
    return [problem for problem in problems(text, ROUTER) if "IST0130" in problem]


def test_rules_that_another_virtual_service_stands_before() -> None:
    match = ", match: [{{uri: {{prefix: {}}}}}]"
    text = WEB + gateway(server()) + routed("a.org, b.org", name="old", rest=match.format("/a"))
    for name, path in (("same", "/a"), ("below", "/a/b"), ("beside", "/b")):
        text += routed("a.org", name=name, rest=match.format(path))
    text += routed("a.org", name="y-all") + routed("a.org", name="z-all")
    assert shadows(text.replace("name: old", "name: a-old")) == [
        f'VirtualService/default/{name}: nothing reaches this at a gateway for host "a.org": '
        f"VirtualService/default/{winner} takes it before; of several VirtualServices for a host the oldest goes "
        "first; join them, or make this match narrower [IST0130]"
        for name, winner in (
            ("below spec.http[0].match[0]", "a-old spec.http[0].match[0]"),
            ("same spec.http[0].match[0]", "a-old spec.http[0].match[0]"),
            ("z-all spec.http[0]", "y-all spec.http[0]"),
        )
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("{uri: {prefix: /a}, headers: {x: {exact: '1'}}}", "{uri: {prefix: /a}}", id="a condition more"),
        pytest.param("{uri: {prefix: /a}, ignoreUriCase: true}", "{uri: {prefix: /a/b}}", id="other case"),
        pytest.param("{uri: {exact: /a}}", "{uri: {prefix: /a}}", id="narrower"),
        pytest.param("{uri: {regex: /a.*}}", "{uri: {prefix: /a/b}}", id="expression"),
    ],
)
def test_rules_that_are_reached(first: str, second: str) -> None:
    text = WEB + gateway(server()) + routed("a.org", name="a", rest=f", match: [{first}]")
    assert shadows(text + routed("a.org", name="b", rest=f", match: [{second}]")) == []


def test_tcp_rules_that_another_virtual_service_stands_before() -> None:
    text = DB + gateway(server(31400, "TCP"), server(31401, "TCP"))
    text += tcp_rule("[{match: [{port: 31400}], route: [{destination: {host: db}}]}]", name="a")
    text += tcp_rule("[{route: [{destination: {host: db, subset: v1}}]}]", name="b")
    assert shadows(text) == [], "it takes the other port"
    lost = tcp_rule("[{match: [{port: 31400}], route: [{destination: {host: db}}]}]", name="c")
    assert [problem.split(":")[0] for problem in shadows(text + lost)] == ["VirtualService/default/c spec.tcp[0]"]
