"""Endpoints that users give become slices."""

from __future__ import annotations

from meshgate.store.core import Raw
from tests.controllers.world import World

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {ports: [{name: tcp, port: 5432}]}
"""
ENDPOINTS = """
---
apiVersion: v1
kind: Endpoints
metadata: {name: db, labels: {tier: back}}
subsets:
- addresses: [{ip: 10.9.0.1, hostname: one}, {ip: 10.9.0.2}]
  notReadyAddresses: [{ip: 10.9.0.3}]
  ports: [{name: tcp, port: 5432}]
- addresses: [{ip: "2001:db8::1"}]
  ports: [{name: tcp, port: 5433}]
"""


def slices(world: World) -> list[Raw]:
    return sorted(world.store.list("EndpointSlice"), key=lambda piece: str(piece["addressType"]))


def test_each_subset_becomes_a_slice() -> None:
    world = World(SERVICE + ENDPOINTS)
    four, six = slices(world)
    assert four["metadata"]["labels"] == {
        "kubernetes.io/service-name": "db",
        "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
        "tier": "back",
    }
    assert four["endpoints"] == [
        {"addresses": ["10.9.0.1"], "conditions": {"ready": True}, "hostname": "one"},
        {"addresses": ["10.9.0.2"], "conditions": {"ready": True}},
        {"addresses": ["10.9.0.3"], "conditions": {"ready": False}},
    ]
    assert four["ports"] == [{"name": "tcp", "protocol": "TCP", "port": 5432}]
    assert (six["addressType"], six["ports"][0]["port"]) == ("IPv6", 5433)
    world.check_decodable()
    assert world.reconcile() == frozenset()


def test_a_change_changes_the_slice_and_the_end_of_the_endpoints_ends_it() -> None:
    world = World(SERVICE + ENDPOINTS)
    world.apply(ENDPOINTS.replace("10.9.0.1", "10.9.0.7"))
    assert slices(world)[0]["endpoints"][0]["addresses"] == ["10.9.0.7"]
    world.delete("Endpoints", "default", "db")
    assert slices(world) == []


def test_they_wait_for_their_service() -> None:
    world = World(ENDPOINTS)
    assert slices(world) == []
    world.apply(SERVICE)
    assert len(slices(world)) == 2
    world.delete("Service", "default", "db")
    assert slices(world) == []


def test_a_service_with_a_selector_has_its_pods_only() -> None:
    world = World(SERVICE.replace("{ports", "{selector: {app: db}, ports") + ENDPOINTS)
    assert slices(world) == []


def test_a_label_says_that_they_are_not_mirrored() -> None:
    skipped = ENDPOINTS.replace("tier: back", 'endpointslice.kubernetes.io/skip-mirror: "true"')
    assert slices(World(SERVICE + skipped)) == []
