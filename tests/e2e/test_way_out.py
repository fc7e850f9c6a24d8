"""The way out of the mesh: what a workload may call outside, by MeshConfig, Sidecar and ServiceEntry."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest
import yaml

from tests.e2e.answers import Caller, inside
from tests.e2e.manifests import deployment, istio, text_of
from tests.e2e.mesh import Mesh, running_mesh, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


WILDCARD = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: any-wikipedia}
spec:
  hosts: ["*.wikipedia.org"]
  ports: [{number: 443, name: tls, protocol: TLS}, {number: 80, name: http, protocol: HTTP}]
  resolution: DYNAMIC_DNS
"""
"""Scenario 15."""


@pytest.fixture(scope="module")
def mesh() -> Iterator[Mesh]:
    with running_mesh("--lab", "--set", "meshConfig.outboundTrafficPolicy.mode=REGISTRY_ONLY") as mesh:
        mesh.apply(text_of([deployment("sleep", {"app": "sleep"}, ["sleep", "infinity"])]))
        mesh.wait_ready("app=sleep")
        yield mesh


@pytest.fixture
def sleep(mesh: Mesh) -> Caller:
    return inside(mesh, "deploy/sleep")


@contextlib.contextmanager
def applied(mesh: Mesh, text: str) -> Iterator[None]:
    mesh.apply(text)
    try:
        yield
    finally:
        mesh.meshgate("delete", "-f", "-", stdin=text)
        mesh.wait_applied()


def sidecar(spec: str) -> str:
    return text_of([istio("Sidecar", "own", yaml.safe_load(spec))])


@pytest.mark.parametrize("language", ["en", "de"])
def test_any_host_below_a_wildcard_is_reached_at_its_own_address(mesh: Mesh, sleep: Caller, language: str) -> None:
    host = f"{language}.wikipedia.org"
    address = {"en": "203.0.113.81", "de": "203.0.113.82"}[language]
    assert sleep.get(f"http://{host}/").status == 502
    assert sleep.get(f"https://{host}/").status == 0
    with applied(mesh, WILDCARD):
        plain, secure = sleep.get(f"http://{host}/"), sleep.get(f"https://{host}/")
        assert (plain.status, plain.headers["x-outside-address"]) == (200, address)
        assert (secure.status, secure.headers["x-outside-address"]) == (200, address)
        assert secure.headers["x-outside-sni"] == host
        assert sleep.get("http://edition.cnn.com/").status == 502
        assert sleep.get("https://edition.cnn.com/").status == 0
    assert sleep.get(f"http://{host}/").status == 502


def test_a_sidecar_lets_out_what_the_mesh_does_not(mesh: Mesh, sleep: Caller) -> None:
    assert sleep.get("http://edition.cnn.com/").status == 502
    with applied(mesh, sidecar("{outboundTrafficPolicy: {mode: ALLOW_ANY}}")):
        assert sleep.get("http://edition.cnn.com/").status == 301
        assert sleep.get("https://edition.cnn.com/").status == 200
    assert sleep.get("https://edition.cnn.com/").status == 0


def test_a_sidecar_hides_what_its_hosts_do_not_name(mesh: Mesh, sleep: Caller) -> None:
    with applied(mesh, WILDCARD):
        with applied(mesh, sidecar("{egress: [{hosts: ['istio-system/*']}]}")):
            assert sleep.get("http://en.wikipedia.org/").status == 502
        with applied(mesh, sidecar("{egress: [{hosts: ['*/*', '~/*.wikipedia.org']}]}")):
            assert sleep.get("http://en.wikipedia.org/").status == 502
        assert sleep.get("http://en.wikipedia.org/").status == 200


def test_a_sidecar_listens_where_it_says(mesh: Mesh, sleep: Caller) -> None:
    listener = "{port: {number: 15080, protocol: HTTP_PROXY}, bind: 127.0.0.1, captureMode: NONE, hosts: ['*/*']}"
    with applied(mesh, WILDCARD + "\n---\n" + sidecar(f"{{egress: [{listener}]}}")):
        answer = sleep.get("http://en.wikipedia.org/", "--proxy", "http://127.0.0.1:15080")
        assert (answer.status, answer.headers["x-outside-address"]) == (200, "203.0.113.81")


def test_a_sidecar_delivers_where_it_says(mesh: Mesh, sleep: Caller) -> None:
    server = deployment("web", {"app": "web"}, ["python3", "-m", "http.server", "8080", "--bind", "127.0.0.1"])
    listener = "{port: {number: 9080, protocol: HTTP}, defaultEndpoint: '127.0.0.1:8080'}"
    spec = f"{{workloadSelector: {{labels: {{app: web}}}}, ingress: [{listener}]}}"
    service: dict[str, object] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 9080}]},
    }
    with applied(mesh, text_of([server, service]) + "\n---\n" + sidecar(spec)):
        mesh.wait_ready("app=web")
        assert sleep.get("http://web/").status == 200


def blocked_events(mesh: Mesh) -> set[str]:
    told = json.loads(mesh.meshgate("get", "events", "-o", "json").stdout)["items"]
    return {one["message"] for one in told if one["reason"] == "OutboundBlocked"}


def is_told(mesh: Mesh, what: str) -> bool:
    return any(f"a call to {what} was refused" in message for message in blocked_events(mesh))


def test_who_was_refused_is_told(mesh: Mesh, sleep: Caller) -> None:
    assert sleep.get("http://edition.cnn.com:80/politics").status == 502
    assert sleep.get("https://httpbin.org/").status == 0
    wait_until(lambda: is_told(mesh, '"edition.cnn.com" port 80'), "the request is told of")
    address = json.loads(mesh.meshgate("status", "-o", "json").stdout)["lab"]["hosts"]["httpbin.org"]
    wait_until(lambda: is_told(mesh, f'{address} port 443, looked up as "httpbin.org"'), "the connection is told of")
    status = mesh.meshgate("status").stdout
    assert '"edition.cnn.com" port 80' in status
    assert "httpbin.org" in status
    log = mesh.meshgate("logs", "deploy/sleep", "-c", "istio-proxy").stdout
    assert any("/politics" in line and "edition.cnn.com" in line and "block_all" in line for line in log.splitlines())


def test_tls_to_a_shared_port_is_told_by_its_name(mesh: Mesh, sleep: Caller) -> None:
    """Where some host is told from others by SNI, the refused one is, too."""
    with applied(mesh, WILDCARD):
        assert sleep.get("https://edition.cnn.com/").status == 0
        wait_until(lambda: is_told(mesh, '"edition.cnn.com" port 443'), "the connection is told of")
