"""Certificates renewed, and another authority taken over, under load: no request is lost."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.bench.workloads import HOST, WEB, as_yaml, deployment, gateway, service, virtual_service
from tests.e2e.mesh import MESHGATE, Mesh, running_mesh, status_of, wait_until
from tests.machine import has_tool

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

RENEWALS = 100
EACH = RENEWALS // 2
"""Of either side; half of the lifetime passes between two, so it takes a second each."""
RATE = 150
"""Requests a second; what a shared machine does of it counts."""
SHARE = 0.3
LONGEST_S = 240
COUNT = f"""
import json, time, urllib.request
seen, end = set(), time.monotonic() + {LONGEST_S}
while len(seen) <= {EACH} and time.monotonic() < end:
    with urllib.request.urlopen("http://127.0.0.1:15000/certs") as answer:
        contexts = json.load(answer)["certificates"]
    seen.update(each["serial_number"] for context in contexts for each in context["cert_chain"])
    time.sleep(0.2)
print(len(seen) - 1)
"""
INGRESS = ("deploy/istio-ingressgateway", "istio-system")
CONNECTIONS = re.compile(r"upstream_cx_total: (\d+)")


@pytest.fixture(scope="module")
def mesh() -> Iterator[Mesh]:
    """Certificates live for two seconds."""
    lifetime = "meshConfig.defaultConfig.proxyMetadata.SECRET_TTL=2s"
    with running_mesh("--set", lifetime) as mesh:
        objects = (deployment("web", WEB), service("web"), gateway(HOST), virtual_service("web"))
        mesh.apply(as_yaml(objects))
        mesh.wait_ready("app=web")
        mesh.wait_ready("istio=ingressgateway", namespace="istio-system")
        wait_until(lambda: status_of(mesh, HOST, "/status/200") == 200, "the way in is there")
        yield mesh


class Certificates:
    """Counts the certificates that a proxy uses one after the other, from inside of its pod."""

    def __init__(self, mesh: Mesh, pod: str, namespace: str = "default") -> None:
        command = [*MESHGATE, "exec", "-n", namespace, pod, "--", "python3", "-c", COUNT]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=mesh.environment)

    def __enter__(self) -> Certificates:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def seen(self) -> int:
        """How many there were: as many as are waited for, or fewer at the deadline."""
        output, _ = self._process.communicate(timeout=LONGEST_S + 30)
        return int(output)


def connections(mesh: Mesh) -> int:
    """How many connections the gateway has ever opened to the workload."""
    url = "http://127.0.0.1:15000/stats?filter=web.default.*upstream_cx_total$"
    done = mesh.exec(INGRESS[0], "curl", "-sS", url, namespace=INGRESS[1])
    [number] = CONNECTIONS.findall(done.stdout)
    return int(number)


@contextmanager
def load(mesh: Mesh) -> Iterator[list[dict[str, object]]]:
    """Requests from outside, on kept and on new connections; what they tell is there at the end."""
    told: list[dict[str, object]] = []
    target = ["--url", f"http://127.0.0.1:{mesh.http_port}/status/200", "--host", HOST]
    command = [sys.executable, "-m", "meshgate.apps.load", "--rate", str(RATE), "--seconds", "600", *target]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield told
            process.terminate()
            told.append(json.loads(process.communicate(timeout=60)[0]))
        finally:
            process.kill()


@contextmanager
def wrk(mesh: Mesh) -> Iterator[None]:
    """A second client where it is installed, as long as this lasts; it has to get nothing but answers."""
    if not has_tool("wrk"):
        yield
        return
    url = f"http://127.0.0.1:{mesh.http_port}/status/200"
    command = ["wrk", "-t1", "-c8", "-d600s", "-H", f"Host: {HOST}", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=30)
        finally:
            process.kill()
    assert "Requests/sec" in said, said
    assert "Non-2xx" not in said, said
    assert "Socket errors" not in said, said


def test_renewals_lose_no_request_and_no_connection(mesh: Mesh) -> None:
    opened = connections(mesh)
    with load(mesh) as told, wrk(mesh):
        with Certificates(mesh, "deploy/web") as workload, Certificates(mesh, *INGRESS) as gateways:
            renewals = workload.seen(), gateways.seen()
        assert min(renewals) >= EACH, "both sides"
    [result] = told
    assert result["failures"] == [], result
    assert int(str(result["requests"])) >= SHARE * RATE * EACH / 2
    assert connections(mesh) - opened < EACH / 2, "connections between the proxies outlive renewals"


def roots(mesh: Mesh) -> list[str]:
    """Those that a namespace is told to trust."""
    data = mesh.get("configmap", "istio-ca-root-cert")["data"]
    assert isinstance(data, dict)
    return re.findall(r"-----BEGIN CERTIFICATE-----[^-]+", str(data["root-cert.pem"]))


def test_another_authority_is_taken_over(mesh: Mesh) -> None:
    [old] = roots(mesh)
    with load(mesh) as told:
        mesh.meshgate("delete", "secret", "istio-ca-secret", "-n", "istio-system")
        wait_until(lambda: len(roots(mesh)) == 2, "both roots are trusted")
        wait_until(lambda: len(roots(mesh)) == 1, "the old root is trusted no more", 120)
    assert roots(mesh) != [old]
    [result] = told
    assert result["failures"] == [], result
    assert status_of(mesh, HOST, "/status/200") == 200
