"""A sidecar's route configurations: by port, services and VirtualServices, what nobody takes."""

from __future__ import annotations

import pytest

from meshgate.api import OutboundMode, OutboundTrafficPolicy
from meshgate.plan.values import DirectResponseAction, HashHeader
from tests.mesh.objects import istio, service
from tests.plan.planned import (
    SIDECAR,
    cluster_names,
    clusters_of,
    configuration,
    forward,
    host_names,
    in_namespace,
    listener_names,
    mesh,
    planned,
    virtual_host,
    with_labels,
)

WEB = service("web", "http:80", "http-b:8080", ip="10.96.0.1")
CART = service("cart", "http:80", ip="10.96.0.2")
LOCAL = "default.svc.cluster.local"


def routed(host: str, to: str, name: str = "vs", **more: str) -> str:
    spec = f"{{hosts: ['{host}'], http: [{{name: {name}, route: [{{destination: {{host: {to}}}}}]}}]}}"
    return istio("VirtualService", name, spec, **more)


def test_a_service_without_rules() -> None:
    plan = planned(WEB)
    assert host_names(plan, "80") == [f"web.{LOCAL}:80", "allow_any"]
    host = virtual_host(plan, "80", f"web.{LOCAL}:80")
    assert host.domains == (f"web.{LOCAL}", f"web.{LOCAL}.", "web", "web.default.svc", "web.default", "10.96.0.1")
    (route,) = host.routes
    assert (route.name, clusters_of(route), route.operation) == (
        "default",
        [f"outbound|80||web.{LOCAL}"],
        f"web.{LOCAL}:80/*",
    )
    assert str(host.origin) == "Service/default/web"
    assert [one.name for one in plan.route_configurations] == ["80", "8080"]


def test_short_names_are_those_of_the_clients_namespace() -> None:
    plan = planned(WEB, in_namespace(SIDECAR, "edge"))
    domains = virtual_host(plan, "80", f"web.{LOCAL}:80").domains
    assert domains == (f"web.{LOCAL}", f"web.{LOCAL}.", "web.default", "web.default.svc", "10.96.0.1")


def test_a_virtual_service_takes_the_place_of_the_default_route_on_each_port() -> None:
    plan = planned(WEB + CART + routed("web", "cart"))
    for port in ("80", "8080"):
        (route,) = virtual_host(plan, port, f"web.{LOCAL}:{port}").routes
        assert (route.name, clusters_of(route)) == ("vs", [f"outbound|{port}||cart.{LOCAL}"])


def test_a_host_that_is_no_service_is_on_port_80_only() -> None:
    plan = planned(WEB + routed("a.org", "web"))
    assert virtual_host(plan, "80", "a.org:80").domains == ("a.org",)
    assert host_names(plan, "8080") == [f"web.{LOCAL}:8080", "allow_any"]


def test_the_other_hosts_of_a_virtual_service_follow_its_service_to_its_port() -> None:
    spec = "{hosts: [a.org, web], http: [{route: [{destination: {host: web}}]}]}"
    assert host_names(planned(WEB + istio("VirtualService", "vs", spec)), "8080") == [
        "a.org:8080",
        f"web.{LOCAL}:8080",
        "allow_any",
    ]


def test_the_oldest_virtual_service_of_a_host_counts() -> None:
    text = WEB + routed("web", "new", "new", created="2021-01-01T00:00:00Z")
    text += routed(f"web.{LOCAL}", "old", "old", created="2020-01-01T00:00:00Z", namespace="edge")
    (route,) = virtual_host(planned(text), "80", f"web.{LOCAL}:80").routes
    assert route.name == "old"


def test_one_that_is_not_for_this_client_leaves_the_host_to_the_next() -> None:
    match = "match: [{sourceLabels: {app: other}}]"
    text = WEB + istio(
        "VirtualService",
        "a",
        f"{{hosts: [web], http: [{{{match}, name: a, route: [{{destination: {{host: web}}}}]}}]}}",
    )
    text += routed("web", "cart", "b")
    names = {
        app: virtual_host(planned(text, with_labels(SIDECAR, app=app)), "80", f"web.{LOCAL}:80").routes[0].name
        for app in ("other", "client")
    }
    assert names == {"other": "a", "client": "b"}


WILDCARDS = [
    pytest.param("*.cluster.local", {"web": "vs", "cart": "vs"}, id="services"),
    pytest.param("*.unknown.org", {"web": "default", "cart": "default", "*.unknown.org:80": "vs"}, id="nobody"),
]


@pytest.mark.parametrize(("host", "expected"), WILDCARDS)
def test_a_wildcard_stands_for_services_or_for_itself(host: str, expected: dict[str, str]) -> None:
    hosts = configuration(planned(WEB + CART + routed(host, "a.org")), "80").virtual_hosts
    found = {one.name.split(".")[0] if "svc" in one.name else one.name: one.routes[0].name for one in hosts}
    assert found == {**expected, "allow_any": "allow_any"}


def test_the_most_specific_host_counts_whatever_its_age() -> None:
    text = WEB + CART + routed("*.local", "a.org", "widest", created="2019-01-01T00:00:00Z")
    text += routed("*.cluster.local", "a.org", "wide", created="2020-01-01T00:00:00Z")
    text += routed("web", "a.org", "exact", created="2021-01-01T00:00:00Z")
    hosts = configuration(planned(text), "80").virtual_hosts
    assert {one.name: one.routes[0].name for one in hosts} == {
        f"web.{LOCAL}:80": "exact",
        f"cart.{LOCAL}:80": "wide",
        "allow_any": "allow_any",
    }


