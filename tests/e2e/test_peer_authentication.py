"""PeerAuthentications at a real workload: who is served in each mode, over plain HTTP, mutual TLS, and TLS of its own.

The client is a pod without a sidecar; certificates of the mesh's own authority make it one of the mesh.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from meshgate.api import Ref, Secret, decode
from meshgate.ca import Authority, authority_of
from meshgate.ca.issue import Order, issue, new_authority
from tests.e2e.manifests import Object, mirror, namespace, service, text_of
from tests.e2e.mesh import Mesh, curl, running_mesh, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

WEB, ADMIN, OWN_TLS, UNKNOWN = 8080, 9090, 8443, 9999
"""Two ports of HTTP, one of HTTPS, and one that no service has."""
CLIENT = "spiffe://cluster.local/ns/shop/sa/client"
SERVE_TLS = """
d=$(mktemp -d); openssl req -x509 -newkey rsa:2048 -nodes -keyout $d/key -out $d/cert -subj /CN=own -days 1
exec openssl s_server -accept 8443 -key $d/key -cert $d/cert -quiet -www
"""
ASK = """
import http.client, json, socket, ssl, sys, tempfile

address, port, given = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
connection = http.client.HTTPConnection(address, port, timeout=10)
try:
    connection.connect()
    if given is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if given["alpn"]:
            context.set_alpn_protocols(given["alpn"])
        if given["pem"]:
            with tempfile.NamedTemporaryFile("w") as file:
                file.write(given["pem"])
                file.flush()
                context.load_cert_chain(file.name)
        connection.sock = context.wrap_socket(connection.sock)
    connection.request("GET", "/headers")
    answer = connection.getresponse()
    body = answer.read().decode()
    told = json.loads(body)["headers"] if body.startswith("{") else {}
    print(json.dumps([answer.status, {name.lower(): value for name, value in told.items()}]))
except (OSError, http.client.HTTPException) as error:
    print(json.dumps([0, {"error": str(error)}]))
"""
"""Asks once from inside a pod; the status is 0 where there was no answer."""


@dataclass(frozen=True)
class Tls:
    """What a client brings to a handshake."""

    pem: str = ""
    """Certificate and key; empty: none."""
    alpn: tuple[str, ...] = ()


class Shop:
    """The mesh, the workload, and who asks it."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        (pod,) = mesh.pods("app=web", "shop")
        status = pod["status"]
        assert isinstance(status, dict)
        self.address = str(status["podIP"])
        now = datetime.now(UTC)
        self.certificate = certificate(_authority(mesh, now), CLIENT)
        self.foreign = certificate(new_authority("cluster.local", now), CLIENT)
        self.of_another_domain = certificate(_authority(mesh, now), "spiffe://other.org/ns/shop/sa/client")

    def ask(self, port: int = WEB, tls: Tls | None = None) -> tuple[int, dict[str, str]]:
        """Status and the headers that arrived."""
        given = json.dumps(None if tls is None else {"pem": tls.pem, "alpn": list(tls.alpn)})
        done = self.mesh.exec("bare", "python3", "-c", ASK, self.address, str(port), given, namespace="shop")
        assert done.returncode == 0, done.stderr
        status, headers = json.loads(done.stdout)
        return status, headers

    def status(self, port: int = WEB, tls: Tls | None = None) -> int:
        return self.ask(port, tls)[0]

    def member(self, *alpn: str) -> Tls:
        return Tls(self.certificate, alpn)

    def rule(self, mode: str, ports: str = "") -> None:
        """One policy for the workload, and none else."""
        own = f", portLevelMtls: {{{ports}}}" if ports else ""
        self.mesh.apply(
            f"""
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: web, namespace: shop}}
spec: {{selector: {{matchLabels: {{app: web}}}}, mtls: {{mode: {mode}}}{own}}}
"""
        )


