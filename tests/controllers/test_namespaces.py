"""ServiceAccounts of namespaces."""

from __future__ import annotations

from tests.controllers.world import World


def test_every_namespace_has_its_account() -> None:
    world = World("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}")
    for namespace in ("default", "istio-system", "shop"):
        assert "default" in world.names("ServiceAccount", namespace)


def test_an_account_that_was_deleted_comes_back() -> None:
    world = World()
    world.delete("ServiceAccount", "default", "default")
    assert world.names("ServiceAccount", "default") == ["default"]


def test_a_namespace_that_goes_takes_its_account_along() -> None:
    world = World("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}")
    world.delete("Namespace", "", "shop")
    assert world.names("ServiceAccount", "shop") == []
    assert world.refused == []
