"""Gateways of the installation."""

from __future__ import annotations

from ipaddress import IPv4Address

from meshgate.api import set_values
from meshgate.host.controllers import Settings
from meshgate.store.core import meta
from tests.controllers.world import World, spec, status

SYSTEM = "istio-system"
EGRESS = """
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: mesh-default-2, namespace: istio-system}
spec:
  components:
    egressGateways:
    - {name: istio-egressgateway, enabled: true}
"""


def gateways(world: World) -> list[str]:
    return [name for name in world.names("Deployment") if name.startswith("istio-")]


def overlay(*settings: str) -> Settings:
    value, problems = set_values(settings)
    assert problems == ()
    return Settings(overlay=value)


def test_the_ingress_gateway_stands_by_itself() -> None:
    world = World()
    assert gateways(world) == ["istio-ingressgateway"]
    service = world.get("Service", "istio-ingressgateway", SYSTEM)
    assert spec(service)["type"] == "LoadBalancer"
    assert [(p["name"], p["port"], p["targetPort"]) for p in spec(service)["ports"]] == [
        ("status-port", 15021, 15021),
        ("http2", 80, 8080),
        ("https", 443, 8443),
    ]
    assert IPv4Address(status(service)["loadBalancer"]["ingress"][0]["ip"]) in world.settings.lb_cidr
    [pod] = world.pods(SYSTEM)
    assert {"app": "istio-ingressgateway", "istio": "ingressgateway"}.items() <= meta(pod)["labels"].items()
    assert "security.istio.io/tlsMode" not in meta(pod)["labels"]
    [container] = spec(pod)["containers"]
    assert container["name"] == "istio-proxy"
    assert container["args"][:2] == ["proxy", "router"]
    assert spec(pod)["serviceAccountName"] == "istio-ingressgateway-service-account"
    world.check_decodable()
    assert world.reconcile() == frozenset()


def test_an_operator_adds_the_egress_gateway_and_says_when_it_stands() -> None:
    world = World(EGRESS)
    assert gateways(world) == ["istio-egressgateway", "istio-ingressgateway"]
    service = world.get("Service", "istio-egressgateway", SYSTEM)
    assert spec(service)["type"] == "ClusterIP"
    assert [(p["name"], p["port"], p["targetPort"]) for p in spec(service)["ports"]] == [
        ("http2", 80, 8080),
        ("https", 443, 8443),
    ]
    assert status(world.get("IstioOperator", "mesh-default-2", SYSTEM))["status"] == "RECONCILING"
    world.start_all(SYSTEM)
    assert status(world.get("IstioOperator", "mesh-default-2", SYSTEM)) == {
        "status": "HEALTHY",
        "componentStatus": {"EgressGateways": {"status": "HEALTHY"}, "IngressGateways": {"status": "HEALTHY"}},
    }
    world.check_decodable()


def test_a_gateway_that_is_no_longer_asked_for_goes() -> None:
    world = World(EGRESS)
    world.delete("IstioOperator", SYSTEM, "mesh-default-2")
    assert gateways(world) == ["istio-ingressgateway"]
    assert world.names("Service", SYSTEM) == ["istio-ingressgateway"]
    assert "istio-egressgateway-service-account" not in world.names("ServiceAccount", SYSTEM)
    assert len(world.pods(SYSTEM)) == 1


def test_settings_win_over_operators() -> None:
    world = World(EGRESS, overlay("components.egressGateways[0].enabled=false"))
    assert gateways(world) == ["istio-ingressgateway"]
    world = World(settings=overlay("components.ingressGateways[0].enabled=false"))
    assert gateways(world) == []


