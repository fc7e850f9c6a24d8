"""`virtualInbound` where mutual TLS is taken: which chains a port has, in which order, and what they end."""

from __future__ import annotations

import pytest

from meshgate.mesh import MtlsMode, Protocol
from meshgate.plan import Plan
from meshgate.plan.identity import mutual_tls
from meshgate.plan.inbound_shapes import inbound_shapes
from meshgate.plan.values import HttpConnectionManagerPlan, HttpInspectorFilter, PortPredicate, TlsInspectorFilter
from tests.mesh.objects import istio, service
from tests.plan.planned import PLAIN, SIDECAR, in_namespace, listener, mesh, planned, tcp_clusters

HTTP = "istio-http/1.0 istio-http/1.1 istio-h2"
ALL = f"istio istio-peer-exchange {HTTP}"
TCP = "istio-peer-exchange istio"
FOUND = "http/1.1 h2c"


def policy(mode: str, ports: str = "", *, namespace: str = "default") -> str:
    selector = "selector: {matchLabels: {app: client}}, " if ports else ""
    own = f", portLevelMtls: {{{ports}}}" if ports else ""
    return istio("PeerAuthentication", "p", f"{{{selector}mtls: {{mode: {mode}}}{own}}}", namespace=namespace)


def serving(*ports: str) -> str:
    return service("web", *ports, ip="10.96.0.1", selector="client")


def told(plan: Plan, *, port: int | None = None) -> list[str]:
    """Of each chain of a port: transport, the names it takes, what it does with TLS, and how it reads the bytes."""
    found = []
    for chain in listener(plan, "virtualInbound").filter_chains:
        if chain.match is None or chain.match.destination_port != port:
            continue
        words = [chain.match.transport_protocol, *chain.match.application_protocols]
        kind = "http" if isinstance(chain.filters[-1], HttpConnectionManagerPlan) else "tcp"
        found.append(" ".join([*words, "->", *(["mtls"] if chain.tls else []), kind]))
    return found


PERMISSIVE_UNKNOWN = [
    f"tls {HTTP} -> mtls http",
    f"raw_buffer {FOUND} -> http",
    f"tls {TCP} -> mtls tcp",
    "raw_buffer -> tcp",
    "tls -> tcp",
]
STRICT_UNKNOWN = [f"tls {HTTP} -> mtls http", "tls -> mtls tcp"]
PLAIN_UNKNOWN = [f"raw_buffer {FOUND} -> http", "raw_buffer -> tcp"]
CHAINS = {
    ("PERMISSIVE", "http"): [f"tls {ALL} -> mtls http", "raw_buffer -> http"],
    ("PERMISSIVE", "tcp"): [f"tls {ALL} -> mtls tcp", "tls -> tcp", "raw_buffer -> tcp"],
    ("PERMISSIVE", "other"): PERMISSIVE_UNKNOWN,
    ("STRICT", "http"): ["tls -> mtls http"],
    ("STRICT", "tcp"): ["tls -> mtls tcp"],
    ("STRICT", "other"): STRICT_UNKNOWN,
    ("DISABLE", "http"): ["raw_buffer -> http"],
    ("DISABLE", "tcp"): ["raw_buffer -> tcp"],
    ("DISABLE", "other"): PLAIN_UNKNOWN,
}
UNKNOWN = {"PERMISSIVE": PERMISSIVE_UNKNOWN, "STRICT": STRICT_UNKNOWN, "DISABLE": PLAIN_UNKNOWN}


@pytest.mark.parametrize(("mode", "protocol"), CHAINS)
def test_the_chains_of_a_port(mode: str, protocol: str) -> None:
    plan = planned(serving(f"{protocol}:80:8080") + policy(mode))
    assert told(plan, port=8080) == CHAINS[mode, protocol]
    assert told(plan) == UNKNOWN[mode], "what no service has"


@pytest.mark.parametrize(("name", "like"), [("https", "tcp"), ("tls", "tcp"), ("mongo", "tcp"), ("grpc", "http")])
def test_protocols_are_told_by_whether_they_are_http(name: str, like: str) -> None:
    assert told(planned(serving(f"{name}:80:8080")), port=8080) == CHAINS["PERMISSIVE", like]


