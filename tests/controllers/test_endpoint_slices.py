"""Which pods serve a Service."""

from __future__ import annotations

from meshgate.api import Ref
from meshgate.store.core import Modify, Raw
from tests.controllers.world import World, status

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: 8080, appProtocol: http}
  - {name: admin, port: 81, targetPort: admin}
"""


def pod(name: str, labels: str = "{app: web}", admin: int = 9000) -> str:
    return f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {labels}}}
spec:
  containers:
  - {{name: c, command: [x], ports: [{{name: admin, containerPort: {admin}}}]}}
"""


def slices(world: World) -> list[Raw]:
    return list(world.store.list("EndpointSlice"))


def test_pods_with_an_address_are_endpoints_ready_or_not() -> None:
    world = World(SERVICE + pod("a") + pod("b") + pod("c") + pod("other", "{app: other}"))
    world.start(world.get("Pod", "a"), "10.0.0.1")
    world.start(world.get("Pod", "b"), "10.0.0.2", ready=False)
    world.start(world.get("Pod", "other"), "10.0.0.3")
    world.reconcile()
    [piece] = slices(world)
    assert piece["metadata"]["labels"]["kubernetes.io/service-name"] == "web"
    assert [(each["addresses"], each["conditions"]["ready"]) for each in piece["endpoints"]] == [
        (["10.0.0.1"], True),
        (["10.0.0.2"], False),
    ]
    assert piece["endpoints"][0]["targetRef"]["name"] == "a"
    assert piece["ports"] == [
        {"name": "http", "protocol": "TCP", "port": 8080, "appProtocol": "http"},
        {"name": "admin", "protocol": "TCP", "port": 9000},
    ]
    world.check_decodable()
    assert world.reconcile() == frozenset()


def test_readiness_changes_the_slice_and_nothing_else() -> None:
    world = World(SERVICE + pod("a"))
    world.start(world.get("Pod", "a"))
    world.reconcile()
    world.start(world.get("Pod", "a"), ready=False)
    assert world.reconcile() == frozenset({"EndpointSlice"})
    assert slices(world)[0]["endpoints"][0]["conditions"] == {"ready": False, "serving": False, "terminating": False}


def test_a_pod_that_is_being_deleted_is_not_ready_any_more() -> None:
    world = World(SERVICE + pod("a"))
    world.start(world.get("Pod", "a"))
    world.delete("Pod", "default", "a")
    assert slices(world)[0]["endpoints"][0]["conditions"] == {"ready": False, "serving": True, "terminating": True}
    world.end(world.get("Pod", "a"))
    assert slices(world) == []


def test_all_pods_are_ready_where_the_service_says_so() -> None:
    world = World(SERVICE + "  publishNotReadyAddresses: true\n" + pod("a"))
    world.start(world.get("Pod", "a"), ready=False)
    world.reconcile()
    assert slices(world)[0]["endpoints"][0]["conditions"]["ready"] is True


def test_a_named_port_may_differ_from_pod_to_pod() -> None:
    world = World(SERVICE + pod("a", admin=9000) + pod("b", admin=9001))
    world.start(world.get("Pod", "a"), "10.0.0.1")
    world.start(world.get("Pod", "b"), "10.0.0.2")
    world.reconcile()
    found = {piece["ports"][1]["port"]: piece["endpoints"][0]["addresses"] for piece in slices(world)}
    assert found == {9000: ["10.0.0.1"], 9001: ["10.0.0.2"]}


def test_a_service_without_selector_has_what_its_user_gives_it() -> None:
    by_hand = """
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: mine, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.9.9.9]}]
ports: [{port: 80}]
"""
    world = World(SERVICE.replace("selector: {app: web}", "") + by_hand + pod("a"))
    world.start(world.get("Pod", "a"))
    world.reconcile()
    assert world.names("EndpointSlice") == ["mine"]


def test_slices_go_with_their_service_and_with_its_selector() -> None:
    world = World(SERVICE + pod("a"))
    world.start(world.get("Pod", "a"))
    world.reconcile()
    world.apply(SERVICE.replace("selector: {app: web}", ""))
    assert slices(world) == []
    world.apply(SERVICE)
    assert len(slices(world)) == 1
    world.delete("Service", "default", "web")
    assert slices(world) == []


def test_a_pod_that_has_ended_serves_nobody() -> None:
    world = World(SERVICE + pod("a"))
    world.start(world.get("Pod", "a"))
    world.reconcile()
    ended = {**status(world.get("Pod", "a")), "phase": "Succeeded"}
    world.store.transact(
        [Modify(ref=Ref("Pod", "default", "a"), change=lambda old: {**old, "status": ended}, status=True)]
    )
    world.reconcile()
    assert slices(world) == []


NAMED = """
---
apiVersion: v1
kind: Pod
metadata: {name: NAME, labels: {app: web}}
spec: {hostname: NAME, subdomain: SUBDOMAIN, containers: [{name: c, command: [x]}]}
"""


def test_a_pod_has_a_name_below_the_service_that_its_subdomain_names() -> None:
    named = NAMED.replace("NAME", "web-0").replace("SUBDOMAIN", "web")
    elsewhere = NAMED.replace("NAME", "other-0").replace("SUBDOMAIN", "other")
    world = World(SERVICE + named + elsewhere)
    world.start_all()
    [piece] = slices(world)
    assert {each["targetRef"]["name"]: each.get("hostname") for each in piece["endpoints"]} == {
        "web-0": "web-0",
        "other-0": None,
    }
