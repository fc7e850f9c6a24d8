"""DestinationRules: merged by namespace and host, looked up in the client's, the service's and the root namespace."""

from __future__ import annotations

import pytest

from meshgate.mesh import BoundDestinationRule, DestinationRuleIndex
from tests.mesh.objects import istio, snapshot

HOST = "web.shop.svc.cluster.local"
LB = "trafficPolicy: {{loadBalancer: {{simple: {}}}}}"


def rule(name: str, namespace: str, host: str = HOST, rest: str = "") -> str:
    return istio("DestinationRule", name, f"{{host: '{host}'{f', {rest}' if rest else ''}}}", namespace=namespace)


def found(text: str, client: str = "edge", labels: tuple[tuple[str, str], ...] = ()) -> BoundDestinationRule | None:
    index = DestinationRuleIndex(snapshot(text).world.destination_rules, "istio-system")
    return index.find(HOST, "shop", client, labels)


@pytest.mark.parametrize(
    ("text", "client", "expected"),
    [
        pytest.param(rule("a", "edge") + rule("b", "shop"), "edge", "edge/a", id="client before service"),
        pytest.param(rule("b", "shop") + rule("c", "istio-system"), "edge", "shop/b", id="service before root"),
        pytest.param(rule("c", "istio-system"), "edge", "istio-system/c", id="root"),
        pytest.param(rule("d", "other"), "edge", "", id="another namespace"),
        pytest.param(rule("b", "shop", rest="exportTo: ['.']"), "edge", "", id="not exported"),
        pytest.param(rule("b", "shop", rest="exportTo: ['.']"), "shop", "shop/b", id="private to the client"),
        pytest.param(
            rule("c", "istio-system", "*.local") + rule("b", "shop"), "istio-system", "shop/b", id="client in root"
        ),
        pytest.param(
            rule("c", "istio-system", rest="exportTo: ['.']") + rule("b", "shop"),
            "istio-system",
            "istio-system/c",
            id="private to the root namespace",
        ),
        pytest.param(rule("a", "edge", "*.local") + rule("b", "shop"), "edge", "edge/a", id="namespace before host"),
        pytest.param(
            rule("a", "edge", "*.local") + rule("b", "edge", "*.shop.svc.cluster.local"),
            "edge",
            "edge/b",
            id="most specific",
        ),
        pytest.param(
            rule("b", "shop", rest="exportTo: [third]") + rule("c", "istio-system"), "edge", "istio-system/c", id="next"
        ),
    ],
)
def test_where_a_client_finds_its_rule(text: str, client: str, expected: str) -> None:
    one = found(text, client)
    assert (f"{one.ref.namespace}/{one.ref.name}" if one else "") == expected


def test_rules_of_one_host_are_merged_oldest_first() -> None:
    text = rule("a", "shop", rest="subsets: [{name: v1, labels: {version: v1}}]")
    text += rule("b", "shop", rest=f"{LB.format('RANDOM')}, subsets: [{{name: v1}}, {{name: v2}}]")
    text += rule("c", "shop", rest=LB.format("ROUND_ROBIN"))
    one = found(text)
    assert one is not None
    assert [(str(bound.origin), bound.subset.labels) for bound in one.subsets] == [
        ("DestinationRule/shop/a spec.subsets[0]", (("version", "v1"),)),
        ("DestinationRule/shop/b spec.subsets[1]", ()),
    ]
    assert str(one.policy_origin) == "DestinationRule/shop/b spec.trafficPolicy"


def test_rules_for_other_clients_stand_beside() -> None:
    text = rule("a", "shop", rest="exportTo: [edge], subsets: [{name: a}]")
    text += rule("b", "shop", rest="exportTo: [third], subsets: [{name: b}]")
    subsets = {client: found(text, client) for client in ("edge", "third")}
    assert {client: [s.subset.name for s in one.subsets] for client, one in subsets.items() if one} == {
        "edge": ["a"],
        "third": ["b"],
    }


def test_a_wider_rule_adds_to_a_narrower_one_and_stands_for_others() -> None:
    text = rule("a", "shop", rest="exportTo: [edge], subsets: [{name: a}]")
    text += rule("b", "shop", rest="subsets: [{name: b}]")
    one, other = found(text, "edge"), found(text, "third")
    assert one is not None
    assert other is not None
    assert [bound.subset.name for bound in other.subsets] == ["b"]
    assert {bound.subset.name for bound in one.subsets} >= {"b"}


def test_a_rule_for_some_workloads_counts_for_them_in_their_namespace() -> None:
    selector = "workloadSelector: {matchLabels: {app: cart}}, subsets: [{name: some}]"
    text = rule("all", "shop", rest="subsets: [{name: all}]") + rule("some", "shop", rest=selector)
    cart = (("app", "cart"),)
    names = {
        key: [bound.subset.name for bound in one.subsets]
        for key, one in {
            "cart in shop": found(text, "shop", cart),
            "other in shop": found(text, "shop"),
            "cart elsewhere": found(text, "edge", cart),
        }.items()
        if one
    }
    assert names == {"cart in shop": ["some"], "other in shop": ["all"], "cart elsewhere": ["all"]}
