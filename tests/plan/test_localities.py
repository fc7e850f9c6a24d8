"""Locality load balancing: shares and priorities of endpoints as one proxy sees them."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.api import LocalityDistribute, LocalityLoadBalancerSetting
from meshgate.mesh import Facts, MeshEndpoint
from meshgate.plan import Proxy, load_assignments, plan
from meshgate.plan.localities import LARGEST_WEIGHT, groups
from meshgate.plan.values import LoadAssignmentPlan, SocketAddress, Spread
from tests.mesh.objects import istio, pod, service, snapshot
from tests.plan.planned import PLAIN, SIDECAR, cluster, mesh, planned

PLACES = ("north/a/1", "north/a/2", "north/b/1", "south/a/1", "west/a/1")
NAME = "outbound|80||a.org"
OUTLIERS = "outlierDetection: {interval: 1s}"
NORTH = msgspec.structs.replace(SIDECAR, locality="north/a/1")


def entry(resolution: str = "STATIC", meta: str = "", places: tuple[str, ...] = PLACES) -> str:
    addresses = (
        f"{{address: {f'10.1.0.{number}' if resolution == 'STATIC' else f'host-{number}.org'}, locality: {place}}}"
        for number, place in enumerate(places)
    )
    ports = "ports: [{number: 80, name: http, protocol: HTTP}]"
    spec = f"{{hosts: [a.org], {ports}, resolution: {resolution}, endpoints: [{', '.join(addresses)}]}}"
    return istio("ServiceEntry", "out", spec, meta=meta)


def rule(balancing: str, *more: str, host: str = "a.org") -> str:
    policy = ", ".join((f"loadBalancer: {{localityLbSetting: {balancing}}}", *more))
    return istio("DestinationRule", "dr", f"{{host: {host}, trafficPolicy: {{{policy}}}}}")


def assignment(text: str, proxy: Proxy = NORTH, facts: Facts = PLAIN) -> LoadAssignmentPlan:
    made = snapshot(text, facts)
    found = cluster(plan(made, proxy)[0], NAME)
    if found.load_assignment is not None:
        return found.load_assignment
    (assigned,) = load_assignments(made.endpoints, [found])
    return assigned


def priorities(text: str, proxy: Proxy = NORTH, facts: Facts = PLAIN) -> dict[str, int]:
    return {f"{one.region}/{one.zone}/{one.subzone}": one.priority for one in assignment(text, proxy, facts).localities}


NEAREST = dict(zip(PLACES, (0, 1, 2, 3, 3), strict=True))


@pytest.mark.parametrize("resolution", ["STATIC", "DNS"])
def test_outlier_detection_fails_over_by_place(resolution: str) -> None:
    text = entry(resolution) + istio("DestinationRule", "dr", f"{{host: a.org, trafficPolicy: {{{OUTLIERS}}}}}")
    assert priorities(text) == NEAREST
    assert not cluster(planned(text, NORTH), NAME).locality_weighted
    elsewhere = priorities(text, msgspec.structs.replace(SIDECAR, locality="east/a/1"))
    assert elsewhere == dict.fromkeys(PLACES, 0), "priorities have no gaps"


def test_nothing_fails_over_without_outlier_detection() -> None:
    text = entry() + rule("{failover: [{from: north, to: west}]}")
    assert set(priorities(text).values()) == {0}
    assert not cluster(planned(text, NORTH), NAME).locality_weighted


def test_the_region_to_fail_over_to() -> None:
    text = entry() + rule("{failover: [{from: south, to: north}, {from: north, to: west}]}", OUTLIERS)
    assert priorities(text) == {**NEAREST, "west/a/1": 3, "south/a/1": 4}
    assert cluster(planned(text, NORTH), NAME).locality_weighted


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        (rule("{enabled: false}", OUTLIERS), PLAIN),
        (
            istio("DestinationRule", "dr", f"{{host: a.org, trafficPolicy: {{{OUTLIERS}}}}}"),
            mesh(locality_lb_setting=LocalityLoadBalancerSetting(enabled=False)),
        ),
    ],
    ids=["rule", "mesh"],
)
def test_it_can_be_switched_off(text: str, facts: Facts) -> None:
    assert set(priorities(entry() + text, facts=facts).values()) == {0}


def test_shares_of_localities() -> None:
    shares = "{distribute: [{from: south/*, to: {west: 100}}, {from: north/a/*, to: {north/a/*: 61, south: 39}}]}"
    text = entry() + rule(shares)
    found = assignment(text).localities
    assert [(one.region, one.subzone, len(one.endpoints), one.weight) for one in found] == [
        ("north", "1", 1, 31),
        ("north", "2", 1, 31),
        ("north", "1", 0, 1),
        ("south", "1", 1, 39),
        ("west", "1", 0, 1),
    ]
    assert cluster(planned(text, NORTH), NAME).locality_weighted
    nobody = assignment(text, msgspec.structs.replace(SIDECAR, locality="west/a/1")).localities
    assert {one.weight for one in nobody} == {1}


def test_the_meshs_shares_hold_for_all_that_say_nothing() -> None:
    shares = LocalityDistribute(from_="*", to=(("west", 100),))
    facts = mesh(locality_lb_setting=LocalityLoadBalancerSetting(distribute=(shares,)))
    assert [len(one.endpoints) for one in assignment(entry(), facts=facts).localities] == [0, 0, 0, 0, 1]


def test_priorities_by_labels() -> None:
    proxy = msgspec.structs.replace(NORTH, labels=(("app", "client"), ("version", "v1")))
    given = "{failoverPriority: [topology.kubernetes.io/region, 'version=v2', topology.kubernetes.io/zone]}"
    pods = [("south", "v1"), ("north", "v1"), ("north", "v2")]
    text = service("web", "http:80", selector="web", ip="10.96.0.1")
    text += "".join(
        pod(f"web-{number}", f"10.1.0.{number}", app="web", version=version, **{"istio-locality": f"{region}.a"})
        for number, (region, version) in enumerate(pods)
    )
    listed = ", ".join(f"{{addresses: ['10.1.0.{number}']}}" for number in range(3))
    text += f"""
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: web-1, namespace: default, labels: {{kubernetes.io/service-name: web}}}}
addressType: IPv4
ports: [{{name: http, port: 80}}]
endpoints: [{listed}]
"""
    host = "web.default.svc.cluster.local"
    made = snapshot(text + rule(given, OUTLIERS, host=host))
    found = cluster(plan(made, proxy)[0], f"outbound|80||{host}")
    (assigned,) = load_assignments(made.endpoints, [found])
    assert [(_addresses(one.endpoints), one.priority) for one in assigned.localities] == [
        (["10.1.0.2"], 0),
        (["10.1.0.1"], 1),
        (["10.1.0.0"], 2),
    ]
    assert found.locality_weighted


def _addresses(endpoints: tuple[object, ...]) -> list[str]:
    addresses = (getattr(endpoint, "address") for endpoint in endpoints)  # noqa: B009
    return [address.address for address in addresses if isinstance(address, SocketAddress)]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [("PreferSameZone", (0, 0, 1, 2, 2)), ("preferClose", (0, 0, 1, 2, 2)), ("PreferSameNode", (0, 1, 2, 3, 3))],
)
def test_a_service_may_prefer_what_is_near(wish: str, expected: tuple[int, ...]) -> None:
    text = entry(meta=f"annotations: {{networking.istio.io/traffic-distribution: {wish}}}")
    assert priorities(text) == dict(zip(PLACES, expected, strict=True)), "without outlier detection"
    assert cluster(planned(text, NORTH), NAME).locality_weighted
    namespace = f"""
