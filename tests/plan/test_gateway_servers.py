"""Servers of several Gateways on one port: who joins, who is left out."""

from __future__ import annotations

import pytest

from meshgate.plan.values import GrpcWebFilter, PipeAddress
from tests.plan.gateway_objects import INGRESS, WEB, gateway, routed, server
from tests.plan.planned import ROUTER, host_names, listener, listener_names, manager, planned, problems

CONFLICTS = [
    pytest.param("HTTP", "TCP", "TCP", id="http first"),
    pytest.param("TCP", "HTTP", "HTTP", id="tcp first"),
    pytest.param("TCP", "TCP", "TCP", id="tcp twice"),
    pytest.param("TCP", "MONGO", "Mongo", id="other bytes"),
]


@pytest.mark.parametrize(("first", "second", "loser"), CONFLICTS)
def test_a_port_has_one_protocol(first: str, second: str, loser: str) -> None:
    text = gateway(server(protocol=first), name="a") + gateway(server(protocol=second), name="b")
    (found,) = [problem for problem in problems(text, ROUTER) if "IST0145" in problem]
    assert found.startswith("Gateway/default/b spec.servers[0].port: Gateway/default/a has port 80 with protocol")
    assert f'"{loser}" does not join it' in found


REDIRECTS = ", tls: {httpsRedirect: true}"


def test_hosts_that_two_servers_redirect() -> None:
    """As for certificates, each host can be there once; the whole server loses, also with its other hosts."""
    first = gateway(server(hosts="a.org", rest=REDIRECTS), name="a")
    second = gateway(server(hosts="'*/a.org', b.org", rest=REDIRECTS), name="b")
    text = WEB + first + second + routed("'*'", gateways="b")
    assert host_names(planned(text, ROUTER), "http.80") == ["a.org:80"]
    assert problems(text, ROUTER) == [
        'Gateway/default/b spec.servers[0].port: Gateway/default/a has host "a.org" on port 80 already: all of this '
        "server is left out; the oldest Gateway decides; name each host once [IST0145]"
    ]
    plain = gateway(server(hosts="a.org"), name="b")
    assert problems(WEB + first + plain, ROUTER) == []


def test_a_redirect_for_hosts_of_one_namespace_needs_rules() -> None:
    """Istio gives a host that no VirtualService has a virtual host of its own only where all namespaces may have it."""
    text = gateway(server(hosts="'default/a.org', b.org", rest=REDIRECTS))
    assert host_names(planned(text, ROUTER), "http.80") == ["b.org:80"]


def test_the_port_is_named_as_it_is_written() -> None:
    text = INGRESS + gateway(server(), server(protocol="TCP"))
    (found,) = [problem for problem in problems(text, ROUTER) if "IST0145" in problem]
    assert found == (
        "Gateway/default/gw spec.servers[1].port: Gateway/default/gw has port 80 (target port 8080) with protocol "
        '"HTTP"; "TCP" does not join it; the first server decides; choose another port [IST0145]'
    )


def test_http_protocols_join() -> None:
    text = gateway(server(protocol="HTTP2"), name="a") + gateway(server(protocol="GRPC"), name="b")
    plan = planned(WEB + text + routed("a.org", gateways="b"), ROUTER)
    assert host_names(plan, "http.80") == ["a.org:80"]
    assert problems(text, ROUTER) == []


@pytest.mark.parametrize(("first", "second", "expected"), [("GRPC-WEB", "HTTP", True), ("HTTP", "GRPC-WEB", False)])
def test_calls_of_browsers_are_understood_where_the_first_server_says_so(
    first: str, second: str, *, expected: bool
) -> None:
    text = gateway(server(protocol=first, hosts="a.org"), server(protocol=second, hosts="b.org"))
    hcm = manager(listener(planned(text, ROUTER), "0.0.0.0_80").filter_chains[0])
    assert (GrpcWebFilter() in hcm.http_filters) is expected


def test_servers_on_other_addresses() -> None:
    text = WEB + gateway(
        server(rest=", bind: 10.0.0.1"), server(protocol="HTTP", rest=", bind: 10.0.0.2").replace("http-80", "http-b")
    )
    plan = planned(text + routed("a.org"), ROUTER)
    assert listener_names(plan) == ["10.0.0.1_80", "10.0.0.2_80"]
    assert [one.name for one in plan.route_configurations] == ["http.80.10.0.0.1", "http.80.10.0.0.2"]


