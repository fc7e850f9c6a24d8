"""A gateway as users write it, in a real Envoy, with its secrets; and clients that speak TLS to it.

Two authorities, `CA` for everybody and `OTHER` for those who are not to be believed. What a test asks of the wire it
asks with curl or openssl, so that nothing of ours answers for us.
"""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import subprocess
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec

from meshgate.api import SecretBytes
from meshgate.envoy import ProxyPorts, Resource, certificate_secret, validation_secret
from tests.certificates import Made, certificate
from tests.golden.made import resources_of
from tests.live_envoy import LiveEnvoy, free_ports, running_envoy
from tests.mesh.objects import istio
from tests.mesh.objects import resources as objects_of

CA = certificate("authority", is_ca=True)
OTHER = certificate("another authority", is_ca=True)
CLIENT = certificate("client", issuer=CA, dns=["client.test"])
STRANGER = certificate("stranger", issuer=OTHER, dns=["client.test"])
HOSTS = [f"{name}.test" for name in "abcdefghijkl"]

POD = """
apiVersion: v1
kind: Pod
metadata: {name: gw, namespace: default, labels: {app: gw}, annotations: {inject.istio.io/templates: gateway}}
spec: {containers: [{name: istio-proxy, image: auto}]}
status: {podIP: 127.0.0.1, podIPs: [{ip: 127.0.0.1}], phase: Running}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: backend, namespace: default}
spec:
  hosts: [backend.test]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: BACKEND}]
  endpoints: [{address: 127.0.0.1}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: all, namespace: default}
spec:
  hosts: ["*"]
  gateways: [gw]
  http: [{route: [{destination: {host: backend.test}}]}]
  tcp: [{route: [{destination: {host: backend.test}}]}]
"""


def server(host: str, tls: str, protocol: str = "HTTPS") -> str:
    """One server of the Gateway; the port comes from the test's."""
    name = re.sub("[^a-z]", "", host) or "any"
    port = f"{{number: PORT, name: {name}, protocol: {protocol}}}"
    return f"{{port: {port}, bind: 127.0.0.1, hosts: [{host}], tls: {{{tls}}}}}"


def pair(name: str, made: Made) -> Resource:
    return certificate_secret(name, made.pem, SecretBytes(made.key))


def served(name: str) -> Made:
    """The certificate for a host."""
    return certificate(name, issuer=CA, dns=[name])


def given_secrets(resources: Iterable[Resource]) -> list[Resource]:
    """A certificate for each host, roots for each that asks for clients, and the mesh's own."""
    text = " ".join(str(one.body) for one in resources)
    found = [pair(f"kubernetes://{host}", served(host)) for host in HOSTS if f"kubernetes://{host}" in text]
    found += [
        validation_secret(f"kubernetes://{host}-cacert", CA.pem)
        for host in HOSTS
        if f"kubernetes://{host}-cacert" in text
    ]
    return found


class TlsGateway:
    """The gateway, and what one sees of it."""

    def __init__(self, envoy: LiveEnvoy, backend: int, directory: Path) -> None:
        self.envoy = envoy
        self.port = 0
        self.withheld: frozenset[str] = frozenset()
        self._backend = backend
        self._directory = directory

    def apply(self, *servers: str, secrets: Iterable[Resource] = (), more: str = "") -> None:
        """The Gateway with these servers, on a port of its own: what was there before answers there no more.

        All hosts have certificates; `secrets` says otherwise, or more."""
        [self.port] = free_ports(1)
        self._apply(servers, secrets, more)

    def apply_again(self, *servers: str, secrets: Iterable[Resource] = ()) -> None:
        """The same on the port that is there; a worker of Envoy's may take it up a moment later."""
        self._apply(servers, secrets, "")

    def _apply(self, servers: tuple[str, ...], secrets: Iterable[Resource], more: str) -> None:
        spec = f"{{selector: {{app: gw}}, servers: [{', '.join(servers)}]}}"
        text = POD + istio("Gateway", "gw", spec) + more
        objects = objects_of(text.replace("PORT", str(self.port)).replace("BACKEND", str(self._backend)))
        _, resources = resources_of(objects, edge_socket=str(self.envoy.directory / "edge"))
        chosen = {one.name: one for one in (*given_secrets(resources), *secrets)}
        self.envoy.apply([*resources, *(one for name, one in chosen.items() if name not in self.withheld)])

    def withhold(self, *secrets: str) -> None:
        """These do not exist."""
        self.withheld = frozenset(secrets)
        self.envoy.withhold(*secrets)

    def file(self, name: str, content: bytes) -> str:
        path = self._directory / name
        path.write_bytes(content)
        return str(path)

    def curl(self, host: str, *arguments: str, client: Made | None = None, sni: str = "") -> Answer:
        """GET by curl, which believes `CA` only. `host` is asked for; `sni` is said in the handshake if given."""
        to = sni or host
        command = ["curl", "-sS", "--max-time", "10", "--cacert", self.file("ca.pem", CA.pem)]
        command += ["--resolve", f"{to}:{self.port}:127.0.0.1", f"https://{to}:{self.port}/path", "-H", f"Host: {host}"]
        command += ["-w", "\n%{http_code} %{http_version}", *arguments]
        if client is not None:
            command += ["--cert", self.file("client.pem", client.pem), "--key", self.file("client.key", client.key)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        body, _, last = done.stdout.rpartition("\n")
        status, version = last.split() if last else ("000", "0")
        return Answer(status=int(status), version=version, body=body, error=done.stderr)

    def handshake(self, host: str, *arguments: str) -> str:
        """What `openssl s_client` says of a handshake."""
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", *arguments]
        command += ["-servername", host] if host else ["-noservername"]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20)
        return done.stdout + done.stderr


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What curl got; status 0: nothing."""

    status: int
    version: str
    body: str
    error: str

    def header(self, name: str) -> str:
        """A header that the backend got."""
        headers: dict[str, str] = json.loads(self.body)
        return headers.get(name, "")


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def running_tls_gateway(directory: Path) -> Iterator[TlsGateway]:
    """An Envoy and a backend that tells the headers it got."""
    backend = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    ports = dict(zip(("admin", "status", "readiness", "prometheus"), free_ports(4), strict=True))
    try:
        with running_envoy(isolated=False, ports=ProxyPorts(**ports, wildcard="127.0.0.1")) as envoy:
            yield TlsGateway(envoy, backend.server_address[1], directory)
    finally:
        backend.shutdown()
        backend.server_close()


@contextlib.contextmanager
def tls_server(directory: Path, made: Made) -> Iterator[int]:
    """A server that shakes hands with this certificate; its port."""
    for name, content in (("inner.pem", made.pem), ("inner.key", made.key)):
        (directory / name).write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "inner.pem", directory / "inner.key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
