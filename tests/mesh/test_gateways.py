"""Gateways: hosts by namespace, and what they have in common with a VirtualService."""

from __future__ import annotations

import pytest

from meshgate.mesh import BoundServer
from tests.mesh.objects import istio, snapshot


def server(*hosts: str) -> BoundServer:
    port = "{number: 80, name: http, protocol: HTTP}"
    text = istio("Gateway", "gw", f"{{servers: [{{port: {port}, hosts: {list(hosts)}}}]}}", namespace="edge")
    (gateway,) = snapshot(text).world.gateways
    return gateway.servers[0]


@pytest.mark.parametrize(
    ("hosts", "namespace", "virtual_hosts", "expected"),
    [
        pytest.param(["*.org"], "shop", ["a.org", "b.com"], ("a.org",), id="wildcard of the server"),
        pytest.param(["a.org", "b.org"], "shop", ["*.org"], ("a.org", "b.org"), id="wildcard of the VirtualService"),
        pytest.param(["*"], "shop", ["*.org"], ("*.org",), id="wider wildcard"),
        pytest.param(["shop/*"], "shop", ["a.org"], ("a.org",), id="of the namespace"),
        pytest.param(["shop/*"], "other", ["a.org"], (), id="of another namespace"),
        pytest.param(["./*"], "edge", ["a.org"], ("a.org",), id="own namespace"),
        pytest.param(["./*"], "shop", ["a.org"], (), id="not the own namespace"),
        pytest.param(["*/A.org"], "shop", ["a.org"], ("a.org",), id="any namespace"),
        pytest.param(["shop/*", "b.org"], "other", ["a.org", "b.org"], ("b.org",), id="mixed"),
    ],
)
def test_common_hosts(hosts: list[str], namespace: str, virtual_hosts: list[str], expected: tuple[str, ...]) -> None:
    assert server(*hosts).common_hosts(namespace, virtual_hosts) == expected


def test_binding_by_annotation() -> None:
    spec = "{servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}], selector: {a: b}}"
    meta = "annotations: {internal.istio.io/gateway-service: 'one.edge.svc.cluster.local, two.org'}"
    text = istio("Gateway", "bound", spec, meta=meta) + istio("Gateway", "plain", spec, created="2020-01-01T00:00:00Z")
    first, second = snapshot(text).world.gateways
    assert (first.name, first.services) == ("default/bound", ("one.edge.svc.cluster.local", "two.org"))
    assert (second.name, second.services, second.selector) == ("default/plain", None, (("a", "b"),))
    assert str(first.servers[0].origin) == "Gateway/default/bound spec.servers[0]"
