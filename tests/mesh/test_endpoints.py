"""The endpoint table: from slices, Endpoints and ServiceEntries, with the labels of the pods behind them."""

from __future__ import annotations

import pytest

from meshgate.mesh import MeshEndpoint
from tests.mesh.objects import endpoint_slice, istio, pod, service, snapshot

WEB = "web.default.svc.cluster.local"


def of(text: str, host: str = WEB, port: int = 80) -> tuple[MeshEndpoint, ...]:
    return snapshot(text).endpoints.of(host, "default", port)


def addresses(text: str, host: str = WEB, port: int = 80) -> list[tuple[str, int]]:
    return [(endpoint.address, endpoint.port) for endpoint in of(text, host, port)]


def test_ready_endpoints_of_slices_sorted() -> None:
    text = service("web", "http:80", "tcp:90") + endpoint_slice("web", "http:8080", "10.0.0.2", "10.0.0.1")
    assert addresses(text) == [("10.0.0.1", 8080), ("10.0.0.2", 8080)]
    assert of(text, port=90) == ()
    assert addresses(text.replace("ready: true", "ready: false")) == []
    assert addresses(text.replace("{ready: true}", "{}")) == [("10.0.0.1", 8080), ("10.0.0.2", 8080)]


def test_a_service_may_publish_those_that_are_not_ready() -> None:
    text = service("web", "http:80", extra="publishNotReadyAddresses: true")
    text += endpoint_slice("web", "http:8080", "10.0.0.1").replace("ready: true", "ready: false")
    assert addresses(text) == [("10.0.0.1", 8080)]


def test_a_slice_of_no_service_is_nothing() -> None:
    assert snapshot(endpoint_slice("web", "http:8080", "10.0.0.1")).endpoints.by_port == {}


ENDPOINTS = """
---
apiVersion: v1
kind: Endpoints
metadata: {name: web}
subsets:
- addresses: [{ip: 10.0.0.7}]
  notReadyAddresses: [{ip: 10.0.0.8}]
  ports: [{name: http, port: 8080}]
"""


def test_endpoints_count_where_there_is_no_slice() -> None:
    assert addresses(service("web", "http:80") + ENDPOINTS) == [("10.0.0.7", 8080)]
    publishing = service("web", "http:80", extra="publishNotReadyAddresses: true")
    assert addresses(publishing + ENDPOINTS) == [("10.0.0.7", 8080), ("10.0.0.8", 8080)]
    both = service("web", "http:80") + ENDPOINTS + endpoint_slice("web", "http:8080", "10.0.0.1")
    assert addresses(both) == [("10.0.0.1", 8080)]


def test_endpoints_have_what_the_pod_says() -> None:
    labelled = pod("web-1", "10.0.0.1", app="web", version="v1").replace(
        "labels: {", "labels: {istio-locality: eu.north.rack, security.istio.io/tlsMode: istio, "
    )
    (found,) = of(service("web", "http:80") + endpoint_slice("web", "http:8080", "10.0.0.1") + labelled)
    assert dict(found.labels)["version"] == "v1"
    assert (found.locality, found.tls_mode) == ("eu/north/rack", "istio")
    assert found.workload == "web-1;default;web;v1;Kubernetes"


ENTRY = """
  hosts: [db.org]
  ports: [{number: 5432, name: tcp, protocol: TCP, targetPort: 15432}, {number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints:
  - {address: 10.1.0.2, weight: 5, labels: {app: db}, locality: eu/north}
  - {address: 10.1.0.1, ports: {tcp: 7000}}
"""


def test_listed_endpoints_of_a_service_entry() -> None:
    text = istio("ServiceEntry", "db", ENTRY)
    assert addresses(text, "db.org", 5432) == [("10.1.0.1", 7000), ("10.1.0.2", 15432)]
    heavy = of(text, "db.org", 80)[1]
    assert (heavy.port, heavy.weight, heavy.locality) == (80, 5, "eu/north")
    assert heavy.workload == "db-0;default;db;;Kubernetes"


def test_a_unix_socket_has_no_port() -> None:
    spec = "{hosts: [db.org], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, "
    text = istio("ServiceEntry", "db", spec + "endpoints: [{address: 'unix:///run/db.sock'}]}")
    assert addresses(text, "db.org") == [("unix:///run/db.sock", 0)]


def test_an_endpoint_of_another_network_needs_an_address_here() -> None:
    spec = "{hosts: [db.org], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, "
    text = istio("ServiceEntry", "db", spec + "endpoints: [{network: far}, {address: 10.1.0.1, network: far}]}")
    assert addresses(text, "db.org") == [("10.1.0.1", 80)]


def test_selected_endpoints_of_a_service_entry() -> None:
    spec = """
  hosts: [db.org]
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]
  resolution: STATIC
  location: MESH_INTERNAL
  workloadSelector: {labels: {app: db}}
"""
    text = istio("ServiceEntry", "db", spec) + pod("db-1", "10.0.0.1", app="db") + pod("web", "10.0.0.2", app="web")
    text += pod("db-2", "10.0.0.3", "other", app="db")
    assert addresses(text, "db.org") == [("10.0.0.1", 8080)]


@pytest.mark.parametrize(("protocol", "expected"), [("TCP", ["10.0.0.1"]), ("HTTP", []), ("UDP", [])])
def test_headless_addresses_are_known_to_plans_for_tcp_only(protocol: str, expected: list[str]) -> None:
    name = {"TCP": "tcp", "HTTP": "http", "UDP": "udp"}[protocol]
    text = service("web", f"{name}:80", ip="None") + endpoint_slice("web", f"{name}:8080", "10.0.0.1")
    if protocol == "UDP":
        text = text.replace("port: 80}", "port: 80, protocol: UDP}")
    assert [address for one in snapshot(text).world.headless for address in one.addresses] == expected
