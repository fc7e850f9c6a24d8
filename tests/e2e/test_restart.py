"""The control plane is killed again and again under load: nobody notices, and it catches up with what changed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from meshgate.tour import scenario_text
from tests.e2e.mesh import Mesh, leftovers, running_mesh, status_of, wait_until
from tests.machine import descends_from, host_pid, processes_of

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

KILLS = 5
LONGEST_S = 240
"""The loads run until they are told to end, or this long."""
RATE = 350
"""Requests a second from each of the two clients: 700 in all."""
LOOKUPS = 120
SHARE = 0.5
"""Of what is offered, this much must at least have been done: a busy machine sends late, and lookups wait meanwhile."""

PLAIN_ROUTE = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: plain}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [plain.example.com, late.example.com]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: plain}
spec:
  hosts: [plain.example.com]
  gateways: [plain]
  http:
  - route:
    - destination: {host: service-c, port: {number: 9000}}
"""

LATE_ROUTE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: late}
spec:
  hosts: [late.example.com]
  gateways: [plain]
  http:
  - route:
    - destination: {host: service-c, port: {number: 9000}}
"""


@pytest.fixture(scope="module")
def mesh() -> Iterator[Mesh]:
    with running_mesh() as mesh:
        mesh.meshgate("apply", "-f", "-", stdin=scenario_text("workloads") + "\n---\n" + PLAIN_ROUTE)
        mesh.wait_ready("app=service-c", "app=sleep")
        mesh.wait_ready("istio=ingressgateway", namespace="istio-system")
        mesh.wait_applied()
        yield mesh


def told(mesh: Mesh) -> dict[str, object]:
    value = json.loads(mesh.meshgate("status", "-o", "json").stdout)
    assert isinstance(value, dict)
    return value


def control_plane_pid(mesh: Mesh) -> int:
    """The control plane's process, as the host sees it."""
    part = told(mesh)["controlPlane"]
    assert isinstance(part, dict)
    return host_pid(mesh.holder_pid(), int(part["pid"]))


def envoy_pids(mesh: Mesh) -> dict[str, int]:
    """Proxy -> process id of its container's first process, as the capsule sees it."""
    proxies = told(mesh)["proxies"]
    assert isinstance(proxies, list)
    return {str(proxy["name"]): int(proxy["pid"]) for proxy in proxies}


def kill_control_plane(mesh: Mesh) -> None:
    """Kill -9, and wait for its successor to answer."""
    pid = control_plane_pid(mesh)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: control_plane_pid(mesh) != pid, "a new control plane answers")
    mesh.wait_applied()


LOAD = ["-m", "meshgate.apps.load", "--rate", str(RATE), "--seconds", str(LONGEST_S)]


class Outside:
    """A load from the host, through the gateway."""

    def __init__(self, mesh: Mesh) -> None:
        target = ["--url", f"http://127.0.0.1:{mesh.http_port}/", "--host", "plain.example.com"]
        self._process = subprocess.Popen([sys.executable, *LOAD, *target], stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Outside:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate(timeout=10)

    def result(self) -> dict[str, object]:
        """End it; what it tells."""
        self._process.terminate()
        output, _ = self._process.communicate(timeout=60)
        value = json.loads(output)
        assert isinstance(value, dict)
        return value


def inside_load() -> str:
    """A pod with a sidecar that sends requests to another one and looks its name up, and tells at its end."""
    target = ["--url", "http://service-c:9000/", "--resolve", "service-c", "--lookups", str(LOOKUPS)]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "load"},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "load", "command": ["python3", *LOAD, *target]}]},
    }
    return json.dumps(pod)


def inside_result(mesh: Mesh) -> dict[str, object]:
    """End it; what the pod tells in its log."""
    ended = mesh.exec("load", "bash", "-c", "kill -TERM 2")  # 1 is the container's own init
    assert ended.returncode == 0, ended

    def text() -> str:
        return mesh.meshgate("logs", "load", "-c", "load").stdout

    value = json.loads(wait_until(text, "the load inside has ended", 60))
    assert isinstance(value, dict)
    return value


