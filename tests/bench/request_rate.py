"""Requests per second through our proxies, beside the same Envoy with a configuration written by hand.

Like with like: every Envoy is in a pod of the same mesh, with two workers, and writes Istio's access log to the same
kind of pipe; the load comes from the host to the pod's address, and the server is an Envoy that answers at once. One
hop is the gateway and a server in another pod. Two hops are the gateway and a sidecar with the server beside it; by
hand that is an Envoy, and in the other pod a second one with the server beside it. Rounds of ours and theirs alternate.

By hand, too, one can ask for much or for little. The target is held against a gateway that has our duties (the client's
address, normal paths, Istio's retries); what Istio's further filters cost is in it. Beside it is the least there is.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from tests.bench import by_hand
from tests.bench.figure import Figure, NotMeasured, Target
from tests.bench.meshes import mesh_to_measure
from tests.bench.workloads import address_of, deployment, gateway, service, transact, virtual_service
from tests.e2e.mesh import Mesh

RATE_TARGET = Target(limit=0.95, is_ratio=True, is_least=True)
SECONDS = 3
CONNECTIONS = 32
SERVER_PORT, PAIR_PORT = 9000, 9100
ONE_HOP, TWO_HOPS = "one-hop.example.com", "two-hops.example.com"
LEAST, DUTIFUL, DUTIFUL_TWO_HOPS = 9101, 9102, 9103
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_COUNT = re.compile(r"([0-9]+) requests in")
TICKS = os.sysconf("SC_CLK_TCK")


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """Where requests go: a pod's address, a port, and the host that is asked for."""

    address: str
    port: int
    host: str

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}/"

    def processor_s(self) -> float:
        """What its Envoy has used until now."""
        fields = Path(f"/proc/{envoy_at(self.address)}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the load."""

    per_second: float
    microseconds: float
    """The first proxy's processor time for a request: little disturbed by others on the machine."""

    def in_unit(self, unit: str) -> float:
        return self.per_second if unit == "/s" else self.microseconds


def measure(rounds: int) -> tuple[Figure, ...]:
    if shutil.which("wrk") is None:
        raise NotMeasured("`wrk` is missing (apt-get install wrk)")
    with mesh_to_measure() as mesh:
        start(mesh)
        ours = Side(
            address=address_of(mesh, "istio=ingressgateway", "istio-system"), port=gateway_port(mesh), host=ONE_HOP
        )
        hand = Side(address=address_of(mesh, "app=by-hand"), port=DUTIFUL, host=ONE_HOP)
        dutiful = in_turns(ours, hand, rounds)
        least = in_turns(ours, replace(hand, port=LEAST), rounds)
        two_hops = in_turns(replace(ours, host=TWO_HOPS), replace(hand, port=DUTIFUL_TWO_HOPS), rounds)
    rate, cost = "request rate through the gateway", "the gateway's processor time for a request"
    return (
        figure(rate, "by hand, with the same duties", dutiful, target=RATE_TARGET),
        figure(rate, "by hand, the least that forwards and logs", least),
        figure("request rate through gateway and sidecar", "two by hand, the first with duties", two_hops),
        figure(cost, "by hand, with the same duties", dutiful, unit="us"),
        figure(cost, "by hand, the least that forwards and logs", least, unit="us"),
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


def in_turns(ours: Side, hand: Side, rounds: int) -> list[tuple[Load, Load]]:
    """Of each round: ours, theirs."""
    for side in (ours, hand):
        load(side, seconds=1)  # connections, caches, the processor's clock
    return [(load(ours), load(hand)) for _ in range(rounds)]


def figure(
    name: str, baseline_name: str, loads: Sequence[tuple[Load, Load]], *, unit: str = "/s", target: Target | None = None
) -> Figure:
    return Figure(
        name=name,
        unit=unit,
        target=target,
        measured=tuple(ours.in_unit(unit) for ours, _ in loads),
        baseline=tuple(theirs.in_unit(unit) for _, theirs in loads),
        baseline_name=baseline_name,
    )


def load(side: Side, seconds: int = SECONDS) -> Load:
    """Keep the side busy; AssertionError if not all answers are 2xx."""
    before = side.processor_s()
    done = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", f"Host: {side.host}", side.url],
        capture_output=True,
        text=True,
        timeout=seconds + 20,
        check=True,
    )
    spent_s = side.processor_s() - before
    rate, count = _RATE.search(done.stdout), _COUNT.search(done.stdout)
    if rate is None or count is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise AssertionError(f"wrk of {side}:\n{done.stdout}{done.stderr}")
    return Load(per_second=float(rate[1]), microseconds=spent_s / int(count[1]) * 1e6)


def envoy_at(address: str) -> int:
    """The pid of the Envoy whose network namespace has the address."""
    for line in Path("/proc").glob("[0-9]*/comm"):
        try:
            if line.read_text().startswith("envoy") and f"{address}\n" in (line.parent / "net/fib_trie").read_text():
                return int(line.parent.name)
        except OSError:  # the process ended meanwhile
            continue
    raise AssertionError(f"no Envoy has the address {address}")


def gateway_port(mesh: Mesh) -> int:
    """Where the gateway's pod listens for port 80."""
    spec = mesh.get("service", "istio-ingressgateway", "-n", "istio-system")["spec"]
    assert isinstance(spec, dict)
    [port] = [port for port in spec["ports"] if port["port"] == 80]
    return int(port["targetPort"])
