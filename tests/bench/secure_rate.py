"""Requests and handshakes per second where TLS is spoken, beside the same Envoys with a configuration by hand.

Like with like, as in request_rate.py: pods of the same mesh, two workers, the same access log, the same keys (P-256)
and hops. Three chains: gateway, mutual TLS, sidecar, server; a gateway with a server of mode SIMPLE; sidecar, mutual
TLS, egress gateway, TLS to a server outside (scenario 12 of the tour). A handshake is a whole one, with a request.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence

import yaml
from msgspec.structs import replace

from tests.bench import by_hand
from tests.bench.by_hand_tls import NAME, ends_tls, opens_tls, secret
from tests.bench.figure import Figure, NotMeasured, Target
from tests.bench.load import Load, Side, figure, in_turns
from tests.bench.meshes import mesh_to_measure
from tests.bench.request_rate import RATE_TARGET, SERVER_PORT, gateway_port
from tests.bench.workloads import IDLE, Object, address_of, deployment, gateway, service, transact, virtual_service
from tests.e2e.mesh import Mesh

EGRESS = ("--set", "components.egressGateways[0].name=istio-egressgateway")
EGRESS_ON = ("--set", "components.egressGateways[0].enabled=true")
MESHED, UPGRADED, OUTSIDE = "meshed.example.com", "upgraded.example.com", "outside.example.com"
PAIR_PORT, PAIR_FILTERING, OUTSIDE_PORT, CALLER_PORT = 9100, 9106, 9443, 9200
MUTUAL, MUTUAL_HTTP2, SIMPLE, ORIGINATES, FILTERING = 9101, 9102, 9103, 9104, 9105
PAIR_PORTS = (PAIR_PORT, PAIR_FILTERING)
OBJECTS = f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: simple}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: 443, name: https, protocol: HTTPS}}
    hosts: [{NAME}]
    tls: {{mode: SIMPLE, credentialName: bench}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: simple}}
spec:
  hosts: [{NAME}]
  gateways: [simple]
  http: [{{route: [{{destination: {{host: plain, port: {{number: {SERVER_PORT}}}}}}}]}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: upgraded}}
spec:
  host: upgraded
  trafficPolicy: {{connectionPool: {{http: {{h2UpgradePolicy: UPGRADE}}}}}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: outside}}
spec:
  hosts: [{OUTSIDE}]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{{number: 80, name: http, protocol: HTTP}}, {{number: 443, name: https, protocol: HTTPS}}]
  endpoints: [{{address: ADDRESS, ports: {{https: {OUTSIDE_PORT}}}}}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: egress}}
spec:
  selector: {{istio: egressgateway}}
  servers:
  - port: {{number: 80, name: https-port-for-tls-origination, protocol: HTTPS}}
    hosts: [{OUTSIDE}]
    tls: {{mode: ISTIO_MUTUAL}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: to-egress}}
spec:
  host: istio-egressgateway.istio-system.svc.cluster.local
  subsets:
  - name: outside
    trafficPolicy:
      portLevelSettings: [{{port: {{number: 80}}, tls: {{mode: ISTIO_MUTUAL, sni: {OUTSIDE}}}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: outside}}
spec:
  hosts: [{OUTSIDE}]
  gateways: [egress, mesh]
  http:
  - match: [{{gateways: [mesh], port: 80}}]
    route:
    - destination:
        host: istio-egressgateway.istio-system.svc.cluster.local
        subset: outside
        port: {{number: 80}}
  - match: [{{gateways: [egress], port: 80}}]
    route: [{{destination: {{host: {OUTSIDE}, port: {{number: 443}}}}}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: outside}}
spec:
  host: {OUTSIDE}
  trafficPolicy:
    portLevelSettings:
    - port: {{number: 443}}
      tls: {{mode: SIMPLE, credentialName: bench, sni: {NAME}, subjectAltNames: [{NAME}]}}
"""
"""Secrets of the name `bench` are in every namespace that has such a proxy."""


def measure(rounds: int) -> tuple[Figure, ...]:
    if shutil.which("wrk") is None:
        raise NotMeasured("`wrk` is missing (apt-get install wrk)")
    with mesh_to_measure(*EGRESS, *EGRESS_ON) as mesh:
        start(mesh)
        return tuple(row for rows in (inside, at_the_edge, on_the_way_out) for row in rows(mesh, rounds))


def inside(mesh: Mesh, rounds: int) -> Sequence[Figure]:
    """Automatic mutual TLS between gateway and sidecar, with HTTP/1.1 as is usual and with HTTP/2."""
    ours = Side(address=ingress(mesh), port=gateway_port(mesh), host=MESHED)
    hand = Side(address=address_of(mesh, "app=by-hand"), port=MUTUAL, host=MESHED)
    usual = in_turns(ours, hand, rounds)
    filtering = in_turns(ours, replace(hand, port=FILTERING), rounds)
    upgraded = in_turns(replace(ours, host=UPGRADED), replace(hand, port=MUTUAL_HTTP2), rounds)
    name, pair = "gateway, mutual TLS, sidecar", "two by hand, with the same duties"
    return (
        *rows_of(name, "request", pair, usual),
        *rows_of(name, "request", f"{pair} and filters", filtering, target=None),
        *rows_of(f"{name}; HTTP/2 between them", "request", pair, upgraded),
    )