def test_no_request_is_lost_while_the_control_plane_is_killed(mesh: Mesh) -> None:
    mesh.meshgate("apply", "-f", "-", stdin=inside_load())
    wait_until(lambda: "load.default" in envoy_pids(mesh), "the load's sidecar runs")
    pids = envoy_pids(mesh)
    with Outside(mesh) as outside:
        began = time.monotonic()
        for _ in range(KILLS):
            kill_control_plane(mesh)
        assert envoy_pids(mesh) == pids
        mesh.apply(LATE_ROUTE)
        assert status_of(mesh, "late.example.com") == 200
        seconds = time.monotonic() - began
        results = [outside.result(), inside_result(mesh)]
    for result in results:
        assert result["failures"] == [], result
        assert number(result, "requests") >= SHARE * RATE * seconds
    assert number(results[1], "lookups") >= SHARE * LOOKUPS * seconds


def number(result: dict[str, object], name: str) -> int:
    value = result[name]
    assert isinstance(value, int)
    return value


def test_a_pod_that_died_meanwhile_is_seen_and_started_again(mesh: Mesh) -> None:
    (pod,) = mesh.pods("app=service-c")
    restarts = restart_count(pod)
    child = app_pid(mesh, "service-c")
    control = control_plane_pid(mesh)
    os.kill(control, signal.SIGSTOP)  # it sees nothing until it is killed
    os.kill(child, signal.SIGKILL)
    os.kill(control, signal.SIGKILL)
    wait_until(lambda: control_plane_pid(mesh) != control, "a new control plane answers")
    wait_until(lambda: restart_count(mesh.pods("app=service-c")[0]) == restarts + 1, "the container is started again")
    mesh.wait_ready("app=service-c")
    assert mesh.exec("deploy/sleep", "curl", "-sS", "http://service-c:9000/").returncode == 0


def restart_count(pod: dict[str, object]) -> int:
    status = pod["status"]
    assert isinstance(status, dict)
    return sum(int(each["restartCount"]) for each in status["containerStatuses"] if each["name"] != "istio-proxy")


def app_pid(mesh: Mesh, name: str) -> int:
    """Host's id of the (only) process of an application of the tour."""
    marker = {"service-c": "i am service c"}[name]
    holder = mesh.holder_pid()
    (pid,) = [pid for pid in processes_of(marker) if descends_from(pid, holder)]
    return pid


def test_apply_in_the_gap_waits_or_fails_clearly_and_never_half(mesh: Mesh) -> None:
    control = control_plane_pid(mesh)
    os.kill(control, signal.SIGKILL)
    names = [f"gap-{number}" for number in range(10)]
    text = "\n---\n".join(
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: b}}" for name in names
    )
    done = mesh.meshgate("apply", "-f", "-", stdin=text, check=False)
    wait_until(lambda: control_plane_pid(mesh) != control, "a new control plane answers")
    items = mesh.get("configmaps", "-n", "default")["items"]
    assert isinstance(items, list)
    there = [item["metadata"]["name"] for item in items if item["metadata"]["name"].startswith("gap-")]
    assert sorted(there) == (names if done.returncode == 0 else []), done
    if done.returncode != 0:
        assert "control plane" in done.stderr


def test_the_end_of_the_holder_is_the_end_of_all() -> None:
    with running_mesh() as mesh:
        mesh.meshgate("apply", "-f", "-", stdin=scenario_text("workloads"))
        mesh.wait_ready("app=service-a")
        mesh.kill_holder()
        wait_until(lambda: not leftovers(mesh), "nothing is left of the mesh")
        mesh.meshgate("down", check=False)  # puts ip_forward back, if this mesh switched it on
        assert not (mesh.data_dir / "ip-forward.json").exists()
