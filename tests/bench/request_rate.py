"""Requests per second through our proxies, beside the same Envoy with a configuration written by hand.

Like with like: every Envoy is in a pod of the same mesh, with two workers, and writes Istio's access log to the same
kind of pipe; the load comes from the host to the pod's address, and the server is an Envoy that answers at once, in
another pod without sidecar (secure_rate.py has two hops). Rounds of ours and theirs alternate.

By hand, too, one can ask for much or for little. The target is held against a gateway that has our duties (the client's
address, normal paths, Istio's retries); what Istio's further filters cost is in it. Beside it is the least there is.
"""

from __future__ import annotations

import shutil

from msgspec.structs import replace

from tests.bench import by_hand
from tests.bench.figure import Figure, NotMeasured, Target
from tests.bench.load import Side, figure, in_turns
from tests.bench.meshes import mesh_to_measure
from tests.bench.workloads import address_of, deployment, gateway, service, transact, virtual_service
from tests.e2e.mesh import Mesh

RATE_TARGET = Target(limit=0.95, is_ratio=True, is_least=True)
SERVER_PORT = 9000
ONE_HOP = "one-hop.example.com"
LEAST, DUTIFUL = 9101, 9102


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
    rate, cost = "request rate through the gateway", "the gateway's processor time for a request"
    return (
        figure(rate, "by hand, with the same duties", dutiful, target=RATE_TARGET),
        figure(rate, "by hand, the least that forwards and logs", least),
        figure(cost, "by hand, with the same duties", dutiful, unit="us"),
        figure(cost, "by hand, the least that forwards and logs", least, unit="us"),
    )


def start(mesh: Mesh) -> None:
    """Servers, routes to them, and the Envoy by hand, which needs their addresses."""
    server = {"name": "server", "command": by_hand.command(by_hand.answering(SERVER_PORT))}
    transact(
        mesh,
        deployment("plain", server, sidecar=False),
        service("plain", SERVER_PORT),
        gateway(ONE_HOP),
        virtual_service("plain", host=ONE_HOP, port=SERVER_PORT),
    )
    mesh.wait_ready("app=plain")
    upstreams = {
        LEAST: (address_of(mesh, "app=plain"), SERVER_PORT),
        DUTIFUL: (address_of(mesh, "app=plain"), SERVER_PORT),
    }
    forwarding = by_hand.forwarding(upstreams, dutiful=(DUTIFUL,))
    first = {"name": "first", "command": by_hand.command(forwarding)}
    transact(mesh, deployment("by-hand", first, sidecar=False))
    mesh.wait_ready("app=by-hand")
    mesh.wait_applied()


def gateway_port(mesh: Mesh, number: int = 80) -> int:
    """Where the gateway's pod listens for this port."""
    spec = mesh.get("service", "istio-ingressgateway", "-n", "istio-system")["spec"]
    assert isinstance(spec, dict)
    [port] = [port for port in spec["ports"] if port["port"] == number]
    return int(port["targetPort"])
