"""Requests per second through our proxies, beside the same Envoy with a configuration written by hand.

Like with like: every Envoy is in a pod of the same mesh, with two workers, and writes Istio's access log to the same
kind of pipe; the load comes from the host to the pod's address, and the server is an Envoy that answers at once. One
hop is the gateway and a server in another pod. Two hops are the gateway and a sidecar with the server beside it; by
hand that is an Envoy, and in the other pod a second one with the server beside it. Rounds of ours and theirs alternate.

By hand, too, one can ask for much or for little. The target is held against a gateway that has our duties (the client's
address, normal paths, Istio's retries); what Istio's further filters cost is in it. Beside it is the least there is.
"""

from __future__ import annotations

import re
import shutil
import subprocess

from tests.bench import by_hand
from tests.bench.figure import Figure, NotMeasured, Target
from tests.bench.meshes import mesh_to_measure
from tests.bench.workloads import address_of, deployment, gateway, service, transact, virtual_service
from tests.e2e.mesh import Mesh

TARGET = Target(limit=0.95, is_ratio=True, is_least=True)
SECONDS = 3
CONNECTIONS = 32
SERVER_PORT, PAIR_PORT = 9000, 9100
ONE_HOP, TWO_HOPS = "one-hop.example.com", "two-hops.example.com"
LEAST, DUTIFUL, DUTIFUL_TWO_HOPS = 9101, 9102, 9103
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")


def measure(rounds: int) -> tuple[Figure, ...]:
    if shutil.which("wrk") is None:
        raise NotMeasured("`wrk` is missing (apt-get install wrk)")
    with mesh_to_measure() as mesh:
        start(mesh)
        ours = f"http://{address_of(mesh, 'istio=ingressgateway', 'istio-system')}:{gateway_port(mesh)}/"
        hand = f"http://{address_of(mesh, 'app=by-hand')}"
        dutiful = compared((ours, ONE_HOP), f"{hand}:{DUTIFUL}/", rounds)
        least = compared((ours, ONE_HOP), f"{hand}:{LEAST}/", rounds)
        two_hops = compared((ours, TWO_HOPS), f"{hand}:{DUTIFUL_TWO_HOPS}/", rounds)
    one = "request rate through the gateway to a server"
    return (
        figure(one, "by hand, with the same duties", dutiful, TARGET),
        figure(one, "by hand, the least that forwards and logs", least),
        figure("request rate through gateway and sidecar to a server", "two by hand, the first with duties", two_hops),
    )


def start(mesh: Mesh) -> None:
    """Servers, routes to them, and the Envoy by hand, which needs their addresses."""
    server = {"name": "server", "command": by_hand.command(by_hand.answering(SERVER_PORT))}
    second = {"name": "second", "command": by_hand.command(by_hand.forwarding({PAIR_PORT: ("127.0.0.1", SERVER_PORT)}))}
    transact(
        mesh,
        deployment("plain", server, sidecar=False),
        deployment("meshed", server),
        deployment("pair", server, second, sidecar=False),
        service("plain", SERVER_PORT),
        service("meshed", SERVER_PORT),
        gateway(ONE_HOP, TWO_HOPS),
        virtual_service("plain", host=ONE_HOP, port=SERVER_PORT),
        virtual_service("meshed", host=TWO_HOPS, port=SERVER_PORT),
    )
    mesh.wait_ready("app=plain", "app=meshed", "app=pair")
    upstreams = {
        LEAST: (address_of(mesh, "app=plain"), SERVER_PORT),
        DUTIFUL: (address_of(mesh, "app=plain"), SERVER_PORT),
        DUTIFUL_TWO_HOPS: (address_of(mesh, "app=pair"), PAIR_PORT),
    }
    forwarding = by_hand.forwarding(upstreams, dutiful=(DUTIFUL, DUTIFUL_TWO_HOPS))
    first = {"name": "first", "command": by_hand.command(forwarding)}
    transact(mesh, deployment("by-hand", first, sidecar=False))
    mesh.wait_ready("app=by-hand")
    mesh.wait_applied()


Rates = list[tuple[float, float]]
"""Of each round: ours, theirs."""


def compared(ours: tuple[str, str], hand: str, rounds: int) -> Rates:
    url, host = ours
    for target in (url, hand):
        rate(target, host, seconds=1)  # connections, caches, the processor's clock
    return [(rate(url, host), rate(hand, host)) for _ in range(rounds)]


def figure(name: str, baseline_name: str, rates: Rates, target: Target | None = None) -> Figure:
    measured, baseline = zip(*rates, strict=True)
    return Figure(
        name=name, unit="/s", target=target, measured=measured, baseline=baseline, baseline_name=baseline_name
    )


def rate(url: str, host: str, seconds: int = SECONDS) -> float:
    """Of answers 2xx; AssertionError if there were others."""
    done = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", f"Host: {host}", url],
        capture_output=True,
        text=True,
        timeout=seconds + 20,
        check=True,
    )
    found = _RATE.search(done.stdout)
    if found is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise AssertionError(f"wrk of {url} for {host}:\n{done.stdout}{done.stderr}")
    return float(found[1])


def gateway_port(mesh: Mesh) -> int:
    """Where the gateway's pod listens for port 80."""
    spec = mesh.get("service", "istio-ingressgateway", "-n", "istio-system")["spec"]
    assert isinstance(spec, dict)
    [port] = [port for port in spec["ports"] if port["port"] == 80]
    return int(port["targetPort"])
