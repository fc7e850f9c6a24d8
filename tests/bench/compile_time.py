"""How long the control plane compiles: from decoded objects to the bytes for one gateway and one sidecar. No Envoy.

Cold is from nothing; warm is after one object has changed, with all that a running control plane remembers. The
baseline is libyaml's reading of the same objects, the least that anybody must do with them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from meshgate.api import AnyResource, decode
from meshgate.app.compiler import Compiler
from meshgate.app.proxies import proxies_of
from meshgate.host.envoy_binary import load_schema
from meshgate.mesh import Facts
from meshgate.plan import Proxy
from tests.bench.figure import Figure, NotMeasured
from tests.machine import SHARED

T = TypeVar("T")
GENERATOR = SHARED / "tools" / "gen_mesh.py"
SIZES = (100, 1000)
GATEWAY = {
    "metadata": {
        "name": "gateway",
        "namespace": "istio-system",
        "labels": {"istio": "ingressgateway"},
        "annotations": {"inject.istio.io/templates": "gateway"},
    },
    "address": "10.244.0.1",
}
SIDECAR = {"metadata": {"name": "client", "namespace": "ns-0", "labels": {"app": "client"}}, "address": "10.244.0.2"}


def measure(rounds: int) -> tuple[Figure, ...]:
    if not GENERATOR.is_file():
        raise NotMeasured("the generator of meshes is not beside the project")
    load_schema()
    with tempfile.TemporaryDirectory() as name:
        return tuple(figure for size in SIZES for figure in of_size(size, rounds, Path(name)))


def of_size(services: int, rounds: int, directory: Path) -> tuple[Figure, ...]:
    out = directory / str(services)
    subprocess.run([sys.executable, str(GENERATOR), str(out), "--services", str(services)], check=True, timeout=60)
    changes = directory / f"{services}-changes"
    read, decoded, cold = [], [], []
    route: list[float] = []
    endpoint: list[float] = []
    for number in range(rounds):
        seconds, raws = timed(lambda: read_all(out))
        read.append(seconds)
        seconds, resources = timed(lambda raws=raws: decode_all(raws))  # type: ignore[misc]  # a lambda's default
        decoded.append(seconds)
        proxies = proxies_in(resources)
        compiler = Compiler(Facts())
        cold.append(timed(lambda c=compiler, r=resources, p=proxies: c.compile(r, p))[0])  # type: ignore[misc]
        for file, kept, text in (
            ("change-route.yaml", route, f"marker-{number}"),
            ("change-endpoint.yaml", endpoint, f"10.199.0.{number + 2}"),
        ):
            changed = replaced(resources, changes / file, text)
            kept.append(timed(lambda c=compiler, r=changed, p=proxies: c.compile(r, p))[0])  # type: ignore[misc]
            resources = changed
    named = (
        ("decode", decoded),
        ("compile from nothing", cold),
        ("compile after a changed route", route),
        ("compile after a changed endpoint", endpoint),
    )
    return tuple(figure(services, name, values, read) for name, values in named)


def figure(services: int, name: str, seconds: Sequence[float], read: Sequence[float]) -> Figure:
    return Figure(
        name=f"{services} services: {name}",
        unit="ms",
        measured=tuple(value * 1000 for value in seconds),
        baseline=tuple(value * 1000 for value in read),
        baseline_name="reading the YAML",
    )


def timed(work: Callable[[], T]) -> tuple[float, T]:
    began = time.monotonic()
    result = work()
    return time.monotonic() - began, result


def read_all(directory: Path) -> list[dict[str, Any]]:
    files = sorted(directory.glob("*.yaml"))
    return [raw for file in files for raw in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader)]


def decode_all(raws: Sequence[dict[str, Any]]) -> list[AnyResource]:
    found = []
    for raw in [*raws, pod(GATEWAY), pod(SIDECAR)]:
        resource, problems = decode(raw)
        assert resource is not None, problems
        found.append(resource)
    return found


def replaced(resources: Sequence[AnyResource], template: Path, text: str) -> list[AnyResource]:
    """The objects with another in the place of the one of its name."""
    written = template.read_text().replace("@MARKER@", text).replace("@ADDRESS@", text)
    resource, problems = decode(yaml.safe_load(written))
    assert resource is not None, problems
    return [resource if each.ref == resource.ref else each for each in resources]


def proxies_in(resources: Sequence[AnyResource]) -> list[Proxy]:
    found = list(proxies_of(resources).values())
    assert len(found) == 2
    return found


def pod(of: dict[str, Any]) -> dict[str, Any]:
    """A running pod with a proxy."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": of["metadata"],
        "spec": {"containers": [{"name": "istio-proxy", "image": "istio/proxyv2"}]},
        "status": {"phase": "Running", "podIP": of["address"], "podIPs": [{"ip": of["address"]}]},
    }
