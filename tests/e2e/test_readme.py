"""The README's first tour, line by line, as it is written there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.mesh import MESHGATE, Mesh, running_mesh, wait_until, without_proxies

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def mesh() -> Iterator[Mesh]:
    with running_mesh(start=False) as mesh:
        yield mesh


def tour_blocks() -> list[list[str]]:
    """The code blocks of the section, as lists of commands."""
    section = (ROOT / "README.md").read_text().split("## First tour")[1].split("\n## ")[0]
    return [block.strip().splitlines() for block in re.findall(r"```\n(.*?)```", section, re.DOTALL)]


def shell(mesh: Mesh, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of the README: on the test's own ranges and ports, everything else as it is written."""
    if line.startswith("meshgate up"):
        line = f"{line} {' '.join(mesh.up_arguments())}"
    line = line.replace("http://127.0.0.1:80/", f"http://127.0.0.1:{mesh.http_port}/")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**without_proxies(), "MESHGATE_DATA_DIR": str(mesh.data_dir), "PATH": path}
    return subprocess.run(["bash", "-c", line], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def test_the_first_tour_works_as_written(mesh: Mesh) -> None:
    blocks = tour_blocks()
    assert [len(block) for block in blocks] == [5, 8, 1], "the README's tour has changed: so must this test"
    printed = []
    for line in blocks[0]:
        if line.startswith("curl"):
            mesh.wait_ready("app=hello")
            mesh.wait_applied()
        done = shell(mesh, line)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        printed.append(done.stdout)
    assert '"path": "/"' in printed[-1]
    for line in blocks[1]:
        done = shell(mesh, line)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        printed.append(done.stdout)
    assert '"headers"' in printed[5]
    assert "outbound|8000||hello.default.svc.cluster.local" in printed[6]
    assert "problems: none" in printed[7]
    assert "SUBSCRIBED TYPES" in printed[8]
    assert "hello.default.svc.cluster.local:8000" in printed[9]
    assert "PERMISSIVE" in printed[10]


def test_run_makes_a_pod_of_a_process_until_it_is_interrupted(mesh: Mesh, tmp_path: Path) -> None:
    ((line,),) = [block for block in tour_blocks() if block[0].startswith("meshgate run")]
    assert line == "meshgate run web --port 8000:http -- python3 -m http.server 8000"
    (tmp_path / "hello.txt").write_text("from the caller's directory")
    mesh.up()
    mesh.meshgate("apply", "-f", "-", stdin=SLEEP)
    mesh.wait_ready("app=sleep")
    started = subprocess.Popen(
        [*MESHGATE, *line.split()[1:]], cwd=tmp_path, env=mesh.environment, stderr=subprocess.PIPE, text=True
    )
    try:
        mesh.wait_ready("app=web")
        done = wait_until(lambda: served(mesh), "the process answers as a Service")
        assert done == "from the caller's directory"
    finally:
        started.send_signal(signal.SIGINT)
        _, told = started.communicate(timeout=60)
    assert started.returncode == 130, told
    assert mesh.get("pods", "-l", "app=web")["items"] == []
    assert mesh.get("services", "-l", "app=web")["items"] == []

    killed = subprocess.Popen([*MESHGATE, *line.split()[1:]], cwd=tmp_path, env=mesh.environment)
    mesh.wait_ready("app=web")
    killed.kill()
    killed.wait(timeout=60)
    wait_until(lambda: mesh.get("services", "-l", "app=web")["items"] == [], "what was killed leaves no Service")
    wait_until(lambda: mesh.pods("app=web") == [], "what was killed leaves no pod")


SLEEP = """
apiVersion: v1
kind: Pod
metadata: {name: sleep, labels: {app: sleep}}
spec: {containers: [{name: sleep, command: [sleep, infinity]}]}
"""


def served(mesh: Mesh) -> str:
    done = mesh.exec("sleep", "curl", "-sSf", "http://web:8000/hello.txt")
    return done.stdout if done.returncode == 0 else ""
