"""What a chain says in place of its cluster, where bytes are sent to a cluster that is for HTTP."""

from __future__ import annotations

import pytest

from meshgate.plan import Proxy
from meshgate.plan.values import FilterChainPlan, ListenerPlan
from tests.mesh.objects import istio, service
from tests.plan.planned import PLAIN, ROUTER, SIDECAR, listener, mesh, planned, tcp

BYTES = ("istio",)
WEB = service("web", "auto:82", ip="10.96.0.1")
DB = service("db", "tcp:90", "http:91", ip="10.96.0.2")
OPEN_GATEWAY = istio(
    "Gateway",
    "gw",
    "{selector: {istio: ingressgateway}, servers: [{port: {number: 9, name: tcp, protocol: TCP}, hosts: ['*']}]}",
)


def default_chain(found: ListenerPlan) -> FilterChainPlan:
    """The chain for what is no HTTP."""
    return found.default_filter_chain or found.filter_chains[-1]


def rule(policy: str, host: str = "web") -> str:
    return istio("DestinationRule", "dr", f"{{host: {host}, trafficPolicy: {policy}}}")


def of_listener(text: str, name: str = "10.96.0.1_82") -> tuple[str, ...]:
    return tcp(default_chain(listener(planned(text), name))).alpn


@pytest.mark.parametrize(
    ("text", "alpn"),
    [
        pytest.param(WEB, BYTES, id="sniffed"),
        pytest.param(WEB + rule("{tls: {mode: ISTIO_MUTUAL}}"), BYTES, id="demanded"),
        pytest.param(WEB + rule("{tls: {mode: DISABLE}}"), (), id="plaintext"),
        pytest.param(WEB + rule("{tls: {mode: SIMPLE}}"), (), id="originated"),
        pytest.param(WEB + rule("{connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}"), BYTES, id="upgraded"),
    ],
)
def test_bytes_to_a_sniffed_port(text: str, alpn: tuple[str, ...]) -> None:
    assert of_listener(text) == alpn


def test_where_the_cluster_is_right_nothing_is_said() -> None:
    assert of_listener(DB, "10.96.0.2_90") == ()
    off = planned(WEB, facts=mesh(enable_auto_mtls=False))
    assert tcp(default_chain(listener(off, "10.96.0.1_82"))).alpn == ()
    outside = istio(
        "ServiceEntry",
        "out",
        "{hosts: [a.org], addresses: [10.9.0.1], resolution: STATIC, ports: [{number: 82, name: x}]}",
    )
    assert of_listener(outside, "10.9.0.1_82") == ()


def destinations(*ports: int) -> str:
    host = {82: "web", 90: "db", 91: "db", 99: "nobody"}
    routes = ", ".join(
        f"{{destination: {{host: {host[port]}, port: {{number: {port}}}}}, weight: {100 // len(ports)}}}"
        for port in ports
    )
    return istio("VirtualService", "vs", f"{{hosts: ['*'], gateways: [gw], tcp: [{{route: [{routes}]}}]}}")


@pytest.mark.parametrize(
    ("ports", "alpn"),
    [
        pytest.param((82,), BYTES, id="sniffed"),
        pytest.param((90,), (), id="tcp"),
        pytest.param((91,), BYTES, id="http"),
        pytest.param((82, 91), BYTES, id="alike"),
        pytest.param((82, 90), (), id="they-differ"),
        pytest.param((99,), (), id="unknown"),
    ],
)
def test_rules_say_it_for_their_destinations(ports: tuple[int, ...], alpn: tuple[str, ...]) -> None:
    found = listener(planned(WEB + DB + OPEN_GATEWAY + destinations(*ports), ROUTER, PLAIN), "0.0.0.0_9")
    assert tcp(found.filter_chains[0]).alpn == alpn


@pytest.mark.parametrize("proxy", [SIDECAR], ids=["sidecar"])
def test_other_names_of_a_service_are_the_service(proxy: Proxy) -> None:
    alias = service("alias", "auto:82", extra="type: ExternalName\n  externalName: web.default.svc.cluster.local")
    routed = istio(
        "VirtualService", "vs", "{hosts: [db], tcp: [{match: [{port: 90}], route: [{destination: {host: alias}}]}]}"
    )
    found = listener(planned(WEB + DB + alias + routed, proxy), "10.96.0.2_90")
    assert tcp(default_chain(found)).alpn == BYTES