def certificate(authority: Authority, identity: str) -> str:
    """Certificate and key in PEM."""
    (issued,) = issue(authority, [Order(identity=identity)], datetime.now(UTC))
    return (issued.chain_pem + issued.key_pem.reveal()).decode()


def _authority(mesh: Mesh, now: datetime) -> Authority:
    resource, _ = decode(mesh.get("secret", "istio-ca-secret", "-n", "istio-system"))
    assert resource is not None
    assert isinstance(resource.spec, Secret)
    found, _ = authority_of(Ref("Secret", "istio-system", "istio-ca-secret"), dict(resource.spec.data), now)
    assert found is not None
    return found


def _in_shop(made: Object) -> Object:
    metadata = made["metadata"]
    assert isinstance(metadata, dict)
    return {**made, "metadata": {**metadata, "namespace": "shop"}}


def _pod(name: str, labels: dict[str, str], *containers: Object) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": labels},
        "spec": {"containers": list(containers), "terminationGracePeriodSeconds": 1},
    }


def _server(name: str, command: list[str], port: int) -> Object:
    look = {"tcpSocket": {"port": port}, "periodSeconds": 1}
    return {"name": name, "command": command, "ports": [{"containerPort": port}], "readinessProbe": look}


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    servers = (
        _server("web", mirror("web", WEB), WEB),
        _server("admin", mirror("admin", ADMIN), ADMIN),
        _server("unknown", mirror("unknown", UNKNOWN), UNKNOWN),
        _server("own-tls", ["sh", "-c", SERVE_TLS], OWN_TLS),
    )
    idle: Object = {"name": "client", "command": ["sleep", "infinity"]}
    objects = [
        namespace("shop"),
        _pod("web", {"app": "web"}, *servers),
        _pod("bare", {"app": "client", "sidecar.istio.io/inject": "false"}, idle),
        _in_shop(service("web", {"http": WEB, "http-admin": ADMIN, "https": OWN_TLS})),
    ]
    with running_mesh() as mesh:
        mesh.meshgate("apply", "-f", "-", stdin=text_of(objects))
        mesh.wait_ready("app in (web, client)", namespace="shop")
        mesh.wait_applied()
        yield Shop(mesh)


def test_without_a_policy_everybody_is_served(shop: Shop) -> None:
    status, headers = shop.ask()
    assert (status, headers.get("x-forwarded-client-cert")) == (200, None)
    for alpn in (("istio-http/1.1",), ("istio-http/1.0", "istio-http/1.1"), ("istio", "http/1.1")):
        status, headers = shop.ask(tls=shop.member(*alpn))
        assert status == 200, alpn
        said = headers["x-forwarded-client-cert"]
        assert said.startswith("By=spiffe://cluster.local/ns/shop/sa/default;")
        assert f"URI={CLIENT}" in said
    assert shop.status(UNKNOWN) == 200
    assert shop.status(UNKNOWN, shop.member("istio-http/1.1")) == 200


def test_nobody_tells_of_another_s_certificate(shop: Shop) -> None:
    """What a plain client says of certificates is dropped."""
    told = shop.mesh.exec(
        "bare", "curl", "-s", "-H", f"x-forwarded-client-cert: URI={CLIENT}", f"http://{shop.address}:{WEB}/headers",
        namespace="shop",
    )  # fmt: skip
    assert '"headers"' in told.stdout
    assert CLIENT not in told.stdout


def test_a_workload_s_own_tls_reaches_it(shop: Shop) -> None:
    shop.rule("PERMISSIVE")
    assert shop.status(OWN_TLS, Tls()) == 200
    assert shop.status(OWN_TLS, Tls(alpn=("http/1.1",))) == 200


def test_strict_serves_members_alone(shop: Shop) -> None:
    shop.rule("STRICT")
    for port in (WEB, ADMIN, UNKNOWN):
        assert shop.status(port) == 0
        assert shop.status(port, Tls()) == 0, "no certificate"
        assert shop.status(port, Tls(shop.foreign, ("istio-http/1.1",))) == 0, "of another authority"
        assert shop.status(port, Tls(shop.of_another_domain, ("istio-http/1.1",))) == 0, "of another trust domain"
        assert shop.status(port, shop.member("istio-http/1.1")) == 200
    assert shop.status(WEB, shop.member()) == 200
    assert shop.status(OWN_TLS, Tls()) == 0


