"""Gateways: servers joined by port, hosts shared with VirtualServices, listeners, the double for the edge."""

from __future__ import annotations

import msgspec
import pytest

from meshgate.api import ForwardClientCertDetails, GatewayTopology, ProxyConfig, TopologyProxyProtocol
from meshgate.plan.values import (
    MongoProxyPlan,
    PipeAddress,
    ProxyProtocolFilter,
    RdsReference,
    RedirectAction,
    SocketAddress,
)
from tests.mesh.objects import istio, pod, service
from tests.plan.gateway_objects import BOTH, DB, INGRESS, LOCAL, SECOND, WEB, gateway, routed, server, tcp_rule
from tests.plan.planned import (
    ROUTER,
    clusters_of,
    configuration,
    host_names,
    listener,
    listener_names,
    manager,
    mesh,
    planned,
    problems,
    tcp,
    tcp_clusters,
    virtual_host,
    with_labels,
)


def test_a_server_without_rules_answers_404() -> None:
    plan = planned(gateway(server()), ROUTER)
    assert listener_names(plan) == ["0.0.0.0_80"]
    (host,) = configuration(plan, "http.80").virtual_hosts
    assert (host.name, host.domains, host.routes) == ("blackhole:80", ("*",), ())


def test_the_listener_of_an_http_server() -> None:
    found = listener(planned(gateway(server()), ROUTER), "0.0.0.0_80")
    assert (found.address, found.direction, found.bind_to_port) == (
        SocketAddress(address="0.0.0.0", port=80),
        "OUTBOUND",
        True,
    )
    (chain,) = found.filter_chains
    hcm = manager(chain)
    assert hcm.routes == RdsReference(name="http.80")
    assert (hcm.stat_prefix, hcm.server_name) == ("outbound_0.0.0.0_80;", "istio-envoy")
    assert (hcm.use_remote_address, hcm.forward_client_certificate) == (True, "SANITIZE_SET")


def test_what_stands_before_the_gateway() -> None:
    topology = GatewayTopology(
        num_trusted_proxies=2,
        forward_client_cert_details=ForwardClientCertDetails.FORWARD_ONLY,
        proxy_protocol=TopologyProxyProtocol(),
    )
    facts = mesh(default_config=ProxyConfig(gateway_topology=topology))
    found = listener(planned(gateway(server()), ROUTER, facts), "0.0.0.0_80")
    hcm = manager(found.filter_chains[0])
    assert (hcm.xff_trusted_hops, hcm.forward_client_certificate) == (2, "FORWARD_ONLY")
    assert hcm.client_certificate_details is None, "what is only forwarded is not filled in"
    assert found.listener_filters == (ProxyProtocolFilter(),)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        pytest.param("{istio: ingressgateway}", ["0.0.0.0_80"], id="selected"),
        pytest.param("{istio: other}", [], id="not selected"),
        pytest.param("", ["0.0.0.0_80"], id="no selector"),
    ],
)
def test_the_selector(selector: str, expected: list[str]) -> None:
    assert listener_names(planned(gateway(server(), selector=selector), ROUTER)) == expected


def test_the_target_port_is_listened_on() -> None:
    text = INGRESS + WEB + gateway(server(), server(82)) + routed("a.org")
    plan = planned(text, ROUTER)
    assert listener_names(plan) == ["0.0.0.0_8080", "0.0.0.0_82"]
    assert host_names(plan, "http.8080") == ["a.org:80"]
    assert problems(text, ROUTER) == [
        "Gateway/default/gw spec.servers[1].port: no Service of the gateway has port 82: it can be reached at the pod "
        "only; add the port to the Service [IST0162]"
    ]


def test_servers_of_one_target_port_share_its_routes() -> None:
    text = INGRESS + WEB + gateway(server(80, hosts="a.org"), server(8080, hosts="b.org"))
    plan = planned(text + routed("a.org", name="a") + routed("b.org", name="b"), ROUTER)
    assert listener_names(plan) == ["0.0.0.0_8080"]
    assert host_names(plan, "http.8080") == ["a.org:80", "b.org:8080"]


def test_of_two_target_ports_the_first_services_counts() -> None:
    assert listener_names(planned(INGRESS + SECOND + gateway(server()), ROUTER)) == ["0.0.0.0_8080"]


def test_port_translation_can_be_switched_off() -> None:
    label = "labels: {experimental.istio.io/disable-gateway-port-translation: 'true'}"
    text = INGRESS.replace("namespace: istio-system}", f"namespace: istio-system, {label}}}")
    assert listener_names(planned(text + gateway(server()), ROUTER)) == ["0.0.0.0_80"]
    assert listener_names(planned(text + SECOND + gateway(server()), ROUTER)) == ["0.0.0.0_8081"]


