"""One mesh for every kind of Service and ServiceEntry, and clients with and without a sidecar.

`echo` (two pods; HTTP on the ports named web and admin) and the pods `db-0` and `db-1` (TCP) are in the mesh, `late` is
never ready, `outside` has no sidecar: for the mesh its address is just somewhere. `sleep` and `bare` are the clients.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from meshgate.apps.outside.names import open_sockets, serve_names
from tests.e2e.manifests import Object, deployment, istio, mirror, text_of
from tests.e2e.mesh import Mesh, running_mesh

UPSTREAM_NETWORK = IPv4Network("198.51.100.0/24")
"""Where the name server that the mesh asks for names outside puts its hosts."""
ECHO = "{selector: {app: echo}, "
SERVICES = {
    "echo": ECHO
    + """ports: [
        {name: http, port: 80, targetPort: web},
        {name: http-admin, port: 81, targetPort: admin},
        {name: said, port: 82, targetPort: web, appProtocol: http},
        {name: tcp, port: 83, targetPort: web}]}""",
    "echo-names": ECHO + "clusterIP: None, ports: [{name: http, port: 8080}]}",
    "echo-sticky": ECHO + "sessionAffinity: ClientIP, ports: [{name: http, port: 80, targetPort: 8080}]}",
    "db": "{selector: {app: db}, clusterIP: None, ports: [{name: tcp, port: 9000}]}",
    "late": "{selector: {app: late}, ports: [{name: http, port: 8000}]}",
    "late-shown": "{selector: {app: late}, publishNotReadyAddresses: true, ports: [{name: http, port: 8000}]}",
    "late-names": "{selector: {app: late}, clusterIP: None, ports: [{name: http, port: 8000}]}",
    "late-names-shown": """{selector: {app: late}, clusterIP: None, publishNotReadyAddresses: true,
        ports: [{name: http, port: 8000}]}""",
    "outside": "{selector: {app: outside}, ports: [{name: http, port: 8000}]}",
    "also-echo": "{type: ExternalName, externalName: echo.default.svc.cluster.local}",
    "also-static": "{type: ExternalName, externalName: static.example.com}",
    "by-endpoints": "{ports: [{name: http, port: 80}]}",
    "by-slice": "{ports: [{name: http, port: 80}]}",
}
HTTP_TO_8000 = {"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 8000}
TCP_TO_8000 = {"number": 90, "name": "tcp", "protocol": "TCP", "targetPort": 8000}
OUTSIDE_BY_NAME = [{"address": "outside.default.svc.cluster.local"}]
SERVICE_ENTRIES: Mapping[str, Object] = {
    "static": {
        "hosts": ["static.example.com"],
        "ports": [HTTP_TO_8000, TCP_TO_8000],
        "resolution": "STATIC",
        "endpoints": [{"address": "ADDRESS"}],
    },
    "short": {
        "hosts": ["short"],
        "ports": [HTTP_TO_8000],
        "resolution": "STATIC",
        "endpoints": [{"address": "ADDRESS"}],
    },
    "at-addresses": {
        "hosts": ["*.vip.example.com"],
        "addresses": ["10.222.0.1"],
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
        "resolution": "STATIC",
        "endpoints": [{"address": "ADDRESS", "ports": {"http": 8000}}],
    },
    "dns": {
        "hosts": ["dns.example.com"],
        "ports": [HTTP_TO_8000, TCP_TO_8000],
        "resolution": "DNS",
        "endpoints": OUTSIDE_BY_NAME,
    },
    "dns-round-robin": {
        "hosts": ["rr.example.com"],
        "ports": [HTTP_TO_8000, TCP_TO_8000],
        "resolution": "DNS_ROUND_ROBIN",
        "endpoints": OUTSIDE_BY_NAME,
    },
    "none": {
        "hosts": ["none.example.com"],
        "ports": [{"number": 8000, "name": "http", "protocol": "HTTP"}],
        "resolution": "NONE",
    },
    "selecting": {
        "hosts": ["selected.example.com"],
        "location": "MESH_INTERNAL",
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 8080}],
        "resolution": "STATIC",
        "workloadSelector": {"labels": {"app": "echo"}},
    },
}
SERVICE = """
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: SPEC
"""
NAMED_POD = """
---
apiVersion: v1
kind: Pod
metadata: {name: NAME, labels: {app: db}}
spec:
  hostname: NAME
  subdomain: db
  terminationGracePeriodSeconds: 1
  containers:
  - name: db
    command: [python3, -m, meshgate.apps.tcp_echo, --port, "9000", --prefix, NAME]
    readinessProbe: {tcpSocket: {port: 9000}, periodSeconds: 1}
"""
ENDPOINTS = """
---
apiVersion: v1
kind: Endpoints
metadata: {name: by-endpoints}
subsets: [{addresses: [{ip: ADDRESS}], ports: [{name: http, port: 8000}]}]
"""
ENDPOINT_SLICE = """
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: mine, labels: {kubernetes.io/service-name: by-slice}}
addressType: IPv4
endpoints: [{addresses: [ADDRESS]}]
ports: [{name: http, port: 8000}]
"""
ASK = """
import json, socket, subprocess, sys