def test_without_a_policy_a_workload_takes_both() -> None:
    assert told(planned("")) == PERMISSIVE_UNKNOWN


def test_the_policies_of_the_workloads_namespace_and_of_the_mesh_count() -> None:
    text = policy("STRICT", namespace="istio-system") + policy("DISABLE", namespace="other")
    assert told(planned(text)) == STRICT_UNKNOWN
    assert told(planned(text, in_namespace(SIDECAR, "other"))) == PLAIN_UNKNOWN


def test_a_port_may_differ() -> None:
    plan = planned(serving("http:80:8080", "http-admin:90:9090") + policy("STRICT", '"9090": {mode: DISABLE}'))
    assert told(plan, port=8080) == CHAINS["STRICT", "http"]
    assert told(plan, port=9090) == CHAINS["DISABLE", "http"]
    assert told(plan) == STRICT_UNKNOWN


def test_a_port_without_a_service_may_differ_too() -> None:
    plan = planned(serving("http:80:8080") + policy("STRICT", '"9000": {mode: DISABLE}, "8080": {mode: DISABLE}'))
    assert told(plan, port=9000) == PLAIN_UNKNOWN
    assert told(plan, port=8080) == CHAINS["DISABLE", "http"]
    chains = [one for one in listener(plan, "virtualInbound").filter_chains if one.match and one.match.destination_port]
    assert [one.name for one in chains] == [
        "virtualInbound-blackhole",
        "virtualInbound-catchall-http",
        "virtualInbound",
        "0.0.0.0_8080",
    ]
    assert tcp_clusters(chains[2]) == [("InboundPassthroughCluster", 1)]


def test_what_ends_tls_is_of_the_mesh() -> None:
    facts = mesh(trust_domain="shop.org")
    found = listener(planned(serving("http:80:8080"), facts=facts), "virtualInbound").filter_chains
    assert {chain.tls for chain in found} == {None, mutual_tls(facts.mesh)}
    assert PLAIN.mesh != facts.mesh


@pytest.mark.parametrize(
    ("mode", "ports", "tls", "http"),
    [
        ("PERMISSIVE", "", PortPredicate(ports=(15006,)), PortPredicate(ports=(8080, 15006))),
        ("STRICT", "", PortPredicate(ports=(15006,)), None),
        ("DISABLE", "", None, PortPredicate(ports=(8080, 15006))),
        ("DISABLE", '"9000": {mode: STRICT}', PortPredicate(ports=(9000,), negated=True), (8080, 9000, 15006)),
        ("STRICT", '"9000": {mode: DISABLE}', PortPredicate(ports=(9000, 15006)), (0, 8080, 15006)),
    ],
)
def test_only_what_is_needed_is_looked_at(
    mode: str, ports: str, tls: PortPredicate | None, http: PortPredicate | tuple[int, ...] | None
) -> None:
    filters = listener(planned(serving("http:80:8080") + policy(mode, ports)), "virtualInbound").listener_filters
    if isinstance(http, tuple):
        http = PortPredicate(ports=http)
    expected = [TlsInspectorFilter(disabled=tls, initial_read_buffer_size=512)] if tls else []
    assert list(filters[1:]) == [*expected, *([HttpInspectorFilter(disabled=http)] if http else [])]


@pytest.mark.parametrize("mode", MtlsMode)
@pytest.mark.parametrize("protocol", Protocol)
def test_laws_of_chains(mode: MtlsMode, protocol: Protocol) -> None:
    shapes = inbound_shapes(mode, protocol)
    matches = [(shape.transport, shape.application_protocols) for shape in shapes]
    assert len(set(matches)) == len(matches), "Envoy takes no match twice"
    assert all(shape.terminates for shape in shapes if shape.http and shape.transport == "tls"), "HTTP is read in clear"
    assert any(shape.terminates for shape in shapes) == (mode is not MtlsMode.DISABLE)
    assert any(not shape.terminates for shape in shapes) == (mode is not MtlsMode.STRICT)
    assert all(shape.transport == "tls" for shape in shapes if shape.terminates)
