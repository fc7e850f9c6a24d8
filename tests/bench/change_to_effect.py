"""A change of a VirtualService to the first request that obeys it, with five pods and their sidecars.

Somebody asks through the gateway all the time, one request after the other; each change sets another response header.
It is sent once by the Python client, which is what meshgate itself takes (refuse or accept, store, compile, deliver,
and Envoy's own taking it up), and once by the command, a process that starts, reads and sends.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPResponse
from pathlib import Path

from meshgate.api import KINDS
from meshgate.client import Client
from tests.bench.asking import moment_of
from tests.bench.figure import Figure, Target
from tests.bench.meshes import mesh_to_measure
from tests.bench.workloads import (
    HOST,
    WEB,
    as_yaml,
    client_of,
    deployment,
    gateway,
    service,
    transact,
    virtual_service,
)
from tests.e2e.mesh import MESHGATE, Mesh

PODS = 5
TARGET = Target(limit=50)
KIND = next(kind for kind in KINDS if kind.kind == "VirtualService")


def measure(rounds: int) -> tuple[Figure, ...]:
    sent, trips, applied, passes = [], [], [], []
    with tempfile.TemporaryDirectory() as name, mesh_to_measure() as mesh:
        file = Path(name) / "change.yaml"
        transact(mesh, deployment("web", WEB, replicas=PODS), service("web"), gateway(HOST), virtual_service("web"))
        mesh.wait_ready("app=web")
        for number in range(rounds + 1):  # the first is not counted
            sent.append(milliseconds_of(mesh, f"sent-{number}", partial(transact_timed, mesh)))
            trips.append(asyncio.run(round_trip(mesh)) * 1000)
            applied.append(milliseconds_of(mesh, f"applied-{number}", partial(apply, mesh, file)))
            passes.append(milliseconds_of_pass())
    return (
        Figure(
            name=f"a VirtualService sent by the client to the first request that obeys it, {PODS} pods",
            unit="ms",
            target=TARGET,
            measured=tuple(sent[1:]),
            baseline=tuple(trips[1:]),
            baseline_name="a GET of it by the same client",
        ),
        Figure(
            name="the same from the start of the process `meshgate apply`",
            unit="ms",
            target=TARGET,
            measured=tuple(applied[1:]),
            baseline=tuple(passes[1:]),
            baseline_name="`python -c pass`",
        ),
    )


def milliseconds_of(mesh: Mesh, marker: str, change: Callable[[str], float]) -> float:
    """`change` makes the change and gives the moment when it began."""

    def obeys(answer: HTTPResponse) -> bool:
        return answer.getheader("x-marker") == marker

    with ThreadPoolExecutor(1) as asker:
        seen = asker.submit(moment_of, obeys, mesh.http_port, host=HOST)
        began = change(marker)
        return (seen.result() - began) * 1000


def transact_timed(mesh: Mesh, marker: str) -> float:
    async def conversation() -> float:
        async with client_of(mesh) as client:
            began = time.monotonic()
            await client.transact([virtual_service("web", marker=marker)])
            return began

    return asyncio.run(conversation())


def apply(mesh: Mesh, file: Path, marker: str) -> float:
    file.write_text(as_yaml([virtual_service("web", marker=marker)]))
    began = time.monotonic()
    subprocess.run(
        [*MESHGATE, "apply", "-f", str(file)], env=mesh.environment, check=True, stdout=subprocess.DEVNULL, timeout=30
    )
    return began


async def round_trip(mesh: Mesh) -> float:
    async with client_of(mesh) as client:
        return await timed_get(client)


async def timed_get(client: Client) -> float:
    began = time.monotonic()
    await client.get(KIND, "to-web", "default")
    return time.monotonic() - began


def milliseconds_of_pass() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "pass"], check=True, timeout=30)
    return (time.monotonic() - began) * 1000