def test_a_gateway_of_its_own_name_ports_and_labels() -> None:
    world = World(
        """
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: more, namespace: istio-system}
spec:
  components:
    ingressGateways:
    - name: my-gateway
      namespace: default
      enabled: true
      label: {istio: mine}
      k8s:
        replicaCount: 2
        serviceAnnotations: {a: b}
        env: [{name: X, value: y}]
        service:
          type: ClusterIP
          ports: [{name: tcp, port: 9000, targetPort: 9001}]
"""
    )
    service = world.get("Service", "my-gateway")
    assert spec(service)["selector"] == {"app": "istio-ingressgateway", "istio": "mine"}
    assert [(p["name"], p["port"], p["targetPort"]) for p in spec(service)["ports"]] == [("tcp", 9000, 9001)]
    assert meta(service)["annotations"]["a"] == "b"
    pods = world.pods()
    assert len(pods) == 2
    container = spec(pods[0])["containers"][0]
    assert container["env"] == [{"name": "X", "value": "y"}]
    assert container["ports"][0]["containerPort"] == 9001
    world.check_decodable()


def test_what_a_user_changes_of_a_gateway_stays() -> None:
    world = World()
    world.apply(
        """
apiVersion: apps/v1
kind: Deployment
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec: {replicas: 2}
"""
    )
    assert len(world.pods(SYSTEM)) == 2
    assert world.reconcile() == frozenset()


def test_an_object_of_a_users_with_a_gateways_name_is_left_alone() -> None:
    mine = """
apiVersion: v1
kind: Service
metadata: {name: istio-egressgateway, namespace: istio-system}
spec: {ports: [{port: 1}]}
"""
    world = World(mine)
    world.apply(EGRESS)
    assert [port["port"] for port in spec(world.get("Service", "istio-egressgateway", SYSTEM))["ports"]] == [1]
    world.delete("IstioOperator", SYSTEM, "mesh-default-2")
    assert "istio-egressgateway" in world.names("Service", SYSTEM)


def test_a_changed_installation_changes_its_objects() -> None:
    operator = EGRESS.replace("enabled: true}", "enabled: true, k8s: {replicaCount: REPLICAS}}")
    world = World(operator.replace("REPLICAS", "2"))
    address = spec(world.get("Service", "istio-egressgateway", SYSTEM))["clusterIP"]
    world.apply(operator.replace("REPLICAS", "1"))
    assert spec(world.get("Deployment", "istio-egressgateway", SYSTEM))["replicas"] == 1
    assert spec(world.get("Service", "istio-egressgateway", SYSTEM))["clusterIP"] == address


ELSEWHERE = """
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: more, namespace: istio-system}
spec:
  components:
    ingressGateways:
    - {name: one, namespace: edge, enabled: true, label: {istio: one}}
    - {name: two, enabled: true, label: {istio: two}, k8s: {service: {ports: [{name: http, port: 9080}]}}}
"""


def test_a_gateway_waits_for_its_namespace_and_says_so() -> None:
    world = World(ELSEWHERE)
    assert world.names("Deployment") == ["istio-ingressgateway", "two"]
    assert world.refused == []
    world.start_all(SYSTEM)
    assert status(world.get("IstioOperator", "more", SYSTEM)) == {
        "status": "ERROR",
        "componentStatus": {
            "IngressGateways": {
                "status": "ERROR",
                "error": 'gateway "one": the namespace "edge" does not exist; create it',
            }
        },
    }
    world.apply("{apiVersion: v1, kind: Namespace, metadata: {name: edge}}")
    assert world.names("Deployment", "edge") == ["one"]
    world.start_all("edge")
    assert status(world.get("IstioOperator", "more", SYSTEM))["status"] == "HEALTHY"


def test_a_gateway_goes_and_comes_back_as_it_is_switched() -> None:
    world = World(ELSEWHERE)
    before = spec(world.get("Service", "two", SYSTEM))["clusterIP"]
    world.apply(ELSEWHERE.replace("name: two, enabled: true", "name: two, enabled: false"))
    assert world.store.get("Deployment", SYSTEM, "two") is None
    assert world.store.get("Service", SYSTEM, "two") is None
    world.apply(ELSEWHERE.replace("port: 9080", "port: 9081"))
    service = spec(world.get("Service", "two", SYSTEM))
    assert [port["port"] for port in service["ports"]] == [9081]
    assert service["clusterIP"] == before
