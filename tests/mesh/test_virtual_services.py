"""VirtualServices in Istio's order, with names in full and delegates merged in."""

from __future__ import annotations

import pytest

from meshgate.api import Exact, Prefix
from meshgate.mesh import BoundVirtualService, Facts
from tests.mesh.objects import built, istio, snapshot

ROUTE = "http: [{route: [{destination: {host: web}}]}]"


def bound(text: str, facts: Facts | None = None) -> tuple[BoundVirtualService, ...]:
    return snapshot(text, facts).world.virtual_services


def test_names_in_full() -> None:
    spec = f"{{hosts: [Web, web.org, '*.a.org', web], gateways: [gw, ./gw2, edge/gw, mesh], {ROUTE}}}"
    (found,) = bound(istio("VirtualService", "web", spec, namespace="shop"))
    assert found.hosts == ("web.shop.svc.cluster.local", "web.org", "*.a.org")
    assert found.gateways == ("shop/gw", "shop/gw2", "edge/gw", "mesh")
    (found,) = bound(istio("VirtualService", "web", f"{{hosts: [web], {ROUTE}}}"), Facts(config_domain=""))
    assert (found.hosts, found.gateways) == (("web.default",), ("mesh",))


@pytest.mark.parametrize(
    ("export", "expected"), [("", ("*",)), ("['.']", ("shop",)), ("['.', edge]", ("edge", "shop")), ("['*']", ("*",))]
)
def test_exports(export: str, expected: tuple[str, ...]) -> None:
    spec = f"{{hosts: [web], {ROUTE}{f', exportTo: {export}' if export else ''}}}"
    (found,) = bound(istio("VirtualService", "web", spec, namespace="shop"))
    assert found.export == expected


def test_order_is_age_then_name_then_namespace() -> None:
    spec = f"{{hosts: [web], {ROUTE}}}"
    text = istio("VirtualService", "a", spec, created="2021-01-01T00:00:00Z")
    text += istio("VirtualService", "b", spec, namespace="y", created="2020-01-01T00:00:00Z")
    text += istio("VirtualService", "b", spec, namespace="x", created="2020-01-01T00:00:00Z")
    text += istio("VirtualService", "z", spec, created="2019-01-01T00:00:00Z")
    assert [str(one.ref) for one in bound(text)] == [
        "VirtualService/default/z",
        "VirtualService/x/b",
        "VirtualService/y/b",
        "VirtualService/default/a",
    ]


ROOT = """
  hosts: [web.org]
  gateways: [gw]
  http:
  - name: root
    match: [{uri: {prefix: /shop}}]
    timeout: 3s
    delegate: {name: shop, namespace: shop}
  - route: [{destination: {host: web}}]
"""
DELEGATE = """
  http:
  - name: cart
    match: [{uri: {exact: /shop/cart}}, {uri: {prefix: /shop/basket}}]
    route: [{destination: {host: cart}}]
  - timeout: 1s
    route: [{destination: {host: shop}}]
"""


def test_a_delegates_rules_take_the_place_of_the_root_rule() -> None:
    text = istio("VirtualService", "web", ROOT) + istio("VirtualService", "shop", DELEGATE, namespace="shop")
    (found,) = bound(text)
    first, second, third = found.http
    assert (first.route.name, first.namespace, str(first.origin)) == (
        "root-cart",
        "shop",
        "VirtualService/shop/shop spec.http[0]",
    )
    assert [match.uri for match in first.route.match] == [Exact(value="/shop/cart"), Prefix(value="/shop/basket")]
    assert (first.route.timeout, second.route.timeout) == (second.route.timeout * 3, second.route.timeout)  # type: ignore[operator]  # both are given
    assert second.route.match[0].uri is not None
    assert (third.namespace, str(third.origin)) == ("default", "VirtualService/default/web spec.http[1]")


def test_names_are_meant_where_they_are_written() -> None:
    """The root's mirror and gateways are those of its own namespace, though a rule of another one inherits them."""
    root = """
  hosts: [web.org]
  gateways: [gw, mesh]
  http:
  - match: [{gateways: [gw]}]
    mirror: {host: copy}
    delegate: {name: shop, namespace: shop}
"""
    text = istio("VirtualService", "web", root) + istio("VirtualService", "shop", f"{{{ROUTE}}}", namespace="shop")
    (found,) = bound(text)
    (rule,) = found.http
    assert rule.route.mirror is not None
    assert rule.route.mirror.host == "copy.default.svc.cluster.local"
    assert rule.route.match[0].gateways == ("default/gw",)
    assert found.destinations == ("web.shop.svc.cluster.local", "copy.default.svc.cluster.local")


def test_what_a_delegate_says_in_vain() -> None:
    outside = (
        "{http: [{match: [{uri: {prefix: /shop/a}}, {uri: {prefix: /other}}], route: [{destination: {host: web}}]}]}"
    )
    text = istio("VirtualService", "web", ROOT) + istio("VirtualService", "shop", outside, namespace="shop")
    text += istio("VirtualService", "alone", f"{{{ROUTE}}}")
    found, problems = built(text)
    assert [len(one.http) for one in found.world.virtual_services] == [1]
    said = {(problem.code, str(problem.ref), problem.path) for problem in problems}
    assert ("MG0109", "VirtualService/shop/shop", "spec.http[0].match") in said
    assert ("MG0110", "VirtualService/default/alone", "spec") in said


@pytest.mark.parametrize(
    ("delegate", "text"),
    [
        pytest.param("", 'no VirtualService "shop/shop" without hosts', id="missing"),
        pytest.param(
            istio("VirtualService", "shopp", DELEGATE, namespace="shop"), 'nearest: "shopp"', id="nearly the name"
        ),
        pytest.param(
            istio("VirtualService", "shop", DELEGATE + "  exportTo: ['.']\n", namespace="shop"),
            'is not exported to namespace "default"',
            id="not visible",
        ),
    ],
)
def test_a_delegate_that_is_not_there(delegate: str, text: str) -> None:
    found, problems = built(istio("VirtualService", "web", ROOT) + delegate)
    assert [len(one.http) for one in found.world.virtual_services] == [1]
    assert any(text in str(problem) and problem.code == "IST0101" for problem in problems)
