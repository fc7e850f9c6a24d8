"""What Kubernetes would refuse, and our two rules of pods."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from meshgate.api import codes, decode
from tests.api import objects
from tests.api.objects import REMOVED, Raw, changed

CONTAINER = "spec.containers.0"


def _refused(raw: Raw, path: str, code: str = codes.INVALID) -> None:
    resource, problems = decode(raw)
    assert resource is None
    assert [(problem.path, problem.code) for problem in problems] == [(path, code)]


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        pytest.param("spec.ports", [], "spec.ports", id="no ports"),
        pytest.param("spec.ports.0.port", 0, "spec.ports[0].port", id="port"),
        pytest.param("spec.ports.0.targetPort", "Http", "spec.ports[0].targetPort", id="target by bad name"),
        pytest.param("spec.ports.0.targetPort", 70000, "spec.ports[0].targetPort", id="target"),
        pytest.param("spec.ports.0.name", "h_t", "spec.ports[0].name", id="name of a port"),
        pytest.param("spec.ports.0.nodePort", -1, "spec.ports[0].nodePort", id="node port"),
        pytest.param("spec.ports", [{"port": 1, "name": "a"}, {"port": 2}], "spec.ports[1].name", id="name missing"),
        pytest.param(
            "spec.ports", [{"port": 1, "name": "a"}, {"port": 1, "name": "b"}], "spec.ports[1].port", id="twice"
        ),
        pytest.param(
            "spec.ports", [{"port": 1, "name": "a"}, {"port": 2, "name": "a"}], "spec.ports[1].name", id="names"
        ),
        pytest.param("spec.clusterIP", "x", "spec.clusterIP", id="address"),
        pytest.param("spec.externalIPs", ["x"], "spec.externalIPs[0]", id="external address"),
        pytest.param("spec.loadBalancerIP", "x", "spec.loadBalancerIP", id="address of the balancer"),
        pytest.param("spec.selector", {"a b": "c"}, "spec.selector[a b]", id="selector"),
        pytest.param("metadata.name", "a.b", "metadata.name", id="name"),
    ],
)
def test_service(path: str, value: object, place: str) -> None:
    code = codes.BAD_METADATA if path == "metadata.name" else codes.INVALID
    _refused(changed(objects.SERVICE, path, value), place, code)


def test_external_name() -> None:
    raw: Raw = {**objects.SERVICE, "spec": {"type": "ExternalName", "externalName": "Example.com."}}
    assert decode(raw)[0] is not None
    _refused(changed(raw, "spec.externalName", ""), "spec.externalName")
    _refused(changed(raw, "spec.clusterIP", "None"), "spec.clusterIP")


def test_headless_services() -> None:
    raw = changed(objects.SERVICE, "spec.clusterIP", "None")
    assert decode(changed(raw, "spec.ports", []))[0] is not None
    _refused(changed(raw, "spec.type", "LoadBalancer"), "spec.clusterIP")


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        pytest.param("spec.containers", [], "spec.containers", id="no containers"),
        pytest.param(f"{CONTAINER}.name", "A", "spec.containers[0].name", id="name"),
        pytest.param(f"{CONTAINER}.workingDir", "a", "spec.containers[0].workingDir", id="relative directory"),
        pytest.param(f"{CONTAINER}.ports.0.containerPort", 0, "spec.containers[0].ports[0].containerPort", id="port"),
        pytest.param(f"{CONTAINER}.ports.0.name", "12", "spec.containers[0].ports[0].name", id="name of a port"),
        pytest.param(
            f"{CONTAINER}.ports",
            [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}],
            "spec.containers[0].ports[1].name",
            id="ports of the same name",
        ),
        pytest.param(f"{CONTAINER}.env", [{"name": "a b"}], "spec.containers[0].env[0].name", id="variable"),
        pytest.param(
            f"{CONTAINER}.env",
            [{"name": "A", "value": "b", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "spec.containers[0].env[0].valueFrom",
            id="value and source",
        ),
        pytest.param(
            f"{CONTAINER}.env", [{"name": "A", "valueFrom": {}}], "spec.containers[0].env[0].valueFrom", id="no source"
        ),
        pytest.param(f"{CONTAINER}.envFrom", [{}], "spec.containers[0].envFrom[0]", id="nothing to take"),
        pytest.param(
            f"{CONTAINER}.volumeMounts",
            [{"name": "x", "mountPath": "/x"}],
            "spec.containers[0].volumeMounts[0].name",
            id="no such volume",
        ),
        pytest.param(
            f"{CONTAINER}.volumeMounts",
            [{"name": "data", "mountPath": "x"}],
            "spec.containers[0].volumeMounts[0].mountPath",
            id="relative mount",
        ),
        pytest.param(
            f"{CONTAINER}.volumeMounts",
            [{"name": "data", "mountPath": "/x"}, {"name": "data", "mountPath": "/x"}],
            "spec.containers[0].volumeMounts[1].mountPath",
            id="mounts at one place",
        ),
        pytest.param(
            f"{CONTAINER}.volumeMounts",
            [{"name": "data", "mountPath": "/x", "subPath": "../y"}],
            "spec.containers[0].volumeMounts[0].subPath",
            id="way out",
        ),
        pytest.param(f"{CONTAINER}.readinessProbe", {}, "spec.containers[0].readinessProbe", id="empty probe"),
        pytest.param(
            f"{CONTAINER}.readinessProbe",
            {"httpGet": {"port": "web"}},
            "spec.containers[0].readinessProbe.httpGet.port",
            id="probe of a port that is not there",
        ),
        pytest.param(
            f"{CONTAINER}.readinessProbe",
            {"tcpSocket": {}},
            "spec.containers[0].readinessProbe.tcpSocket.port",
            id="probe without port",
        ),
        pytest.param(
            f"{CONTAINER}.livenessProbe",
            {"tcpSocket": {"port": 1}, "successThreshold": 2},
            "spec.containers[0].livenessProbe.successThreshold",
            id="successes of liveness",
        ),
        pytest.param(
            f"{CONTAINER}.readinessProbe",
            {"exec": {"command": ["x"]}, "periodSeconds": 0},
            "spec.containers[0].readinessProbe.periodSeconds",
            id="period",
        ),
        pytest.param("spec.volumes", [{"name": "A"}], "spec.volumes[0].name", id="name of a volume"),
        pytest.param("spec.volumes", [{"name": "a"}, {"name": "a"}], "spec.volumes[1].name", id="volume twice"),
        pytest.param(
            "spec.volumes", [{"name": "a", "secret": {}}], "spec.volumes[0].secret.secretName", id="no secret"
        ),
        pytest.param("spec.hostAliases", [{"ip": "x"}], "spec.hostAliases[0].ip", id="alias"),
        pytest.param("spec.serviceAccountName", "A", "spec.serviceAccountName", id="account"),
        pytest.param("spec.hostname", "a.b", "spec.hostname", id="hostname"),
        pytest.param("spec.terminationGracePeriodSeconds", -1, "spec.terminationGracePeriodSeconds", id="grace"),
    ],
)
def test_pod(path: str, value: object, place: str) -> None:
    _refused(changed(objects.POD, path, value), place)


def test_a_volume_has_one_source() -> None:
    volume = {"name": "a", "emptyDir": {}, "hostPath": {"path": "/a"}}
    _refused(changed(objects.POD, "spec.volumes", [volume]), "spec.volumes[0]", codes.SCHEMA)


def test_containers_have_names_of_their_own() -> None:
    init = [{"name": "app", "image": "a"}]
    _refused(changed(objects.POD, "spec.initContainers", init), "spec.containers[0].name")


@pytest.mark.parametrize("key", ["command", "args", "image"])
def test_a_container_needs_something_to_run(key: str) -> None:
    raw = changed(objects.POD, f"{CONTAINER}.command", REMOVED)
    _refused(raw, "spec.containers[0]", codes.NO_COMMAND)
    value: Any = "web" if key == "image" else ["serve"]
    assert decode(changed(raw, f"{CONTAINER}.{key}", value))[0] is not None


@pytest.mark.parametrize("key", ["runAsUser", "runAsGroup"])
@pytest.mark.parametrize(
    ("path", "place"),
    [
        pytest.param("spec.securityContext", "spec.securityContext", id="pod"),
        pytest.param(f"{CONTAINER}.securityContext", "spec.containers[0].securityContext", id="container"),
    ],
)
def test_nobody_runs_as_the_sidecar(path: str, place: str, key: str) -> None:
    _refused(changed(objects.POD, path, {key: 1337}), f"{place}.{key}", codes.RESERVED_USER)
    assert decode(changed(objects.POD, path, {key: 1338}))[0] is not None


def test_the_sidecar_itself_may() -> None:
    raw = changed(objects.POD, f"{CONTAINER}.name", "istio-proxy")
    assert decode(changed(raw, f"{CONTAINER}.securityContext", {"runAsUser": 1337}))[0] is not None


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        pytest.param("spec.replicas", -1, "spec.replicas", id="replicas"),
        pytest.param("spec.selector", {}, "spec.selector", id="no selector"),
        pytest.param("spec.selector.matchLabels.app", "x", "spec.template.metadata.labels", id="other labels"),
        pytest.param("spec.template.spec.restartPolicy", "Never", "spec.template.spec.restartPolicy", id="never"),
        pytest.param("spec.template.spec.containers", [], "spec.template.spec.containers", id="no containers"),
    ],
)
def test_deployment(path: str, value: object, place: str) -> None:
    _refused(changed(objects.DEPLOYMENT, path, value), place)


def test_secrets_and_config_maps() -> None:
    tls = changed(objects.SECRET, "type", "kubernetes.io/tls")
    _, problems = decode(tls)
    assert [problem.path for problem in problems] == ["data[tls.crt]", "data[tls.key]"]
    _refused(changed(objects.SECRET, "data", {"a/b": ""}), "data[a/b]")
    _refused(changed(objects.CONFIG_MAP, "binaryData", {"mesh": ""}), "binaryData.mesh")


def test_values_of_a_secret_or_config_map_have_a_mebibyte_together() -> None:
    half = "x" * (1 << 19)
    secret = changed(objects.SECRET, "data", {})
    assert decode(changed(secret, "stringData", {"a": half, "b": half}))[1] == ()
    _refused(changed(secret, "stringData", {"a": half, "b": half, "c": "x"}), "data")
    settings = changed(objects.CONFIG_MAP, "data", {"a": half})
    assert decode(changed(settings, "binaryData", {"b": b64encode(half.encode()).decode()}))[1] == ()
    _refused(changed(settings, "binaryData", {"b": b64encode(half.encode() + b"x").decode()}), "data")


def test_endpoints() -> None:
    _refused(changed(objects.ENDPOINT_SLICE, "endpoints.0.addresses", []), "endpoints[0].addresses")
    _refused(changed(objects.ENDPOINT_SLICE, "endpoints.0.addresses", ["a b"]), "endpoints[0].addresses[0]")
    _refused(changed(objects.ENDPOINTS, "subsets.0.addresses", [{"ip": "x"}]), "subsets[0].addresses[0].ip")
    _refused(changed(objects.ENDPOINTS, "subsets.0.ports", [{"port": 0}]), "subsets[0].ports[0].port")


def test_a_node_port_is_told_to_be_without_effect() -> None:
    resource, [problem] = decode(changed(objects.SERVICE, "spec.type", "NodePort"))
    assert resource is not None
    assert (problem.path, problem.severity, problem.code) == ("spec.type", "info", codes.WITHOUT_EFFECT)
