"""Gateways from an IstioOperator, files that are watched, and requests from a client without a sidecar."""

from __future__ import annotations

import json
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshgate.tour import scenario_text
from tests.e2e.mesh import Mesh, curl, free_port, running_mesh, status_of, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SYSTEM = "istio-system"
TWO_PODS = """
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: wider, namespace: istio-system}
spec:
  components:
    ingressGateways:
    - {name: istio-ingressgateway, enabled: true, k8s: {replicaCount: REPLICAS}}
"""
SEVERAL = """
apiVersion: v1
kind: Namespace
metadata: {name: edge}
---
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: several, namespace: istio-system}
spec:
  components:
    ingressGateways:
    - name: public
      namespace: edge
      enabled: ENABLED
      label: {istio: public}
      k8s: {service: {ports: [{name: http, port: PORT, targetPort: 8080}]}}
    - name: partners
      namespace: edge
      enabled: true
      label: {istio: partners}
"""
OWN_GATEWAY = """
apiVersion: v1
kind: Namespace
metadata: {name: edge}
---
apiVersion: v1
kind: Service
metadata: {name: own, namespace: edge}
spec:
  type: LoadBalancer
  selector: {app: own-gateway}
  ports:
  - {name: http, port: 80, targetPort: front}
  # more
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: own, namespace: edge}
spec:
  selector: {matchLabels: {app: own-gateway}}
  template:
    metadata:
      annotations: {inject.istio.io/templates: gateway}
      labels: {app: own-gateway, sidecar.istio.io/inject: "true"}
    spec:
      containers:
      - name: istio-proxy
        image: auto
        ports: [{name: front, containerPort: 8080}]
"""
SERVED = """
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: NAME}
spec:
  selector: {SELECTOR}
  servers:
  - {port: {number: PORT, name: http, protocol: HTTP}, hosts: ["NAME.example.com"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: NAME}
spec:
  hosts: [NAME.example.com]
  gateways: [NAME]
  http: [{route: [{destination: {host: web}}]}]
"""
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


def served(name: str, selector: str, port: int = 80) -> str:
    """A Gateway for the host NAME.example.com, and its route."""
    return SERVED.replace("NAME", name).replace("SELECTOR", selector).replace("PORT", str(port))


def at(address: str, name: str, port: int = 80) -> str:
    """What a request for NAME.example.com gives at an address; `000` for nothing."""
    url = f"http://{address}:{port}/"
    return curl("-o", "/dev/null", "-m", "2", "-w", "%{http_code}", "-H", f"Host: {name}.example.com", url).stdout


def wait_answer(address: str, name: str, port: int = 80) -> None:
    wait_until(lambda: at(address, name, port) == "200", f"{name} answers at {address}:{port}")


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


def test_a_gateway_of_ones_own_in_any_namespace_and_a_port_that_comes_later(mesh: Mesh) -> None:
    mesh.meshgate("apply", "-f", "-", stdin=OWN_GATEWAY + served("own", "app: own-gateway"))
    mesh.wait_ready("app=own-gateway", namespace="edge")
    address = mesh.load_balancer_address("own", "edge")
    wait_answer(address, "own")
    assert at(address, "other") == "404"
    assert at(address, "later", 9080) == "000"
    more = OWN_GATEWAY.replace("# more", "- {name: http-later, port: 9080}")
    mesh.apply(more + served("later", "app: own-gateway", 9080))
    wait_answer(address, "later", 9080)
    assert at(address, "own") == "200"


def test_a_port_that_the_default_gateway_gets_later_is_a_port_of_the_host(mesh: Mesh) -> None:
    port = free_port()
    assert at("127.0.0.1", "host-port", port) == "000"
    service = mesh.get("service", "istio-ingressgateway", "-n", "istio-system")
    spec = service["spec"]
    assert isinstance(spec, dict)
    spec["ports"].append({"name": "http-more", "port": port})
    mesh.apply(json.dumps(service) + served("host-port", "istio: ingressgateway", port))
    wait_answer("127.0.0.1", "host-port", port)
    wait_answer(mesh.load_balancer_address("istio-ingressgateway", "istio-system"), "host-port", port)


SECURE = """
apiVersion: v1
kind: Secret
metadata: {name: secure, namespace: istio-system}
type: kubernetes.io/tls
stringData: CERTIFICATE
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: secure}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [secure.example.com]
    tls: {mode: SIMPLE, credentialName: secure}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: secure}
spec:
  hosts: [secure.example.com]
  gateways: [secure]
  http: [{route: [{destination: {host: web}}]}]
"""


