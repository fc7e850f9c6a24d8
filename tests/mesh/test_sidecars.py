"""Which Sidecar a workload has, and what its proxy sees then."""

from __future__ import annotations

import pytest

from meshgate.mesh import Memo, Scope, SidecarIndex, View, sidecar_view
from tests.mesh.objects import built, istio, pod, service, snapshot

A = (("app", "a"),)
B = (("app", "b"),)
ROOT = "istio-system"


def sidecar(name: str, spec: str, namespace: str = "default", year: int = 2020) -> str:
    return istio("Sidecar", name, spec, namespace=namespace, created=f"{year}-01-01T00:00:00Z")


def selecting(name: str, app: str, namespace: str = "default", year: int = 2020) -> str:
    return sidecar(
        name, f"{{workloadSelector: {{labels: {{app: {app}}}}}, egress: [{{hosts: ['*/*']}}]}}", namespace, year
    )


def for_all(name: str, namespace: str = "default", year: int = 2020) -> str:
    return sidecar(name, "{egress: [{hosts: ['*/*']}]}", namespace, year)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", ("", "")),
        (for_all("root", ROOT), ("root", "root")),
        (for_all("root", ROOT) + for_all("own"), ("own", "own")),
        (for_all("own") + selecting("a", "a"), ("a", "own")),
        (for_all("young", year=2021) + for_all("old"), ("old", "old")),
        (selecting("young", "a", year=2021) + selecting("old", "a"), ("old", "")),
        (selecting("root", "a", ROOT), ("", "")),
        (for_all("elsewhere", "shop"), ("", "")),
    ],
)
def test_the_one_that_counts(given: str, expected: tuple[str, str]) -> None:
    index = SidecarIndex(snapshot(given).world.sidecars, ROOT)
    chosen = (index.of("default", labels) for labels in (A, B))
    assert tuple(one.ref.name if one else "" for one in chosen) == expected


def view(text: str, namespace: str = "default", memo: Memo | None = None) -> View:
    world = snapshot(text).world
    own = SidecarIndex(world.sidecars, world.mesh.root_namespace).of(namespace, A)
    return sidecar_view(memo or Memo(), world, namespace, A, own)


HTTP_PORT = "ports: [{number: 80, name: http, protocol: HTTP}]"
SERVICES = (
    service("web", "http:80", "tcp:9000")
    + service("cart", "http:80", namespace="shop")
    + service("stock", "http:80", "admin:81", namespace="shop")
    + istio(
        "ServiceEntry", "out", "{hosts: [api.org], ports: [{number: 80, name: http, protocol: HTTP}]}", namespace="edge"
    )
)


def hosts(seen: View) -> set[str]:
    return {one.hostname.removesuffix(".svc.cluster.local") for one in seen.services}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("['*/*']", {"web.default", "cart.shop", "stock.shop", "api.org"}),
        ("['./*']", {"web.default"}),
        ("['shop/*', edge/api.org]", {"cart.shop", "stock.shop", "api.org"}),
        ("['shop/*.shop.svc.cluster.local']", {"cart.shop", "stock.shop"}),
        ("['*/API.org', ./cart.shop.svc.cluster.local]", {"api.org"}),
        ("['~/*']", set()),
        ("['*/*', '~shop/*']", {"web.default", "api.org"}),
        ("['*/*', '~shop/cart.shop.svc.cluster.local', '~/api.org']", {"web.default", "stock.shop"}),
        ("['*/*', '~./*']", {"cart.shop", "stock.shop", "api.org"}),
    ],
)
def test_hosts_that_are_seen(names: str, expected: set[str]) -> None:
    assert hosts(view(SERVICES + sidecar("own", f"{{egress: [{{hosts: {names}}}]}}"))) == expected


def test_a_host_means_the_own_namespace_of_the_workload() -> None:
    text = SERVICES + sidecar("root", "{egress: [{hosts: ['./*']}]}", ROOT)
    assert (hosts(view(text)), hosts(view(text, "edge"))) == ({"web.default"}, {"api.org"})


def test_what_is_not_exported_is_not_seen() -> None:
    private = istio("ServiceEntry", "p", f"{{hosts: [p.org], {HTTP_PORT}, exportTo: [.]}}", namespace="edge")
    assert "p.org" not in hosts(view(private + sidecar("own", "{egress: [{hosts: ['edge/*']}]}")))


def test_a_listener_with_a_port_sees_just_that_port() -> None:
    text = SERVICES + sidecar(
        "own", "{egress: [{port: {number: 81, protocol: HTTP}, hosts: ['shop/*']}, {hosts: ['shop/*', ./*]}]}"
    )
    first, second = view(text).egress
    assert [[port.number for port in one.ports] for one in first.view.services] == [[81]]
    assert hosts(second.view) == {"web.default", "cart.shop", "stock.shop"}
    stock = next(one for one in view(text).services if one.name == "stock")
    assert [port.number for port in stock.ports] == [81, 80]


@pytest.mark.parametrize(
    "where", ["port: {number: 80, protocol: HTTP_PROXY}, bind: 127.0.0.1", "port: {protocol: HTTP}, bind: unix:///s"]
)
def test_a_proxy_and_a_socket_see_all_ports(where: str) -> None:
    text = SERVICES + sidecar("own", f"{{egress: [{{{where}, hosts: ['shop/*']}}]}}")
    (only,) = view(text).egress
    assert [[port.number for port in one.ports] for one in only.view.services] == [[80], [80, 81]]


