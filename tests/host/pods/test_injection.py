"""Who gets a sidecar: Istio's table."""

from __future__ import annotations

import pytest

from meshgate.api import Pod, decode, of_type
from meshgate.host.pods.injection import PROXY, injected, proxy_role, wants_sidecar
from tests.host.pods.objects import pod

PLAIN = "{containers: [{name: app, command: [x]}]}"
PROXIED = "{containers: [{name: app, command: [x]}, {name: istio-proxy, image: auto}]}"
LABEL, ANNOTATION = "labels: {sidecar.istio.io/inject: '%s'}", "annotations: {sidecar.istio.io/inject: '%s'}"


@pytest.mark.parametrize(
    ("spec", "metadata", "of_namespace", "expected"),
    [
        (PLAIN, "", {}, True),
        (PLAIN, "", {"istio-injection": "enabled"}, True),
        (PLAIN, "", {"istio-injection": "disabled"}, False),
        (PLAIN, LABEL % "true", {"istio-injection": "disabled"}, False),
        (PLAIN, LABEL % "false", {"istio-injection": "enabled"}, False),
        (PLAIN, LABEL % "true", {}, True),
        (PLAIN, ANNOTATION % "false", {}, False),
        (PLAIN, ANNOTATION % "yes", {}, True),
        (PROXIED, "", {}, True),
        (PROXIED, LABEL % "false", {}, False),
        (PROXIED.replace("auto", "istio/proxyv2"), "", {}, False),
    ],
)
def test_labels_decide(spec: str, metadata: str, of_namespace: dict[str, str], expected: bool) -> None:
    found = pod(spec, metadata)
    assert wants_sidecar(found.meta, found.spec, of_namespace) is expected


@pytest.mark.parametrize(
    ("spec", "metadata", "role"),
    [
        (PLAIN, "", "none"),
        (PROXIED, "", "sidecar"),
        (PROXIED, "annotations: {inject.istio.io/templates: gateway}", "router"),
        ("{containers: [{name: istio-proxy, image: auto, args: [proxy, router]}]}", "", "router"),
    ],
)
def test_role_is_said_by_template_or_command(spec: str, metadata: str, role: str) -> None:
    found = pod(spec, metadata)
    assert proxy_role(found.meta, found.spec) == role


def test_injected_pod_decodes_and_has_its_proxy_last() -> None:
    raw = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop", "annotations": {"a": "b"}},
        "spec": {"containers": [{"name": "app", "command": ["x"]}]},
    }
    resource, problems = decode(injected(raw))
    assert resource is not None, problems
    made = of_type([resource], Pod)[0]
    assert [container.name for container in made.spec.containers] == ["app", PROXY]
    assert made.meta.annotation("a") == "b"
    assert made.meta.annotation("sidecar.istio.io/status")
    assert proxy_role(made.meta, made.spec) == "sidecar"
    assert raw["metadata"]["annotations"] == {"a": "b"}  # type: ignore[index] # as given


@pytest.mark.parametrize(
    ("metadata", "label"),
    [
        pytest.param({}, "istio", id="sidecar"),
        pytest.param({"labels": {"app": "web"}}, "istio", id="beside-others"),
        pytest.param({"labels": {"security.istio.io/tlsMode": "disabled"}}, "disabled", id="said-otherwise"),
        pytest.param({"annotations": {"inject.istio.io/templates": "gateway"}}, "", id="gateway"),
    ],
)
def test_a_sidecar_takes_mutual_tls_by_its_label(metadata: dict[str, dict[str, str]], label: str) -> None:
    raw = {"metadata": {"name": "web", **metadata}, "spec": {"containers": []}}
    labels = injected(raw)["metadata"]["labels"]
    assert labels.get("security.istio.io/tlsMode", "") == label
    assert labels.items() >= metadata.get("labels", {}).items()


def test_a_gateway_is_completed_and_keeps_what_it_says() -> None:
    proxy = {"name": PROXY, "image": "auto", "ports": [{"containerPort": 9080}]}
    raw = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "gw", "namespace": "edge", "annotations": {"inject.istio.io/templates": "gateway"}},
        "spec": {"containers": [proxy]},
    }
    resource, problems = decode(injected(raw))
    assert resource is not None, problems
    made = of_type([resource], Pod)[0]
    [container] = made.spec.containers
    assert proxy_role(made.meta, made.spec) == "router"
    assert container.args == ("proxy", "router")
    assert container.readiness_probe is not None
    assert [port.container_port for port in container.ports] == [9080]
    assert not wants_sidecar(made.meta, made.spec, {})
