"""The snapshot does not depend on the order of objects, nor on what does not matter in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.api import MeshConfig
from meshgate.mesh import Facts, build
from tests.mesh.objects import endpoint_slice, istio, pod, resources, service

TEXT = (
    service("web", "http:80:8080", ip="10.96.0.1", selector="web")
    + service("db", "tcp:5432", ip="None", selector="db")
    + endpoint_slice("web", "http:8080", "10.0.0.1", "10.0.0.2")
    + endpoint_slice("db", "tcp:5432", "10.0.0.3")
    + pod("web-1", "10.0.0.1", app="web")
    + pod("web-2", "10.0.0.2", app="web")
    + istio(
        "ServiceEntry", "out", "{hosts: [a.org], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}"
    )
    + istio(
        "ServiceEntry", "out2", "{hosts: [a.org], ports: [{number: 81, name: http, protocol: HTTP}], resolution: DNS}"
    )
    + istio("VirtualService", "one", "{hosts: [web], http: [{route: [{destination: {host: nobody}}]}]}")
    + istio("VirtualService", "two", "{hosts: [web], http: [{route: [{destination: {host: web}}]}]}")
    + istio("DestinationRule", "one", "{host: web, subsets: [{name: v1}]}")
    + istio("DestinationRule", "two", "{host: web, subsets: [{name: v2}]}")
)
OBJECTS = resources(TEXT)


@pytest.mark.slow
@given(st.permutations(OBJECTS))
def test_order_does_not_matter(shuffled: list[object]) -> None:
    assert build(shuffled, Facts()) == build(OBJECTS, Facts())  # type: ignore[arg-type]  # hypothesis' permutations are untyped


def test_endpoints_are_beside_the_world() -> None:
    more = resources(endpoint_slice("web", "http:8080", "10.0.0.9").replace("web-http", "web-more"))
    before, after = build(OBJECTS, Facts())[0], build((*OBJECTS, *more), Facts())[0]
    assert before.world == after.world
    assert before.endpoints != after.endpoints


def test_headless_endpoints_are_in_the_world() -> None:
    more = resources(endpoint_slice("db", "tcp:5432", "10.0.0.9").replace("db-tcp", "db-more"))
    assert build(OBJECTS, Facts())[0].world != build((*OBJECTS, *more), Facts())[0].world


def test_defaults_for_exports_are_the_meshs() -> None:
    facts = Facts(
        mesh=MeshConfig(
            default_service_export_to=(".",),
            default_virtual_service_export_to=("shop",),
            default_destination_rule_export_to=("~",),
        )
    )
    world = build(OBJECTS, facts)[0].world
    assert {one.export for one in world.services} == {("default",)}
    assert {one.export for one in world.virtual_services} == {("shop",)}
    assert {one.export for one in world.destination_rules} == {()}
