"""A whole mesh for a test: started as a user would, on free ranges, gone without a trace after it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from meshgate.host.network.host_survey import host_link, mesh_id_of
from tests import machine

T = TypeVar("T")
MESHGATE = (sys.executable, "-m", "meshgate")
COMMAND_TIMEOUT_S = 120
POLL_S = 0.02
_numbers = itertools.count()


def wait_until(condition: Callable[[], T], what: str, timeout_s: float = 30) -> T:
    """Poll until the condition gives something true; its value. Fails with `what` at the deadline."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s} s: {what}; last seen: {value!r}")
        time.sleep(POLL_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


def free_ranges() -> tuple[str, str, str]:
    """Pod, service and LoadBalancer ranges that no other test process and no route of this machine uses."""
    taken = machine.routes()
    start = os.getpid() * 7
    for offset in range(200):
        second = 20 + (start + next(_numbers) + offset) % 200
        if not any(route.startswith(f"10.{second}.") for route in taken):
            return f"10.{second}.0.0/18", f"10.{second}.64.0/18", f"10.{second}.128.0/24"
    raise AssertionError("no free range in 10.0.0.0/8")


class Mesh:
    """A running mesh and how to talk to it: `meshgate(...)` gives the finished command."""

    def __init__(self, directory: Path) -> None:
        self.data_dir = directory / "data"
        self.http_port = free_port()
        self.https_port = free_port()
        self.pod_cidr, self.service_cidr, self.lb_cidr = free_ranges()
        self.environment = {**os.environ, "MESHGATE_DATA_DIR": str(self.data_dir)}

    def meshgate(
        self, *arguments: str | Path, stdin: str | None = None, check: bool = True, timeout_s: float = COMMAND_TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line against this mesh."""
        done = subprocess.run(
            [*MESHGATE, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=timeout_s,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"meshgate {' '.join(map(str, arguments))}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def up_arguments(self) -> list[str]:
        return [
            *("--http-port", str(self.http_port), "--https-port", str(self.https_port)),
            *("--pod-cidr", self.pod_cidr, "--service-cidr", self.service_cidr, "--lb-cidr", self.lb_cidr),
            *("--xds-port", "0", "--xds-tls-port", "0"),
        ]

    def up(self, *arguments: str | Path) -> None:
        self.meshgate("up", "--detach", *self.up_arguments(), *arguments)

    def apply(self, text: str) -> str:
        """Apply YAML and wait until every proxy has it; what `apply` printed."""
        printed = self.meshgate("apply", "-f", "-", stdin=text).stdout
        self.wait_applied()
        return printed

    def wait_applied(self, timeout_s: float = 30) -> None:
        self.meshgate("wait", "--for", "applied", "--timeout", f"{timeout_s:.0f}s")

    def get(self, *arguments: str) -> dict[str, object]:
        value = json.loads(self.meshgate("get", *arguments, "-o", "json").stdout)
        assert isinstance(value, dict)
        return value

    def pods(self, selector: str, namespace: str = "default") -> list[dict[str, object]]:
        """The pods that a label selector finds, as objects."""
        listed = self.get("pods", "-n", namespace, "-l", selector)["items"]
        assert isinstance(listed, list)
        return listed

    def wait_ready(self, *selectors: str, namespace: str = "default", timeout_s: float = 60) -> None:
        """Wait until each selector finds at least one pod and all that it finds are ready."""
        for selector in selectors:
            wait_until(
                lambda s=selector: self._all_ready(s, namespace),  # type: ignore[misc]  # a lambda's default
                f"pods {selector} in {namespace} are ready: {self._why_not(selector, namespace)}",
                timeout_s,
            )

    def _all_ready(self, selector: str, namespace: str) -> bool:
        pods = self.pods(selector, namespace)
        return bool(pods) and all(is_ready(pod) for pod in pods)

    def _why_not(self, selector: str, namespace: str) -> str:
        return self.meshgate("get", "pods", "-n", namespace, "-l", selector, check=False).stdout

    def exec(self, pod: str, *command: str, namespace: str = "default") -> subprocess.CompletedProcess[str]:
        return self.meshgate("exec", "-n", namespace, pod, "--", *command, check=False)

    def load_balancer_address(self, service: str, namespace: str) -> str:
        """Where a Service of type LoadBalancer is reached from the host."""
        status = self.get("service", service, "-n", namespace)["status"]
        assert isinstance(status, dict)
        address = status["loadBalancer"]["ingress"][0]["ip"]
        assert isinstance(address, str)
        return address

    def problems(self) -> list[str]:
        """What `status` says is wrong, a line each: object, field, text, code."""
        told = json.loads(self.meshgate("status", "-o", "json").stdout)["problems"]
        return [f"{each['ref']} {each['path']}: {each['text']}; {each['hint']} [{each['code']}]" for each in told]

    def access_log(self, selector: str, marker: str, namespace: str = "default") -> str:
        """The line of the proxies' access logs that has `marker` in it; waits, for Envoy writes it a little later."""

        def line() -> str:
            log = self.meshgate("logs", "-n", namespace, "-l", selector, "-c", "istio-proxy", "--tail", "100000").stdout
            return next((line for line in log.splitlines() if marker in line), "")

        return wait_until(line, f"a line with {marker} in the access log of {selector}")

    def down(self) -> None:
        self.meshgate("down")

    def holder_pid(self) -> int:
        told = json.loads(self.meshgate("status", "-o", "json").stdout)
        pid = told["holder"]["pid"]
        assert isinstance(pid, int)
        return pid

    def kill_holder(self) -> None:
        os.kill(self.holder_pid(), signal.SIGKILL)


def is_ready(pod: dict[str, object]) -> bool:
    status = pod.get("status")
    conditions = status.get("conditions", []) if isinstance(status, dict) else []
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def leftovers(mesh: Mesh) -> list[str]:
    """What of a mesh is still on the machine, one line each; others may run beside it. Routes go with the link."""
    own_link = host_link(mesh_id_of(mesh.data_dir))
    left = [f"process {pid}" for pid in machine.processes_of(str(mesh.data_dir))]
    left += [f"link {name}" for name in machine.links() if name == own_link]
    left += [f"mount {line}" for line in machine.mounts_of(str(mesh.data_dir))]
    return left


@contextlib.contextmanager
def running_mesh(*arguments: str | Path, start: bool = True) -> Iterator[Mesh]:
    """A mesh that is up (or, with `start=False`, only its ranges and ports); asserts that nothing is left after it."""
    directory = Path(tempfile.mkdtemp(prefix="meshgate-e2e-"))
    mesh = Mesh(directory)
    try:
        if start:
            mesh.up(*arguments)
        yield mesh
    finally:
        mesh.meshgate("down", check=False)
        try:
            wait_until(
                lambda: not leftovers(mesh), f"nothing is left of the mesh, but: {leftovers(mesh)}", timeout_s=15
            )
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def curl(*arguments: str, timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
    """The ordinary curl, on the host, silent but for errors."""
    return subprocess.run(
        ["curl", "-sS", *arguments], capture_output=True, text=True, timeout=timeout_s, env=without_proxies()
    )


def without_proxies() -> dict[str, str]:
    """The environment less the variables that would send requests to another proxy."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def status_of(mesh: Mesh, host: str, path: str = "/", arguments: Sequence[str] = ()) -> int:
    """HTTP status of a request from outside, through the default ingress gateway's host port; 0 if none came."""
    done = curl(
        *("-o", "/dev/null", "-w", "%{http_code}", "-H", f"Host: {host}", *arguments),
        f"http://127.0.0.1:{mesh.http_port}{path}",
    )
    return int(done.stdout or 0)
