"""Gateways from an IstioOperator, files that are watched, and requests from a client without a sidecar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshgate.tour import scenario_text
from tests.e2e.mesh import Mesh, curl, running_mesh, status_of, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

OPERATOR = """
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: more, namespace: istio-system}
spec:
  components:
    ingressGateways:
    - name: second-ingressgateway
      enabled: true
      label: {istio: second}
"""
WORKLOAD = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 8000}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        command: [python3, -m, meshgate.apps.httpbin, --port, "8000"]
        readinessProbe: {tcpSocket: {port: 8000}, periodSeconds: 1}
"""
ROUTE = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: web}
spec:
  selector: {istio: GATEWAY}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [web.example.com]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec:
  hosts: [web.example.com]
  gateways: [web]
  http:
  - match: [{uri: {prefix: /PATH}}]
    route:
    - destination: {host: web}
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("watched")
    (directory / "web.yaml").write_text(WORKLOAD)
    (directory / "route.yaml").write_text(route("ingressgateway", "one"))
    return directory


@pytest.fixture(scope="module")
def mesh(files: Path) -> Iterator[Mesh]:
    with running_mesh("-f", files) as mesh:
        mesh.wait_ready("app=web")
        yield mesh


def route(gateway: str, path: str) -> str:
    return ROUTE.replace("GATEWAY", gateway).replace("PATH", path)


def test_the_egress_gateway_of_the_tour_comes_up(mesh: Mesh) -> None:
    mesh.meshgate("apply", "-f", "-", stdin=scenario_text("09-egress-install"))
    mesh.wait_ready("istio=egressgateway", namespace="istio-system")
    deployment = mesh.get("deployment", "istio-egressgateway", "-n", "istio-system")
    service = mesh.get("service", "istio-egressgateway", "-n", "istio-system")
    assert isinstance(deployment["status"], dict)
    assert deployment["status"]["readyReplicas"] == 1
    spec = service["spec"]
    assert isinstance(spec, dict)
    assert spec["type"] == "ClusterIP"
    assert [(port["name"], port["port"]) for port in spec["ports"]] == [("http2", 80), ("https", 443)]


def test_a_second_ingress_gateway_is_published_at_an_address_of_its_own(mesh: Mesh, files: Path) -> None:
    mesh.meshgate("apply", "-f", "-", stdin=OPERATOR)
    mesh.wait_ready("istio=second", namespace="istio-system")
    (files / "route.yaml").write_text(route("second", "one"))
    address = mesh.load_balancer_address("second-ingressgateway", "istio-system")

    def answer() -> bool:
        done = curl("-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: web.example.com", f"http://{address}/one")
        return done.stdout == "200"

    wait_until(answer, "the second gateway answers at its own address")
    (files / "route.yaml").write_text(route("ingressgateway", "one"))


def test_a_saved_file_applies_and_a_removed_one_takes_its_objects(mesh: Mesh, files: Path) -> None:
    wait_until(lambda: status_of(mesh, "web.example.com", "/one") == 200, "the route of the file is there")
    (files / "route.yaml").write_text(route("ingressgateway", "two"))
    wait_until(lambda: status_of(mesh, "web.example.com", "/two") == 200, "the saved route is there")
    assert status_of(mesh, "web.example.com", "/one") == 404
    (files / "route.yaml").write_text("kind: [")
    wait_until(lambda: "not YAML" in mesh.meshgate("status").stdout, "the broken file is reported")
    assert status_of(mesh, "web.example.com", "/two") == 200
    (files / "route.yaml").unlink()
    wait_until(lambda: mesh.get("virtualservices")["items"] == [], "the file's objects are gone")


def test_the_host_reaches_services_and_pods(mesh: Mesh) -> None:
    spec = mesh.get("service", "web")["spec"]
    assert isinstance(spec, dict)
    done = curl("-o", "/dev/null", "-w", "%{http_code}", f"http://{spec['clusterIP']}:8000/status/200")
    assert done.stdout == "200", done


def test_a_missing_service_is_reported_on_the_object_and_answered_as_istio_does(mesh: Mesh, files: Path) -> None:
    broken = route("ingressgateway", "three").replace("{host: web}", "{host: wbe}")
    (files / "route.yaml").write_text(broken)
    wait_until(lambda: status_of(mesh, "web.example.com", "/three") in (500, 503), "the broken route answers")
    told = mesh.meshgate("status").stdout
    assert f"{files}/route.yaml:" in told
    assert 'no service "wbe.default.svc.cluster.local"' in told
    wait_until(
        lambda: "validationMessages" in mesh.meshgate("get", "vs", "web", "-o", "yaml").stdout,
        "the object's status tells it",
    )
    (files / "route.yaml").unlink()
