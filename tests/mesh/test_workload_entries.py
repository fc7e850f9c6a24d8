"""Endpoints that are no pods: WorkloadEntries, and who selects what."""

from __future__ import annotations

import pytest

from meshgate.mesh import MeshEndpoint
from tests.mesh.objects import istio, pod, service, snapshot
from tests.plan.planned import cluster, planned

SELECTED = "workloadSelector: {labels: {app: old}}"


def entry(selector: str = SELECTED, resolution: str = "STATIC", port: str = "") -> str:
    ports = f"ports: [{{number: 80, name: http, protocol: HTTP{port}}}]"
    return istio("ServiceEntry", "out", f"{{hosts: [old.org], {ports}, resolution: {resolution}, {selector}}}")


def workload(
    name: str, address: str = "10.9.0.1", rest: str = "", *, namespace: str = "default", app: str = "old"
) -> str:
    meta = "labels: {version: v2}"
    spec = f"{{address: {address}, labels: {{app: {app}, version: v1}}, {rest}}}"
    return istio("WorkloadEntry", name, spec, namespace=namespace, meta=meta)


def endpoints(text: str, host: str = "old.org") -> list[MeshEndpoint]:
    return list(snapshot(text).endpoints.of(host, "default", 80))


def places(text: str, host: str = "old.org") -> list[tuple[str, int]]:
    return [(one.address, one.port) for one in endpoints(text, host)]


def test_all_that_an_entry_says_counts() -> None:
    rest = "ports: {http: 8080}, weight: 5, locality: north/a/1, network: n1, serviceAccount: old"
    (found,) = endpoints(entry() + workload("vm", rest=rest))
    assert (found.address, found.port, found.weight, found.locality, found.network) == (
        "10.9.0.1",
        8080,
        5,
        "north/a/1",
        "n1",
    )
    assert found.workload == "vm;default;old;v2;Kubernetes", "labels of the object go before those of the spec"
    assert dict(found.labels)["version"] == "v2"
    assert dict(found.labels)["topology.istio.io/network"] == "n1"
    assert found.tls_mode == "istio", "there is an identity to expect"


def test_only_what_is_selected_in_the_same_namespace() -> None:
    text = entry() + workload("a") + workload("b", "10.9.0.2", app="new") + workload("c", "10.9.0.3", namespace="shop")
    assert places(text) == [("10.9.0.1", 80)]
    assert places(entry("endpoints: [{address: 10.1.1.1}]") + workload("a")) == [("10.1.1.1", 80)]


@pytest.mark.parametrize(
    ("port", "ports", "expected"),
    [("", "", 80), (", targetPort: 81", "", 81), (", targetPort: 81", "ports: {http: 82}", 82)],
)
def test_the_port_of_an_entry(port: str, ports: str, expected: int) -> None:
    assert places(entry(port=port) + workload("a", rest=ports)) == [("10.9.0.1", expected)]


def test_a_socket() -> None:
    assert places(entry() + workload("a", "'unix:///run/a'")) == [("unix:///run/a", 0)]


def test_service_entries_select_pods_too_if_these_are_ready() -> None:
    ready = pod("one", "10.1.0.1", app="old")
    starting = pod("two", "10.1.0.2", app="old").replace(
        "status: {", "status: {conditions: [{type: Ready, status: 'False'}], "
    )
    text = entry(port=", targetPort: 8080") + ready + starting + workload("vm")
    assert places(text) == [("10.1.0.1", 8080), ("10.9.0.1", 8080)]


@pytest.mark.parametrize(
    ("target", "ports", "expected"),
    [
        ("", "", [("10.9.0.1", 80)]),
        (":8080", "", [("10.9.0.1", 8080)]),
        (":8080", "ports: {http: 8081}", [("10.9.0.1", 8081)]),
        (":web", "ports: {web: 8082}", [("10.9.0.1", 8082)]),
        (":web", "", []),
    ],
)
def test_services_of_kubernetes_select_entries(target: str, ports: str, expected: list[tuple[str, int]]) -> None:
    text = service("web", f"http:80{target}", ip="10.96.0.1", selector="old") + pod("one", "10.1.0.1", app="old")
    found = places(text + workload("vm", rest=ports), "web.default.svc.cluster.local")
    assert found == expected, "pods are in slices, not here"


def test_what_is_resolved_by_name_has_its_entries_in_the_cluster() -> None:
    text = entry(resolution="DNS") + workload("a", "vm-a.org") + workload("b", "vm-b.org", "ports: {http: 81}")
    found = cluster(planned(text), "outbound|80||old.org")
    assert found.load_assignment is not None
    (locality,) = found.load_assignment.localities
    assert [str(one.address) for one in locality.endpoints] == [
        "SocketAddress(address='vm-a.org', port=80)",
        "SocketAddress(address='vm-b.org', port=81)",
    ]


def test_an_entry_that_comes_or_goes_replans_nothing() -> None:
    assert snapshot(entry()).world == snapshot(entry() + workload("a")).world
