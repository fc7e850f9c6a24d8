"""What a workload serves: by selector whether ready or not, by address where endpoints are listed."""

from __future__ import annotations

from meshgate.mesh import service_targets
from tests.mesh.objects import endpoint_slice, istio, pod, service, snapshot

Served = list[tuple[str, int, int]]


def served(text: str, *, app: str = "web", address: str = "10.0.0.1") -> Served:
    found = service_targets(snapshot(text), "default", "web-1", (("app", app),), (address,))
    return [(target.service.name, target.port.number, target.target) for target in found]


def test_a_service_that_selects_the_pod_before_it_is_ready() -> None:
    text = service("web", "http:80:8080", "tcp:90", selector="web") + service("other", "http:80", selector="other")
    text += service("web", "http:80", namespace="elsewhere", selector="web")
    assert served(text) == [("web", 80, 8080), ("web", 90, 90)]
    assert served(text, app="nobody") == []


def test_a_target_port_by_name_is_that_of_the_pod() -> None:
    text = service("web", "http:80:web", "tcp:90:nothing", selector="web")
    assert served(text + pod("web-1", "10.0.0.1", app="web")) == [("web", 80, 8080)]
    assert served(text) == []


def test_listed_addresses() -> None:
    text = service("web", "http:80") + endpoint_slice("web", "http:8080", "10.0.0.1")
    text += istio(
        "ServiceEntry",
        "db",
        "{hosts: [db.org], ports: [{number: 5432, name: tcp, protocol: TCP}], resolution: STATIC, "
        "endpoints: [{address: 10.0.0.1, ports: {tcp: 7000}}]}",
    )
    assert served(text) == [("db.org", 5432, 7000), ("web", 80, 8080)]
    assert served(text, address="10.0.0.2") == []


def test_a_service_that_selects_does_not_serve_by_address_too() -> None:
    text = service("web", "http:80:8080", selector="web") + endpoint_slice("web", "http:9999", "10.0.0.1")
    assert served(text) == [("web", 80, 8080)]
    assert served(text, app="nobody") == [("web", 80, 9999)]


def test_the_oldest_service_is_first() -> None:
    text = service("a", "http:80", selector="web") + service("b", "http:80", selector="web").replace(
        "name: b,", "name: b, creationTimestamp: '2020-01-01T00:00:00Z',"
    )
    text = text.replace("name: a,", "name: a, creationTimestamp: '2021-01-01T00:00:00Z',")
    assert served(text) == [("b", 80, 80), ("a", 80, 80)]


def test_an_entry_resolved_by_dns_serves_the_address_it_names() -> None:
    spec = "{hosts: [db.org], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS, "
    text = istio("ServiceEntry", "db", spec + "endpoints: [{address: 10.0.0.1}]}")
    assert served(text) == [("db.org", 80, 80)]