def at_the_edge(mesh: Mesh, rounds: int) -> Sequence[Figure]:
    ours = Side(address=ingress(mesh), port=gateway_port(mesh, 443), host=NAME, is_tls=True)
    hand = Side(address=address_of(mesh, "app=by-hand"), port=SIMPLE, host=NAME, is_tls=True)
    kept = in_turns(ours, hand, rounds)
    new = in_turns(replace(ours, is_new=True), replace(hand, is_new=True), rounds)
    name, one = "gateway with TLS of mode SIMPLE", "by hand, with the same duties"
    return (*rows_of(name, "handshake", one, new), *rows_of(name, "request", one, kept))


def on_the_way_out(mesh: Mesh, rounds: int) -> Sequence[Figure]:
    """The address that is called has no server at that port: a sidecar goes by the name."""
    caller, caller_by_hand = address_of(mesh, "app=caller"), address_of(mesh, "app=caller-by-hand")
    ours = Side(address=address_of(mesh, "app=outside"), port=80, host=OUTSIDE, caller=caller)
    hand = Side(address="127.0.0.1", port=CALLER_PORT, host=OUTSIDE, caller=caller_by_hand)
    loads = in_turns(ours, hand, rounds)
    return rows_of("sidecar, mutual TLS, egress gateway, TLS to a server", "request", "the same chain by hand", loads)


def rows_of(
    name: str,
    what: str,
    baseline_name: str,
    loads: Sequence[tuple[Load, Load]],
    *,
    target: Target | None = RATE_TARGET,
) -> Sequence[Figure]:
    return (
        figure(f"{name}: {what}s", baseline_name, loads, target=target),
        figure(f"{name}: the first proxy's processor time for a {what}", baseline_name, loads, unit="us"),
    )


def ingress(mesh: Mesh) -> str:
    return address_of(mesh, "istio=ingressgateway", "istio-system")


def start(mesh: Mesh) -> None:
    """Servers first, for the Envoys by hand and the ServiceEntry need their addresses."""
    pair = by_hand.forwarding(dict.fromkeys(PAIR_PORTS, ("127.0.0.1", SERVER_PORT)), filtering=(PAIR_FILTERING,))
    for port in PAIR_PORTS:
        ends_tls(pair, port, is_mutual=True)
    server = envoy("server", by_hand.answering(SERVER_PORT))
    outside = ends_tls(by_hand.answering(OUTSIDE_PORT), OUTSIDE_PORT, is_mutual=False)
    second = envoy("second", pair)
    transact(
        mesh,
        *(secret("bench", namespace) for namespace in ("default", "istio-system")),
        deployment("plain", server, sidecar=False),
        deployment("meshed", server),
        deployment("pair", server, second, sidecar=False, secret="bench"),
        deployment("outside", envoy("server", outside), sidecar=False, secret="bench"),
        deployment("caller", IDLE),
        service("plain", SERVER_PORT),
        service("meshed", SERVER_PORT),
        service("upgraded", SERVER_PORT, selects="meshed"),
        gateway(MESHED, UPGRADED),
        virtual_service("meshed", host=MESHED, port=SERVER_PORT),
        virtual_service("upgraded", host=UPGRADED, port=SERVER_PORT),
    )
    mesh.wait_ready("app=plain", "app=meshed", "app=pair", "app=outside", "app=caller")
    mesh.wait_ready("istio=egressgateway", namespace="istio-system")
    transact(mesh, *yaml.safe_load_all(OBJECTS.replace("ADDRESS", address_of(mesh, "app=outside"))))
    started_by_hand(mesh, lambda app: address_of(mesh, f"app={app}"))
    mesh.wait_applied()


def started_by_hand(mesh: Mesh, address: Callable[[str], str]) -> None:
    first = by_hand.forwarding(
        {
            MUTUAL: (address("pair"), PAIR_PORT),
            MUTUAL_HTTP2: (address("pair"), PAIR_PORT),
            FILTERING: (address("pair"), PAIR_FILTERING),
            SIMPLE: (address("plain"), SERVER_PORT),
            ORIGINATES: (address("outside"), OUTSIDE_PORT),
        },
        dutiful=(MUTUAL, MUTUAL_HTTP2, FILTERING, SIMPLE, ORIGINATES),
        filtering=(FILTERING,),
    )
    opens_tls(first, MUTUAL, is_mutual=True)
    opens_tls(first, FILTERING, is_mutual=True)
    opens_tls(first, MUTUAL_HTTP2, is_mutual=True, is_http2=True)
    ends_tls(first, SIMPLE, is_mutual=False)
    opens_tls(ends_tls(first, ORIGINATES, is_mutual=True), ORIGINATES, is_mutual=False)
    transact(mesh, deployment("by-hand", envoy("first", first), sidecar=False, secret="bench"))
    mesh.wait_ready("app=by-hand")
    caller = by_hand.forwarding({CALLER_PORT: (address("by-hand"), ORIGINATES)}, dutiful=(CALLER_PORT,))
    opens_tls(caller, CALLER_PORT, is_mutual=True, is_http2=True)  # as the egress gateway's Service says
    transact(mesh, deployment("caller-by-hand", envoy("caller", caller), sidecar=False, secret="bench"))
    mesh.wait_ready("app=caller-by-hand")


def envoy(name: str, configuration: by_hand.Json) -> Object:
    return {"name": name, "command": by_hand.command(configuration)}
