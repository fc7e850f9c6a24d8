"""One more pod with a sidecar in a mesh that runs: from sending its Deployment to the pod's condition Ready.

An application starts when its sidecar is ready. So there are two figures: with a process that is ready at once, which
is what meshgate and Envoy take, and with a web server in Python behind a readiness probe.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from meshgate.api import KINDS
from meshgate.client import Selection
from tests.bench import by_hand
from tests.bench.figure import Figure, Target
from tests.bench.meshes import mesh_to_measure
from tests.bench.workloads import IDLE, WEB, Object, client_of, deployment
from tests.e2e.mesh import Mesh, is_ready

POD = next(kind for kind in KINDS if kind.kind == "Pod")
TARGET = Target(limit=400)
DEADLINE_S = 30


def measure(rounds: int) -> tuple[Figure, ...]:
    live, serve, idle, web = [], [], [], []
    with tempfile.TemporaryDirectory() as name, mesh_to_measure() as mesh:
        for number in range(rounds):
            live.append(by_hand.seconds_to_live(Path(name)) * 1000)
            idle.append(milliseconds_to_ready(mesh, f"idle-{number}", IDLE))
            serve.append(by_hand.seconds_to_serve(Path(name)) * 1000)
            web.append(milliseconds_to_ready(mesh, f"web-{number}", WEB))
    in_turn = [first + second for first, second in zip(live, serve, strict=True)]
    return (
        Figure(
            name="a further pod with its sidecar, ready",
            unit="ms",
            target=TARGET,
            measured=tuple(idle),
            baseline=tuple(live),
            baseline_name="one Envoy by hand until LIVE",
        ),
        Figure(
            name="the same with a Python web server and its readiness probe",
            unit="ms",
            measured=tuple(web),
            baseline=tuple(in_turn),
            baseline_name="that Envoy, then the server until it answers",
        ),
    )


def milliseconds_to_ready(mesh: Mesh, name: str, container: Object) -> float:
    async def conversation() -> float:
        async with asyncio.timeout(DEADLINE_S), client_of(mesh) as client:
            began = time.monotonic()
            await client.transact([deployment(name, container)])
            async for event in client.watch(POD, Selection(namespace="default", labels=f"app={name}")):
                if is_ready(event.object):
                    return time.monotonic() - began
        raise AssertionError(f"the watch ended before {name} was ready")

    return asyncio.run(conversation()) * 1000
