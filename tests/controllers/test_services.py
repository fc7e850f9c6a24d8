"""Virtual and LoadBalancer addresses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from meshgate.host.controllers import Settings
from tests.controllers.world import World, spec, status


def service(name: str, text: str = "") -> str:
    return f"""
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec:
  ports: [{{port: 80}}]
  {text}
"""


def lb_address(world: World, name: str) -> str:
    return str(status(world.get("Service", name))["loadBalancer"]["ingress"][0]["ip"])


def test_a_service_gets_an_address_once() -> None:
    world = World(service("a"))
    address = spec(world.get("Service", "a"))["clusterIP"]
    assert IPv4Address(address) in world.settings.service_cidr
    assert spec(world.get("Service", "a"))["clusterIPs"] == [address]
    world.apply(service("a", "selector: {app: a}"))
    assert spec(world.get("Service", "a"))["clusterIP"] == address
    assert world.reconcile() == frozenset()


def test_a_service_that_comes_back_gets_its_address_back() -> None:
    world = World(service("a"))
    address = spec(world.get("Service", "a"))["clusterIP"]
    world.delete("Service", "default", "a")
    world.apply(service("b") + service("a"))
    assert spec(world.get("Service", "a"))["clusterIP"] == address


def test_a_chosen_address_stays_and_is_given_to_nobody_else() -> None:
    taken = spec(World(service("a")).get("Service", "a"))["clusterIP"]
    world = World(service("chosen", f"clusterIP: {taken}") + service("a"))
    assert spec(world.get("Service", "chosen"))["clusterIP"] == taken
    assert spec(world.get("Service", "a"))["clusterIP"] != taken


def test_headless_and_external_names_have_no_address() -> None:
    world = World(service("headless", "clusterIP: None") + service("out", "type: ExternalName\n  externalName: x.org"))
    assert spec(world.get("Service", "headless"))["clusterIP"] == "None"
    assert "clusterIP" not in spec(world.get("Service", "out"))


def test_a_load_balancer_has_an_address_of_its_own_that_stays() -> None:
    world = World(service("a", "type: LoadBalancer") + service("b", "type: LoadBalancer"))
    first = lb_address(world, "a")
    assert IPv4Address(first) in world.settings.lb_cidr
    assert lb_address(world, "b") != first
    assert "clusterIP" in spec(world.get("Service", "a"))
    world.apply(service("a", "type: LoadBalancer\n  selector: {app: a}"))
    assert lb_address(world, "a") == first


def test_a_load_balancer_may_ask_for_an_address() -> None:
    world = World(service("a", "type: LoadBalancer\n  loadBalancerIP: 10.97.0.77"))
    assert lb_address(world, "a") == "10.97.0.77"
    world.apply(service("a", "type: LoadBalancer\n  loadBalancerIP: 10.97.0.78"))
    assert lb_address(world, "a") == "10.97.0.78"


def test_a_service_that_is_no_load_balancer_any_more_gives_its_address_back() -> None:
    world = World(service("a", "type: LoadBalancer"))
    assert lb_address(world, "a")
    world.apply(service("a"))
    assert status(world.get("Service", "a")) == {"loadBalancer": {}}


def test_a_range_that_is_used_up_is_told_once() -> None:
    world = World(settings=Settings(lb_cidr=IPv4Network("10.97.0.0/30")))
    world.apply("".join(service(f"s{number}", "type: LoadBalancer") for number in range(3)))  # and the gateway's
    world.reconcile()
    events = world.store.list("Event")
    assert [event["reason"] for event in events] == ["AddressesUsedUp"] * 2
    assert {event["count"] for event in events} == {1}
    assert "10.97.0.0/30" in events[0]["message"]
    world.check_decodable()
