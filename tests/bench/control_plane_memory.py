"""Memory of the control plane with ten pods and their sidecars, when nothing happens any more.

Private memory is what would be free without it; the proportional share counts what it shares with others by halves,
and the resident set counts that in full. The baseline is the same interpreter with the same modules and Envoy's schema,
and no mesh.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests import machine
from tests.bench.figure import Figure, Target
from tests.bench.meshes import mesh_to_measure
from tests.bench.workloads import IDLE, deployment, service, transact
from tests.e2e.mesh import Mesh

PODS = 10
TARGET = Target(limit=120)
IMPORTED = """
import sys
import meshgate.app.control_plane
from meshgate.host.envoy_binary import load_schema
load_schema()
sys.stdout.write(open("/proc/self/smaps_rollup").read())
"""
NAMES = {"Private": "private memory", "Pss": "proportional share", "Rss": "resident set"}


def measure(_rounds: int) -> tuple[Figure, ...]:
    imported = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True, timeout=60)
    baseline = sizes(imported.stdout)
    with mesh_to_measure() as mesh:
        transact(mesh, deployment("idle", IDLE, replicas=PODS), service("idle"))
        mesh.wait_ready("app=idle")
        mesh.wait_applied()
        measured = sizes(Path(f"/proc/{control_plane(mesh)}/smaps_rollup").read_text())
    return tuple(
        Figure(
            name=f"control plane with {PODS} pods: {name}",
            unit="MiB",
            target=TARGET,
            measured=(measured[key],),
            baseline=(baseline[key],),
            baseline_name="its modules and Envoy's schema, loaded",
        )
        for key, name in NAMES.items()
    )


def control_plane(mesh: Mesh) -> int:
    """Its pid here."""
    [pid] = [
        pid
        for pid in machine.processes_of(str(mesh.data_dir))
        if b"\0control-plane\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return pid


def sizes(rollup: str) -> dict[str, float]:
    """MiB, by the first word of a line of `smaps_rollup`; `Private` is all that is private."""
    found: dict[str, float] = {"Private": 0.0}
    for line in rollup.splitlines()[1:]:
        name, size, *_ = line.split()
        key = "Private" if name.startswith("Private_") else name.removesuffix(":")
        found[key] = found.get(key, 0.0) + int(size) / 1024
    return found
