"""Scenario 5: one VirtualService for a gateway and the mesh, with a delay for a tenth of the requests to service-a."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from meshgate.tour import scenario_text
from tests.e2e.mesh import Mesh, curl, running_mesh

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

REQUESTS = 400
DELAY_S = 4.5
"""Below the five seconds that the fault takes, above all that a busy machine adds."""
URL_PATH = f"/api/v1/testA/?n=[1-{REQUESTS}]"
IN_PARALLEL = (
    *("-Z", "--parallel-max", "100", "--parallel-immediate"),
    *("-s", "-o", "/dev/null", "-w", "%{http_code} %{time_total}\n"),
)
"""Immediate: else curl holds a hundred transfers back until the first answer tells whether its connection takes
several at a time, and where that first one is delayed, all are."""


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    workloads: Path = tmp_path_factory.mktemp("tour") / "workloads.yaml"
    workloads.write_text(scenario_text("workloads"))
    with running_mesh() as mesh:
        mesh.meshgate("apply", "-f", workloads)
        mesh.wait_ready("app=service-a", "app=service-b", "app=service-c", "app=sleep", "app=reviews")
        mesh.wait_ready("istio=ingressgateway", namespace="istio-system")
        yield mesh


def without_mesh(text: str) -> str:
    """Scenario 5 with `mesh` taken out of the VirtualService's gateways: 5a."""
    documents = list(yaml.safe_load_all(text))
    for document in documents:
        if document["kind"] == "VirtualService":
            document["spec"]["gateways"].remove("mesh")
    return yaml.safe_dump_all(documents)


def share_delayed(answers: str) -> float:
    """Share of the answers that took the delay, in percent; each must be a 200."""
    lines = answers.splitlines()
    assert len(lines) == REQUESTS, answers[-2000:]
    assert {line.split()[0] for line in lines} == {"200"}
    return 100 * sum(float(line.split()[1]) > DELAY_S for line in lines) / REQUESTS


def outside(mesh: Mesh) -> float:
    done = curl(
        *IN_PARALLEL,
        *("--resolve", f"myservice-a.com:{mesh.http_port}:127.0.0.1"),
        f"http://myservice-a.com:{mesh.http_port}{URL_PATH}",
        timeout_s=120,
    )
    return share_delayed(done.stdout)


def inside(mesh: Mesh) -> float:
    done: subprocess.CompletedProcess[str] = mesh.meshgate(
        *("exec", "deploy/sleep", "-c", "sleep", "--", "curl"), *IN_PARALLEL, f"http://service-a:8000{URL_PATH}"
    )
    return share_delayed(done.stdout)


def test_5a_without_mesh_the_fault_is_for_outside_only(mesh: Mesh) -> None:
    mesh.apply(without_mesh(scenario_text("05-mesh-gateway")))
    assert 2 <= outside(mesh) <= 18
    assert inside(mesh) == 0


def test_5b_as_it_is_the_fault_is_for_inside_too(mesh: Mesh) -> None:
    mesh.apply(scenario_text("05-mesh-gateway"))
    assert 2 <= inside(mesh) <= 18
    assert 2 <= outside(mesh) <= 18


def test_the_answer_comes_from_the_end_of_the_chain(mesh: Mesh) -> None:
    mesh.apply(without_mesh(scenario_text("05-mesh-gateway")))
    done = mesh.exec("deploy/reviews-v2", "curl", "-sS", "http://service-a:8000/api/v1/testA/")
    assert done.stdout == '{"message": "i am service c, come from service b or a."}', done


def test_the_access_log_names_route_and_cluster(mesh: Mesh) -> None:
    mesh.apply(without_mesh(scenario_text("05-mesh-gateway")))
    done = mesh.exec("deploy/sleep", "curl", "-sS", "-o", "/dev/null", "http://service-a:8000/api/v1/testA/marked")
    assert done.returncode == 0, done
    log = mesh.meshgate("logs", "-l", "app=sleep", "-c", "istio-proxy").stdout
    line = next(line for line in log.splitlines() if "/api/v1/testA/marked" in line)
    assert '"GET /api/v1/testA/marked HTTP/1.1" 200 - via_upstream - "-"' in line
    assert "outbound|8000||service-a.default.svc.cluster.local" in line
