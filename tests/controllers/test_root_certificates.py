"""The ConfigMap with the mesh's roots in every namespace."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from meshgate.host.controllers import Settings
from meshgate.store.core import meta
from tests.controllers.world import World

NAME = "istio-ca-root-cert"
SHOP = "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}"


@pytest.fixture
def world() -> World:
    return World(SHOP, Settings(roots_pem="roots\n"))


def test_every_namespace_has_the_roots(world: World) -> None:
    for namespace in ("default", "istio-system", "shop"):
        raw = world.get("ConfigMap", NAME, namespace)
        assert raw["data"] == {"root-cert.pem": "roots\n"}
        assert meta(raw)["labels"] == {"istio.io/config": "true"}
    assert world.reconcile() == frozenset(), "nothing is missing"


def test_what_is_deleted_or_changed_is_put_back(world: World) -> None:
    world.delete("ConfigMap", "shop", NAME)
    assert NAME in world.names("ConfigMap", "shop")
    world.apply(f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {NAME}, namespace: shop}}, data: {{x: y}}}}")
    assert world.get("ConfigMap", NAME, "shop")["data"] == {"root-cert.pem": "roots\n"}


def test_other_roots_reach_all_namespaces(world: World) -> None:
    world.settings = replace(world.settings, roots_pem="others\n")
    world.reconcile()
    assert {world.get("ConfigMap", NAME, name)["data"]["root-cert.pem"] for name in ("default", "shop")} == {"others\n"}


def test_a_namespace_that_goes_takes_it_along(world: World) -> None:
    world.delete("Namespace", "", "shop")
    assert world.names("ConfigMap", "shop") == []
    assert world.refused == []


def test_nothing_is_written_while_the_roots_are_not_known() -> None:
    assert World(SHOP).names("ConfigMap") == []