---
apiVersion: v1
kind: Namespace
metadata: {{name: default, annotations: {{networking.istio.io/traffic-distribution: {wish}}}}}
"""
    assert priorities(entry() + namespace) == dict(zip(PLACES, expected, strict=True))
    assert priorities(text + rule("{enabled: false}")) == dict.fromkeys(PLACES, 0), "a rule goes before it"


def test_a_field_of_services() -> None:
    text = service("web", "http:80", ip="10.96.0.1", extra="trafficDistribution: PreferClose")
    assert cluster(planned(text, NORTH), "outbound|80||web.default.svc.cluster.local").locality_weighted


def test_where_a_proxy_is_changes_nothing_that_does_not_ask() -> None:
    text = entry() + istio("DestinationRule", "dr", "{host: a.org, trafficPolicy: {loadBalancer: {simple: RANDOM}}}")
    assert planned(text, NORTH) == planned(text, SIDECAR)
    asking = text + istio("DestinationRule", "other", f"{{host: b.org, trafficPolicy: {{{OUTLIERS}}}}}")
    assert planned(asking, NORTH).listeners == planned(asking, SIDECAR).listeners


def test_subsets_by_place() -> None:
    subset = "subsets: [{name: north, labels: {topology.kubernetes.io/region: north}}]"
    made = snapshot(entry() + istio("DestinationRule", "dr", f"{{host: a.org, {subset}}}"))
    (assigned,) = load_assignments(made.endpoints, [cluster(plan(made, SIDECAR)[0], "outbound|80|north|a.org")])
    assert {one.region for one in assigned.localities} == {"north"}


WORDS = st.sampled_from(["", "a", "b", "c"])
LOCALITIES = st.builds("/".join, st.tuples(WORDS, WORDS, WORDS))
ENDPOINTS = st.lists(
    st.builds(
        lambda number, weight, locality, label: MeshEndpoint(
            address=f"10.0.0.{number}", port=80, weight=weight, locality=locality, labels=(("v", label),)
        ),
        st.integers(0, 255),
        st.integers(1, 9),
        LOCALITIES,
        WORDS,
    ),
    unique_by=lambda endpoint: endpoint.address,
)
SPREADS = st.builds(
    Spread,
    region=WORDS,
    zone=WORDS,
    subzone=WORDS,
    labels=st.lists(st.tuples(st.sampled_from(["v", "w"]), WORDS), max_size=2).map(tuple),
    by_place=st.booleans(),
    next_region=WORDS,
)


@given(ENDPOINTS, SPREADS)
def test_failing_over_loses_no_endpoint_and_no_priority(endpoints: list[MeshEndpoint], spread: Spread) -> None:
    found = groups(endpoints, spread)
    assert sorted(each for group in found for each in group.endpoints) == sorted(endpoints)
    ranks = {group.priority for group in found}
    assert ranks == set(range(len(ranks)))
    assert all(group.weight == sum(each.weight for each in group.endpoints) for group in found)


@given(ENDPOINTS, st.lists(st.tuples(st.sampled_from(["a", "b", "b/*", "*"]), st.integers(1, 100)), max_size=3))
def test_shares_are_never_less_than_what_is_said(endpoints: list[MeshEndpoint], shares: list[tuple[str, int]]) -> None:
    found = groups(endpoints, Spread(shares=tuple(shares)))
    assert {group.locality for group in found} == {endpoint.locality for endpoint in endpoints}
    assert all(group.weight > 0 for group in found)
    if any(pattern == "*" for pattern, _ in shares):
        assert all(group.endpoints for group in found)
    if shares and endpoints and shares[0][0] == "*":
        assert sum(group.weight for group in found) >= shares[0][1]


def test_weights_that_add_up_to_more_than_envoy_counts_are_cut() -> None:
    heavy = MeshEndpoint(address="192.0.2.1", port=80, weight=LARGEST_WEIGHT)
    (group,) = groups([heavy, msgspec.structs.replace(heavy, address="192.0.2.2")], None)
    assert group.weight == LARGEST_WEIGHT
