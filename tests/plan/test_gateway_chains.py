"""Chains of bytes at a gateway: TLS that goes through, TCP behind TLS, and who has an SNI."""

from __future__ import annotations

import msgspec
import pytest

from meshgate.plan import plan
from meshgate.plan.values import FilterChainMatch, MongoProxyPlan, SecretReference, TlsInspectorFilter
from tests.mesh.objects import istio, snapshot
from tests.plan.gateway_objects import DB, INGRESS, LOCAL, WEB, gateway, server, tcp_rule
from tests.plan.planned import PLAIN, ROUTER, listener, listener_names, planned, problems, tcp_clusters

PASSTHROUGH = ", tls: {mode: PASSTHROUGH}"
SIMPLE = ", tls: {mode: SIMPLE, credentialName: c}"


def tls_rule(match: str, *, name: str = "tls", hosts: str = "'*.org'", to: str = "web", **more: str) -> str:
    rules = f"[{{match: [{match}], route: [{{destination: {{host: {to}}}}}]}}]"
    return istio("VirtualService", name, f"{{hosts: [{hosts}], gateways: [default/gw], tls: {rules}}}", **more)


def _matches(text: str) -> list[tuple[str, ...]]:
    found = listener(planned(text, ROUTER), "0.0.0.0_443").filter_chains
    return [chain.match.server_names if chain.match else () for chain in found]


@pytest.mark.parametrize("protocol", ["TLS", "HTTPS"])
def test_tls_that_goes_through(protocol: str) -> None:
    text = INGRESS + WEB + gateway(server(443, protocol, "'*.org'", rest=PASSTHROUGH))
    text += tls_rule("{sniHosts: [A.org, b.org]}, {port: 1, sniHosts: [c.org]}, {gateways: [other], sniHosts: [d.org]}")
    made = planned(text, ROUTER)
    found = listener(made, "0.0.0.0_8443")
    assert found.listener_filters == (TlsInspectorFilter(initial_read_buffer_size=512),)
    (chain,) = found.filter_chains
    assert (chain.match, chain.tls) == (FilterChainMatch(server_names=("a.org", "b.org")), None)
    assert tcp_clusters(chain) == [(f"outbound|80||web.{LOCAL}", 1)]
    assert str(chain.origin) == "VirtualService/default/tls spec.tls[0]"
    assert made.route_configurations == ()


def test_each_match_has_a_chain_and_the_widest_needs_no_name() -> None:
    text = WEB + gateway(server(443, "TLS", rest=PASSTHROUGH))
    text += tls_rule("{sniHosts: ['*.a.org'], port: 443}, {sniHosts: ['*'], gateways: [gw]}", hosts="'*'")
    assert _matches(text) == [("*.a.org",), ()]
    assert problems(text, ROUTER) == []


def test_the_first_rule_has_an_sni() -> None:
    first = tls_rule("{sniHosts: [a.org]}", name="first", created="2020-01-01T00:00:00Z")
    second = tls_rule("{sniHosts: [b.org, a.org]}, {sniHosts: [c.org]}", name="second", created="2021-01-01T00:00:00Z")
    text = WEB + gateway(server(443, "TLS", "'*.org'", rest=PASSTHROUGH)) + first + second
    assert _matches(text) == [("a.org",), ("c.org",)]
    assert problems(text, ROUTER) == [
        "VirtualService/default/second spec.tls[0].match[0]: nothing reaches this at a gateway: "
        'VirtualService/default/first spec.tls[0] has the connections for "a.org" before; an SNI of a port is for one '
        "rule or server; the whole match is left out [IST0130]"
    ]


def test_a_server_that_takes_tls_off_has_its_sni() -> None:
    """Wherever it stands: Istio would make two chains of it, and Envoy would refuse the listener."""
    through, off = server(443, "TLS", "'*.org'", rest=PASSTHROUGH), server(443, "HTTPS", "a.org", rest=SIMPLE)
    text = WEB + gateway(through, off) + tls_rule("{sniHosts: [a.org]}, {sniHosts: [b.org]}")
    assert sorted(_matches(text)) == [("a.org",), ("b.org",)]
    assert "Gateway/default/gw spec.servers[1] has the connections" in problems(text, ROUTER)[0]


