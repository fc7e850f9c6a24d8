"""Automatic mutual TLS in a running mesh: on every hop, by what each endpoint takes; the wire shows nothing."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator

import pytest

from tests.e2e.manifests import Object, istio, mirror, namespace, service, tcp_echo, text_of
from tests.e2e.mesh import Mesh, curl, running_mesh
from tests.e2e.wire import listening

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HTTP, SNIFFED, BYTES, SNIFFED_BYTES = 8080, 8081, 9000, 9001
MARK = f"web-{uuid.uuid4().hex}"
"""An argument of a server's process, by which its pod is found."""
ASKER = "spiffe://cluster.local/ns/shop/sa/asker"


class Shop:
    """The mesh and who asks in it."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh

    def ask(self, host: str, path: str = "/headers", *, by: str = "asker") -> tuple[int, str, str]:
        """Status, the name of the server, and what it was told of the client's certificate."""
        form = "\n%{http_code}"
        done = self.mesh.exec(by, "curl", "-s", "-m", "10", "-w", form, f"http://{host}{path}", namespace="shop")
        body, _, status = done.stdout.rpartition("\n")
        told = json.loads(body) if body.startswith("{") else {}
        headers = {name.lower(): value for name, value in told.get("headers", {}).items()}
        return int(status), str(told.get("name", "")), headers.get("x-forwarded-client-cert", "")

    def say(self, port: int) -> str:
        """What a server of bytes answers."""
        command = f"printf 'hello\\n' | timeout 10 python3 -c \"{_SAY}\" web {port}"
        return self.mesh.exec("asker", "sh", "-c", command, namespace="shop").stdout.strip()

    def require(self, mode: str) -> None:
        self.mesh.apply(
            "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: web, namespace: shop},"
            f" spec: {{selector: {{matchLabels: {{app: web}}}}, mtls: {{mode: {mode}}}}}}}"
        )


_SAY = (
    "import socket,sys; c=socket.create_connection((sys.argv[1], int(sys.argv[2])), 10);"
    "c.sendall(sys.stdin.buffer.readline()); print(c.makefile().readline().strip())"
)


def _in_shop(made: Object) -> Object:
    metadata = made["metadata"]
    assert isinstance(metadata, dict)
    return {**made, "metadata": {**metadata, "namespace": "shop"}}


def _pod(name: str, app: str, *containers: Object, injected: bool = True, account: str = "default") -> Object:
    labels = {"app": app, **({} if injected else {"sidecar.istio.io/inject": "false"})}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": labels},
        "spec": {"serviceAccountName": account, "containers": list(containers), "terminationGracePeriodSeconds": 1},
    }


def _server(name: str, command: list[str], port: int) -> Object:
    look = {"tcpSocket": {"port": port}, "periodSeconds": 1}
    return {"name": name, "command": command, "ports": [{"containerPort": port}], "readinessProbe": look}


def _account(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "shop"}}


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    idle: Object = {"name": "client", "command": ["sleep", "infinity"]}
    route = {"route": [{"destination": {"host": "web.shop.svc.cluster.local", "port": {"number": HTTP}}}]}
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["web.example.com"]}
    objects = [
        namespace("shop"),
        _account("asker"),
        _pod(
            "web",
            "web",
            _server("http", mirror(MARK, HTTP), HTTP),
            _server("sniffed", mirror("sniffed", SNIFFED), SNIFFED),
            _server("bytes", tcp_echo("bytes", BYTES), BYTES),
            _server("sniffed-bytes", tcp_echo("sniffed", SNIFFED_BYTES), SNIFFED_BYTES),
        ),
        _pod("with", "mixed", _server("with", mirror("with", HTTP), HTTP)),
        _pod("without", "mixed", _server("without", mirror("without", HTTP), HTTP), injected=False),
        _pod("asker", "asker", idle, account="asker"),
        _pod("bare", "bare", idle, injected=False),
        _in_shop(service("web", {"http": HTTP, "x": SNIFFED, "tcp": BYTES, "y": SNIFFED_BYTES})),
        _in_shop(service("mixed", {"http": HTTP})),
        istio("Gateway", "web", {"selector": {"istio": "ingressgateway"}, "servers": [server]}, "shop"),
        istio("VirtualService", "web", {"hosts": ["web.example.com"], "gateways": ["web"], "http": [route]}, "shop"),
    ]
    with running_mesh() as mesh:
        mesh.meshgate("apply", "-f", "-", stdin=text_of(objects))
        mesh.wait_ready("app in (web, mixed, asker, bare)", namespace="shop")
        mesh.wait_ready("istio=ingressgateway", namespace="istio-system")
        mesh.wait_applied()
        yield Shop(mesh)


@pytest.mark.parametrize("mode", ["PERMISSIVE", "STRICT"])
def test_every_kind_of_port_is_reached_with_the_client_s_certificate(shop: Shop, mode: str) -> None:
    shop.require(mode)
    for port in (HTTP, SNIFFED):
        status, _, certificate = shop.ask(f"web:{port}")
        assert status == 200
        assert f"URI={ASKER}" in certificate
    assert [shop.say(port) for port in (BYTES, SNIFFED_BYTES)] == ["bytes hello", "sniffed hello"]


def test_a_gateway_has_a_certificate_as_well(shop: Shop) -> None:
    shop.require("STRICT")
    where = ("--resolve", f"web.example.com:{shop.mesh.http_port}:127.0.0.1")
    done = curl(*where, f"http://web.example.com:{shop.mesh.http_port}/headers")
    assert "ns/istio-system/sa/istio-ingressgateway" in done.stdout


def test_each_endpoint_gets_what_it_takes(shop: Shop) -> None:
    answers = [shop.ask(f"mixed:{HTTP}") for _ in range(20)]
    assert {status for status, _, _ in answers} == {200}
    by_name = {name: bool(certificate) for _, name, certificate in answers}
    assert by_name == {"with": True, "without": False}


def test_nothing_is_readable_on_the_wire(shop: Shop) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root sees the wire")
    shop.require("PERMISSIVE")
    for by, is_readable in (("bare", True), ("asker", False)):
        secret = f"secret-{uuid.uuid4().hex}"
        with listening(MARK) as wire:
            assert shop.ask(f"web:{HTTP}", f"/headers?{secret}", by=by)[0] == 200
            seen = wire.stop()
        assert len(seen) > 100
        assert (secret.encode() in seen) is is_readable


def test_who_answers_must_be_who_is_expected(shop: Shop) -> None:
    shop.require("STRICT")
    tls = {"mode": "ISTIO_MUTUAL", "subjectAltNames": ["spiffe://cluster.local/ns/shop/sa/other"]}
    expecting = istio("DestinationRule", "web", {"host": "web", "trafficPolicy": {"tls": tls}}, "shop")
    plain = istio("DestinationRule", "web", {"host": "web", "trafficPolicy": {"tls": {"mode": "DISABLE"}}}, "shop")
    for rule in (expecting, plain):
        shop.mesh.apply(text_of([rule]))
        assert shop.ask(f"web:{HTTP}")[0] == 503
    shop.mesh.meshgate("delete", "destinationrule", "web", "-n", "shop")
    shop.mesh.wait_applied()
    assert shop.ask(f"web:{HTTP}")[0] == 200
