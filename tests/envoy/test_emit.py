"""Equal input gives equal bytes, with a memo or without; what has not changed is not spelled again."""

from __future__ import annotations

import copy
import random

import pytest
from msgspec.structs import replace

from meshgate.api import Origin, Ref
from meshgate.envoy import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Memo, Resource, emit, emit_load_assignment
from meshgate.envoy.route_configuration import inline_route_configuration, route_configuration_body
from meshgate.plan.values import ClusterPlan
from meshgate.proto import v3
from tests.envoy.case import Case
from tests.envoy.cluster_cases import CLUSTERS
from tests.envoy.listener_cases import LISTENERS
from tests.envoy.route_cases import ROUTES as ROUTE_CASES

EVERY = Case(
    clusters=tuple({plan.name: plan for case in CLUSTERS.values() for plan in case.clusters}.values()),
    listeners=tuple({plan.name: plan for case in LISTENERS.values() for plan in case.listeners}.values()),
    route_configurations=tuple(
        replace(plan, name=name) for name, case in ROUTE_CASES.items() for plan in case.route_configurations
    ),
)


def test_equal_plans_give_equal_resources_with_a_memo_or_without() -> None:
    memo = Memo()
    first = emit(EVERY, memo)
    assert emit(EVERY, memo) == emit(copy.deepcopy(EVERY), memo) == emit(copy.deepcopy(EVERY)) == first


def test_resources_are_sorted_whatever_the_order_of_the_plan() -> None:
    shuffled = Case(
        clusters=tuple(random.Random(1).sample(EVERY.clusters, len(EVERY.clusters))),
        listeners=EVERY.listeners[::-1],
        route_configurations=EVERY.route_configurations[::-1],
    )
    assert emit(shuffled) == emit(EVERY)
    assert [item.name for item in emit(EVERY).clusters] == sorted(plan.name for plan in EVERY.clusters)


def test_what_has_not_changed_is_the_same_object() -> None:
    memo = Memo()
    first = emit(EVERY, memo)
    changed = replace(EVERY, clusters=(replace(EVERY.clusters[0], lb_policy="RANDOM"), *EVERY.clusters[1:]))
    second = emit(changed, memo)
    before = {item.name: item for item in first.clusters}
    assert [item.name for item in second.clusters if item is not before[item.name]] == [EVERY.clusters[0].name]
    assert all(one is other for one, other in zip(first.listeners, second.listeners, strict=True))


def test_a_memo_forgets_what_two_builds_did_not_use() -> None:
    memo = Memo()
    first = emit(EVERY, memo)
    full = memo.size
    memo.turn()
    emit(Case(), memo)
    memo.turn()
    assert emit(EVERY, memo) is not first
    memo.turn()
    memo.turn()
    assert full > memo.size == 0


def test_what_the_previous_build_used_is_still_known() -> None:
    memo = Memo()
    first = emit(EVERY, memo)
    memo.turn()
    assert all(one is other for one, other in zip(first.clusters, emit(EVERY, memo).clusters, strict=True))


def test_one_changed_virtual_host_is_spelled_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = EVERY.route_configurations[0]
    hosts = tuple(replace(plan.virtual_hosts[0], name=f"host{index}") for index in range(50))
    memo = Memo()
    emit(Case(route_configurations=(replace(plan, virtual_hosts=hosts),)), memo)
    known = memo.size
    changed = (*hosts[:-1], replace(hosts[-1], domains=("other",)))
    emit(Case(route_configurations=(replace(plan, virtual_hosts=changed),)), memo)
    assert memo.size == known + 3  # the host, its block and the configuration


def test_a_configuration_in_pieces_is_the_whole_one() -> None:
    for plan in EVERY.route_configurations:
        whole = v3.RouteConfiguration(**inline_route_configuration(plan))
        assert v3.RouteConfiguration.FromString(route_configuration_body(plan, Memo())) == whole
        assert route_configuration_body(plan, Memo()) == whole.SerializeToString(deterministic=True)


def test_versions_follow_the_content_only() -> None:
    plan = ClusterPlan(name="a", type="EDS")
    told = replace(plan, origin=Origin(Ref("DestinationRule", "shop", "a"), "spec"))
    (one,), (same,) = emit(Case(clusters=(plan,))).clusters, emit(Case(clusters=(told,))).clusters
    (other,) = emit(Case(clusters=(replace(plan, lb_policy="RANDOM"),))).clusters
    assert one.version == same.version != other.version
    assert same.origin == told.origin


def test_every_kind_has_its_type_url() -> None:
    def kinds(*resources: Resource) -> set[str]:
        return {item.type_url for item in resources}

    resources = emit(EVERY)
    assert kinds(*resources.clusters) == {CLUSTER}
    assert kinds(*resources.listeners) == {LISTENER}
    assert kinds(*resources.route_configurations) == {ROUTES}
    (plan,) = CLUSTERS["cluster-eds"].load_assignments
    endpoints = emit_load_assignment(plan, Memo())
    assert endpoints == emit_load_assignment(plan)
    assert (endpoints.type_url, endpoints.name) == (ENDPOINTS, plan.cluster)
