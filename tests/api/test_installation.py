"""Which gateways stand."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.api import AnyResource, GatewayComponent, decode, installation, set_values
from tests.api import objects

INGRESS, EGRESS = "istio-ingressgateway", "istio-egressgateway"


def _operator(spec: dict[str, Any], creation: str = "") -> AnyResource:
    name = f"operator-{creation[:4]}" if creation else "operator"
    metadata = {"name": name, "namespace": "istio-system", "creationTimestamp": creation}
    resource, problems = decode({**objects.ISTIO_OPERATOR, "metadata": metadata, "spec": spec})
    assert resource is not None, problems
    return resource


def _gateway(key: str, **fields: Any) -> dict[str, Any]:
    return {"components": {key: [fields]}}


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        pytest.param({}, {INGRESS}, id="default"),
        pytest.param({"profile": "demo"}, {INGRESS, EGRESS}, id="demo"),
        pytest.param({"profile": "minimal"}, set(), id="minimal"),
        pytest.param(_gateway("egressGateways", name=EGRESS, enabled=True), {INGRESS, EGRESS}, id="egress"),
        pytest.param(_gateway("ingressGateways", name=INGRESS, enabled=False), set(), id="no ingress"),
        pytest.param(_gateway("ingressGateways", name="second", enabled=True), {INGRESS, "second"}, id="second"),
        pytest.param(_gateway("ingressGateways", name="second"), {INGRESS}, id="second, not enabled"),
        pytest.param(
            _gateway("ingressGateways", name=INGRESS, namespace="edge", enabled=True), {INGRESS}, id="another namespace"
        ),
    ],
)
def test_gateways(spec: dict[str, Any], names: set[str]) -> None:
    found = installation([_operator(spec)])
    assert {component.name for component in found.ingress_gateways + found.egress_gateways} == names


def test_a_gateway_of_the_same_name_elsewhere_is_another() -> None:
    found = installation([_operator(_gateway("ingressGateways", name=INGRESS, namespace="edge", enabled=True))])
    assert [component.namespace for component in found.ingress_gateways] == ["istio-system", "edge"]


def test_the_last_word_is_that_of_the_flags_then_of_the_newest() -> None:
    old = _operator(_gateway("egressGateways", name=EGRESS, enabled=True, label={"a": "old"}), "2024-01-01T00:00:00Z")
    new = _operator(_gateway("egressGateways", name=EGRESS, label={"b": "new"}), "2025-01-01T00:00:00Z")
    assert installation([new, old]).egress_gateways[0].label == (
        ("a", "old"),
        ("app", EGRESS),
        ("b", "new"),
        ("istio", "egressgateway"),
    )
    settings, _ = set_values(["components.egressGateways[0].enabled=false"])
    assert not installation([new, old], settings).egress_gateways


def test_kubernetes_settings_merge() -> None:
    first = {"service": {"type": "ClusterIP", "ports": [{"port": 80}]}, "env": [{"name": "A", "value": "1"}]}
    second = {
        "service": {"loadBalancerIP": "10.0.0.1"},
        "env": [{"name": "A", "value": "2"}, {"name": "B", "value": "3"}],
        "replicaCount": 2,
        "podAnnotations": {"a": "b"},
    }
    found = installation(
        [
            _operator(_gateway("ingressGateways", name=INGRESS, k8s=first), "2024-01-01T00:00:00Z"),
            _operator(_gateway("ingressGateways", name=INGRESS, k8s=second), "2025-01-01T00:00:00Z"),
        ]
    )
    k8s = found.ingress_gateways[0].k8s
    assert k8s is not None
    assert k8s.service is not None
    assert (k8s.service.type, k8s.service.load_balancer_ip) == ("ClusterIP", "10.0.0.1")
    assert [entry.port for entry in k8s.service.ports] == [80]
    assert [(variable.name, variable.value) for variable in k8s.env] == [("A", "2"), ("B", "3")]
    assert (k8s.replica_count, k8s.pod_annotations) == (2, (("a", "b"),))


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        pytest.param({"profile": "big"}, "spec.profile", id="profile"),
        pytest.param(_gateway("ingressGateways"), "spec.components.ingressGateways[0].name", id="no name"),
        pytest.param(_gateway("ingressGateways", name="A"), "spec.components.ingressGateways[0].name", id="name"),
        pytest.param(
            _gateway("ingressGateways", name="a", k8s={"service": {"ports": [{"port": 0}]}}),
            "spec.components.ingressGateways[0].k8s.service.ports[0].port",
            id="port",
        ),
        pytest.param(
            {"components": {"egressGateways": [{"name": "a"}, {"name": "a"}]}},
            "spec.components.egressGateways[1].name",
            id="twice",
        ),
    ],
)
def test_fault(spec: dict[str, Any], path: str) -> None:
    resource, (problem,) = decode({**objects.ISTIO_OPERATOR, "spec": spec})
    assert resource is None
    assert problem.path == path


def test_nothing_installed_has_the_standard_ingress_gateway() -> None:
    (ingress,) = installation([]).ingress_gateways
    assert ingress == GatewayComponent(
        name=INGRESS,
        namespace="istio-system",
        enabled=True,
        label=(("app", INGRESS), ("istio", "ingressgateway")),
    )