def test_a_gateway_bound_to_services() -> None:
    meta = "annotations: {internal.istio.io/gateway-service: istio-ingressgateway.istio-system.svc.cluster.local}"
    text = INGRESS + gateway(server(), server(82), selector="", meta=meta, namespace="istio-system")
    assert listener_names(planned(text, msgspec.structs.replace(ROUTER, namespace="istio-system"))) == ["0.0.0.0_8080"]
    assert listener_names(planned(text, with_labels(ROUTER, app="other"))) == []
    assert "no Service of the Gateway has port 82" in problems(text, ROUTER)[0]
    elsewhere = text.replace("name: gw\n  namespace: istio-system", "name: gw\n  namespace: default")
    assert listener_names(planned(elsewhere, ROUTER)) == []


def test_the_narrower_host_becomes_the_virtual_host() -> None:
    text = (
        WEB + gateway(server(hosts="'*.org', a.com")) + routed("'*.a.org'", name="one") + routed("'*.com'", name="two")
    )
    assert host_names(planned(text, ROUTER), "http.80") == ["*.a.org:80", "a.com:80"]


def test_hosts_are_of_a_namespace() -> None:
    text = WEB + gateway(server(hosts="'shop/*'")) + routed("a.org", name="a", gateways="default/gw", namespace="shop")
    assert host_names(planned(text + routed("b.org", name="b"), ROUTER), "http.80") == ["a.org:80"]


def test_virtual_services_of_one_host_are_joined_and_what_takes_all_goes_last() -> None:
    rest = ", match: [{uri: {prefix: /b}}]"
    text = WEB + gateway(server()) + routed("a.org", name="a", created="2020-01-01T00:00:00Z")
    text += routed("a.org", name="b", rest=rest, created="2021-01-01T00:00:00Z")
    text += routed("a.org", name="c", rest=rest.replace("/b", "/c"), created="2022-01-01T00:00:00Z")
    host = virtual_host(planned(text, ROUTER), "http.80", "a.org:80")
    assert [route.name for route in host.routes] == ["b", "c", "a"]


def test_hosts_with_equal_routes_are_one_virtual_host() -> None:
    text = WEB + gateway(server()) + routed("a.org, longer.org, '*.com'")
    (host,) = configuration(planned(text, ROUTER), "http.80").virtual_hosts
    assert (host.name, host.domains) == ("longer.org:80", ("longer.org", "a.org", "*.com"))


def test_the_port_of_a_destination() -> None:
    text = WEB + BOTH + INGRESS + gateway(server()) + routed("a.org", name="one") + routed("b.org", "two", name="two")
    plan = planned(text + routed("c.org", "nobody", name="never"), ROUTER)
    found = {
        host: clusters_of(virtual_host(plan, "http.8080", f"{host}:80").routes[0])
        for host in ("a.org", "b.org", "c.org")
    }
    assert found == {
        "a.org": [f"outbound|80||web.{LOCAL}"],
        "b.org": [f"outbound|80||two.{LOCAL}"],
        "c.org": [f"outbound|80||nobody.{LOCAL}"],
    }
    only = service("only", "http:9080", ip="10.96.0.7") + gateway(server()) + routed("a.org", "only")
    assert clusters_of(virtual_host(planned(only, ROUTER), "http.80", "a.org:80").routes[0]) == [
        f"outbound|9080||only.{LOCAL}"
    ]


def test_matches_for_gateways_and_ports() -> None:
    rest = ", match: [{{gateways: [{}]}}]"
    text = WEB + gateway(server(), server(8080))
    text += routed("a.org", name="own", rest=rest.format("gw")) + routed(
        "b.org", name="never", rest=rest.format("mesh")
    )
    text += routed("c.org", name="port", rest=", match: [{port: 8080}]")
    plan = planned(text, ROUTER)
    assert host_names(plan, "http.80") == ["a.org:80"]
    assert host_names(plan, "http.8080") == ["a.org:8080", "c.org:8080"]


def test_redirects_to_https() -> None:
    tls = ", tls: {httpsRedirect: true}"
    text = (
        WEB
        + gateway(server(hosts="a.org, b.org", rest=tls), server(hosts="c.org").replace("http-80", "http-b"))
        + routed("a.org, c.org")
    )
    hosts = configuration(planned(text, ROUTER), "http.80").virtual_hosts
    assert {host.name: (host.require_tls, len(host.routes)) for host in hosts} == {
        "a.org:80": ("ALL", 1),
        "b.org:80": ("ALL", 0),
        "c.org:80": ("NONE", 1),
    }


