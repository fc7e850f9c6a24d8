"""Matches of VirtualServices that never hold."""

from __future__ import annotations

import pytest

from tests.mesh.objects import built, istio, service

GATEWAY = istio(
    "Gateway", "gw", "{selector: {a: b}, servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ['*']}]}"
)
ROUTE = "route: [{destination: {host: web, port: {number: 80}}}]"


def idle(match: str, *, gateways: str = "[gw]", hosts: str = "[web]", kind: str = "http") -> list[str]:
    spec = f"{{hosts: {hosts}, gateways: {gateways}, {kind}: [{{match: [{match}], {ROUTE}}}]}}"
    text = service("web", "http:80", "other:9080", ip="10.0.0.1") + GATEWAY + istio("VirtualService", "vs", spec)
    return [str(problem) for problem in built(text)[1] if problem.code == "MG0111"]


@pytest.mark.parametrize(
    ("match", "gateways", "hosts"),
    [
        pytest.param("{port: 8080}", "[gw]", "[web]", id="port of the server"),
        pytest.param("{port: 9080}", "[gw, mesh]", "[web]", id="port of the service"),
        pytest.param("{port: 80}", "[mesh]", "[a.org]", id="port of hosts that are no services"),
        pytest.param("{port: 7}", "[mesh]", "['*.local']", id="wildcards stand for anything"),
        pytest.param("{port: 7}", "[nowhere]", "[web]", id="a gateway that is not there"),
        pytest.param("{gateways: [gw]}", "[gw, mesh]", "[web]", id="gateway"),
        pytest.param("{gateways: [mesh, nowhere]}", "[mesh]", "[web]", id="one of them"),
    ],
)
def test_matches_that_may_hold(match: str, gateways: str, hosts: str) -> None:
    assert idle(match, gateways=gateways, hosts=hosts) == []


def test_a_gateway_that_the_object_is_not_bound_to() -> None:
    assert idle("{gateways: [gw]}", gateways="[mesh]") == [
        'VirtualService/default/vs spec.http[0].match[0].gateways: it is for "default/gw", and the VirtualService for '
        '"mesh": it never holds; name the gateway in spec.gateways, too [MG0111]'
    ]


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_a_port_that_nobody_calls(kind: str) -> None:
    assert idle("{port: 80}", kind=kind) == [
        f"VirtualService/default/vs spec.{kind}[0].match[0].port: nobody calls port 80 here: it never holds; "
        "ports: 8080 [MG0111]"
    ]
    assert len(idle("{port: 8080, gateways: [mesh]}", gateways="[gw, mesh]", kind=kind)) == 1