def test_a_wildcard_service_is_routed_by_an_exact_host_on_its_port() -> None:
    text = istio("ServiceEntry", "w", "{hosts: ['*.org'], ports: [{number: 81, name: http, protocol: HTTP}]}")
    text += routed("*.org", "a.com")
    (host, _) = configuration(planned(text), "81").virtual_hosts
    assert (host.domains, host.routes[0].name) == (("*.org",), "vs")


def test_tcp_ports_have_no_routes() -> None:
    plan = planned(service("db", "tcp:80", ip="10.96.0.3") + WEB)
    assert host_names(plan, "80") == [f"web.{LOCAL}:80", "allow_any"]


@pytest.mark.parametrize(
    ("mode", "name", "target"),
    [
        (OutboundMode.ALLOW_ANY, "allow_any", "PassthroughCluster"),
        (OutboundMode.ALLOW_ANY_DYNAMIC_DNS, "allow_any_dynamic_dns", "AllowAnyDynamicDNSCluster"),
    ],
)
def test_what_nobody_takes_goes_out(mode: OutboundMode, name: str, target: str) -> None:
    plan = planned(WEB, facts=mesh(outbound_traffic_policy=OutboundTrafficPolicy(mode=mode)))
    last = configuration(plan, "80").virtual_hosts[-1]
    assert (last.name, last.domains, clusters_of(last.routes[0])) == (name, ("*",), [target])
    assert forward(last.routes[0]).retry is None
    assert target in cluster_names(plan, "")


def test_what_nobody_takes_is_blocked_where_only_the_registry_counts() -> None:
    policy = OutboundTrafficPolicy(mode=OutboundMode.REGISTRY_ONLY)
    last = configuration(planned(WEB, facts=mesh(outbound_traffic_policy=policy)), "80").virtual_hosts[-1]
    assert (last.name, last.routes[0].action) == ("block_all", DirectResponseAction(status=502))


def test_a_sniffed_service_with_an_address_has_routes_of_its_own() -> None:
    text = (
        service("auto", "auto:81", "http:80", ip="10.96.0.9")
        + WEB
        + routed("auto", "web")
        + routed("a.org", "web", "b")
    )
    plan = planned(text)
    (host,) = configuration(plan, f"auto.{LOCAL}:81").virtual_hosts
    assert (host.name, host.domains, host.routes[0].name) == (f"auto.{LOCAL}:81", ("*",), "vs")
    assert "81" not in [one.name for one in plan.route_configurations]


def test_a_sniffed_service_without_an_address_shares_the_routes_of_its_port() -> None:
    text = istio("ServiceEntry", "out", "{hosts: [a.org], ports: [{number: 81, name: auto}], resolution: DNS}")
    assert host_names(planned(text), "81") == ["a.org:81", "allow_any"]


def test_headless_services_answer_for_their_pods() -> None:
    domains = virtual_host(planned(service("db", "http:80", ip="None")), "80", f"db.{LOCAL}:80").domains
    assert {f"*.db.{LOCAL}", "*.db", "db"} <= set(domains)


def test_aliases_are_domains_of_the_concrete_service() -> None:
    alias = service("alias", extra=f"type: ExternalName\n  externalName: web.{LOCAL}")
    plan = planned(WEB + alias + routed("cart", "alias") + CART)
    assert host_names(plan, "80") == [f"cart.{LOCAL}:80", f"web.{LOCAL}:80", "allow_any"]
    assert {f"alias.{LOCAL}", "alias"} <= set(virtual_host(plan, "80", f"web.{LOCAL}:80").domains)
    assert clusters_of(virtual_host(plan, "80", f"cart.{LOCAL}:80").routes[0]) == [f"outbound|80||web.{LOCAL}"]
    assert "0.0.0.0_80" in listener_names(plan)


def test_a_domain_belongs_to_one_virtual_host() -> None:
    text = service("a", "http:80", ip="10.96.0.1") + service("b", "http:80", ip="10.96.0.1")
    domains = [name for host in configuration(planned(text), "80").virtual_hosts for name in host.domains]
    assert len(domains) == len(set(domains))


def test_requests_are_hashed_as_the_rule_of_the_service_says() -> None:
    lb = "trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}"
    plan = planned(WEB + istio("DestinationRule", "web", f"{{host: web, {lb}}}"))
    action = forward(virtual_host(plan, "80", f"web.{LOCAL}:80").routes[0])
    assert action.hash_policies == (HashHeader(name="x-user"),)
    assert action.retry is not None
    assert action.retry.previous_hosts, "only the retries of a rule keep to the host"


def test_an_alias_of_a_host_that_the_mesh_does_not_know() -> None:
    text = WEB + service("alias", extra="type: ExternalName\n  externalName: example.org") + routed("web", "alias")
    (route,) = virtual_host(planned(text), "80", f"web.{LOCAL}:80").routes
    assert clusters_of(route) == ["outbound|80||example.org"]


def test_a_short_name_that_two_services_want_belongs_to_the_first() -> None:
    text = WEB + istio(
        "ServiceEntry", "web", "{hosts: [web.default], ports: [{number: 80, name: http, protocol: HTTP}]}"
    )
    hosts = configuration(planned(text), "80").virtual_hosts
    domains = {host.name: host.domains for host in hosts}
    assert "web.default" in domains["web.default:80"]
    assert "web.default" not in domains[f"web.{LOCAL}:80"]
    elsewhere = configuration(planned(text, in_namespace(SIDECAR, "edge")), "80").virtual_hosts
    assert "web.default" not in {host.name: host.domains for host in elsewhere}[f"web.{LOCAL}:80"]