def test_derived_ports_are_those_of_the_server() -> None:
    http = "[{redirect: {scheme: https, derivePort: FROM_REQUEST_PORT}}]"
    vs = istio("VirtualService", "vs", f"{{hosts: [a.org], gateways: [gw], http: {http}}}")
    plan = planned(INGRESS + gateway(server(8443)) + vs, ROUTER)
    assert virtual_host(plan, "http.8443", "a.org:8443").routes[0].action == RedirectAction(scheme="https", port=8443)


def test_two_servers_that_have_one_host_do_not_double_its_routes() -> None:
    text = WEB + gateway(server(hosts="'*.org'"), server(hosts="a.org").replace("http-80", "http-b")) + routed("a.org")
    assert len(virtual_host(planned(text, ROUTER), "http.80", "a.org:80").routes) == 1


def test_a_tcp_server_goes_where_the_first_rule_for_it_says() -> None:
    rules = (
        "[{match: [{port: 1}], route: [{destination: {host: web}}]}, "
        "{match: [{gateways: [other]}], route: [{destination: {host: web}}]}, "
        "{match: [{port: 31400}], route: [{destination: {host: db}, weight: 80}, "
        "{destination: {host: db, subset: v2}, weight: 20}, {destination: {host: web}, weight: 0}]}, "
        "{route: [{destination: {host: web}}]}]"
    )
    plan = planned(DB + WEB + gateway(server(31400, "TCP")) + tcp_rule(rules), ROUTER)
    (chain,) = listener(plan, "0.0.0.0_31400").filter_chains
    assert tcp_clusters(chain) == [(f"outbound|5432||db.{LOCAL}", 80), (f"outbound|5432|v2|db.{LOCAL}", 20)]
    assert tcp(chain).stat_prefix == "tcp.default"
    assert str(chain.origin) == "VirtualService/default/tcp spec.tcp[2]"


def test_a_mongo_server() -> None:
    text = DB + gateway(server(2379, "MONGO")) + tcp_rule("[{route: [{destination: {host: db}}]}]")
    (chain,) = listener(planned(text, ROUTER), "0.0.0.0_2379").filter_chains
    first, _ = chain.filters
    assert isinstance(first, MongoProxyPlan)
    assert first.stat_prefix == tcp(chain).stat_prefix == f"outbound|5432||db.{LOCAL}"


def test_routes_of_the_first_server_count_for_all_of_its_gateway() -> None:
    """Two servers on one target port: Istio translates a VirtualService once, for the port of the first."""
    text = INGRESS + WEB + gateway(server(80, hosts="a.org"), server(8080, hosts="b.org"))
    plan = planned(text + routed("'*'", rest=", match: [{port: 80}]"), ROUTER)
    assert host_names(plan, "http.8080") == ["a.org:80"]
    assert configuration(plan, "http.8080").virtual_hosts[0].domains == ("a.org", "b.org")


def test_a_tcp_server_whose_hosts_a_rule_does_not_share() -> None:
    rule = tcp_rule("[{route: [{destination: {host: db}}]}]", hosts="b.org")
    text = DB + gateway(server(31400, "TCP", "a.org")) + rule
    assert listener_names(planned(text, ROUTER)) == []
    assert problems(text, ROUTER) == [
        'Gateway/default/gw spec.servers[0].port: no VirtualService has a "tcp" rule for port 31400 of Gateway '
        '"default/gw", so nothing listens there [MG0105]'
    ]


def test_the_double_for_the_edge() -> None:
    text = INGRESS + DB + gateway(server(), server(31400, "TCP"), server(81, rest=", bind: 10.0.0.1"))
    text += tcp_rule("[{route: [{destination: {host: db}}]}]")
    plan = planned(text, msgspec.structs.replace(ROUTER, edge_socket="/run/edge"))
    assert listener_names(plan) == ["0.0.0.0_31400", "0.0.0.0_8080", "10.0.0.1_81", "edge_31400", "edge_8080"]
    plain, edge = listener(plan, "0.0.0.0_8080"), listener(plan, "edge_8080")
    assert edge.address == PipeAddress(path="/run/edge.8080", mode=0o666)
    assert edge.listener_filters == (ProxyProtocolFilter(),)
    assert edge.filter_chains == plain.filter_chains


def test_a_gateway_reaches_all_services_and_passes_nothing_through() -> None:
    plan = planned(WEB + pod("gateway", "10.0.0.200", namespace="istio-system", istio="ingressgateway"), ROUTER)
    assert [one.name for one in plan.clusters] == [
        "BlackHoleCluster",
        f"outbound|80||cart.{LOCAL}",
        f"outbound|80||web.{LOCAL}",
    ]