ROUTE = "http: [{route: [{destination: {host: stock.shop.svc.cluster.local, port: {number: 81}}}]}]"


def test_what_a_rule_sends_to_is_there_but_has_no_listener() -> None:
    rule = istio("VirtualService", "web", f"{{hosts: [web], {ROUTE}}}")
    seen = view(SERVICES + rule + sidecar("own", "{egress: [{hosts: ['./*']}]}"))
    assert hosts(seen) == {"web.default", "stock.shop"}
    assert [port.number for one in seen.services if one.name == "stock" for port in one.ports] == [81]
    assert hosts(seen.egress[0].view) == {"web.default"}


def test_what_is_sent_for_other_namespaces_is_not_there() -> None:
    route = "http: [{match: [{sourceNamespace: edge}], route: [{destination: {host: stock.shop.svc.cluster.local}}]}]"
    rule = istio("VirtualService", "web", f"{{hosts: [web], {route}}}")
    assert hosts(view(SERVICES + rule + sidecar("own", "{egress: [{hosts: ['./*']}]}"))) == {"web.default"}


@pytest.mark.parametrize(
    ("host", "names", "is_seen"),
    [
        ("web", "[./web.default.svc.cluster.local]", True),
        ("web", "['shop/*']", False),
        ("'*.cluster.local'", "[./web.default.svc.cluster.local]", True),
        ("'*.cluster.local'", "['*/*.default.svc.cluster.local']", True),
        ("'*.org'", "['./*.cluster.local']", False),
        ("web", "['*/*', '~./web.default.svc.cluster.local']", False),
    ],
)
def test_virtual_services_that_are_seen(host: str, names: str, is_seen: bool) -> None:
    rule = istio("VirtualService", "web", f"{{hosts: [{host}], {ROUTE}}}")
    seen = view(SERVICES + rule + sidecar("own", f"{{egress: [{{hosts: {names}}}]}}"))
    assert bool(seen.egress[0].view.virtual_services) is is_seen


def entry(namespace: str, year: int) -> str:
    spec = "{hosts: [a.org], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}"
    return istio("ServiceEntry", "a", spec, namespace=namespace, created=f"{year}-01-01T00:00:00Z")


@pytest.mark.parametrize("own", ["", sidecar("own", "{egress: [{hosts: ['*/*']}]}")])
def test_of_one_host_in_two_namespaces_the_own_one_is_seen(own: str) -> None:
    text = entry("edge", 2020) + entry("default", 2021) + own
    assert [one.namespace for one in view(text).services] == ["default"]
    assert [one.namespace for one in view(entry("edge", 2020) + entry("shop", 2021) + own).services] == ["edge"]


def test_aliases_are_seen_by_their_own_names() -> None:
    alias = service("store", namespace="shop", extra="type: ExternalName\n  externalName: cart.shop.svc.cluster.local")
    names = ["cart.shop.svc.cluster.local"]
    for more, expected in (([], ()), (["store.shop.svc.cluster.local"], ("store.shop.svc.cluster.local",))):
        given = ", ".join(f"shop/{name}" for name in (*names, *more))
        seen = view(SERVICES + alias + sidecar("own", f"{{egress: [{{hosts: [{given}]}}]}}"))
        assert Scope(seen).by_host["cart.shop.svc.cluster.local"].aliases == expected


def test_sidecars_that_see_the_same_share_their_view() -> None:
    text = SERVICES + sidecar("root", "{egress: [{hosts: ['shop/*']}]}", ROOT)
    memo = Memo()
    assert view(text, "edge", memo) == view(text, "other", memo)


def problems(text: str) -> list[str]:
    return [str(problem) for problem in built(text)[1]]


def test_sidecars_that_nobody_gets() -> None:
    pods = pod("a", "10.0.0.1", app="a")
    text = pods + for_all("one") + for_all("two", year=2021) + selecting("a", "a") + selecting("b", "a", year=2021)
    text += selecting("c", "c")
    assert [(one.split()[0], one[-9:]) for one in problems(text)] == [
        ("Sidecar/default/b", "[IST0110]"),
        ("Sidecar/default/c", "[IST0127]"),
        ("Sidecar/default/two", "[IST0111]"),
    ]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("{egress: [{hosts: [shop/card.shop.svc.cluster.local]}]}", 'no service "card.shop.svc.cluster.local"'),
        ("{egress: [{hosts: [./cart.shop.svc.cluster.local]}]}", 'write "shop/cart.shop.svc.cluster.local"'),
        ("{egress: [{hosts: ['*/cart.shop.svc.cluster.local', './*']}]}", ""),
        (
            "{outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: proxy.org, port: {number: 80}}}}",
            "all unknown traffic is refused",
        ),
        (
            "{outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: api.org, port: {number: 81}}}}",
            "has no port 81",
        ),
        ("{outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: api.org, port: {number: 80}}}}", ""),
    ],
)
def test_hosts_that_are_no_services(spec: str, expected: str) -> None:
    found = [problem for problem in problems(SERVICES + sidecar("own", spec)) if "Sidecar" in problem]
    assert len(found) == bool(expected)
    assert all(expected in problem for problem in found), found