def test_a_rule_for_two_servers_is_there_once() -> None:
    one, two = server(443, "TLS", "a.org", rest=PASSTHROUGH), server(443, "HTTPS", "b.org", rest=PASSTHROUGH)
    text = WEB + gateway(one, two) + tls_rule("{sniHosts: ['*.org']}")
    assert _matches(text) == [("*.org",)]


@pytest.mark.parametrize(
    ("tls", "kind"), [(PASSTHROUGH, "tls"), (SIMPLE, "tcp"), (", tls: {mode: ISTIO_MUTUAL}", "tcp")]
)
def test_a_server_without_rules(tls: str, kind: str) -> None:
    text = gateway(server(443, "TLS", "a.org", rest=tls))
    assert listener_names(planned(text, ROUTER)) == []
    rule = f'no VirtualService has a "{kind}" rule for port 443 of Gateway "default/gw"'
    assert problems(text, ROUTER) == [
        f"Gateway/default/gw spec.servers[0].port: {rule}, so nothing listens there [MG0105]"
    ]
    both = gateway(server(443, "TLS", "a.org", rest=tls), server(443, "HTTPS", "b.org", rest=SIMPLE))
    assert _matches(both) == [("b.org",)], "its neighbours serve"
    assert problems(both, ROUTER)[0].endswith(f"{rule}, so its connections are refused [MG0105]")


def test_who_has_the_connections_of_a_server_without_rules() -> None:
    """Neither another one without rules, nor one of other names."""
    passed, wide = server(443, "TLS", "a.org", rest=PASSTHROUGH), server(443, "HTTPS", "'*.org'", rest=SIMPLE)
    others = [server(443, "TLS", "b.com", rest=PASSTHROUGH), server(443, "TLS", "'*'", rest=SIMPLE)]
    named = [gateway(other, name=f"gw{place}") for place, other in enumerate(others)]
    text = WEB + gateway(passed, wide) + "".join(named)
    assert [line.partition(", so ")[2] for line in problems(text, ROUTER) if line.endswith("[MG0105]")] == [
        'connections for "a.org" go to Gateway/default/gw spec.servers[1], which has "*.org" [MG0105]',
        "its connections are refused [MG0105]",
        "its connections are refused [MG0105]",
    ]


@pytest.mark.parametrize(("protocol", "filters"), [("TLS", 1), ("MONGO", 2)])
def test_bytes_behind_tls(protocol: str, filters: int) -> None:
    if protocol == "MONGO":
        text = DB + gateway(server(443, "MONGO", "a.org"))
    else:
        text = DB + gateway(server(443, "TLS", "a.org", rest=SIMPLE))
    made = planned(text + tcp_rule("[{route: [{destination: {host: db}}]}]"), ROUTER)
    (chain,) = listener(made, "0.0.0.0_443").filter_chains
    assert len(chain.filters) == filters
    assert isinstance(chain.filters[0], MongoProxyPlan) is (protocol == "MONGO")
    assert tcp_clusters(chain) == [(f"outbound|5432||db.{LOCAL}", 1)]
    if protocol == "TLS":
        assert chain.match == FilterChainMatch(server_names=("a.org",))
        assert chain.tls is not None
        assert chain.tls.certificates == (SecretReference(name="kubernetes://c"),)


def test_tls_routes_of_the_gateway_api_reach_servers_that_take_tls_off() -> None:
    """Users cannot say so: the annotation is Istio's own."""
    given = snapshot(WEB + gateway(server(443, "TLS", "a.org", rest=SIMPLE)) + tls_rule("{sniHosts: [a.org]}"), PLAIN)
    assert listener_names(plan(given, ROUTER)[0]) == []
    made = tuple(msgspec.structs.replace(one, is_tls_route=True) for one in given.world.virtual_services)
    world = msgspec.structs.replace(given.world, virtual_services=made)
    found, _ = plan(msgspec.structs.replace(given, world=world), ROUTER)
    (chain,) = listener(found, "0.0.0.0_443").filter_chains
    assert chain.tls is not None
    assert tcp_clusters(chain) == [(f"outbound|80||web.{LOCAL}", 1)]
