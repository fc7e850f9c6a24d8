"""One mesh for the examples that do what Istio's samples do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.e2e.answers import Caller, inside, outside
from tests.e2e.mesh import Mesh, running_mesh

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
WORKLOADS = (
    "bookinfo/bookinfo.yaml",
    "bookinfo/more-versions.yaml",
    "httpbin/httpbin.yaml",
    "helloworld/helloworld.yaml",
    "tcp-echo/tcp-echo.yaml",
)
APPS = "productpage, details, reviews, ratings, mongodb, mysqldb, httpbin, helloworld, tcp-echo, sleep"


class SamplesMesh:
    """The mesh and who calls."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.outside: Caller = outside(mesh.load_balancer_address("istio-ingressgateway", "istio-system"))
        self.sleep: Caller = inside(mesh, "deploy/sleep")

    def apply(self, *files: str) -> str:
        """Apply files of the examples and wait until every proxy has them; what was printed, warnings too."""
        done = self.mesh.meshgate("apply", *_named(files))
        self.mesh.wait_applied()
        return done.stdout + done.stderr

    def delete(self, *files: str) -> None:
        self.mesh.meshgate("delete", "--ignore-not-found", *_named(files))

    @contextlib.contextmanager
    def applied(self, *files: str) -> Iterator[None]:
        """Files of the examples, at every proxy for as long as this lasts."""
        self.apply(*files)
        yield
        self.delete(*files)


def _named(files: Iterable[str]) -> list[str]:
    return [part for file in files for part in ("-f", str(EXAMPLES / file))]


@contextlib.contextmanager
def started_samples() -> Iterator[SamplesMesh]:
    with running_mesh("--lab") as mesh:
        mesh.meshgate("apply", *_named(WORKLOADS))
        mesh.wait_ready(f"app in ({APPS})", "istio=tcp-gateway", timeout_s=120)
        mesh.wait_ready("istio=ingressgateway", namespace="istio-system")
        yield SamplesMesh(mesh)
