"""What the control plane takes to serve many proxies of a mesh of 1,000 services, and to tell them of one change.

A change is a saved file. Time runs from just before it is saved until the last proxy has received what follows from
it, so the watching of files counts. Processor time is the control plane's, until half a second after that. The baseline
is the same with a tenth of the proxies.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from meshgate.host.envoy_binary import load_schema
from tests.bench.control_plane_memory import control_plane, sizes
from tests.bench.figure import Figure, Target
from tests.bench.meshes import mesh_to_measure
from tests.bench.xds_mesh import change_endpoint, change_route, write_mesh
from tests.bench.xds_proxies import Proxies
from tests.e2e.mesh import free_port

SERVICES = 1000
FEW, MANY = 20, 200
QUIET_S = 0.5
"""Between changes: what follows from one that is not told to proxies, such as reports, is over by then."""
UNITS = {
    "connected": "s",
    "connected: processor time": "s",
    "connected: private memory": "MiB",
    "a changed route at the last": "ms",
    "a changed route: processor time": "ms",
    "a changed endpoint at the last": "ms",
    "a changed endpoint: processor time": "ms",
}
TARGETS = {
    "a changed route at the last": 300,
    "a changed route: processor time": 300,
    "a changed endpoint at the last": 60,
}
"""A tenth of what istiod takes (docs/performance.md)."""
Found = dict[str, list[float]]


def measure(rounds: int) -> tuple[Figure, ...]:
    load_schema()
    with mesh_to_measure(start=False) as mesh:
        files, port = mesh.data_dir.parent / "mesh", free_port()
        write_mesh(files, SERVICES)
        mesh.up("--xds-port", str(port), "-f", files)
        pid = control_plane(mesh)
        few = asyncio.run(of(FEW, port, pid, files, rounds))
        many = asyncio.run(of(MANY, port, pid, files, rounds))
    return tuple(figure(name, many[name], few[name]) for name in UNITS)


def figure(name: str, many: list[float], few: list[float]) -> Figure:
    return Figure(
        name=f"{MANY} proxies, {SERVICES} services: {name}",
        unit=UNITS[name],
        measured=tuple(many),
        baseline=tuple(few),
        baseline_name=f"{FEW} proxies",
        target=Target(limit=TARGETS[name]) if name in TARGETS else None,
    )


async def of(count: int, port: int, pid: int, files: Path, rounds: int) -> Found:
    """The figures for a number of proxies; they connect once, and there are as many changes of each kind as rounds."""
    found: Found = defaultdict(list)
    began, used = time.monotonic(), processor_s(pid)
    async with Proxies(port, count) as proxies:
        found["connected"].append(time.monotonic() - began)
        await asyncio.sleep(QUIET_S)
        found["connected: processor time"].append(processor_s(pid) - used)
        found["connected: private memory"].append(private_mib(pid))
        for number in range(rounds):
            seconds, spent = await change(
                proxies, pid, lambda mark: change_route(files, mark), f"mark-{count}-{number}"
            )
            found["a changed route at the last"].append(seconds * 1000)
            found["a changed route: processor time"].append(spent * 1000)
            address = f"11.{number % 200}.{count}.1"
            seconds, spent = await change(proxies, pid, lambda mark: change_endpoint(files, mark), address)
            found["a changed endpoint at the last"].append(seconds * 1000)
            found["a changed endpoint: processor time"].append(spent * 1000)
    return found


async def change(proxies: Proxies, pid: int, save: Callable[[str], None], marker: str) -> tuple[float, float]:
    """Seconds until the last proxy has it, and processor seconds of the control plane."""
    used = processor_s(pid)
    proxies.watch(marker)
    began = time.monotonic()
    save(marker)
    seconds = await proxies.seen() - began
    await asyncio.sleep(QUIET_S)
    return seconds, processor_s(pid) - used


def processor_s(pid: int) -> float:
    """Of all threads, by the kernel and by the program."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def private_mib(pid: int) -> float:
    return sizes(Path(f"/proc/{pid}/smaps_rollup").read_text())["Private"]
