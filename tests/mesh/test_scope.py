"""What a namespace sees: exports, the order in which VirtualServices count, the labels on which anything depends."""

from __future__ import annotations

import pytest

from meshgate.mesh import Memo, Scope, View, client_selectors, view_of
from tests.mesh.objects import istio, service, snapshot

ROUTE = "http: [{route: [{destination: {host: web}}]}]"


def view(text: str, namespace: str = "default", labels: tuple[tuple[str, str], ...] = ()) -> View:
    return view_of(Memo(), snapshot(text).world, namespace, labels)


def scope(text: str, namespace: str = "default") -> Scope:
    return Scope(view(text, namespace))


def test_services_that_are_exported_here() -> None:
    text = service("web", "http:80") + istio(
        "ServiceEntry", "out", "{hosts: [a.org], ports: [{number: 80, name: http, protocol: HTTP}], exportTo: [shop]}"
    )
    assert [one.name for one in scope(text).services] == ["web"]
    assert {one.name for one in scope(text, "shop").services} == {"a.org", "web"}
    assert set(scope(text, "shop").by_port) == {80}


def test_private_virtual_services_go_first() -> None:
    text = ""
    for name, namespace, export in (
        ("a-public", "default", "['*']"),
        ("b-foreign", "edge", "[default, shop]"),
        ("c-named", "default", "[default, shop]"),
        ("d-private", "default", "['.']"),
    ):
        spec = f"{{hosts: [web.org], gateways: [default/gw], {ROUTE}, exportTo: {export}}}"
        text += istio("VirtualService", name, spec, namespace=namespace)
    names = [one.ref.name for one in scope(text).virtual_services_of("default/gw")]
    assert names == ["c-named", "d-private", "b-foreign", "a-public"]
    names = [one.ref.name for one in scope(text, "shop").virtual_services_of("default/gw")]
    assert names == ["b-foreign", "c-named", "a-public"]
    assert scope(text).virtual_services_of("default/none") == ()


def test_the_most_specific_virtual_service_wins_a_service() -> None:
    text = service("web", "http:80") + service("cart", "http:80")
    for name, host in (("all", "'*.local'"), ("local", "'*.cluster.local'"), ("exact", "cart")):
        text += istio("VirtualService", name, f"{{hosts: [{host}], {ROUTE}}}")
    winners = scope(text).wildcard_winner
    assert {host.split(".")[0]: winner.ref.name for host, winner in winners.items()} == {
        "web": "local",
        "cart": "exact",
    }
    plain = istio("VirtualService", "exact", f"{{hosts: [cart], {ROUTE}}}")
    assert scope(service("cart", "http:80") + plain).wildcard_winner == {}


def test_namespaces_that_see_the_same_have_equal_views() -> None:
    text = service("web", "http:80") + istio("VirtualService", "web", f"{{hosts: [web], {ROUTE}}}")
    text += istio("DestinationRule", "web", "{host: web}")
    assert view(text, "one") == view(text, "two") == view(text, "default")
    private = istio("DestinationRule", "own", "{host: web.default.svc.cluster.local}", namespace="one")
    assert view(text + private, "one") != view(text + private, "two") == view(text, "two")


def test_rules_for_hosts_that_are_no_services_count_where_something_is_sent_to_them() -> None:
    rule = istio("DestinationRule", "out", "{host: a.org}")
    http = "http: [{route: [{destination: {host: a.org}}]}]"
    assert scope(rule).rule_for_host("a.org") is None
    found = scope(rule + istio("VirtualService", "vs", f"{{hosts: [web], {http}}}")).rule_for_host("a.org")
    assert found is not None


def test_only_what_some_rule_looks_at_is_relevant_of_a_client() -> None:
    http = "http: [{match: [{sourceLabels: {a: '1'}, sourceNamespace: shop}], route: [{destination: {host: web}}]}]"
    tcp = "tcp: [{match: [{sourceLabels: {b: '1'}}], route: [{destination: {host: web}}]}]"
    tls = "tls: [{match: [{sniHosts: [web], sourceLabels: {c: '1'}}], route: [{destination: {host: web}}]}]"
    text = istio("VirtualService", "web", f"{{hosts: [web], {http}, {tcp}, {tls}}}")
    text += istio("DestinationRule", "web", "{host: web, workloadSelector: {matchLabels: {d: '1'}}}")
    world = snapshot(text).world
    found = client_selectors(world.virtual_services, world.destination_rules)
    assert (found.label_keys, found.namespaces) == (frozenset("abcd"), frozenset({"shop"}))


def test_rules_of_a_namespace_for_some_workloads_hide_those_of_the_service() -> None:
    text = service("web", "http:80") + istio("DestinationRule", "all", "{host: web, subsets: [{name: all}]}")
    own = "{host: '*.default.svc.cluster.local', workloadSelector: {matchLabels: {app: a}}, subsets: [{name: own}]}"
    text += istio("DestinationRule", "own", own, namespace="shop")
    host = "web.default.svc.cluster.local"
    found = {
        (namespace, app): Scope(view(text, namespace, (("app", app),))).rule_for_host(host)
        for namespace in ("shop", "edge")
        for app in ("a", "b")
    }
    names = {key: rule.ref.name if rule else "" for key, rule in found.items()}
    # as in Istio: the namespace's own rules are looked at alone, even if none of them is for the workload
    assert names == {("shop", "a"): "own", ("shop", "b"): "", ("edge", "a"): "all", ("edge", "b"): "all"}


def test_a_rule_of_the_root_namespace_for_some_workloads_counts_for_its_own() -> None:
    text = service("web", "http:80")
    own = "{host: web.default.svc.cluster.local, workloadSelector: {matchLabels: {app: a}}}"
    text += istio("DestinationRule", "own", own, namespace="istio-system")
    host = "web.default.svc.cluster.local"
    found = {
        (namespace, app): Scope(view(text, namespace, (("app", app),))).rule_for_host(host)
        for namespace in ("istio-system", "edge")
        for app in ("a", "b")
    }
    assert {key for key, rule in found.items() if rule} == {("istio-system", "a")}


def entry(name: str, port: str, address: str, year: int) -> str:
    ports = (
        f"ports: [{{number: 80, name: {port}, protocol: HTTP}}, {{number: {8000 + year}, name: own, protocol: HTTP}}]"
    )
    spec = f"{{hosts: [a.org], {ports}, resolution: DNS, endpoints: [{{address: {address}}}]}}"
    return istio("ServiceEntry", name, spec, created=f"{year}-01-01T00:00:00Z")


@pytest.mark.parametrize(("port", "behind_80"), [("http", ["one.org", "two.org"]), ("web", ["one.org"])])
def test_entries_of_a_namespace_for_one_host_are_joined(port: str, behind_80: list[str]) -> None:
    text = entry("two", port, "two.org", 2021) + entry("one", "http", "one.org", 2020)
    joined = scope(text).by_host["a.org"]
    assert [(one.number, one.name) for one in joined.ports] == [(80, "http"), (10020, "own"), (10021, "own")]
    found = [(each.port, each.endpoint.address) for each in joined.fixed]
    assert [address for port, address in found if port == 80] == behind_80
    assert [pair for pair in found if pair[0] != 80] == [(10020, "one.org"), (10021, "two.org")]
