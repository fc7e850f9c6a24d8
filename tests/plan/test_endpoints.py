"""Load assignments: the endpoints of each EDS cluster, by locality, filtered by subset."""

from __future__ import annotations

from meshgate.plan import Memo, load_assignments, plan
from meshgate.plan.values import (
    ClusterPlan,
    EndpointPlan,
    EndpointSelector,
    LoadAssignmentPlan,
    LocalityEndpoints,
    PipeAddress,
    SocketAddress,
    TlsChoice,
)
from tests.mesh.objects import endpoint_slice, istio, pod, service, snapshot
from tests.plan.planned import PLAIN, SIDECAR

LOCAL = "default.svc.cluster.local"
TEXT = (
    service("web", "http:80", ip="10.96.0.1")
    + endpoint_slice("web", "http:8080", "10.0.0.1", "10.0.0.2", "10.0.0.3")
    + pod("web-1", "10.0.0.1", version="v1").replace("labels: {", "labels: {istio-locality: eu.north, ")
    + pod("web-2", "10.0.0.2", version="v2").replace("labels: {", "labels: {security.istio.io/tlsMode: istio, ")
    + istio(
        "DestinationRule",
        "web",
        "{host: web, subsets: [{name: v1, labels: {version: v1}}, {name: v9, labels: {version: v9}}]}",
    )
)


def assigned(text: str) -> dict[str, LoadAssignmentPlan]:
    found = snapshot(text, PLAIN)
    planned, _ = plan(found, SIDECAR)
    return {one.cluster: one for one in load_assignments(found.endpoints, planned.clusters)}


def test_by_locality_and_subset() -> None:
    found = assigned(TEXT)
    assert list(found) == sorted(found)
    assert [
        (one.region, one.zone, one.weight, [endpoint.address for endpoint in one.endpoints])
        for one in found[f"outbound|80||web.{LOCAL}"].localities
    ] == [
        ("", "", 2, [SocketAddress(address="10.0.0.2", port=8080), SocketAddress(address="10.0.0.3", port=8080)]),
        ("eu", "north", 1, [SocketAddress(address="10.0.0.1", port=8080)]),
    ]
    (v1,) = found[f"outbound|80|v1|web.{LOCAL}"].localities
    assert v1.endpoints[0].workload == "web-1;default;web-1;v1;Kubernetes"
    assert found[f"outbound|80|v9|web.{LOCAL}"].localities == ()


def test_clusters_without_endpoints_of_the_mesh_have_no_assignment() -> None:
    spec = "{hosts: [a.org], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}"
    assert assigned(istio("ServiceEntry", "out", spec)) == {}


def test_tls_of_endpoints_is_said_where_the_cluster_chooses_by_it() -> None:
    table = snapshot(TEXT, PLAIN).endpoints
    selector = EndpointSelector(hostname=f"web.{LOCAL}", namespace="default", port=80)
    plain = ClusterPlan(name="c", type="EDS", endpoints=selector)
    choosing = ClusterPlan(
        name="c", type="EDS", endpoints=selector, tls_choices=(TlsChoice(name="plain", tls_mode="", tls=None),)
    )
    modes = [
        {endpoint.tls_mode for one in load_assignments(table, [cluster])[0].localities for endpoint in one.endpoints}
        for cluster in (plain, choosing)
    ]
    assert modes == [{""}, {"", "istio"}]


def test_a_unix_socket() -> None:
    spec = "{hosts: [db.org], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, "
    text = istio("ServiceEntry", "db", spec + "endpoints: [{address: 'unix:///run/db.sock', weight: 2}]}")
    endpoint = EndpointPlan(
        address=PipeAddress(path="/run/db.sock"), weight=2, workload="db-0;default;db-0;;Kubernetes"
    )
    assert assigned(text)["outbound|80||db.org"].localities == (LocalityEndpoints(endpoints=(endpoint,), weight=2),)


def test_equal_endpoints_are_the_same_object() -> None:
    found, memo = snapshot(TEXT, PLAIN), Memo()
    planned, _ = plan(found, SIDECAR, memo)
    first = load_assignments(found.endpoints, planned.clusters, memo)
    again = load_assignments(snapshot(TEXT, PLAIN).endpoints, planned.clusters, memo)
    assert all(one is other for one, other in zip(first, again, strict=True))
