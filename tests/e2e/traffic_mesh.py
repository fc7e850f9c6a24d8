"""One mesh for everything that a VirtualService or DestinationRule can do, each on a host name of its own.

`web` is an HTTP mirror (v1 twice, v2 once), `shadow` another one, `echo` a TCP server in two versions, `sleep` and
`other` are clients. The Gateway takes every host at port 80; rules that name it and `mesh` hold outside and inside.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import yaml

from tests.e2e.answers import Caller, inside, outside
from tests.e2e.manifests import Object, deployment, istio, mirror, service, tcp_echo, text_of
from tests.e2e.mesh import Mesh, running_mesh

INSIDE = "http://web"
"""By which a sidecar's rules are reached; the Host header chooses among them. Hosts without a service are known at
port 80 only, as in Istio."""

WORKLOADS: Sequence[Object] = (
    service("web", {"http": 80, "http-8000": 8000}, target=8000),
    deployment("web-v1", {"app": "web", "version": "v1"}, mirror("", 8000), 8000, replicas=2),
    deployment("web-v2", {"app": "web", "version": "v2"}, mirror("", 8000), 8000),
    service("shadow", {"http": 8000}),
    deployment("shadow", {"app": "shadow"}, mirror("shadow", 8000), 8000),
    service("echo", {"tcp": 9000}),
    deployment("echo-v1", {"app": "echo", "version": "v1"}, tcp_echo("one", 9000), 9000),
    deployment("echo-v2", {"app": "echo", "version": "v2"}, tcp_echo("two", 9000), 9000),
    deployment("sleep", {"app": "sleep"}, ["sleep", "infinity"]),
    deployment("other", {"app": "other"}, ["sleep", "infinity"]),
)
GATEWAY = istio(
    "Gateway",
    "edge",
    {
        "selector": {"istio": "ingressgateway"},
        "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}],
    },
)
SUBSETS = [{"name": "v1", "labels": {"version": "v1"}}, {"name": "v2", "labels": {"version": "v2"}}]


class TrafficMesh:
    """The mesh and who calls."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.outside: Caller = outside(mesh.load_balancer_address("istio-ingressgateway", "istio-system"))
        self.sleep: Caller = inside(mesh, "deploy/sleep")
        self.other: Caller = inside(mesh, "deploy/other")

    @contextlib.contextmanager
    def applied(self, objects: Sequence[Object]) -> Iterator[str]:
        """Objects that every proxy has for as long as this lasts; what was printed, warnings too."""
        text = text_of(objects)
        done = self.mesh.meshgate("apply", "-f", "-", stdin=text)
        self.mesh.wait_applied()
        yield done.stdout + done.stderr
        self.mesh.meshgate("delete", "--ignore-not-found", "-f", "-", stdin=text)


@contextlib.contextmanager
def started_traffic() -> Iterator[TrafficMesh]:
    with running_mesh() as mesh:
        mesh.meshgate("apply", "-f", "-", stdin=text_of([*WORKLOADS, GATEWAY]))
        mesh.wait_ready("app in (web, shadow, echo, sleep, other)")
        mesh.wait_ready("istio=ingressgateway", namespace="istio-system")
        yield TrafficMesh(mesh)


def virtual_services(rules: Mapping[str, str]) -> list[Object]:
    """A VirtualService for each name, on the host `NAME.test`, for the gateway and the mesh.

    The text is the YAML of its `http` list, or a mapping that is merged into the spec.
    """
    return [virtual_service(name, yaml.safe_load(text)) for name, text in rules.items()]


def virtual_service(name: str, given: object) -> Object:
    spec: Object = {"hosts": [f"{name}.test"], "gateways": ["edge", "mesh"]}
    spec |= given if isinstance(given, dict) else {"http": given}
    return istio("VirtualService", name, spec)


def destination_rule(name: str, host: str, policy: str, **more: object) -> Object:
    """A DestinationRule for a host; `policy` is the YAML of its trafficPolicy."""
    return istio("DestinationRule", name, {"host": host, "trafficPolicy": yaml.safe_load(policy), **more})