def test_https_of_the_default_gateway_is_on_the_hosts_port_too(mesh: Mesh, tmp_path: Path) -> None:
    new = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    names = ("-subj", "/CN=secure", "-addext", "subjectAltName=DNS:secure.example.com")
    files = ("-out", str(tmp_path / "tls.crt"), "-keyout", str(tmp_path / "tls.key"))
    subprocess.run([*new, *names, *files], check=True, capture_output=True)
    certificate = {path.name: path.read_text() for path in tmp_path.iterdir()}
    text = SECURE.replace("CERTIFICATE", json.dumps(certificate))
    mesh.apply(text)
    told = ("--cacert", str(tmp_path / "tls.crt"), "-o", "/dev/null", "-w", "%{http_code} %{http_version}")
    address = mesh.load_balancer_address("istio-ingressgateway", "istio-system")
    for where, port in (("127.0.0.1", mesh.https_port), (address, 443)):
        place = ("--resolve", f"secure.example.com:{port}:{where}", f"https://secure.example.com:{port}/")
        wait_until(lambda place=place: curl(*told, *place).stdout == "200 2", f"https answers at {where}")  # type: ignore[misc]  # a lambda's default
    mesh.meshgate("delete", "-f", "-", stdin=text)


def test_operators_switch_gateways_on_and_off_and_change_their_ports(mesh: Mesh) -> None:
    routes = served("public", "istio: public") + served("partners", "istio: partners")
    mesh.meshgate("apply", "-f", "-", stdin=several("true", 80) + routes)
    mesh.wait_ready("istio=public", "istio=partners", namespace="edge")
    public, partners = (mesh.load_balancer_address(name, "edge") for name in ("public", "partners"))
    wait_answer(public, "public")
    wait_answer(partners, "partners")
    assert at(partners, "public") == "404"

    mesh.apply(several("true", 9081) + served("public", "istio: public", 9081))
    wait_answer(public, "public", 9081)
    assert at(public, "public") == "000"

    mesh.meshgate("apply", "-f", "-", stdin=several("false", 9081))
    wait_until(lambda: at(public, "public", 9081) == "000", "the gateway that is switched off has gone")
    assert at(partners, "partners") == "200"

    mesh.meshgate("apply", "-f", "-", stdin=several("true", 9082) + served("public", "istio: public", 9082))
    mesh.wait_ready("istio=public", namespace="edge")
    wait_answer(mesh.load_balancer_address("public", "edge"), "public", 9082)

    mesh.meshgate("delete", "istiooperator/several", "-n", "istio-system")
    for name in ("public", "partners"):
        assert mesh.meshgate("get", "deployment", name, "-n", "edge", check=False).returncode == 1
        wait_until(lambda name=name: at(partners, name) == "000", f"{name} has gone with its operator")  # type: ignore[misc]  # a lambda's default


def several(enabled: str, port: int) -> str:
    return SEVERAL.replace("ENABLED", enabled).replace("PORT", str(port))


def test_the_host_uses_all_pods_of_the_gateway_and_loses_nothing_with_one(mesh: Mesh) -> None:
    mesh.apply(TWO_PODS.replace("REPLICAS", "2") + served("wide", "istio: ingressgateway"))
    wait_until(lambda: len(mesh.pods("istio=ingressgateway", namespace=SYSTEM)) == 2, "there are two pods")
    mesh.wait_ready("istio=ingressgateway", namespace=SYSTEM)
    mesh.wait_applied()
    wait_answer("127.0.0.1", "wide", mesh.http_port)
    assert ask_host(mesh, 40, "spread") == Counter({"200": 40})
    [going, *staying] = [pod["metadata"]["name"] for pod in mesh.pods("istio=ingressgateway", namespace=SYSTEM)]  # type: ignore[index]  # objects
    for name in (going, *staying):
        log = mesh.meshgate("logs", "-n", "istio-system", name).stdout
        assert log.count("/spread") >= 5, f"{name} had its share"

    found: list[Counter[str]] = []
    asking = threading.Thread(target=lambda: found.append(ask_host(mesh, 800, "during", "--rate", "400/s")))
    asking.start()
    mesh.meshgate("delete", f"pod/{going}", "-n", "istio-system")
    asking.join()
    assert found == [Counter({"200": 800})]
    mesh.apply(TWO_PODS.replace("REPLICAS", "1"))


def ask_host(mesh: Mesh, number: int, path: str, *arguments: str) -> Counter[str]:
    """How requests over connections of their own were answered at the host's port."""
    url = f"http://127.0.0.1:{mesh.http_port}/{path}?n=[1-{number}]"
    headers = ("-H", "Host: wide.example.com", "-H", "Connection: close")
    done = curl("-o", "/dev/null", "-w", "%{http_code}\n", *headers, *arguments, url, timeout_s=60)
    return Counter(done.stdout.split())