def test_under_strict_the_host_is_no_member_either(shop: Shop) -> None:
    if os.geteuid() != 0:
        pytest.skip("without root the host does not reach pods")
    shop.rule("PERMISSIVE")
    assert curl("-o", "/dev/null", f"http://{shop.address}:{WEB}/").returncode == 0
    shop.rule("STRICT")
    assert curl("-o", "/dev/null", f"http://{shop.address}:{WEB}/").returncode != 0


def test_under_strict_a_pod_becomes_ready_and_can_be_watched(shop: Shop) -> None:
    """Probes of every kind meet the application; the proxy's own ports are none of the policy's."""
    shop.mesh.apply(
        "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: all, namespace: shop},"
        " spec: {mtls: {mode: STRICT}}}"
    )
    server = _server("late", mirror("late", WEB), WEB)
    look = {"httpGet": {"port": WEB, "path": "/"}, "periodSeconds": 1}
    late = _pod("late", {"app": "late"}, {**server, "readinessProbe": look, "livenessProbe": look})
    shop.mesh.meshgate("apply", "-f", "-", stdin=text_of([late]))
    shop.mesh.wait_ready("app=late", namespace="shop")
    (pod,) = shop.mesh.pods("app=late", "shop")
    status = pod["status"]
    assert isinstance(status, dict)
    for port, path in ((15021, "/healthz/ready"), (15020, "/stats/prometheus"), (15090, "/stats/prometheus")):
        url = f"http://{status['podIP']}:{port}{path}"
        done = shop.mesh.exec("bare", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url, namespace="shop")
        assert done.stdout == "200", url
    shop.mesh.meshgate("delete", "peerauthentication", "all", "-n", "shop")
    shop.mesh.meshgate("delete", "pod", "late", "-n", "shop")


def test_a_port_may_differ(shop: Shop) -> None:
    shop.rule("STRICT", f'"{ADMIN}": {{mode: DISABLE}}, "{UNKNOWN}": {{mode: PERMISSIVE}}')
    assert [shop.status(port) for port in (WEB, ADMIN, UNKNOWN)] == [0, 200, 200]
    member = shop.member("istio-http/1.1")
    assert [shop.status(port, member) for port in (WEB, ADMIN, UNKNOWN)] == [200, 0, 200]


def test_disable_takes_no_tls_of_the_mesh(shop: Shop) -> None:
    shop.rule("DISABLE")
    assert shop.status() == 200
    assert shop.status(WEB, shop.member("istio-http/1.1")) == 0
    assert shop.status(OWN_TLS, Tls()) == 200


def test_without_the_policy_all_is_as_it_was(shop: Shop) -> None:
    shop.rule("STRICT")
    assert shop.status() == 0
    shop.mesh.meshgate("delete", "peerauthentication", "web", "-n", "shop")
    shop.mesh.wait_applied()
    assert shop.status() == 200


def _messages(mesh: Mesh, name: str) -> object:
    status = mesh.get("peerauthentication", name, "-n", "shop").get("status")
    return status.get("validationMessages") if isinstance(status, dict) else None


def test_a_policy_that_decides_nothing_is_told(shop: Shop) -> None:
    shop.mesh.apply(
        """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: nobody, namespace: shop}
spec: {selector: {matchLabels: {app: nobody}}, mtls: {mode: STRICT}}
"""
    )
    assert [line for line in shop.mesh.problems() if "IST0127" in line and "PeerAuthentication/shop/nobody" in line]
    wait_until(lambda: _messages(shop.mesh, "nobody"), "the object's status says so")
    shop.mesh.meshgate("delete", "peerauthentication", "nobody", "-n", "shop")