def http(url, *arguments):
    command = ["curl", "-sS", "-m", "10", "-w", "\\n%{http_code}", *arguments, url]
    done = subprocess.run(command, capture_output=True, text=True)
    body, _, status = done.stdout.rpartition("\\n")
    told = json.loads(body) if body.startswith("{") else {}
    return {"status": int(status), "headers": {}, "name": "", **told}

def each(number, url):
    command = ["curl", "-sS", "-o", "/dev/null", "-H", "Connection: close", "-w", "%header{x-instance}\\n"]
    done = subprocess.run([*command, f"{url}?n=[1-{number}]"], capture_output=True, text=True)
    return done.stdout.splitlines()

def line(host, port):
    with socket.create_connection((host, port), 5) as connection:
        connection.sendall(b"hello\\n")
        return [connection.makefile().readline().strip(), connection.getpeername()[0]]

def resolve(name):
    try:
        canonical, _, addresses = socket.gethostbyname_ex(name)
    except socket.gaierror:
        return ["", []]
    return [canonical, sorted(addresses)]

print(json.dumps([globals()[name](*arguments) for name, *arguments in json.loads(sys.argv[1])]))
"""
"""Answers questions inside a pod, many in one process."""

Question = tuple[str | int, ...]


def http(url: str, *arguments: str) -> Question:
    """Ask by curl; `Http` answers."""
    return ("http", url, *arguments)


def each(number: int, url: str) -> Question:
    """The mirrors that answered so many requests, each over a connection of its own."""
    return ("each", number, url)


def line(host: str, port: int) -> Question:
    """What a TCP server says to `hello`, and the address that was connected to."""
    return ("line", host, port)


def resolve(name: str) -> Question:
    """The canonical name and the addresses; nothing for a name that does not exist."""
    return ("resolve", name)


@dataclass(frozen=True)
class Http:
    """An answer of a mirror, or another one."""

    status: int
    instance: str
    headers: Mapping[str, str]
    """Of the request, as the mirror got them, in lower case."""


class Client:
    """A pod that asks."""

    def __init__(self, mesh: Mesh, pod: str) -> None:
        self._mesh = mesh
        self._pod = pod

    def ask(self, *questions: Question) -> list[Any]:
        """Their answers."""
        done = self._mesh.exec(self._pod, "python3", "-c", ASK, json.dumps(questions))
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        return [_http(answer) if isinstance(answer, dict) else answer for answer in told]


def _http(answer: Mapping[str, Any]) -> Http:
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    return Http(answer["status"], answer["name"], headers)


class ServicesMesh:
    """The mesh, its clients, and where the pods are."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.sleep = Client(mesh, "sleep")
        self.bare = Client(mesh, "bare")
        self.outside = self.addresses("app=outside")[0]

    def text(self, given: str) -> str:
        """With the address of `outside` for ADDRESS."""
        return given.replace("ADDRESS", self.outside)

    def addresses(self, selector: str) -> list[str]:
        """Of the pods with these labels, sorted."""
        statuses = [pod["status"] for pod in self.mesh.pods(selector)]
        return sorted(str(status["podIP"]) for status in statuses if isinstance(status, dict))


@contextlib.contextmanager
def started_services() -> Iterator[ServicesMesh]:
    listed = "".join(SERVICE.replace("NAME", name).replace("SPEC", spec) for name, spec in SERVICES.items())
    databases = "".join(NAMED_POD.replace("NAME", name) for name in ("db-0", "db-1"))
    late = deployment("late", {"app": "late"}, mirror("late", 8000), 1)
    outside = deployment("outside", {"app": "outside", **_without_sidecar()}, mirror("outside", 8000), 8000)
    clients = [_client("sleep", {"sidecar": "yes"}), _client("bare", _without_sidecar())]
    names = open_sockets("127.0.0.1", 0)
    serve_names(UPSTREAM_NETWORK, *names)
    with running_mesh("--dns-upstream", f"127.0.0.1:{names[0].getsockname()[1]}") as mesh:
        objects = text_of([_echo(), late, outside, *clients])
        mesh.meshgate("apply", "-f", "-", stdin=objects + listed + databases)
        mesh.wait_ready("app in (echo, outside, db, client)")
        services = ServicesMesh(mesh)
        entries = text_of([istio("ServiceEntry", name, spec) for name, spec in SERVICE_ENTRIES.items()])
        mesh.apply(services.text(entries + ENDPOINTS + ENDPOINT_SLICE))
        yield services


def _echo() -> Object:
    """Two containers with named ports."""
    made = deployment("echo", {"app": "echo"}, [], replicas=2)
    containers = [
        {
            "name": name,
            "command": mirror(instance, port),
            "ports": [{"name": name, "containerPort": port}],
            "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1},
        }
        for name, instance, port in (("web", "", 8080), ("admin", "admin", 9090))
    ]
    made["spec"]["template"]["spec"]["containers"] = containers  # type: ignore[index]  # as it was just made
    return made


def _client(name: str, labels: dict[str, str]) -> Object:
    container = {"name": "client", "command": ["sleep", "infinity"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "client", **labels}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }


def _without_sidecar() -> dict[str, str]:
    return {"sidecar.istio.io/inject": "false"}