def test_a_unix_socket() -> None:
    text = WEB + gateway(server(0, rest=", bind: 'unix:///run/web.sock'")) + routed("a.org")
    found = listener(planned(text, ROUTER), "unix:///run/web.sock_0")
    assert found.address == PipeAddress(path="/run/web.sock")


@pytest.mark.parametrize(("protocol", "joins"), [("GRPC", True), ("TCP", False)])
def test_an_address_has_one_protocol(protocol: str, *, joins: bool) -> None:
    first, second, third = (
        server(rest=", bind: 10.0.0.1"),
        server(rest=", bind: 10.0.0.2").replace("http-80", "http-b"),
        server(protocol=protocol, rest=", bind: 10.0.0.2").replace("-80", "-c"),
    )
    text = WEB + gateway(first, second, third)
    assert listener_names(planned(text, ROUTER)) == ["10.0.0.1_80", "10.0.0.2_80"]
    expected = 'Gateway/default/gw has port 80 of 10.0.0.2 with protocol "HTTP"; "TCP" does not join it'
    assert any(expected in problem for problem in problems(text, ROUTER)) is not joins


SIMPLE = ", tls: {mode: SIMPLE, credentialName: c}"


def test_behind_tls_one_server_may_be_plaintext() -> None:
    secure = gateway(server(443, "HTTPS", "a.org", rest=SIMPLE), name="a")
    plain = gateway(server(443), name="c")
    (listening,) = planned(secure + plain, ROUTER).listeners
    assert [chain.match and chain.match.server_names for chain in listening.filter_chains] == [("a.org",), None]
    for other in (server(443, "TCP"), server(443), server(443, "HTTPS", "b.org", rest=SIMPLE)):
        text = secure + gateway(other, name="b") + plain
        found = [problem for problem in problems(text, ROUTER) if "IST0145" in problem]
        assert [problem.split(" ")[0] for problem in found] == ["Gateway/default/c"]


def test_behind_tls_for_all_hosts_none_is_plaintext() -> None:
    """Both would have a filter chain that matches everything, and Envoy would refuse the listener."""
    text = gateway(server(443, "HTTPS", rest=SIMPLE), name="a") + gateway(server(443), name="b")
    assert problems(text, ROUTER) == [
        "Gateway/default/b spec.servers[0].port: Gateway/default/a has all connections that name no other host on port "
        "443 already: all of this server is left out; the oldest Gateway decides; an SNI carries no namespace: name "
        "each host once [IST0145]"
    ]


def test_hosts_of_two_namespaces_are_one_sni() -> None:
    """Istio makes two equal filter chains of it, and Envoy refuses the listener with all of its other servers."""
    text = gateway(server(443, "HTTPS", "./a.org, b.org", rest=SIMPLE), name="a")
    text += gateway(server(443, "HTTPS", "./a.org, c.org", rest=SIMPLE), name="b", namespace="shop")
    plan = planned(text, ROUTER)
    assert [one.name for one in plan.route_configurations] == ["https.443.https-443.a.default"]
    assert problems(text, ROUTER) == [
        'Gateway/shop/b spec.servers[0].port: Gateway/default/a has the connections for "a.org" on port 443 already: '
        "all of this server is left out; the oldest Gateway decides; an SNI carries no namespace: name each host once "
        "[IST0145]"
    ]


def test_hosts_of_two_servers_on_two_addresses() -> None:
    one, two = (server(443, "HTTPS", "a.org", rest=f"{SIMPLE}, bind: 10.0.0.{number}") for number in (1, 2))
    plan = planned(gateway(one, two.replace("https-443", "https-b")), ROUTER)
    assert listener_names(plan) == ["10.0.0.1_443", "10.0.0.2_443"]
    assert [one.name for one in plan.route_configurations] == [
        "https.443.https-443.gw.default.10.0.0.1",
        "https.443.https-b.gw.default.10.0.0.2",
    ]


def test_behind_plaintext_no_server_has_tls() -> None:
    tls = ", tls: {mode: SIMPLE, credentialName: c}"
    text = gateway(server(443), name="a") + gateway(server(443, "HTTPS", rest=tls), name="b")
    found = [problem for problem in problems(text, ROUTER) if "IST0145" in problem]
    assert [problem.split(" ")[0] for problem in found] == ["Gateway/default/b"]
