"""The memo: nothing is made twice, nothing goes stale, and what two worlds did not need is forgotten."""

from __future__ import annotations

import msgspec
import pytest

from meshgate.mesh import build
from meshgate.plan import Memo, Plan, plan
from tests.mesh.objects import endpoint_slice, istio, resources, service, snapshot
from tests.plan.planned import PLAIN, ROUTER, SIDECAR

TEXT = "".join(service(f"s{n}", "http:80", ip=f"10.96.0.{n}") for n in range(1, 6))


def double(number: int) -> list[int]:
    return [number, number]


def pair(memo: Memo, number: int) -> list[list[int]]:
    return [memo.get(double, number), memo.get(double, number + 1)]


def failing(memo: Memo, number: int) -> None:
    memo.get(double, number)
    raise ArithmeticError


def test_a_result_is_made_once() -> None:
    memo = Memo()
    assert memo.get(double, 1) is memo.get(double, 1)
    assert memo.get(double, 2) == [2, 2]
    assert memo.misses == 2


def test_what_two_turns_did_not_ask_for_is_forgotten() -> None:
    memo = Memo()
    first = memo.get(double, 1)
    memo.turn()
    assert memo.get(double, 1) is first
    memo.turn()
    assert memo.get(double, 1) is first
    memo.turn()
    memo.turn()
    assert memo.size == 0
    assert memo.get(double, 1) is not first


def test_what_a_kept_value_is_made_of_is_kept() -> None:
    memo = Memo()
    whole = memo.nest(pair, 1)
    for _ in range(5):
        memo.turn()
        assert memo.nest(pair, 1) is whole
    assert memo.nest(pair, 2)[0] is whole[1], "although nobody asked for it meanwhile"
    assert memo.size == 5
    for _ in range(2):
        memo.turn()
        memo.nest(pair, 2)
    assert memo.size == 3, "what only the first pair was made of went with it"


def test_what_a_failure_left_is_forgotten_as_all_else() -> None:
    memo = Memo()
    for _ in range(2):
        with pytest.raises(ArithmeticError):
            memo.nest(failing, 1)
    assert memo.misses == 3
    memo.turn()
    memo.turn()
    assert memo.size == 0


def test_an_equal_value_is_the_same_value() -> None:
    memo = Memo()
    assert memo.same((1, "a")) is memo.same((1, "".join("a")))
    one, other = (build(resources(TEXT), PLAIN, memo)[0] for _ in range(2))
    assert one.world is other.world


def test_endpoints_that_come_and_go_plan_nothing() -> None:
    memo = Memo()
    before = build(resources(TEXT + endpoint_slice("s1", "http:80", "10.0.0.1")), PLAIN)[0]
    after = build(resources(TEXT + endpoint_slice("s1", "http:80", "10.0.0.1", "10.0.0.2")), PLAIN)[0]
    first = [plan(before, proxy, memo)[0] for proxy in (SIDECAR, ROUTER)]
    made = memo.misses
    assert all(plan(after, proxy, memo)[0] is one for proxy, one in zip((SIDECAR, ROUTER), first, strict=True))
    assert memo.misses == made


def planned(text: str, memo: Memo) -> Plan:
    return plan(snapshot(text, PLAIN), SIDECAR, memo)[0]


def test_only_what_changed_is_made_again() -> None:
    memo = Memo()
    before = planned(TEXT, memo)
    after = planned(
        TEXT + istio("DestinationRule", "s1", "{host: s1, trafficPolicy: {loadBalancer: {simple: RANDOM}}}"), memo
    )
    kept = [one for one, other in zip(before.clusters, after.clusters, strict=True) if one is other]
    assert [one.name for one in before.clusters if one not in kept] == ["outbound|80||s1.default.svc.cluster.local"]


def test_sidecars_of_one_kind_share_what_goes_out() -> None:
    memo = Memo()
    found = snapshot(TEXT, PLAIN)
    plan(found, SIDECAR, memo)
    made = memo.misses
    plan(found, msgspec.structs.replace(SIDECAR, name="other", addresses=("10.0.0.7",), labels=()), memo)
    assert memo.misses == made + 2, "its own plan, and what its ports take"
