"""The demonstration: a mesh of five workloads, scenario 5, requests from outside and from inside, and what was seen.

Everything is done by the commands that a user would type, each printed before it runs. The mesh has a data directory of
its own and free ports, so that a demonstration disturbs nothing else; both are gone afterwards.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from meshgate.errors import MeshgateError
from meshgate.tour.scenarios_data import scenario_text

REQUESTS = 100
DELAY_S = 4.5
"""Below the five seconds of the fault, above all else."""
HOST = "myservice-a.com"
PATH = f"/api/v1/testA/?n=[1-{REQUESTS}]"
CURL = (
    "curl",
    "-sS",
    "--no-progress-meter",
    "-Z",
    "--parallel-immediate",
    "--parallel-max",
    "50",
    "-o",
    "/dev/null",
    "-w",
    "%{http_code} %{time_total}\n",
)
READY = ("service-a", "service-b", "service-c", "sleep", "reviews-v2")
READY_TIMEOUT_S = 60.0
POLL_S = 0.2


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a series of requests."""

    where: str
    what: str
    statuses: tuple[str, ...]
    seconds: tuple[float, ...]

    def row(self) -> tuple[str, ...]:
        good = sum(status == "200" for status in self.statuses)
        delayed = [second for second in self.seconds if second > DELAY_S]
        prompt = [second for second in self.seconds if second <= DELAY_S]
        median = f"{1000 * statistics.median(prompt):.0f} ms" if prompt else "-"
        share = f"{len(delayed)} ({100 * len(delayed) / max(1, len(self.seconds)):.0f} %)"
        return self.where, self.what, str(len(self.statuses)), str(good), median, share


def parse_answers(where: str, what: str, text: str) -> Seen:
    """What curl wrote: a status and a time for each request."""
    pairs = [line.split() for line in text.splitlines() if line.strip()]
    statuses = tuple(pair[0] for pair in pairs)
    return Seen(where=where, what=what, statuses=statuses, seconds=tuple(float(pair[1]) for pair in pairs))


class Demo:
    """One demonstration, on a data directory of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._is_up = False
        self._http_port, self._https_port = free_port(80), free_port(443)
        self._environment = {**os.environ, "MESHGATE_DATA_DIR": str(directory / "data")}

    def whole(self) -> None:
        """Start, apply, ask, tell. Leaves the mesh running."""
        for name in ("workloads", "05-mesh-gateway"):
            (self._directory / f"{name}.yaml").write_text(scenario_text(name))
        ports = ("--http-port", str(self._http_port), "--https-port", str(self._https_port), "--xds-port", "0")
        self._meshgate("up", "--detach", *ports)
        self._is_up = True
        self._meshgate("apply", "-f", str(self._directory / "workloads.yaml"))
        self._wait_ready()
        self._meshgate("apply", "-f", str(self._directory / "05-mesh-gateway.yaml"))
        self._meshgate("wait", "--for", "applied")
        self._meshgate("get", "pods", "-A")
        print_seen([self._outside(), self._inside("sleep"), self._inside("reviews-v2")])
        print("the access log of the gateway says of the last request from outside:", flush=True)
        self._meshgate("logs", "-l", "istio=ingressgateway", "-c", "istio-proxy", "-n", "istio-system", "--tail", "1")

    def stay(self) -> None:
        """Until Ctrl-C."""
        told = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: told.set())
        print(
            f"\nthe mesh stays up until Ctrl-C. Look around from another shell:\n\n"
            f"    export MESHGATE_DATA_DIR={self._environment['MESHGATE_DATA_DIR']}\n"
            f"    meshgate status\n"
            f"    curl -H 'Host: {HOST}' http://127.0.0.1:{self._http_port}/api/v1/testB/\n",
            flush=True,
        )
        told.wait()  # no deadline: it stays as long as the user wants

    def end(self) -> None:
        if self._is_up:
            self._run([sys.executable, "-P", "-m", "meshgate", "down"], check=False)

    def _outside(self) -> Seen:
        url = f"http://{HOST}:{self._http_port}"
        resolve = ("--resolve", f"{HOST}:{self._http_port}:127.0.0.1")
        print(f"$ curl {' '.join(resolve)} '{url}{PATH}'", flush=True)
        text = self._run([*CURL, *resolve, url + PATH], capture=True)
        return parse_answers("outside", f"http://{HOST}/api/v1/testA/", text)

    def _inside(self, workload: str) -> Seen:
        url = f"http://service-a:8000{PATH}"
        print(f"$ meshgate exec deploy/{workload} -- curl '{url}'", flush=True)
        command = [sys.executable, "-P", "-m", "meshgate", "exec", f"deploy/{workload}", "--", *CURL, url]
        return parse_answers(
            f"inside ({workload})", "http://service-a:8000/api/v1/testA/", self._run(command, capture=True)
        )

    def _wait_ready(self) -> None:
        """Until every workload and the gateway say that they are ready."""
        end = time.monotonic() + READY_TIMEOUT_S
        while waiting := [name for name in (*READY, "istio-ingressgateway") if not self._is_ready(name)]:
            if time.monotonic() > end:
                raise MeshgateError(f"not ready within {READY_TIMEOUT_S:.0f} s: {', '.join(waiting)}")
            time.sleep(POLL_S)

    def _is_ready(self, deployment: str) -> bool:
        namespace = "istio-system" if deployment.startswith("istio-") else "default"
        command = ["get", "deployment", deployment, "-n", namespace, "-o", "json", "--ignore-not-found"]
        text = self._run([sys.executable, "-P", "-m", "meshgate", *command], capture=True)
        if not text.strip():
            return False
        found = msgspec.json.decode(text)
        return bool((found.get("status") or {}).get("readyReplicas", 0) >= found["spec"].get("replicas", 1))

    def _meshgate(self, *arguments: str) -> None:
        print(f"$ meshgate {' '.join(arguments)}", flush=True)
        self._run([sys.executable, "-P", "-m", "meshgate", *arguments])

    def _run(self, command: Sequence[str], *, capture: bool = False, check: bool = True) -> str:
        done = subprocess.run(command, env=self._environment, stdout=subprocess.PIPE if capture else None, text=True)
        if check and done.returncode != 0:
            raise MeshgateError(f"{' '.join(command)} ended with exit code {done.returncode}")
        return done.stdout or ""


def free_port(wanted: int) -> int:
    """The wanted port of 127.0.0.1 if it is free and allowed, else any."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise MeshgateError("no port of 127.0.0.1 is free")


def print_seen(seen: Sequence[Seen]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="scenario 5: a tenth of the requests to service-a is delayed by 5 s")
    for column in ("from", "to", "requests", "200", "median of the prompt", "delayed"):
        table.add_column(column)
    for each in seen:
        table.add_row(*each.row())
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def demonstrate(*, once: bool) -> None:
    """The whole demonstration; with `once` it ends by itself."""
    directory = Path(tempfile.mkdtemp(prefix="meshgate-demo-"))
    demo = Demo(directory)
    try:
        demo.whole()
        if not once:
            demo.stay()
    except KeyboardInterrupt:
        print()
    finally:
        demo.end()
        shutil.rmtree(directory, ignore_errors=True)
