"""`meshgate up` to the first 200 from outside through ingress gateway and sidecar.

Watched files hold the workload and its route, so one command does all. The baseline starts the same proxies and the
same application, with the configuration already there and no namespaces.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

from tests.bench import by_hand
from tests.bench.asking import is_ok, moment_of
from tests.bench.figure import Figure, Target
from tests.bench.meshes import mesh_to_measure
from tests.bench.workloads import HOST, WEB, as_yaml, deployment, gateway, service, virtual_service
from tests.e2e.mesh import COMMAND_TIMEOUT_S, MESHGATE

TARGET = Target(limit=3)
ROUNDS = 3
"""A mesh comes and goes in each; more would take minutes."""


def measure(rounds: int) -> tuple[Figure, ...]:
    rounds = min(rounds, ROUNDS)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        objects = (deployment("web", WEB), service("web"), gateway(HOST), virtual_service("web"))
        (directory / "web.yaml").write_text(as_yaml(objects))
        seconds_of_up(directory / "web.yaml")  # now the file cache is warm
        baseline, measured = [], []
        for _ in range(rounds):
            baseline.append(by_hand.seconds_to_first_answer(directory))
            measured.append(seconds_of_up(directory / "web.yaml"))
    return (
        Figure(
            name="`meshgate up` to the first 200 through gateway and sidecar",
            unit="s",
            target=TARGET,
            measured=tuple(measured),
            baseline=tuple(baseline),
            baseline_name="two Envoys by hand and the same application",
        ),
    )


def seconds_of_up(objects: Path) -> float:
    with mesh_to_measure(start=False) as mesh:
        started = [*MESHGATE, "up", "--detach", *mesh.up_arguments(), "-f", str(objects)]
        began = time.monotonic()
        with subprocess.Popen(started, env=mesh.environment, stdout=subprocess.DEVNULL) as command:
            moment = moment_of(is_ok, mesh.http_port, host=HOST)
            assert command.wait(timeout=COMMAND_TIMEOUT_S) == 0
        return moment - began
