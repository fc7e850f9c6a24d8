"""A mesh for the scenarios that have a gateway of their own, and how to talk to it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from meshgate.tour import scenario_text
from tests.e2e.answers import Caller, inside, outside
from tests.e2e.mesh import Mesh, running_mesh

GATEWAY_NAMESPACE = "some-config-namespace"
WORKLOADS = {
    GATEWAY_NAMESPACE: ("app=my-gateway-controller",),
    "prod": ("app=reviews", "app=mongo"),
    "qa": ("app=reviews",),
    "default": ("app=sleep", "app=service-a", "app=service-b", "app=service-c"),
}


class TourMesh:
    """The mesh, the gateway's address, a caller outside and one inside."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.address = mesh.load_balancer_address("my-gateway-controller", GATEWAY_NAMESPACE)
        self.outside: Caller = outside(self.address)
        self.inside: Caller = inside(mesh, "deploy/sleep", "sleep")

    @contextlib.contextmanager
    def applied(self, *scenarios: str) -> Iterator[str]:
        """Scenarios' files as they are, at every proxy for as long as this lasts; what was printed, warnings too."""
        text = "\n---\n".join(scenario_text(name) for name in scenarios)
        yield self.apply(text)
        self.mesh.meshgate("delete", "-f", "-", stdin=text)

    def apply(self, text: str) -> str:
        """Apply objects and wait until every proxy has them; what was printed, warnings too."""
        done = self.mesh.meshgate("apply", "-f", "-", stdin=text)
        self.mesh.wait_applied()
        return done.stdout + done.stderr

    def say(self, port: int, line: str) -> str:
        """What a TCP server behind a port of the gateway answers to a line."""
        return say(self.address, port, line)


@contextlib.contextmanager
def started_tour() -> Iterator[TourMesh]:
    """A mesh with the tour's workloads, all ready."""
    with running_mesh() as mesh:
        mesh.meshgate("apply", "-f", "-", stdin=scenario_text("gateway-workloads"))
        mesh.meshgate("apply", "-f", "-", stdin=scenario_text("workloads"))
        for namespace, selectors in WORKLOADS.items():
            mesh.wait_ready(*selectors, namespace=namespace)
        yield TourMesh(mesh)


def say(address: str, port: int, line: str) -> str:
    """Send a line over TCP; the line that comes back, empty if the connection is closed."""
    with socket.create_connection((address, port), timeout=10) as connection, connection.makefile("rwb") as file:
        file.write(line.encode() + b"\n")
        file.flush()
        return file.readline().decode().rstrip("\n")
